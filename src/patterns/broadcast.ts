/**
 * Values for many subscribers.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import type { Disposes } from "../core/dispose.ts";
import { orReject } from "../core/foreign.ts";
import { printAsText } from "../core/inspect.ts";
import { checkCount, checkWait, readOptions, wrongKind } from "../core/validate.ts";
import { asWait, type WaitOptions } from "../core/wait_queue.ts";
import { InvalidStateError } from "../errors.ts";
import { Channel } from "../flow/channel.ts";
import { AsyncEvent } from "../sync/async_event.ts";
import { Lock } from "../sync/lock.ts";

export type { Disposes, WaitOptions };

/** Options of {@linkcode Broadcast}. */
export interface BroadcastOptions {
  /**
   * The number of values that a subscriber may have to catch up with.
   *
   * @default {16}
   */
  capacity?: number | undefined;
  /**
   * The rule for a subscriber that is so far behind: `"wait"` makes `send` wait for it, `"dropOldest"` drops the oldest
   * value that it has not received, and `"fail"` ends its subscription with a {@linkcode BroadcastOverflowError}.
   *
   * @default {"wait"}
   */
  overflow?: "wait" | "dropOldest" | "fail" | undefined;
}

/**
 * Reports to a subscriber that it was too slow.
 *
 * @example The rule "fail"
 * ```ts
 * import { Broadcast, BroadcastOverflowError } from "@weft/async/patterns";
 * import { assertRejects } from "@std/assert";
 *
 * const news = new Broadcast<string>({ capacity: 1, overflow: "fail" });
 * const slow = news.subscribe();
 * await news.send("one");
 * await news.send("two");
 * await slow.receive(); // "one"
 * await assertRejects(() => slow.receive(), BroadcastOverflowError);
 * ```
 */
export class BroadcastOverflowError extends Error {
  /** `"BroadcastOverflowError"`. */
  override readonly name = "BroadcastOverflowError";

  /**
   * Makes the error.
   *
   * @param capacity The capacity of the broadcast.
   */
  constructor(capacity: number) {
    super(`The subscriber was more than ${capacity} values behind`);
  }
}

/** The values of a {@linkcode Broadcast} since one call of `subscribe`. */
export interface Subscription<T> extends AsyncIterable<T, undefined>, Disposes<"dispose"> {
  /** The number of values that were dropped because this subscriber was too slow. */
  readonly dropped: number;
  /**
   * Waits for the next value.
   *
   * @param options The signal of the wait.
   * @returns The value.
   * @throws {ChannelClosedError} If the broadcast or the subscription is closed, and all its values are received.
   */
  receive(options?: WaitOptions): Promise<T>;
  /** Ends the subscription, as the end of a block with `using` does. */
  close(): void;
}

class Subscriber<T> {
  readonly #channel: Channel<T>;
  readonly #left: (subscriber: Subscriber<T>) => void;
  readonly #received: () => void;
  dropped = 0;

  constructor(capacity: number, received: () => void, left: (subscriber: Subscriber<T>) => void) {
    this.#channel = new Channel<T>(capacity);
    this.#received = received;
    this.#left = left;
  }

  get full(): boolean {
    const { buffered, capacity, waitingReceivers } = this.#channel.statistics();
    return buffered >= capacity && waitingReceivers === 0;
  }

  push(value: T): void {
    this.#channel.sender.trySend(value);
  }

  dropOldest(): void {
    if (this.#channel.receiver.tryReceive() !== undefined) this.dropped++;
  }

  end(reason?: unknown): void {
    this.#channel.sender.close(reason);
  }

  async receive(options?: WaitOptions): Promise<T> {
    const value = await this.#channel.receiver.receive(options);
    this.#received();
    return value;
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    const values = this.#channel.receiver.values();
    const next = async () => {
      const step = await values.next();
      if (step.done !== true) this.#received();
      return step;
    };
    return {
      next: () => asWait(currentScope(), undefined, next()),
      return: () => {
        this.close();
        return Promise.resolve({ value: undefined, done: true });
      },
    };
  }

  close(): void {
    this.#channel.receiver.close();
    this.#left(this);
  }

  [Symbol.dispose as never](): void {
    this.close();
  }
}

interface Subscriber<T> extends Subscription<T> {}

/**
 * Sends each value to every subscriber.
 *
 * - **Order**: all subscribers get the values in the order of the calls of `send`, each from its subscription on.
 * - **Cancellation**: a cancelled `send` has sent the value to no subscriber; a cancelled `receive` has received nothing.
 *
 * @typeParam T The type of the values.
 *
 * @example Two subscribers
 * ```ts
 * import { Broadcast } from "@weft/async/patterns";
 * import { assertEquals } from "@std/assert";
 *
 * const news = new Broadcast<string>();
 * const [a, b] = [news.subscribe(), news.subscribe()];
 * await news.send("first");
 * news.close();
 * const all = async (values: AsyncIterable<string>) => {
 *   const list: string[] = [];
 *   for await (const value of values) list.push(value);
 *   return list;
 * };
 * assertEquals([await all(a), await all(b)], [["first"], ["first"]]);
 * ```
 *
 * @see tokio::sync::broadcast of tokio 1: its senders never wait, as with "dropOldest".
 */
export class Broadcast<T> {
  static readonly #printed: void = /* @__PURE__ */ printAsText(Broadcast);
  readonly #capacity: number;
  readonly #overflow: "wait" | "dropOldest" | "fail";
  readonly #subscribers = new Set<Subscriber<T>>();
  // Senders that wait take turns, so that the order is the same for all subscribers.
  readonly #turn = new Lock();
  readonly #room = new AsyncEvent();
  #end: { reason: unknown } | null = null;

