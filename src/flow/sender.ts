/**
 * The sending end of a channel.
 *
 * @module
 */

import type { Disposes } from "../core/dispose.ts";
import { printAsText } from "../core/inspect.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { LATER, PLAINLY, type SendEnd, use } from "./channel_core.ts";
import { SelectCase } from "./select_case.ts";
import { type ChannelStatistics, statisticsOf } from "./statistics.ts";
import { writableOf } from "./streams.ts";

export type { Disposes };

/**
 * A sender closes with `using`.
 *
 * @category Pass on
 */
export interface Sender<T> extends Disposes<"dispose"> {}

/**
 * Sends values into a channel. A `Channel` makes the first sender, {@linkcode Sender.prototype.clone} makes more.
 *
 * @category Pass on
 */
export class Sender<T> {
  static readonly #printed: void = /* @__PURE__ */ printAsText(Sender);
  readonly #end: SendEnd<T>;

  /** @internal Use `Channel`. */
  constructor(end: object) {
    this.#end = end as SendEnd<T>;
  }

  /** Whether this sender is closed. Its clones may be open. */
  get closed(): boolean {
    return this.#end.closed;
  }

  /**
   * Sends a value, and waits if necessary for room in the buffer or, with capacity 0, for a receiver.
   *
   * - **Order**: Values arrive in the order of the calls, whether or not these have to wait.
   * - **Cancellation**: An aborted send has sent nothing. A value that was taken in the same turn counts as sent.
   * - **Cost**: A send that need not wait allocates a promise.
   *
   * @param value The value to send.
   * @param options Its signal.
   * @throws The reason of an abort; then nothing was sent.
   * @throws {ChannelClosedError} If this sender is closed or all receivers are closed, now or during the wait.
   */
  send(value: T, options?: WaitOptions): Promise<void> {
    return use(this.#end, PLAINLY, options, value);
  }

  /**
   * Sends a value if there is room for it or a receiver waits for it.
   *
   * @param value The value to send.
   * @returns Whether the value was sent.
   * @throws {ChannelClosedError} If this sender is closed or all receivers are closed.
   */
  trySend(value: T): boolean {
    return this.#end.now(PLAINLY, value) !== LATER;
  }

  /**
   * Makes a case for `select` that sends a value.
   *
   * @param value The value to send.
   * @returns The case.
   */
  sending(value: T): SelectCase<undefined> {
    return new SelectCase(this.#end, value);
  }

  /**
   * Makes another sender of the same channel, to be closed separately. The channel ends when all senders are closed.
   *
   * @returns An open sender.
   * @throws {ChannelClosedError} If this sender is closed.
   */
  clone(): Sender<T> {
    return new Sender<T>(this.#end.clone());
  }

  /**
   * Closes this sender. Sends that wait through it reject; those of its clones do not. After the last sender is closed,
   * receivers get the buffered values and then the end. Does nothing the second time.
   *
   * @param reason The error that receivers get after the last value, instead of the end. `undefined` is no error.
   */
  close(reason?: unknown): void {
    this.#end.close(reason === undefined ? null : { error: reason });
  }

  /**
   * Makes a stream that sends the chunks written to it. This sender is closed when the stream ends.
   *
   * - **Order**: A write ends when the value has been sent, so the stream has the back-pressure of the channel.
   * - **Failure**: If the stream is aborted, receivers get the reason after the last value, instead of the end. If all
   *   receivers are closed, the stream fails, and so does a pipe into it.
   * - **Cancellation**: An abort of the scope of the call aborts the stream.
   *
   * @returns A stream that holds at most one value that is not sent yet.
   *
   * @example Send a file into a channel, chunk by chunk
   * ```ts
   * import { Channel, gather } from "@weft/async";
   *
   * const { sender, receiver } = new Channel<Uint8Array>(0);
   * let bytes = 0;
   * await gather([
   *   async (signal) => {
   *     const file = await Deno.open("deno.json");
   *     await file.readable.pipeTo(sender.toWritable(), { signal });
   *   },
   *   async () => {
   *     for await (const chunk of receiver) bytes += chunk.length;
   *   },
   * ]);
   * console.log(bytes > 0); // true
   * ```
   */
  toWritable(): WritableStream<T> {
    return writableOf(this.#end);
  }

  /**
   * Returns the current number of buffered values, open ends and waiters.
   *
   * @returns A snapshot.
   */
  statistics(): ChannelStatistics {
    return statisticsOf(this.#end.core);
  }

  /** Shows the state, the buffer and the number of waiting sends. */
  toString(): string {
    const { buffered, capacity, waitingSenders } = this.statistics();
    const state = this.closed ? "closed" : "open";
    return `Sender { state: ${state}, buffered: ${buffered}, capacity: ${capacity}, waiting: ${waitingSenders} }`;
  }

  /** Closes the sender at the end of a block with `using`. */
  [Symbol.dispose as never](): void {
    this.close();
  }
}
