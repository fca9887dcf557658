/**
 * Maps the items of a source of any length, a few at a time.
 *
 * @example Three at a time, in order
 * ```ts
 * import { map, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const squares = map([3, 1, 2], async (n) => {
 *   await sleep(n);
 *   return n * n;
 * }, { concurrency: 3, ordered: true });
 * assertEquals(await Array.fromAsync(squares), [9, 1, 4]);
 * ```
 *
 * @module
 */

import { observe } from "../core/foreign.ts";
import type { CallKind, StructuredOptions } from "../core/structured_call.ts";
import { checkCount, checkFlag, checkFunction } from "../core/validate.ts";
import { checkCombinator, type DiscardOptions } from "./entries.ts";
import { type Disposes, type Results, streamResults } from "./results.ts";
import { openerOf } from "./stream_source.ts";

export type { DiscardOptions, Disposes, Results, StructuredOptions };

/**
 * Options of {@linkcode map}.
 *
 * @category Combine
 */
export interface MapOptions<T = unknown, S extends boolean = boolean> extends StructuredOptions, DiscardOptions<T> {
  /**
   * The number of items that may be in flight at once: a whole number, because the source may never end.
   *
   * @default {10}
   */
  concurrency?: number | undefined;
  /**
   * Whether to yield the results in the order of the source instead of the order of completion.
   *
   * @default {false}
   */
  ordered?: boolean | undefined;
  /**
   * Whether to yield failures of `fn` instead of throwing the first one: each result is a `PromiseSettledResult`.
   *
   * @default {false}
   */
  settled?: S | undefined;
}

const MAP: CallKind = { name: "map", quiet: true, abandonable: true };
const DEFAULT_CONCURRENCY = 10;

/**
 * Calls `fn` for each item of a source, a few at a time, and yields the results.
 *
 * - **Order**: Work starts with the first read. At most `concurrency` items are in flight, and at most twice as many
 *   have been taken from the source but not read.
 * - **Failure**: A failure of `fn` or of the source aborts the rest. It is thrown unchanged, or, if others failed
 *   genuinely too, in an `AggregateError` that has the first failure first. It is thrown after the results that had completed
 *   before it (with `ordered`: that stand before it) are read and the rest has ended.
 * - **Cancellation**: An abort of the scope of the call aborts the work. An abort of the scope that reads ends only
 *   that read. `break` aborts the rest, waits for it, and closes the source, and so does the end of the scope of the
 *   call. After that end, results that had completed go to `onDiscard` or, without one, can still be read; then the
 *   next read throws a `CancelledError`.
 * - **Context**: An item that starts after another one has ended does not see that item's `enterWith`. Items that start
 *   together may see each other's.
 *
 * Each item has its own signal. It is aborted with the work of that item, but never after the reader has received the
 * result, so the body of a response can be read after a `break`. `currentSignal()` is the signal of the whole call.
 *
 * The source runs in the scope too, and the call waits for its end. A generator that waits in its `finally` therefore
 * needs `shield`. A generator that may wait for ever for something foreign has to pass `currentSignal()` to it;
 * otherwise only `grace` bounds the wait. A `ReadableStream` or Node stream is closed at once, even if no chunk
 * arrives.
 *
 * @typeParam I The type of the items.
 * @typeParam O The result of `fn`.
 * @typeParam S Whether the results are settled results.
 * @param source An iterable, async iterable or `ReadableStream`. It may be slow, and it may never end.
 * @param fn Called with the item, the item's own signal and the index.
 * @param options Concurrency, ordered, settled, signal, name, grace, onDiscard.
 * @returns An async iterator, to be read with `for await`.
 * @throws {RangeError} If `concurrency` is not a whole number of at least 1.
 *
 * @example Find the first match in an endless source
 * ```ts
 * import { map } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * function* naturals() {
 *   for (let n = 0;; n++) yield n;
 * }
 * const options = { concurrency: 4, ordered: true };
 * let found = -1;
 * for await (const square of map(naturals(), (n) => n * n, options)) {
 *   found = square;
 *   if (square > 50) break;
 * }
 * assertEquals(found, 64);
 * ```
 *
 * @category Combine
 */
export function map<I, O, const S extends boolean = false>(
  source: Iterable<I> | AsyncIterable<I>,
  fn: (item: I, signal: AbortSignal, index: number) => O | PromiseLike<O>,
  options?: MapOptions<O, S>,
): Results<S extends true ? PromiseSettledResult<O> : O> {
  const open = openerOf("map", source);
  checkFunction("map", "fn", fn);
  const own = checkCombinator("map", options, ["concurrency", "ordered", "settled"]);
  const { concurrency = DEFAULT_CONCURRENCY, ordered, settled } = own ?? {};
  checkCount("map", "concurrency", concurrency, 1, false);
  checkFlag("map", "ordered", ordered);
  checkFlag("map", "settled", settled);
  return streamResults<I, unknown>(
    {
      kind: MAP,
      name: (index) => `items[${index}]`,
      open,
      start(item, _scope, own, index, ok, no) {
        let value: unknown;
        try {
          value = fn(item, own.signal, index);
        } catch (error) {
          return no(error);
        }
        observe(value, ok, no);
      },
      fulfilled: (value) => settled ? { status: "fulfilled", value } : value,
      rejected: settled ? (reason) => ({ status: "rejected", reason }) : undefined,
      concurrency,
      bound: 2 * concurrency,
      ordered: ordered === true,
    },
    own as MapOptions | undefined,
    false,
  ) as Results<never>;
}
