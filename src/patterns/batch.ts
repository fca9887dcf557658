/**
 * Items in groups.
 *
 * @module
 */

import type { CallKind } from "../core/structured_call.ts";
import { checkCount, checkMs, readOptions } from "../core/validate.ts";
import type { Disposes, Results } from "../compose/results.ts";
import { openerOf } from "../compose/stream_source.ts";
import { groups } from "./groups.ts";

export type { Disposes, Results };

/** Options of {@linkcode batch}. */
export interface BatchOptions {
  /** The greatest number of items in a batch. */
  size: number;
  /**
   * The longest time, in ms, that the first item of a batch waits for the others.
   *
   * @default {Infinity}
   */
  ms?: number | undefined;
}

const BATCH: CallKind = { name: "batch", quiet: true, abandonable: true };

/**
 * Puts the items of a source into batches, for services that take many at once, such as an insert into a database.
 *
 * - **Order**: that of the source. A batch is complete when it has `size` items, `ms` after its first one, or at the end.
 * - **Failure**: a failure of the source is thrown after the batch of the items before it.
 * - **Cancellation**: an abort of the scope that reads ends only that read. Items that have arrived stay for the next
 *   batch. The source runs in the scope in which `batch` was called: its end, or `break`, aborts and closes the source.
 *
 * @typeParam T The type of the items.
 * @param source An iterable, async iterable or `ReadableStream`.
 * @param options Size and time.
 * @returns An async iterator of batches, none of which is empty.
 * @throws {RangeError} If `size` is not a whole number of at least 1, or `ms` is NaN or negative.
 *
 * @example Batches of two
 * ```ts
 * import { batch } from "@weft/async/patterns";
 * import { assertEquals } from "@std/assert";
 *
 * const batches: number[][] = [];
 * for await (const items of batch([1, 2, 3], { size: 2 })) batches.push(items);
 * assertEquals(batches, [[1, 2], [3]]);
 * ```
 *
 * @see chunks_timeout of tokio-stream 0.1: the same rule.
 */
export function batch<T>(
  source: Iterable<T> | AsyncIterable<T>,
  options: BatchOptions,
): Results<T[]> {
  const action = "batch";
  const open = openerOf(action, source);
  const { size, ms = Infinity } = readOptions<BatchOptions>(action, options, ["size", "ms"]) ?? {} as BatchOptions;
  checkCount(action, "size", size, 1, false);
  checkMs(action, "ms", ms, false);
  return groups({ kind: BATCH, open, size, ms, latest: false, result: (items: T[]) => items });
}
