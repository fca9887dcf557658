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
import { type CallKind, outsideAbort, type StructuredOptions, type TaskFunction } from "../core/structured_call.ts";
import { checkCount, checkFlag } from "../core/validate.ts";
import {
  checkCombinator,
  checkEntries,
  type DiscardOptions,
  type Entries,
  type EntriesResult,
  type Entry,
  type EntryResult,
  nameOfEntry,
  readEntries,
  startEntry,
} from "./entries.ts";
import { ignoreFailure } from "../task/awaitable.ts";
import { type Disposes, type Results, streamResults } from "./results.ts";

export type {
  DiscardOptions,
  Disposes,
  Entries,
  EntriesResult,
  Entry,
  EntryResult,
  Results,
  StructuredOptions,
  TaskFunction,
};

const AS_COMPLETED: CallKind = { name: "asCompleted", quiet: true, abandonable: true };

/**
 * Options of {@linkcode asCompleted}.
 *
 * @category Combine
 */
export interface AsCompletedOptions<T = unknown, S extends boolean = boolean>
  extends StructuredOptions, DiscardOptions<T> {
  /**
   * Whether to yield failures instead of throwing the first one: each result is a {@linkcode Completed}.
   *
   * @default {false}
   */
  settled?: S | undefined;
  /**
   * The number of functions that may run at once; the others start in order as these end. Promises do not count,
   * because their work runs already.
   *
   * @default {Infinity}
   */
  concurrency?: number | undefined;
}

/**
 * A result of `asCompleted` with `settled: true`: a `PromiseSettledResult` with the place of its entry.
 *
 * @category Combine
 */
export type Completed<T> = PromiseSettledResult<T> & {
  /** The index of the entry in the input. */
  readonly index: number;
  /** The key of the entry, if the input is a record. */
  readonly key?: string;
};

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
 * @typeParam T The tuple, array, iterable or record of entries.
 * @typeParam S Whether the results are settled results.
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
 * @category Combine
 */
export function asCompleted<
  const T extends Entries | object,
  const S extends boolean = false,
>(
  entries: T & Entries<T>,
  options?: AsCompletedOptions<EntriesResult<T>, S>,
): Results<S extends true ? Completed<EntriesResult<T>> : EntriesResult<T>> {
  const action = "iterate as completed";
  checkEntries(action, entries);
  const own = checkCombinator(action, options as AsCompletedOptions | undefined, ["settled", "concurrency"]);
  const { settled, concurrency = Infinity } = own ?? {};
  checkFlag(action, "settled", settled);
  checkCount(action, "concurrency", concurrency, 1, true);
  const read = readEntries(action, entries);
  const { list, keys, repeated } = read;
  if (outsideAbort(currentScope(), own?.signal) !== null) list.forEach(ignoreFailure);
  const order = startingOrder(list);
  const place = (nth: number): { index: number; key?: string } => {
    const index = order[nth]!;
    return keys === null ? { index } : { index, key: keys[index]! };
  };
  return streamResults<number, unknown>(
    {
      kind: AS_COMPLETED,
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
  ) as Results<never>;
}

/** Returns the indices of the promises, which run already and must always be observed, then those of the functions. */
function startingOrder(list: readonly Entry<unknown>[]): number[] {
  const isFunction = (index: number) => typeof list[index] === "function";
  const indices = [...list.keys()];
  return [...indices.filter((index) => !isFunction(index)), ...indices.filter(isFunction)];
}
