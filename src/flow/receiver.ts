/**
 * The end of a channel that values come out of.
 *
 * @module
 */

import { attachDispose } from "../core/dispose.ts";
import { attachInspect } from "../core/inspect.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { LATER, PLAINLY, type ReceiveEnd, STEPWISE, type Told, use } from "./channel_core.ts";
import { type ChannelStatistics, statisticsOf } from "./statistics.ts";
import { readableOf, receiveEndFrom } from "./streams.ts";

/** A receive that has not begun: one of the cases of `select`. Nothing happens before that. */
export class Receiving<T> {
  /** Where to receive. */
  readonly receiver: Receiver<T>;

  /** @internal Use `Receiver.prototype.receiving`. */
  constructor(receiver: Receiver<T>) {
    this.receiver = receiver;
  }
}

/** What select may do with a receiver. */
export let receiveEndOf: <T>(receiver: Receiver<T>) => ReceiveEnd<T>;

const BOXED: Told<unknown> = { ok: (value) => ({ value }), no: PLAINLY.no };

/**
 * The end of a channel that values come out of. Made by `Channel`, and multiplied by
 * {@linkcode Receiver.prototype.clone}: each value goes to one of them.
 *
 * `for await` receives until the end of the channel. Leaving the loop leaves the receiver open; several loops share the
 * values.
 */
export class Receiver<T> implements AsyncIterable<T> {
  readonly #end: ReceiveEnd<T>;

  /** Closes it at the end of a block, for `using`, where the platform has it. */
  declare readonly [Symbol.dispose]: () => void;

  /** @internal Use `Channel`. */
  constructor(end: object) {
    this.#end = end as ReceiveEnd<T>;
  }

  /**
   * Makes a receiver of what a stream gives. It has to be closed, or read to its end: closing it cancels the stream.
   *
   * **Order**: one chunk at most is taken from the stream before it is received. **Failure**: what the stream fails
   * with is what a receive after the last value rejects with. **Cancellation**: an abort of the scope of the call cancels
   * the stream.
   *
   * @typeParam T The chunks.
   * @param readable A stream, which is locked from now on.
   * @returns An open receiver.
   * @throws {TypeError} If `readable` is not a stream.
   * @throws {InvalidStateError} If it is locked.
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

  /** Whether it is closed. Other clones may be open. */
  get closed(): boolean {
    return this.#end.closed;
  }

  /**
   * Receives the next value, and waits for one if need be.
   *
   * **Order**: values come in the order in which they were sent, and go to who waits longest. **Cancellation**: an
   * aborted receive takes nothing; a value that was handed over in the same turn is received. **Cost**: a receive that
   * need not wait allocates a promise. JavaScript awaits a value that is itself a promise; `for await` and `tryReceive`
   * hand it over as it is.
   *
   * @param options Its signal.
   * @returns The value.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {ChannelClosedError} If this receiver is closed, also while it waits; or if all senders are closed and no
   *   value is left.
   * @throws {TypeError} If an option is of the wrong kind.
   */
  receive(options?: WaitOptions): Promise<T> {
    return use(this.#end, PLAINLY, options);
  }

  /**
   * Receives a value if there is one at once. It comes in an object, because a value may be `undefined` too.
   *
   * @returns An object with the value, or `undefined`.
   * @throws {ChannelClosedError} If this receiver is closed; or if all senders are closed and no value is left.
   */
  tryReceive(): { value: T } | undefined {
    const received = this.#end.now(BOXED);
    return received === LATER ? undefined : received as { value: T };
  }

  /**
   * Makes a receive that begins when `select` is called with it.
   *
   * @returns One of the cases of `select`.
   */
  receiving(): Receiving<T> {
    return new Receiving(this);
  }

  /**
   * Makes another receiver of the same channel, for another part of the program to close.
   *
   * @returns An open one.
   * @throws {ChannelClosedError} If this one is closed.
   */
  clone(): Receiver<T> {
    return new Receiver<T>(this.#end.clone());
  }

  /**
   * Closes it: receives that wait through it reject; those of other clones do not. After the last one, sends reject, and
   * what is in the buffer is dropped. Doing it twice does nothing more.
   */
  close(): void {
    this.#end.close();
  }

  /**
   * Makes a stream of the values, which closes this receiver with itself.
   *
   * **Order**: a value is taken only when somebody reads. **Failure**: of the channel is one of the stream.
   * **Cancellation**: an abort of the scope of the call is a failure of the next read; cancelling the stream closes the
   * receiver.
   *
   * @returns A stream that holds no value back.
   *
   * @example From a channel into whatever takes a stream
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
   * Begins a loop that receives until the end of the channel.
   *
   * @returns An iterator whose `next` is a wait like `receive`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return {
      next: () => use(this.#end, STEPWISE as Told<T>, undefined),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * Tells what is in the channel, and who is at its ends.
   *
   * @returns Numbers of this moment.
   */
  statistics(): ChannelStatistics {
    return statisticsOf(this.#end.core);
  }

  /** Shows its state, the buffer and how many wait to receive. */
  toString(): string {
    const { buffered, capacity, waitingReceivers } = this.statistics();
    const state = this.closed ? "closed" : "open";
    return `Receiver { state: ${state}, buffered: ${buffered}, capacity: ${capacity}, waiting: ${waitingReceivers} }`;
  }

  static {
    receiveEndOf = (receiver) => receiver.#end;
    attachDispose(Receiver.prototype, Receiver.prototype.close);
    attachInspect(Receiver.prototype);
  }
}