  /**
   * Makes a broadcast without subscribers.
   *
   * @param options Capacity and overflow.
   * @throws {RangeError} If `capacity` is not a whole number of at least 1.
   */
  constructor(options?: BroadcastOptions) {
    const action = "create Broadcast";
    const { capacity = 16, overflow = "wait" } = readOptions<BroadcastOptions>(action, options, [
      "capacity",
      "overflow",
    ]) ?? {};
    checkCount(action, "capacity", capacity, 1, false);
    if (!["wait", "dropOldest", "fail"].includes(overflow)) {
      throw wrongKind(action, "overflow", '"wait", "dropOldest" or "fail"', overflow);
    }
    this.#capacity = capacity;
    this.#overflow = overflow;
  }

  /** The number of subscribers. */
  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** Whether it is closed. */
  get closed(): boolean {
    return this.#end !== null;
  }

  /**
   * Starts a subscription, which gets the values that are sent from now on. That of a closed broadcast has ended.
   *
   * @returns The subscription. Close it, or read it to its end: it keeps up to `capacity` values.
   */
  subscribe(): Subscription<T> {
    const subscriber = new Subscriber<T>(this.#capacity, () => this.#room.set(), (one) => {
      this.#subscribers.delete(one);
      this.#room.set();
    });
    if (this.#end !== null) subscriber.end(this.#end.reason);
    else this.#subscribers.add(subscriber);
    return subscriber;
  }

  /**
   * Sends a value to all current subscribers. With overflow `"wait"`, waits until each of them has room.
   *
   * @param value The value.
   * @param options The signal of the wait.
   * @throws {InvalidStateError} If the broadcast is closed, now or during the wait.
   */
  send(value: T, options?: WaitOptions): Promise<void> {
    return orReject(() => {
      const signal = checkWait("send", options);
      return asWait(currentScope(), signal, this.#send(value, signal));
    });
  }

  async #send(value: T, signal: AbortSignal | undefined): Promise<void> {
    const turn = await this.#turn.acquire({ signal });
    try {
      this.#checkOpen();
      if (this.#overflow === "wait") await this.#untilAllHaveRoom(signal);
      for (const subscriber of this.#subscribers) {
        if (!subscriber.full || this.#relieve(subscriber)) subscriber.push(value);
      }
    } finally {
      turn.release();
    }
  }

  async #untilAllHaveRoom(signal: AbortSignal | undefined): Promise<void> {
    while ([...this.#subscribers].some((subscriber) => subscriber.full)) {
      this.#room.clear();
      await this.#room.wait({ signal });
      this.#checkOpen();
    }
  }

  /** Applies the rule to a subscriber that is too slow. Returns whether it gets the value. */
  #relieve(subscriber: Subscriber<T>): boolean {
    if (this.#overflow === "dropOldest") {
      subscriber.dropOldest();
      return true;
    }
    this.#subscribers.delete(subscriber);
    subscriber.end(new BroadcastOverflowError(this.#capacity));
    return false;
  }

  #checkOpen(): void {
    if (this.#end !== null) throw new InvalidStateError("Cannot send: the Broadcast is closed");
  }

  /**
   * Ends the broadcast. Subscribers get the values that they have not received, and then the end. A second call does
   * nothing.
   *
   * @param reason The error that subscribers get instead of the end. `undefined` is no error.
   */
  close(reason?: unknown): void {
    if (this.#end !== null) return;
    this.#end = { reason };
    for (const subscriber of this.#subscribers) subscriber.end(reason);
    this.#subscribers.clear();
    this.#room.set();
  }

  /** Shows the number of subscribers, and the state. */
  toString(): string {
    return `Broadcast { subscribers: ${this.subscribers}, closed: ${this.closed} }`;
  }
}
