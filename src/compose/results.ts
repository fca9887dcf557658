/**
 * What one iterates over.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { attachAsyncDispose } from "../core/dispose.ts";
import type { StructuredOptions } from "../core/structured_call.ts";
import type { DiscardOptions } from "./entries.ts";
import { ResultStream, type StreamPlan } from "./result_stream.ts";

/** What `map` and `asCompleted` return: to be read with `for await`, or by hand and ended with `await using`. */
export class Results<R> implements AsyncIterableIterator<R, undefined, unknown> {
  readonly #stream: ResultStream<never, R>;

  /**
   * Ends it at the end of a block, for `await using`: aborts what runs, waits for it, closes the source, and throws
   * what failed meanwhile.
   */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  /** @internal Use `map` or `asCompleted`. */
  constructor(stream: object) {
    this.#stream = stream as ResultStream<never, R>;
  }

  /**
   * Returns the next result, and waits for it if need be.
   *
   * **Cancellation**: an abort of the scope that reads takes nothing; one may go on reading. Outside the scope that the
   * results were made in, which aborts them when it ends, one gets what had completed by then, and a `CancelledError`.
   *
   * @returns The result, or `done`.
   * @throws What failed, after what had completed before was read.
   */
  next(): Promise<IteratorResult<R, undefined>> {
    return this.#stream.next();
  }

  /**
   * Ends it early, as `break` does: aborts what runs, waits for it, and closes the source. JavaScript does not say
   * whether the loop's body threw, and then drops what this rejects with; so failures met meanwhile become an
   * unhandled rejection, unless `await using` takes them.
   *
   * @returns `done`.
   */
  async return(): Promise<IteratorResult<R, undefined>> {
    await this.#stream.stop();
    return { done: true, value: undefined };
  }

  /** Returns itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  static {
    attachAsyncDispose(
      Results.prototype,
      async function (this: Results<unknown>): Promise<void> {
        await this.#stream.stop();
        const failure = this.#stream.takeFailure();
        if (failure !== null) throw failure.error;
      },
    );
  }
}

/** Makes a stream in the ambient scope; `eager` starts it at once. */
export function streamResults<I, R>(
  plan: StreamPlan<I, R>,
  options: (StructuredOptions & DiscardOptions) | undefined,
  eager: boolean,
): Results<R> {
  const stream = new ResultStream<I, R>(currentScope(), plan, options);
  const results = new Results<R>(stream);
  stream.readThrough(results);
  if (stream.scope.aborted) stream.aborted();
  if (eager) stream.open();
  return results;
}
