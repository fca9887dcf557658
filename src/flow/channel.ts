/**
 * Passes values from one part of a program to another.
 *
 * @example One producer, two consumers
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
 *     using _ = sender; // closing it ends the loops
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

import { printAsText } from "../core/inspect.ts";
import { checkCount } from "../core/validate.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { ChannelCore, ReceiveEnd, SendEnd } from "./channel_core.ts";
import { ChannelClosedError } from "./channel_error.ts";
import { type Disposes, Receiver } from "./receiver.ts";
import type { SelectCase } from "./select_case.ts";
import { Sender } from "./sender.ts";
import { type ChannelStatistics, statisticsOf } from "./statistics.ts";

export { ChannelClosedError, type ChannelStatistics, type Disposes, Receiver, type SelectCase, Sender };
export type { WaitOptions };

/**
 * Passes values from senders to receivers through a buffer of limited size.
 *
 * Both ends can be cloned, and each clone is closed by the code that uses it. When all senders are closed and the
 * buffer is empty, the channel is at its end. When all receivers are closed, sends reject. With capacity 0 there is no
 * buffer: a `send` ends when a receiver has the value.
 *
 * - **Order**: First in, first out. The longest-waiting sender and receiver come first, and no newcomer takes what was
 *   handed to them.
 * - **Cancellation**: An aborted send has sent nothing, and an aborted receive has taken nothing. A value that was
 *   handed over in the same turn counts as delivered.
 * - **Cost**: Each operation is O(1), however many callers wait. A hand-over lets no IO through, so put
 *   `await yieldNow({ budget: 10 })` into a loop of many.
 *
 * @typeParam T The type of the values.
 *
 * @example Many producers: the channel ends with the last one
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
 * @see trio.open_memory_channel of trio 0.31: the same. Leaving the loop does not close the receiver there either.
 * @category Pass on
 */
export class Channel<T> {
  static readonly #printed: void = /* @__PURE__ */ printAsText(Channel);
  readonly #core: ChannelCore<T>;
  /** The first sender. */
  readonly sender: Sender<T>;
  /** The first receiver. */
  readonly receiver: Receiver<T>;

  /**
   * Makes an empty channel with one sender and one receiver.
   *
   * @param capacity The number of values that the buffer can hold: a whole number of zero or more, or `Infinity`.
   * @throws {RangeError} If `capacity` is negative, fractional or NaN.
   */
  constructor(capacity: number) {
    checkCount("create Channel", "capacity", capacity, 0, true);
    this.#core = new ChannelCore(capacity);
    this.sender = new Sender(new SendEnd(this.#core));
    this.receiver = new Receiver(new ReceiveEnd(this.#core));
  }

  /**
   * Returns the current number of buffered values, open ends and waiters.
   *
   * @returns A snapshot.
   */
  statistics(): ChannelStatistics {
    return statisticsOf(this.#core);
  }

  /** Shows the buffer and the number of waiters at each end. */
  toString(): string {
    const { buffered, capacity, waitingSenders, waitingReceivers } = this.statistics();
    const waiting = `waitingSenders: ${waitingSenders}, waitingReceivers: ${waitingReceivers}`;
    return `Channel { buffered: ${buffered}, capacity: ${capacity}, ${waiting} }`;
  }
}
