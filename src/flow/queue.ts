/**
 * Queues between producers and consumers: first in first out, last in first out, or by priority.
 *
 * @example One producer, two consumers
 * ```ts
 * import { gather, Queue } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new Queue<number>(2);
 * const squares: number[] = [];
 * const use = async () => {
 *   for await (const n of queue) squares.push(n * n);
 * };
 * await gather([use, use, async () => {
 *   for (let n = 1; n <= 4; n++) await queue.put(n);
 *   queue.shutdown();
 * }]);
 * assertEquals(squares.toSorted((a, b) => a - b), [1, 4, 9, 16]);
 * ```
 *
 * @module
 */

import { orReject } from "../core/foreign.ts";
import { currentScope } from "../core/ambient.ts";
import { printAsText } from "../core/inspect.ts";
import { checkCount, checkFlag, checkFunction, checkOptions, checkWait } from "../core/validate.ts";
import { beginWait, enqueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { Heap, Stack } from "./buffers.ts";
import { QueueCore } from "./queue_core.ts";
import { QueueShutDownError } from "./queue_error.ts";

export { QueueShutDownError, type WaitOptions };

/**
 * Passes items from producers to consumers, first in, first out: `put` waits while the queue is full, and `get` waits
 * while it is empty.
 *
 * - **Order**: Items leave in the order in which they were put, and waiters are served in order of arrival. No
 *   newcomer, `tryPut` or `tryGet` takes what was handed to a waiter.
 * - **Cancellation**: An aborted `put` has put nothing, and an aborted `get` has taken nothing. An item that was handed
 *   over in the same turn counts as delivered.
 * - **Cost**: O(1) for each item. A call that need not wait allocates a promise and lets no IO through, so put
 *   `await yieldNow({ budget: 10 })` into a loop of many.
 *
 * @typeParam T The type of the items; `undefined` may be an item.
 *
 * @example Wait until everything is done
 * ```ts
 * import { Queue, TaskGroup } from "@weft/async";
 *
 * const queue = new Queue<string>();
 * await TaskGroup.run(async (group) => {
 *   for (let i = 0; i < 3; i++) {
 *     group.createTask(async () => {
 *       for await (const name of queue) {
 *         console.log(name);
 *         queue.taskDone();
 *       }
 *     });
 *   }
 *   for (const name of ["a", "b", "c", "d"]) queue.tryPut(name);
 *   await queue.join();
 *   queue.shutdown();
 * });
 * ```
 *
 * @see asyncio.Queue of Python 3.14: maxsize 0 there is Infinity here; put_nowait and get_nowait are tryPut and tryGet,
 * which return instead of throwing. To close one side only, or to pass items without a buffer, use a channel.
 *
 * @category Pass on
 */
export class Queue<T> implements AsyncIterable<T> {
  static readonly #printed: void = /* @__PURE__ */ printAsText(Queue);
  // Private, but not `#private`, for the subclasses.
  private readonly core: QueueCore<T>;

  /**
   * Makes an empty queue.
   *
   * @param maxSize The largest number of items: a whole number of at least 1, or `Infinity`.
   * @throws {RangeError} If `maxSize` is less than 1, fractional or NaN.
   */
  constructor(maxSize = Infinity) {
    checkCount(`create ${new.target.name}`, "maxSize", maxSize, 1, true);
    this.core = new QueueCore<T>(maxSize);
  }

  /** The largest number of items. */
  get maxSize(): number {
    return this.core.maxSize;
  }

  /** The number of items. */
  get size(): number {
    return this.core.buffer.size;
  }

  /** Whether the queue has no item. */
  get empty(): boolean {
    return this.core.buffer.size === 0;
  }

  /** Whether the queue has no room. */
  get full(): boolean {
    return this.core.full;
  }

  /** The number of waiting `put` calls. */
  get putting(): number {
    return this.core.putters.size;
  }

  /** The number of waiting `get` calls and iterators. */
  get getting(): number {
    return this.core.getters.size;
  }

  /** The number of items that were put and for which `taskDone` was not called yet. `join` waits for them. */
  get unfinished(): number {
    return this.core.unfinished;
  }

  /** Whether `shutdown` was called. */
  get isShutDown(): boolean {
    return this.core.isShutDown;
  }

  /**
   * Puts an item, and waits for room if necessary.
   *
   * @param item The item.
   * @param options Its signal.
   * @throws The reason of an abort; then nothing was put.
   * @throws {QueueShutDownError} If the queue is shut down, now or before there is room.
   */
  put(item: T, options?: WaitOptions): Promise<void> {
    try {
      const signal = checkWait("put item", options);
      return this.core.put(item, currentScope(), signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Takes the next item, and waits for one if necessary. An item that is a promise is awaited, like any result of an
   * async function; `tryGet` and the iterator return it as it is.
   *
   * To give up waiting, use the signal or `moveOnAfter`. In a `Promise.race`, a `get` that lost still takes the next
   * item, which is then lost.
   *
   * @param options Its signal.
   * @returns The item.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {QueueShutDownError} If the queue is shut down and empty, now or before there is an item.
   */
  get(options?: WaitOptions): Promise<T> {
    try {
      const signal = checkWait("get item", options);
      return this.core.get(currentScope(), signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Puts an item if there is room.
   *
   * @param item The item.
   * @returns False if the queue is full.
   * @throws {QueueShutDownError} If the queue is shut down.
   */
  tryPut(item: T): boolean {
    return this.core.offer(item);
  }

  /**
   * Takes the next item if there is one.
   *
   * @returns An object with the item, because `undefined` may be an item; or `undefined` if there is none.
   * @throws {QueueShutDownError} If the queue is shut down and empty, so that there will never be an item.
   *
   * @example Take an item without waiting
   * ```ts
   * import { Queue } from "@weft/async";
   * import { assertEquals } from "@std/assert";
   *
   * const queue = new Queue<number | undefined>();
   * queue.tryPut(undefined);
   * assertEquals(queue.tryGet(), { value: undefined });
   * assertEquals(queue.tryGet(), undefined);
   * ```
   */
  tryGet(): { value: T } | undefined {
    return this.core.mustWait() ? undefined : { value: this.core.take() };
  }

  /**
   * Reports that the work on an item that was taken is done.
   *
   * @throws {InvalidStateError} If it was already called once for each item that was put; then nothing changes.
   */
  taskDone(): void {
    this.core.finish(1);
  }

  /**
   * Waits until `taskDone` was called for each item, including items that are put meanwhile.
   *
   * @param options Its signal.
   * @throws The reason of an abort.
   */
  join(options?: WaitOptions): Promise<void> {
    const { core } = this;
    return beginWait(
      "join queue",
      options,
      (scope, signal) => core.unfinished === 0 ? Promise.resolve() : enqueue(core.joiners, null, scope, signal),
    );
  }

  /**
   * Shuts the queue down. Waiting and later `put` calls reject. The items in the queue can still be taken; after them,
   * `get` rejects and iterators end. A second call does nothing more, except that it may be `immediate`.
   *
   * @param options `immediate: true` drops the items in the queue; `join` then waits only for the items that were taken.
   *
   * @see asyncio.Queue.shutdown of Python 3.14.
   */
  shutdown(options?: { readonly immediate?: boolean | undefined }): void {
    checkOptions("shut down queue", options);
    const immediate = options?.immediate;
    checkFlag("shut down queue", "immediate", immediate);
    this.core.shutdown(immediate === true);
  }

  /** Takes items until the queue is shut down and empty. With several iterators, each item goes to one of them. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return this.values();
  }

  /**
   * Returns an iterator that takes items until the queue is shut down and empty.
   *
   * - **Cancellation**: `next` rejects with the reason; the item stays in the queue.
   *
   * @param options The signal of its waits.
   * @returns An iterator whose `next` waits as `get` does.
   */
  values(options?: WaitOptions): AsyncIterableIterator<T, undefined> {
    const signal = checkWait("iterate queue", options);
    const iterator: AsyncIterableIterator<T, undefined> = {
      next: () => orReject(() => this.core.next(currentScope(), signal)),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Shows the number of items and of waiters. */
  toString(): string {
    const { size, maxSize, unfinished, putting, getting } = this;
    const state = `size: ${size}, maxSize: ${maxSize}, unfinished: ${unfinished}`;
    return `${this.constructor.name} { ${state}, putting: ${putting}, getting: ${getting} }`;
  }
}

/**
 * Passes items from producers to consumers, last in, first out; otherwise a {@linkcode Queue}.
 *
 * @typeParam T The type of the items.
 *
 * @example Newest first
 * ```ts
 * import { LifoQueue } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new LifoQueue<string>();
 * for (const item of ["old", "new"]) queue.tryPut(item);
 * assertEquals(await queue.get(), "new");
 * ```
 *
 * @see asyncio.LifoQueue of Python 3.14.
 * @category Pass on
 */
export class LifoQueue<T> extends Queue<T> {
  /**
   * Makes an empty queue.
   *
   * @param maxSize The largest number of items: a whole number of at least 1, or `Infinity`.
   * @throws {RangeError} If `maxSize` is less than 1, fractional or NaN.
   */
  constructor(maxSize = Infinity) {
    super(maxSize);
    this["core"].buffer = new Stack<T>();
  }
}

/**
 * Passes items from producers to consumers, least first; otherwise a {@linkcode Queue}.
 *
 * - **Order**: The item that `compare` sorts first leaves first; equal items leave in order of arrival. Callers that
 *   wait for room are admitted in order of arrival, whatever their items.
 * - **Failure**: If `compare` throws, the call that needed the comparison throws the same error, and nothing has
 *   changed.
 * - **Cost**: O(log n) for each item.
 *
 * @typeParam T The type of the items.
 *
 * @example Earliest due date first
 * ```ts
 * import { PriorityQueue } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const jobs = new PriorityQueue<{ name: string; at: number }>({
 *   compare: (a, b) => a.at - b.at,
 * });
 * jobs.tryPut({ name: "later", at: 20 });
 * jobs.tryPut({ name: "sooner", at: 10 });
 * assertEquals((await jobs.get()).name, "sooner");
 * ```
 *
 * @see asyncio.PriorityQueue of Python 3.14: it compares the items themselves, and equals leave in any order.
 * @category Pass on
 */
export class PriorityQueue<T> extends Queue<T> {
  /**
   * Makes an empty queue.
   *
   * @param options How to compare items, and the largest number of items.
   * @throws {RangeError} If `maxSize` is less than 1, fractional or NaN.
   */
  constructor(options: {
    /**
     * Compares two items as for `Array.prototype.sort`: returns a negative number if `a` leaves first. It has no default,
     * because `<` compares arrays, and most objects, as strings.
     */
    compare: (a: T, b: T) => number;
    /**
     * The largest number of items: a whole number of at least 1, or `Infinity`.
     *
     * @default {Infinity}
     */
    maxSize?: number | undefined;
  }) {
    checkOptions("create PriorityQueue", options);
    const { compare, maxSize } = Object(options) as typeof options;
    checkFunction("create PriorityQueue", "compare", compare);
    super(maxSize);
    this["core"].buffer = new Heap<T>(compare);
  }
}
