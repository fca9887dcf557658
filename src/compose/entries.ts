/**
 * The entries of the combinators: functions to start, and promises to wait for.
 *
 * @module
 */

import { cancelledPromise, nameOf, observe } from "../core/foreign.ts";
import { awaitForeign } from "../core/promise_hub.ts";
import type { Scope } from "../core/scope.ts";
import { checkStructured, outsideAbort, type StructuredOptions, type TaskFunction } from "../core/structured_call.ts";
import { checkFunction, isThenable, wrongKind } from "../core/validate.ts";
import { surface } from "../core/next_turn.ts";
import { checkDeadlock, ignoreFailure, scopeless } from "../task/awaitable.ts";

/**
 * One piece of work: a function that the call starts and owns, or a promise that it awaits and does not own.
 *
 * @category Combine
 */
export type Entry<T> = TaskFunction<T> | PromiseLike<T>;

/**
 * The result type of an entry.
 *
 * @category Combine
 */
export type EntryResult<E> = E extends undefined ? undefined
  : E extends PromiseLike<infer T> ? Awaited<T>
  : E extends (signal: AbortSignal) => infer T ? Awaited<T>
  : never;

/**
 * The entries of a combinator: an iterable, whose results come in a list, or a record. `T` is the type that the caller
 * passes; each of its members has to be an {@linkcode Entry} or an `O`. The default is any shape.
 *
 * @category Combine
 */
export type Entries<
  T = readonly unknown[] | readonly [] | Iterable<unknown> | Readonly<Record<string, unknown>>,
  O = never,
> = T extends (...args: never[]) => unknown ? readonly (Entry<unknown> | O)[]
  : T extends readonly (Entry<unknown> | O)[] ? T
  : T extends readonly unknown[] ? { [K in keyof T]: Entry<unknown> | O }
  : T extends Iterable<unknown> ? Iterable<Entry<unknown> | O>
  : { [K in keyof T]: Entry<unknown> | O };

/**
 * The result type of any of the entries `T`.
 *
 * @category Combine
 */
export type EntriesResult<T> = EntryResult<T extends Iterable<infer E> ? E : T[keyof T]>;

/**
 * Options of the combinators that may discard results of type `T`.
 *
 * @category Combine
 */
export interface DiscardOptions<T = unknown> {
  /**
   * Called with each value that nobody receives: of a loser, of a sibling of a failure, or of a result that was not
   * read. If it throws, its error becomes an unhandled rejection.
   */
  onDiscard?: ((value: T) => void) | undefined;
}

const NO_ENTRIES: EntryList = { list: [], keys: null, repeated: null };

/** The entries of a call, and their keys. */
export interface EntryList {
  readonly list: readonly Entry<unknown>[];
  /** `null` if the input is an iterable. */
  readonly keys: readonly string[] | null;
  /**
   * The indices at which a promise is repeated, whose value is returned or discarded only once, or the entry is absent.
   * `null` if there are none.
   */
  readonly repeated: ReadonlySet<number> | null;
}

/** Throws unless `entries` is an iterable or a record. */
export function checkEntries(action: string, entries: unknown): asserts entries is object {
  const isEntry = typeof entries === "function" || isThenable(entries);
  // An async iterable has no keys, so it would pass for an empty record.
  if (typeof entries === "object" && entries !== null && !isEntry && !(Symbol.asyncIterator in entries)) return;
  const hint = isEntry ? ": pass [a, b], not a, b" : "";
  throw wrongKind(action, "entries", "an iterable or a record of functions and promises", entries, hint);
}

/** Reads entries from an iterable or a record; if `optional`, some may be undefined. Throws before anything is started. */
export function readEntries(action: string, entries: object, optional = false): EntryList {
  const isIterable = typeof (entries as Iterable<unknown>)[Symbol.iterator] === "function";
  const keys = isIterable ? null : keysOf(action, entries);
  const list = keys === null
    ? [...entries as Iterable<unknown>]
    : keys.map((key) => (entries as Record<string, unknown>)[key]);
  const promises = new Set<unknown>();
  let repeated: Set<number> | null = null;
  for (let i = 0; i < list.length; i++) {
    const entry = list[i];
    if (typeof entry === "function") continue;
    if (optional && entry === undefined) {
      (repeated ??= new Set()).add(i);
      continue;
    }
    if (!isThenable(entry)) {
      const place = keys === null ? i : JSON.stringify(keys[i]);
      throw wrongKind(action, `entries[${place}]`, "a function or a promise", entry);
    }
    if (promises.has(entry)) (repeated ??= new Set()).add(i);
    promises.add(entry);
  }
  return { list: list as Entry<unknown>[], keys, repeated };
}

/** Returns the keys of a record. Rejects symbols, which `Object.keys` would silently omit and messages cannot show. */
function keysOf(action: string, entries: object): string[] {
  for (const symbol of Object.getOwnPropertySymbols(entries)) {
    if (!Object.prototype.propertyIsEnumerable.call(entries, symbol)) continue;
    throw wrongKind(action, "entries", "a record with string keys", symbol);
  }
  return Object.keys(entries);
}

/** The name of an entry in messages. */
export function nameOfEntry({ list, keys }: EntryList, index: number): string {
  const entry = list[index];
  return keys?.[index] ?? (typeof entry === "function" && nameOf(entry) || `entries[${index}]`);
}

/** Returns a rejected promise if the outside of the call is aborted, so that the call must not begin; else `null`. */
export function refuseEntries(
  { list }: EntryList,
  outer: Scope,
  options: StructuredOptions | undefined,
): Promise<never> | null {
  const outside = outsideAbort(outer, options?.signal);
  if (outside === null) return null;
  list.forEach(ignoreFailure);
  return cancelledPromise(outside.reason);
}

/** Checks the options of a combinator, and returns them as `readOptions` does. */
export function checkCombinator<O extends StructuredOptions & DiscardOptions<never>>(
  action: string,
  options: O | undefined,
  more: readonly (keyof O)[] = [],
): O | undefined {
  const own = checkStructured<O>(action, options, ["onDiscard", ...more]);
  if (own?.onDiscard !== undefined) checkFunction(action, "onDiscard", own.onDiscard);
  return own;
}

/** Passes a value that nobody receives to `onDiscard`, unless it is that of a repeated promise. */
export function discard(
  options: DiscardOptions<never> | undefined,
  value: unknown,
  { repeated }: EntryList = NO_ENTRIES,
  index = 0,
): void {
  if (repeated?.has(index) === true) return;
  try {
    options?.onDiscard?.(value as never);
  } catch (error) {
    surface(error);
  }
}

/** Starts one entry in `scope`, which must be the ambient scope. A function gets the signal of `own`. */
export function startEntry(
  entry: Entry<unknown>,
  scope: Scope,
  own: { readonly signal: AbortSignal },
  ok: (value: unknown) => void,
  no: (error: unknown) => void,
): void {
  if (typeof entry !== "function") return observePromise(entry, scope, ok, no);
  let value: unknown;
  try {
    value = entry(own.signal);
  } catch (error) {
    return no(error);
  }
  observe(value, ok, no);
}

function observePromise(
  promise: PromiseLike<unknown>,
  scope: Scope,
  ok: (value: unknown) => void,
  no: (error: unknown) => void,
): void {
  if (scope.aborted) {
    ignoreFailure(promise);
    return no(scope.reason);
  }
  try {
    checkDeadlock(promise, scope);
  } catch (error) {
    return no(error);
  }
  awaitForeign(scopeless(promise), scope).promise.then(ok, no);
}

export type { StructuredOptions };
