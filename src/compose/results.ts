/**
 * The iterator that `map`, `asCompleted` and the like return.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import type { Disposes } from "../core/dispose.ts";
import type { StructuredOptions } from "../core/structured_call.ts";
import type { DiscardOptions } from "./entries.ts";
import { ResultStream, type StreamPlan } from "./result_stream.ts";

export type { Disposes };

/**
 * An iteration that ends early with `await using`.
 *
 * @category Combine
 */
export interface Results<R> extends Disposes<"asyncDispose"> {}

/** Where the results come from. */
export type ResultSource<R> = Pick<ResultStream<never, R>, "next" | "stop" | "takeFailure">;

/**
 * The results of `map` or `asCompleted`. Read them with `for await`, or with `next` and `await using`.
 *
 * @category Combine
 */
export class Results<R> implements AsyncIterableIterator<R, undefined, unknown> {
  readonly #stream: ResultSource<R>;

  /** @internal Use `map` or `asCompleted`. */
  constructor(stream: object) {
    this.#stream = stream as ResultSource<R>;
  }

  /**
   * Returns the next result, and waits for it if necessary.
   *
   * - **Failure**: A failure is thrown after the results that had completed before it are read.
   * - **Cancellation**: An abort of the scope that reads takes nothing; later reads continue. The end of the scope in
   *   which the results were made aborts the work. After it, reads return the results that had completed by then, and
   *   then throw a `CancelledError`.
   *
   * @returns The result, or `done`.
   * @throws The failure of the work.
   */
  next(): Promise<IteratorResult<R, undefined>> {
    return this.#stream.next();
  }

  /**
   * Ends the iteration early, as `break` does: aborts the running work, waits for it, and closes the source. It does
   * not reject, because JavaScript does not report whether the loop's body threw, and in that case drops the rejection.
   * A failure that occurs meanwhile becomes an unhandled rejection, unless `await using` receives it.
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

  /**
   * Ends the iteration at the end of a block with `await using`: aborts the running work, waits for it, closes the
   * source, and throws a failure that occurred meanwhile.
   */
  async [Symbol.asyncDispose as never](): Promise<void> {
    await this.#stream.stop();
    const failure = this.#stream.takeFailure();
    if (failure !== null) throw failure.error;
  }
}

/** Makes a stream of results in the ambient scope. `eager` starts it at once. */
export function streamResults<I, R>(
  plan: StreamPlan<I, R>,
  options: (StructuredOptions & DiscardOptions) | undefined,
  eager: boolean,
): Results<R> {
  const stream = new ResultStream<I, R>(currentScope(), plan, options);
  const results = new Results<R>(stream);
  stream.readThrough(results);
  if (stream.scope.aborted) stream.aborted(stream.scope);
  if (eager) stream.open();
  return results;
}
