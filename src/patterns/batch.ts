/**
 * Items in groups.
 *
 * @module
 */

import { currentScope, openScope } from "../core/ambient.ts";
import { clockNow } from "../core/clock.ts";
import { isCancellationOf } from "../core/failures.ts";
import { checkCount, checkMs, readOptions } from "../core/validate.ts";
import { asWait } from "../core/wait_queue.ts";
import { openerOf } from "../compose/stream_source.ts";
import { waitFor } from "../time/wait_for.ts";

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

/** A step of the source, its failure, or null if the caller that had asked for it was cancelled. */
type Step<T> = { readonly result: IteratorResult<T, unknown> } | { readonly error: unknown } | null;

class Batches<T> implements AsyncIterableIterator<T[], undefined> {
  readonly #source: AsyncIterator<T> | Iterator<T>;
  readonly #size: number;
  readonly #ms: number;
  // The items that have arrived and belong to the next batch, and when that is complete.
  #items: T[] = [];
  #due = Infinity;
  // The next step, if it was asked for and has not been received: it belongs to the next batch too.
  #step: Promise<Step<T>> | null = null;
  // Whether the source has ended, and the failure that has not been thrown yet.
  #ended = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(source: AsyncIterator<T> | Iterator<T>, size: number, ms: number) {
    this.#source = source;
    this.#size = size;
    this.#ms = ms;
  }

  next(): Promise<IteratorResult<T[], undefined>> {
    return asWait(currentScope(), undefined, this.#next());
  }

  async #next(): Promise<IteratorResult<T[], undefined>> {
    while (!this.#ended && this.#items.length < this.#size && await this.#receive());
    const items = this.#items;
    this.#items = [];
    if (items.length > 0) return { value: items, done: false };
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure.error;
    return { value: undefined, done: true };
  }

  /** Waits for the next item. Returns false if the time of the batch has passed. */
  async #receive(): Promise<boolean> {
    const scope = currentScope();
    const timeout = this.#items.length === 0 ? Infinity : Math.max(0, this.#due - clockNow());
    let step: Step<T>;
    try {
      step = await waitFor(this.#step ??= this.#ask(), { timeout });
    } catch (error) {
      if (isCancellationOf(error, openScope(scope))) throw error;
      return false;
    }
    this.#step = null;
    // The source waited in the scope of another caller. It is asked again.
    if (step === null) return true;
    if ("error" in step) this.#failure = step;
    if ("error" in step || step.result.done === true) return this.#ended = true;
    if (this.#items.length === 0) this.#due = clockNow() + this.#ms;
    this.#items.push(step.result.value);
    return true;
  }

  async #ask(): Promise<Step<T>> {
    const scope = currentScope();
    try {
      return { result: await this.#source.next() };
    } catch (error) {
      return isCancellationOf(error, openScope(scope)) || isCancellationOf(error, scope) ? null : { error };
    }
  }

  async return(): Promise<IteratorResult<T[], undefined>> {
    this.#ended = true;
    this.#items = [];
    await this.#source.return?.();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * Puts the items of a source into batches, for services that take many at once, such as an insert into a database.
 *
 * - **Order**: that of the source. A batch is complete when it has `size` items, `ms` after its first one, or at the end.
 * - **Failure**: a failure of the source is thrown after the batch of the items before it.
 * - **Cancellation**: an abort of the caller's scope ends its wait only. Items that have arrived stay for the next batch.
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
): AsyncIterableIterator<T[], undefined> {
  const action = "batch";
  const open = openerOf(action, source);
  const { size, ms = Infinity } = readOptions<BatchOptions>(action, options, ["size", "ms"]) ?? {} as BatchOptions;
  checkCount(action, "size", size, 1, false);
  checkMs(action, "ms", ms, false);
  return new Batches(open(currentScope()), size, ms);
}
