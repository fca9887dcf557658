/**
 * Several pieces of work at once, each result as soon as it is there.
 *
 * @example The fastest first
 * ```ts
 * import { asCompleted, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * let fastest = Infinity;
 * for await (const ms of asCompleted([60_000, 1, 30_000].map((ms) => () => sleep(ms).then(() => ms)))) {
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
   * Yields failures instead of throwing the first: each result is a {@linkcode Completed}.
   *
   * @default {false}
   */
  settled?: boolean | undefined;
  /**
   * How many functions may run at once; the others start in order as these end. Promises, which run already,
   * do not count.
   *
   * @default {Infinity}
   */
  concurrency?: number | undefined;
}

/** Which entry a {@linkcode Completed} belongs to. */
export interface CompletedPlace {
  /** Its place in the input. */
  readonly index: number;
  /** Its key, when the input was a record. */
  readonly key?: string;
}

/** What `asCompleted` yields with `settled: true`: a `PromiseSettledResult` that says whose it is. */
export type Completed<T> = PromiseSettledResult<T> & CompletedPlace;

/**
 * Runs several pieces of work at once, and yields the values as they complete.
 *
 * **Order**: everything starts at the call, in order; values come in order of completion. **Failure**: the first one
 * aborts the rest, and is thrown once what had completed before was read and the rest has ended. **Cancellation**: an
 * abort of the scope of the call aborts the work; one of the scope that reads ends only that read, and one may go on
 * reading. `break` aborts the rest and waits for it. The end of the scope of the call does so too: what had completed
 * then goes to `onDiscard` or, without one, can still be read; after that, reading on throws a `CancelledError`.
 *
 * Each function has a signal of its own. It is aborted with that function's work, never after the reader has received the
 * result: the body of a response can be read after a `break`. `currentSignal()` is the signal of the whole call.
 *
 * @typeParam E The entries.
 * @param entries Functions and promises: an iterable, read to its end first, or a record.
 * @param options Concurrency, settled, signal, name, grace, onDiscard.
 * @returns An async iterator, to be read with `for await`.
 * @throws {TypeError} If an argument is of the wrong kind; then nothing was started.
 * @throws {RangeError} If `concurrency` is not a whole number of at least 1 or `Infinity`.
 *
 * @example Say whose result it is
 * ```ts
 * import { asCompleted } from "@weft/async";
 *
 * const checks = { disk: () => "ok", net: () => Promise.reject(new Error("down")) };
 * for await (const result of asCompleted(checks, { settled: true })) {
 *   console.log(result.key, result.status);
 * }
 * ```
 *
 * @see asyncio.as_completed of Python 3.14: it leaves the rest running after a failure or `break`.
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
/** With `settled` known at run time only. */
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
      // The input is finite, and all of it is to start now: results may wait without bound.
      concurrency,
      bound: Infinity,
      ordered: false,
    },
    own,
    true,
  );
}

/** The indices of the promises, which run already and are to be heard of in any case, then those of the functions. */
function startingOrder(list: readonly Entry<unknown>[]): number[] {
  const isFunction = (index: number) => typeof list[index] === "function";
  const indices = [...list.keys()];
  return [...indices.filter((index) => !isFunction(index)), ...indices.filter(isFunction)];
}
