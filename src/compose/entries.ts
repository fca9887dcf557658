/**
 * What the combinators take: functions to start, and promises to wait for.
 *
 * @module
 */

import { cancelledPromise, nameOf, observe } from "../core/foreign.ts";
import { awaitForeign } from "../core/promise_hub.ts";
import type { Scope } from "../core/scope.ts";
import { checkStructured, outsideAbort, type StructuredOptions, type TaskFunction } from "../core/structured_call.ts";
import { isThenable, wrongKind } from "../core/validate.ts";
import { surface } from "../core/next_turn.ts";
import { checkDeadlock, ignoreFailure, scopeless } from "../task/awaitable.ts";

/** One piece of work: a function that the call starts and owns, or a promise that it awaits and does not own. */
export type Entry<T> = TaskFunction<T> | PromiseLike<T>;

/** What an entry comes to. */
export type EntryResult<E> = E extends PromiseLike<infer T> ? Awaited<T>
  : E extends (signal: AbortSignal) => infer T ? Awaited<T>
  : never;

/** What combinators that may throw results away take. */
export interface DiscardOptions {
  /**
   * Called with each value that nobody gets: of a loser, of a sibling of a failure, of what was not read. What
   * it throws becomes an unhandled rejection.
   */
  onDiscard?: ((value: unknown) => void) | undefined;
}

const NO_ENTRIES: EntryList = { list: [], keys: null, repeated: null };

/** Entries read to their end, and the keys they had. */
export interface EntryList {
  readonly list: readonly Entry<unknown>[];
  /** `null` for what had no keys. */
  readonly keys: readonly string[] | null;
  /**
   * The places at which a promise stands again: it comes to the same value, so that this is given to the caller, or
   * discarded, only once. `null` when there is none.
   */
  readonly repeated: ReadonlySet<number> | null;
}

/** Reads entries from an iterable or a record. Throws before anything is started. */
export function readEntries(action: string, entries: unknown): EntryList {
  const rule = "an iterable or a record of functions and promises";
  if (
    typeof entries !== "object" || entries === null || isThenable(entries) ||
    // It has no keys, and so would pass for an empty record.
    Symbol.asyncIterator in entries
  ) throw wrongKind(action, "entries", rule, entries);
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
    if (!isThenable(entry)) {
      const place = keys === null ? i : JSON.stringify(keys[i]);
      throw wrongKind(action, `entries[${place}]`, "a function or a promise", entry);
    }
    if (promises.has(entry)) (repeated ??= new Set()).add(i);
    promises.add(entry);
  }
  return { list: list as Entry<unknown>[], keys, repeated };
}

/** A symbol has no place in a message, and `Object.keys` would leave it out without a word. */
function keysOf(action: string, entries: object): string[] {
  for (const symbol of Object.getOwnPropertySymbols(entries)) {
    if (!Object.prototype.propertyIsEnumerable.call(entries, symbol)) continue;
    throw wrongKind(action, "entries", "a record with names as keys", symbol);
  }
  return Object.keys(entries);
}

/** What messages call an entry. */
export function nameOfEntry({ list, keys }: EntryList, index: number): string {
  const entry = list[index];
  return keys?.[index] ?? (typeof entry === "function" && nameOf(entry) || `entries[${index}]`);
}

/** What to return when the outside of the call is aborted, so that it may not begin. */
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

/** Throws what is wrong with the options of a combinator, and returns them as `readOptions` does. */
export function checkCombinator<O extends StructuredOptions & DiscardOptions>(
  action: string,
  options: O | undefined,
  more: readonly (keyof O)[] = [],
): O | undefined {
  const own = checkStructured<O>(action, options, ["onDiscard", ...more]);
  const onDiscard = own?.onDiscard;
  if (onDiscard !== undefined && typeof onDiscard !== "function") {
    throw wrongKind(action, "onDiscard", "a function", onDiscard);
  }
  return own;
}

/** Gives away a value that nobody gets; not that of a promise which stands among the entries a second time. */
export function discard(
  options: DiscardOptions | undefined,
  value: unknown,
  { repeated }: EntryList = NO_ENTRIES,
  index = 0,
): void {
  if (repeated?.has(index) === true) return;
  try {
    options?.onDiscard?.(value);
  } catch (error) {
    surface(error);
  }
}

/** Starts one entry in `scope`, which has to be the ambient one. A function gets the signal of `own`. */
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
