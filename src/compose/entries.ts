/**
 * What the combinators take: functions to start, and promises to wait for.
 *
 * @module
 */

import { awaitForeign } from "../core/promise_hub.ts";
import type { Scope } from "../core/scope.ts";
import { observe, outsideAbort, type StructuredOptions, type TaskFunction } from "../core/structured_call.ts";
import { isThenable, wrongKind } from "../core/validate.ts";
import { surface } from "../core/next_turn.ts";
import { Awaitable, ignoreFailure } from "../task/awaitable.ts";

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

/** Entries read to their end, and the keys they had. */
export interface EntryList {
  readonly list: readonly Entry<unknown>[];
  /** `null` for what had no keys. */
  readonly keys: readonly string[] | null;
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
  const keys = isIterable ? null : Object.keys(entries);
  const list: unknown[] = isIterable ? [...entries as Iterable<unknown>] : Object.values(entries);
  for (let i = 0; i < list.length; i++) {
    const entry = list[i];
    if (typeof entry === "function" || isThenable(entry)) continue;
    throw wrongKind(
      action,
      `entries[${keys === null ? i : JSON.stringify(keys[i])}]`,
      "a function or a promise",
      entry,
    );
  }
  return { list: list as Entry<unknown>[], keys };
}

/** What messages call an entry. */
export function nameOfEntry({ list, keys }: EntryList, index: number): string {
  const entry = list[index];
  return keys?.[index] ?? (typeof entry === "function" && entry.name || `entries[${index}]`);
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
  return Promise.reject(outside.reason);
}

/** Throws unless `onDiscard` is absent or a function. */
export function checkDiscard(
  action: string,
  options: DiscardOptions | undefined,
): void {
  const onDiscard = options?.onDiscard;
  if (onDiscard !== undefined && typeof onDiscard !== "function") {
    throw wrongKind(action, "onDiscard", "a function", onDiscard);
  }
}

/** Gives away a value that nobody gets. */
export function discard(
  options: DiscardOptions | undefined,
  value: unknown,
): void {
  try {
    options?.onDiscard?.(value);
  } catch (error) {
    surface(error);
  }
}

/** Starts one entry in `scope`, which has to be the ambient one. */
export function startEntry(
  entry: Entry<unknown>,
  scope: Scope,
  signal: AbortSignal,
  ok: (value: unknown) => void,
  no: (error: unknown) => void,
): void {
  if (typeof entry !== "function") return observePromise(entry, scope, ok, no);
  let value: unknown;
  try {
    value = entry(signal);
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
    no(scope.reason);
  } // A wait for one of ours belongs to the ambient scope already, and sees a task that awaits itself.
  else if (promise instanceof Awaitable) promise.then(ok, no);
  else awaitForeign(promise, scope).promise.then(ok, no);
}

export type { StructuredOptions };
