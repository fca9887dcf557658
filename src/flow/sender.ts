/**
 * The end of a channel that values go into.
 *
 * @module
 */

import { attachDispose } from "../core/dispose.ts";
import { attachInspect } from "../core/inspect.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { LATER, PLAINLY, type SendEnd, use } from "./channel_core.ts";
import { type ChannelStatistics, statisticsOf } from "./statistics.ts";
import { writableOf } from "./streams.ts";

/** A send that has not begun: one of the cases of `select`. Nothing happens before that. */
export class Sending<T> {
  /** Where to send. */
  readonly sender: Sender<T>;
  /** What to send. */
  readonly value: T;

  /** @internal Use `Sender.prototype.sending`. */
  constructor(sender: Sender<T>, value: T) {
    this.sender = sender;
    this.value = value;
  }
}

/** What select may do with a sender. */
export let sendEndOf: <T>(sender: Sender<T>) => SendEnd<T>;

/** The end of a channel that values go into. Made by `Channel`, and multiplied by {@linkcode Sender.prototype.clone}. */
export class Sender<T> {
  readonly #end: SendEnd<T>;

  /** Closes it at the end of a block, for `using`, where the platform has it. */
  declare readonly [Symbol.dispose]: () => void;

  /** @internal Use `Channel`. */
  constructor(end: object) {
    this.#end = end as SendEnd<T>;
  }

  /** Whether it is closed. Other clones may be open. */
  get closed(): boolean {
    return this.#end.closed;
  }

  /**
   * Sends a value, and waits for a place if need be: in the buffer or, with capacity 0, in the hands of a receiver.
   *
   * **Order**: values arrive in the order of the calls, those that have to wait included. **Cancellation**: an aborted
   * send has sent nothing; a value that was taken in the same turn counts as sent. **Cost**: a send that need not wait
   * allocates a promise.
   *
   * @param value What to send.
   * @param options Its signal.
   * @throws The reason of an abort; then nothing was sent.
   * @throws {ChannelClosedError} If this sender is closed, or all receivers are, also while it waits.
   * @throws {TypeError} If an option is of the wrong kind.
   */
  send(value: T, options?: WaitOptions): Promise<void> {
    return use(this.#end, PLAINLY, options, value);
  }

  /**
   * Sends a value if there is a place for it at once.
   *
   * @param value What to send.
   * @returns Whether it was sent.
   * @throws {ChannelClosedError} If this sender is closed, or all receivers are.
   */
  trySend(value: T): boolean {
    return this.#end.now(PLAINLY, value) !== LATER;
  }

  /**
   * Makes a send that begins when `select` is called with it.
   *
   * @param value What to send.
   * @returns One of the cases of `select`.
   */
  sending(value: T): Sending<T> {
    return new Sending(this, value);
  }

  /**
   * Makes another sender of the same channel, for another part of the program to close. The channel ends when all are
   * closed.
   *
   * @returns An open one.
   * @throws {ChannelClosedError} If this one is closed.
   */
  clone(): Sender<T> {
    return new Sender<T>(this.#end.clone());
  }

  /**
   * Closes it: sends that wait through it reject; those of other clones do not. After the last one, receivers get what
   * is in the buffer, and then the end. Doing it twice does nothing more.
   */
  close(): void {
    this.#end.close();
  }

  /**
   * Makes a stream of what to send, which closes this sender with itself.
   *
   * **Order**: a write ends when the value has a place, so that the stream's back-pressure is the channel's.
   * **Failure**: when the stream is aborted, receivers get the reason after the last value, in place of the end. When all
   * receivers are closed it fails, and a pipe into it with it. **Cancellation**: an abort of the scope of the call aborts
   * it.
   *
   * @returns A stream that holds one value on its way.
   *
   * @example From a file into a channel, a chunk at a time
   * ```ts
   * import { Channel, gather } from "@weft/async";
   *
   * const { sender, receiver } = new Channel<Uint8Array>(0);
   * let bytes = 0;
   * await gather([
   *   async (signal) => (await Deno.open("deno.json")).readable.pipeTo(sender.toWritable(), { signal }),
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
   * Tells what is in the channel, and who is at its ends.
   *
   * @returns Numbers of this moment.
   */
  statistics(): ChannelStatistics {
    return statisticsOf(this.#end.core);
  }

  /** Shows its state, the buffer and how many wait to send. */
  toString(): string {
    const { buffered, capacity, waitingSenders } = this.statistics();
    const state = this.closed ? "closed" : "open";
    return `Sender { state: ${state}, buffered: ${buffered}, capacity: ${capacity}, waiting: ${waitingSenders} }`;
  }

  static {
    sendEndOf = (sender) => sender.#end;
    attachDispose(Sender.prototype, Sender.prototype.close);
    attachInspect(Sender.prototype);
  }
}
