/**
 * The receiving end of a channel.
 *
 * @module
 */

import type { Disposes } from "../core/dispose.ts";
import { printAsText } from "../core/inspect.ts";
import { checkWait } from "../core/validate.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { LATER, PLAINLY, type ReceiveEnd, STEPWISE, type Told, use } from "./channel_core.ts";
import { SelectCase } from "./select_case.ts";
import { type ChannelStatistics, statisticsOf } from "./statistics.ts";
import { readableOf, receiveEndFrom } from "./streams.ts";

export type { Disposes };

const BOXED: Told<unknown> = { ok: (value) => ({ value }), no: PLAINLY.no };

/**
 * A receiver closes with `using`.
 *
 * @category Pass on
 */
export interface Receiver<T> extends Disposes<"dispose"> {}

/**
 * Receives values from a channel. A `Channel` makes the first receiver, and {@linkcode Receiver.prototype.clone} makes
 * more; each value goes to one of them.
 *
 * `for await` receives until the end of the channel. Leaving the loop does not close the receiver. Several loops share
 * the values.
 *
 * @category Pass on
 */
export class Receiver<T> implements AsyncIterable<T> {
  static readonly #printed: void = /* @__PURE__ */ printAsText(Receiver);
  readonly #end: ReceiveEnd<T>;

  /** @internal Use `Channel`. */
  constructor(end: object) {
    this.#end = end as ReceiveEnd<T>;
  }

  /**
   * Makes a receiver of the chunks of a stream. Close it or read it to its end; closing it cancels the stream.
   *
   * - **Order**: At most one chunk is read from the stream before a receiver takes it.
   * - **Failure**: After the last value, a receive rejects with the error of the stream.
   * - **Cancellation**: An abort of the scope of the call cancels the stream.
   *
   * @typeParam T The type of the chunks.
   * @param readable The stream, which is locked from now on.
   * @returns An open receiver.
   * @throws {InvalidStateError} If `readable` is locked.
   *
   * @example Several workers on one stream
   * ```ts
   * import { gather, Receiver } from "@weft/async";
   * import { assertEquals } from "@std/assert";
   *
   * using receiver = Receiver.from(ReadableStream.from([1, 2, 3, 4, 5]));
   * let sum = 0;
   * const work = async () => {
   *   for await (const n of receiver) sum += n;
   * };
   * await gather([work, work]);
   * assertEquals(sum, 15);
   * ```
   */
  static from<T>(readable: ReadableStream<T>): Receiver<T> {
    return new Receiver<T>(receiveEndFrom(readable));
  }

  /** Whether this receiver is closed. Its clones may be open. */
  get closed(): boolean {
    return this.#end.closed;
  }

  /**
   * Receives the next value, and waits for one if necessary.
   *
   * - **Order**: Values arrive in the order in which they were sent, and go to the longest-waiting caller.
   * - **Cancellation**: An aborted receive takes nothing. A value that was handed over in the same turn is received.
   * - **Cost**: A receive that need not wait allocates a promise.
   *
   * JavaScript awaits a value that is itself a promise; `for await` and `tryReceive` return it as it is.
   *
   * @param options Its signal.
   * @returns The value.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {ChannelClosedError} If this receiver is closed, now or during the wait, or if all senders are closed and
   * no value is left.
   */
  receive(options?: WaitOptions): Promise<T> {
    return use(this.#end, PLAINLY, options);
  }

  /**
   * Receives a value if there is one, without waiting.
   *
   * @returns An object with the value, because `undefined` may be a value; or `undefined` if there is none.
   * @throws {ChannelClosedError} If this receiver is closed, or if all senders are closed and no value is left.
   */
  tryReceive(): { value: T } | undefined {
    const received = this.#end.now(BOXED);
    return received === LATER ? undefined : received as { value: T };
  }

  /**
   * Makes a case for `select` that receives a value.
   *
   * @returns The case.
   */
  receiving(): SelectCase<T> {
    return new SelectCase(this.#end);
  }

  /**
   * Makes another receiver of the same channel, to be closed separately.
   *
   * @returns An open receiver.
   * @throws {ChannelClosedError} If this receiver is closed.
   */
  clone(): Receiver<T> {
    return new Receiver<T>(this.#end.clone());
  }

  /**
   * Closes this receiver. Receives that wait through it reject; those of its clones do not. After the last receiver is
   * closed, sends reject and the buffered values are dropped. Does nothing the second time.
   */
  close(): void {
    this.#end.close();
  }

  /**
   * Makes a stream of the values. This receiver is closed when the stream ends.
   *
   * - **Order**: A value is taken from the channel only for a read.
   * - **Failure**: The stream fails with the failure of the channel.
   * - **Cancellation**: After an abort of the scope of the call, the next read fails. Cancelling the stream closes the
   *   receiver.
   *
   * @returns A stream that buffers no value.
   *
   * @example Pass the values of a channel to an API that takes a stream
   * ```ts
   * import { Channel } from "@weft/async";
   * import { assertEquals } from "@std/assert";
   *
   * const { sender, receiver } = new Channel<string>(10);
   * for (const word of ["warp", " and ", "weft"]) await sender.send(word);
   * sender.close();
   * const text = receiver.toReadable().pipeThrough(new TextEncoderStream());
   * assertEquals(await new Response(text).text(), "warp and weft");
   * ```
   */
  toReadable(): ReadableStream<T> {
    return readableOf(this.#end);
  }

  /**
   * Returns an iterator that receives until the end of the channel.
   *
   * @returns An iterator whose `next` waits as `receive` does.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return this.values();
  }

  /**
   * Returns an iterator that receives until the end of the channel.
   *
   * - **Cancellation**: `next` rejects with the reason, and has received nothing.
   *
   * @param options The signal of its waits.
   * @returns An iterator whose `next` waits as `receive` does.
   */
  values(options?: WaitOptions): AsyncIterableIterator<T, undefined> {
    const signal = checkWait("iterate receiver", options);
    const own = signal === undefined ? undefined : { signal };
    return {
      next: () => use(this.#end, STEPWISE as Told<T>, own),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * Returns the current number of buffered values, open ends and waiters.
   *
   * @returns A snapshot.
   */
  statistics(): ChannelStatistics {
    return statisticsOf(this.#end.core);
  }

  /** Shows the state, the buffer and the number of waiting receives. */
  toString(): string {
    const { buffered, capacity, waitingReceivers } = this.statistics();
    const state = this.closed ? "closed" : "open";
    return `Receiver { state: ${state}, buffered: ${buffered}, capacity: ${capacity}, waiting: ${waitingReceivers} }`;
  }

  /** Closes the receiver at the end of a block with `using`. */
  [Symbol.dispose as never](): void {
    this.close();
  }
}
