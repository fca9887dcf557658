/**
 * Several pieces of work at once, each result as soon as it is there.
 *
 * @example The fastest first
 * ```ts
 * import { asCompleted, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const seen: number[] = [];
 * for await (const ms of asCompleted([9, 1, 5].map((ms) => () => sleep(ms).then(() => ms)))) seen.push(ms);
 * assertEquals(seen, [1, 5, 9]);
 * ```
 *
 * @module
 */

import {
  checkStructured,
  type StructuredOptions,
  type TaskFunction,
} from "../core/structured_call.ts";
import { checkCount, checkFlag } from "../core/validate.ts";
import {
  checkDiscard,
  type DiscardOptions,
  type Entry,
  type EntryResult,
  readEntries,
  startEntry,
} from "./entries.ts";
import { Results, streamResults } from "./result_stream.ts";

export {
  type DiscardOptions,
  type Entry,
  type EntryResult,
  Results,
  type StructuredOptions,
  type TaskFunction,
};

/** Options of {@linkcode asCompleted}. */
export interface AsCompletedOptions extends StructuredOptions, DiscardOptions {
  /**
   * Yields failures instead of throwing the first: each result is a {@linkcode Completed}.
   *
   * @default {false}
   */
  settled?: boolean | undefined;
  /**
   * How many functions may run at once; the others start in order as these end.
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
 * reading. `break` aborts the rest and waits for it.
 *
 * @typeParam T What the entries come to.
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
export function asCompleted<T>(
  entries: Iterable<Entry<T>> | Readonly<Record<string, Entry<T>>>,
  options?: AsCompletedOptions & { settled?: false | undefined },
): Results<Awaited<T>>;
/** With `settled: true`. */
export function asCompleted<T>(
  entries: Iterable<Entry<T>> | Readonly<Record<string, Entry<T>>>,
  options: AsCompletedOptions & { settled: true },
): Results<Completed<Awaited<T>>>;
/** With `settled` known at run time only. */
export function asCompleted<T>(
  entries: Iterable<Entry<T>> | Readonly<Record<string, Entry<T>>>,
  options: AsCompletedOptions,
): Results<Awaited<T> | Completed<Awaited<T>>>;
export function asCompleted(
  entries: Iterable<Entry<unknown>> | Readonly<Record<string, Entry<unknown>>>,
  options?: AsCompletedOptions,
): Results<unknown> {
  const action = "iterate as completed";
  checkStructured(action, options);
  checkDiscard(action, options);
  checkFlag(action, "settled", options?.settled);
  if (options?.concurrency !== undefined) {
    checkCount(action, "concurrency", options.concurrency, 1, true);
  }
  const { list, keys } = readEntries(action, entries);
  const settled = options?.settled === true;
  const place = (index: number): CompletedPlace =>
    keys === null ? { index } : { index, key: keys[index]! };
  return streamResults<Entry<unknown>, unknown>(
    {
      kind: "asCompleted",
      open: () => list[Symbol.iterator](),
      start: (entry, scope, _index, ok, no) =>
        startEntry(entry, scope, scope.signal, ok, no),
      fulfilled: (value, index) =>
        settled ? { status: "fulfilled", value, ...place(index) } : value,
      rejected: settled
        ? (reason, index) => ({ status: "rejected", reason, ...place(index) })
        : undefined,
      // The input is finite, and all of it is to start now: results may wait without bound.
      concurrency: options?.concurrency ?? Infinity,
      bound: Infinity,
      ordered: false,
    },
    options,
    true,
  );
}
