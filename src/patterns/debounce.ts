/**
 * A source without the items that a newer one follows at once.
 *
 * @module
 */

import type { CallKind } from "../core/structured_call.ts";
import { checkMs } from "../core/validate.ts";
import type { Disposes, Results } from "../compose/results.ts";
import { openerOf } from "../compose/stream_source.ts";
import { groups } from "./groups.ts";

export type { Disposes, Results };

const DEBOUNCE: CallKind = { name: "debounce", quiet: true, abandonable: true };

/**
 * Yields an item of a source when no newer one has come for `ms`, such as the last of many changes to a file.
 *
 * - **Order**: that of the source. The items of one burst are dropped, except the last. The last item of the source is
 *   yielded at its end.
 * - **Failure**: a failure of the source is thrown after the item before it.
 * - **Cancellation**: an abort of the scope that reads ends only that read. The item that has arrived stays for the next
 *   one. The source runs in the scope in which `debounce` was called: its end, or `break`, aborts and closes the source.
 *
 * For a callback, see `debounce` of `@std/async`.
 *
 * @typeParam T The type of the items.
 * @param source An iterable, async iterable or `ReadableStream`.
 * @param ms The time without a newer item, in ms, from 0; `Infinity` yields the last item of the source only.
 * @returns An async iterator.
 * @throws {RangeError} If `ms` is NaN or negative.
 *
 * @example The last item of each burst
 * ```ts
 * import { sleep } from "@weft/async";
 * import { debounce } from "@weft/async/patterns";
 * import { assertEquals } from "@std/assert";
 *
 * async function* changes() {
 *   yield* ["a", "ab", "abc"];
 *   await sleep(50);
 *   yield* ["x", "xy"];
 * }
 * assertEquals(await Array.fromAsync(debounce(changes(), 5)), ["abc", "xy"]);
 * ```
 *
 * @see Flow.debounce of kotlinx.coroutines 1.10: the same rule, but there a failure drops the item before it.
 */
export function debounce<T>(source: Iterable<T> | AsyncIterable<T>, ms: number): Results<T> {
  const action = "debounce";
  const open = openerOf(action, source);
  checkMs(action, "ms", ms, false);
  return groups({ kind: DEBOUNCE, open, size: Infinity, ms, latest: true, result: (items: T[]) => items[0]! });
}
