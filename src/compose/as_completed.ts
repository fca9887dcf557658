/**
 * Runs several pieces of work at once and yields each result as soon as it is available.
 *
 * @example Take the fastest
 * ```ts
 * import { asCompleted, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const delays = [60_000, 1, 30_000];
 * const work = delays.map((ms) => () => sleep(ms).then(() => ms));
 * let fastest = Infinity;
 * for await (const ms of asCompleted(work)) {
 *   fastest = ms;
 *   break; // aborts the others, and waits until they have ended
 * }
 * assertEquals(fastest, 1);
 * ```
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { outsideAbort, type StructuredOptions, type TaskFunction } from "../core/structured_call.ts";
import { checkCount, checkFlag } from "../core/validate.ts";
import {
  checkCombinator,
  type DiscardOptions,
  type Entry,
  type EntryResult,
  nameOfEntry,
  readEntries,
  startEntry,
} from "./entries.ts";
import { ignoreFailure } from "../task/awaitable.ts";
import { Results, streamResults } from "./results.ts";

export { type DiscardOptions, type Entry, type EntryResult, Results, type StructuredOptions, type TaskFunction };

/** Options of {@linkcode asCompleted}. */
export interface AsCompletedOptions extends StructuredOptions, DiscardOptions {
  /**
   * Whether to yield failures instead of throwing the first one: each result is a {@linkcode Completed}.
   *
   * @default {false}
   */
  settled?: boolean | undefined;
  /**
   * The number of functions that may run at once; the others start in order as these end. Promises do not count,
   * because their work runs already.
   *
   * @default {Infinity}
   */
  concurrency?: number | undefined;
}

/** The entry that a {@linkcode Completed} belongs to. */
export interface CompletedPlace {
  /** The index of the entry in the input. */
  readonly index: number;
  /** The key of the entry, if the input is a record. */
  readonly key?: string;
}

/** A result of `asCompleted` with `settled: true`: a `PromiseSettledResult` with the place of its entry. */
export type Completed<T> = PromiseSettledResult<T> & CompletedPlace;

/**
 * Runs several pieces of work at once, and yields the values as they complete.
 *
 * - **Order**: All work starts at the call, in order. Values arrive in order of completion.
 * - **Failure**: The first failure aborts the rest. It is thrown after the values that had completed before are read
 *   and the rest has ended.
 * - **Cancellation**: An abort of the scope of the call aborts the work. An abort of the scope that reads ends only
 *   that read; later reads continue. `break` aborts the rest and waits for it, and so does the end of the scope of the
 *   call. After that end, values that had completed go to `onDiscard` or, without one, can still be read; then the next
 *   read throws a `CancelledError`.
 *
 * Each function has its own signal. It is aborted with the work of that function, but never after the reader has
 * received the result, so the body of a response can be read after a `break`. `currentSignal()` is the signal of the
 * whole call.
 *
 * @typeParam E The type of the entries.
 * @param entries Functions and promises: an iterable, which is read to its end first, or a record.
 * @param options Concurrency, settled, signal, name, grace, onDiscard.
 * @returns An async iterator, to be read with `for await`.
 * @throws {RangeError} If `concurrency` is not a whole number of at least 1 or `Infinity`.
 *
 * @example Name the entry of each result
 * ```ts
 * import { asCompleted } from "@weft/async";
 *
 * const checks = {
 *   disk: () => "ok",
 *   net: () => Promise.reject(new Error("down")),
 * };
 * for await (const result of asCompleted(checks, { settled: true })) {
 *   console.log(result.key, result.status);
 * }
 * ```
 *
 * @see asyncio.as_completed of Python 3.14: it leaves the rest running after a failure or a break.
 */
export function asCompleted<E extends Entry<unknown>>(
  entries: Iterable<E> | Readonly<Record<string, E>>,
  options?: AsCompletedOptions & { settled?: false | undefined },
): Results<EntryResult<E>>;
/** With `settled: true`. */
export function asCompleted<E extends Entry<unknown>>(
  entries: Iterable<E> | Readonly<Record<string, E>>,
  options: AsCompletedOptions & { settled: true },
): Results<Completed<EntryResult<E>>>;
/** With `settled` known only at run time. */
export function asCompleted<E extends Entry<unknown>>(
  entries: Iterable<E> | Readonly<Record<string, E>>,
  options: AsCompletedOptions,
): Results<EntryResult<E> | Completed<EntryResult<E>>>;
export function asCompleted(
  entries: Iterable<Entry<unknown>> | Readonly<Record<string, Entry<unknown>>>,
  options?: AsCompletedOptions,
): Results<unknown> {
  const action = "iterate as completed";
  const own = checkCombinator(action, options, ["settled", "concurrency"]);
  const { settled, concurrency = Infinity } = own ?? {};
  checkFlag(action, "settled", settled);
  checkCount(action, "concurrency", concurrency, 1, true);
  const read = readEntries(action, entries);
  const { list, keys, repeated } = read;
  if (outsideAbort(currentScope(), own?.signal) !== null) list.forEach(ignoreFailure);
  const order = startingOrder(list);
  const place = (nth: number): CompletedPlace => {
    const index = order[nth]!;
    return keys === null ? { index } : { index, key: keys[index]! };
  };
  return streamResults<number, unknown>(
    {
      kind: "asCompleted",
      name: (nth) => nameOfEntry(read, order[nth]!),
      open: () => order[Symbol.iterator](),
      free: (index) => typeof list[index] !== "function",
      start: (index, scope, own, _nth, ok, no) => startEntry(list[index]!, scope, own, ok, no),
      repeats: (nth) => repeated?.has(order[nth]!) === true,
      fulfilled: (value, nth) => settled ? { status: "fulfilled", value, ...place(nth) } : value,
      rejected: settled ? (reason, nth) => ({ status: "rejected", reason, ...place(nth) }) : undefined,
      // The input is finite and all of it starts now, so the number of unread results needs no bound.
      concurrency,
      bound: Infinity,
      ordered: false,
    },
    own,
    true,
  );
}

/** Returns the indices of the promises, which run already and must always be observed, then those of the functions. */
function startingOrder(list: readonly Entry<unknown>[]): number[] {
  const isFunction = (index: number) => typeof list[index] === "function";
  const indices = [...list.keys()];
  return [...indices.filter((index) => !isFunction(index)), ...indices.filter(isFunction)];
}
