/**
 * Hands values from some parts of a program to others.
 *
 * @example One produces, two consume
 * ```ts
 * import { Channel, gather } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const { sender, receiver } = new Channel<number>(2);
 * const received: number[] = [];
 * const consume = async () => {
 *   for await (const n of receiver) received.push(n);
 * };
 * await gather([
 *   async () => {
 *     using _ = sender; // the loops end when it is closed
 *     for (let n = 0; n < 5; n++) await sender.send(n);
 *   },
 *   consume,
 *   consume,
 * ]);
 * assertEquals(received, [0, 1, 2, 3, 4]);
 * ```
 *
 * @module
 */

import { attachInspect } from "../core/inspect.ts";
import { checkCount } from "../core/validate.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { ChannelCore, ReceiveEnd, SendEnd } from "./channel_core.ts";
import { ChannelClosedError, type ClosedPart } from "./channel_error.ts";
import { Receiver, Receiving } from "./receiver.ts";
import { Sender, Sending } from "./sender.ts";
import { type ChannelStatistics, statisticsOf } from "./statistics.ts";

export { ChannelClosedError, type ChannelStatistics, type ClosedPart, Receiver, Receiving };
export { Sender, Sending, type WaitOptions };

/**
 * Hands values from senders to receivers, with a buffer of limited size between them.
 *
 * Both ends can be cloned, and are closed each by whoever uses it: when all senders are closed and the buffer is empty
 * the channel is at its end, and when all receivers are closed sends reject. With capacity 0 there is no buffer: a
 * `send` ends when a receiver has the value.
 *
 * **Order**: first in, first out; the longest waiting sender and receiver come first, and no newcomer takes what was
 * handed to them. **Cancellation**: an aborted send has sent nothing and an aborted receive taken nothing; a value handed
 * over in the same turn is delivered. **Cost**: each operation is O(1), however many wait; a hand-over lets no IO through,
 * so put `await yieldNow({ budget: 10 })` in a loop of many.
 *
 * @typeParam T The values.
 *
 * @example Many producers, and an end when the last one is done
 * ```ts
 * import { Channel, TaskGroup } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const { sender, receiver } = new Channel<string>(0);
 * const words: string[] = [];
 * await TaskGroup.run(async (group) => {
 *   for (const word of ["warp", "weft"]) {
 *     const clone = sender.clone();
 *     group.createTask(async () => {
 *       using _ = clone;
 *       await clone.send(word);
 *     });
 *   }
 *   sender.close();
 *   for await (const word of receiver) words.push(word);
 * });
 * assertEquals(words, ["warp", "weft"]);
 * ```
 *
 * @see trio.open_memory_channel of trio 0.31: the same; there leaving the loop does not close the receiver either.
 */
export class Channel<T> {
  readonly #core: ChannelCore<T>;
  /** The first of the senders. */
  readonly sender: Sender<T>;
  /** The first of the receivers. */
  readonly receiver: Receiver<T>;

  /**
   * Makes an empty channel with one sender and one receiver.
   *
   * @param capacity How many values the buffer holds: a whole number of zero or more, or `Infinity`.
   * @throws {TypeError} If `capacity` is not a number.
   * @throws {RangeError} If it is negative, fractional or NaN.
   */
  constructor(capacity: number) {
    checkCount("create Channel", "capacity", capacity, 0, true);
    this.#core = new ChannelCore(capacity);
    this.sender = new Sender(new SendEnd(this.#core));
    this.receiver = new Receiver(new ReceiveEnd(this.#core));
  }

  /**
   * Tells what is in the channel, and who is at its ends.
   *
   * @returns Numbers of this moment.
   */
  statistics(): ChannelStatistics {
    return statisticsOf(this.#core);
  }

  /** Shows the buffer, and how many wait at each end. */
  toString(): string {
    const { buffered, capacity, waitingSenders, waitingReceivers } = this.statistics();
    const waiting = `waitingSenders: ${waitingSenders}, waitingReceivers: ${waitingReceivers}`;
    return `Channel { buffered: ${buffered}, capacity: ${capacity}, ${waiting} }`;
  }

  static {
    attachInspect(Channel.prototype);
  }
}
