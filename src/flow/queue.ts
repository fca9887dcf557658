/**
 * Queues between those who make items and those who use them: first in first out, last in first out, or by priority.
 *
 * @example One makes, two use
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

import { currentScope } from "../core/ambient.ts";
import { InvalidStateError } from "../core/errors.ts";
import { attachInspect } from "../core/inspect.ts";
import { checkCount, checkFlag, checkFunction, checkOptions, checkWait } from "../core/validate.ts";
import { beginWait, enqueue, refusal, WaitQueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { type Buffer, Heap, Stack } from "./buffers.ts";
import { Fifo } from "../core/fifo.ts";

export type { WaitOptions };

/** Options of {@linkcode Queue.prototype.shutdown}. */
export interface ShutdownOptions {
  /**
   * Drops what is in the queue, instead of letting it be taken first.
   *
   * @default {false}
   */
  immediate?: boolean | undefined;
}

/** Options of {@linkcode PriorityQueue}. */
export interface PriorityQueueOptions<T> {
  /**
   * Says which of two items leaves first, as for `Array.prototype.sort`: negative when it is `a`. There is none by
   * default: `<` compares arrays, and most objects, as strings.
   */
  compare: (a: T, b: T) => number;
  /**
   * How many items there may be: a whole number of at least 1, or `Infinity`.
   *
   * @default {Infinity}
   */
  maxSize?: number | undefined;
}

/**
 * The queue is shut down: nothing can be put any more, or there is nothing left to get.
 *
 * @example Recognise it
 * ```ts
 * import { Queue, QueueShutDownError } from "@weft/async";
 * import { assertRejects } from "@std/assert";
 *
 * const queue = new Queue<string>();
 * queue.shutdown();
 * await assertRejects(() => queue.get(), QueueShutDownError);
 * ```
 *
 * @see asyncio.QueueShutDown of Python 3.14.
 */
export class QueueShutDownError extends Error {
  /** `"QueueShutDownError"`. */
  override readonly name = "QueueShutDownError";
}

const PUT_REFUSED = "Cannot put item: the queue is shut down";
const GET_REFUSED = "Cannot get item: the queue is shut down and empty";

// Set by the static block of Queue: what a subclass may do with one.
let setBuffer: <T>(queue: Queue<T>, buffer: Buffer<T>) => void;

/**
 * A queue with room for a number of items: who puts waits while it is full, who gets waits while it is empty.
 *
 * **Order**: first in, first out; so are those who wait, and neither a newcomer nor `tryPut` and `tryGet` take what was
 * handed to one of them. **Cancellation**: an aborted `put` has put nothing, an aborted `get` has taken nothing; what was
 * handed over in the same turn counts as delivered. **Cost**: O(1) for each item; one that need not wait allocates a
 * promise, and lets no IO through: in a loop of many such put `await yieldNow({ budget: 10 })`.
 *
 * @typeParam T The items; `undefined` may be one.
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
 * @see asyncio.Queue of Python 3.14: `maxsize=0` there is `Infinity` here, `put_nowait` and `get_nowait` are `tryPut` and
 * `tryGet`, which return instead of throwing. To close one side only, or to meet without a buffer, see a channel.
 */
export class Queue<T> implements AsyncIterable<T> {
  /** How many items there may be. */
  readonly maxSize: number;
  #buffer: Buffer<T> = new Fifo<T>();
  // Invariant: somebody waits to get ⇒ the buffer is empty; somebody waits to put ⇒ it is full. So whoever finds an
  // item, or room, takes it from nobody. The payload says whether it is an iterator that waits.
  readonly #getters = new WaitQueue<boolean>();
  readonly #putters = new WaitQueue<T>();
  // Invariant: not empty ⇒ #unfinished > 0.
  readonly #joiners = new WaitQueue<null>();
  #unfinished = 0;
  #isShutDown = false;

  /**
   * Makes an empty queue.
   *
   * @param maxSize How many items there may be: a whole number of at least 1, or `Infinity`.
   * @throws {TypeError} If `maxSize` is not a number.
   * @throws {RangeError} If it is less than 1, fractional or NaN.
   */
  constructor(maxSize = Infinity) {
    checkCount(`create ${new.target.name}`, "maxSize", maxSize, 1, true);
    this.maxSize = maxSize;
  }

  /** How many items there are. */
  get size(): number {
    return this.#buffer.size;
  }

  /** Whether there is no item. */
  get empty(): boolean {
    return this.#buffer.size === 0;
  }

  /** Whether there is no room. */
  get full(): boolean {
    return this.#buffer.size >= this.maxSize;
  }

  /** How many wait to put. */
  get putting(): number {
    return this.#putters.size;
  }

  /** How many wait to get. */
  get getting(): number {
    return this.#getters.size;
  }

  /** How many items were put for which `taskDone` was not called: what `join` waits for. */
  get unfinished(): number {
    return this.#unfinished;
  }

  /** Whether `shutdown` was called. */
  get isShutDown(): boolean {
    return this.#isShutDown;
  }

  /**
   * Puts an item, and waits for room if need be.
   *
   * @param item The item.
   * @param options Its signal.
   * @throws The reason of an abort; then nothing was put.
   * @throws {QueueShutDownError} If the queue is shut down, or will be before there is room.
   * @throws {TypeError} If an option is of the wrong kind.
   */
  put(item: T, options?: WaitOptions): Promise<void> {
    try {
      const signal = checkWait("put item", options);
      const scope = currentScope();
      const refused = refusal(scope, signal);
      if (refused !== null) return refused;
      if (this.#offer(item)) return Promise.resolve();
      return enqueue(this.#putters, item, scope, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Takes the next item, and waits for one if need be. One that is a promise is awaited, as everything that an async
   * function returns; `tryGet` and the iterator return it as it is.
   *
   * To give up waiting use the signal or `moveOnAfter`: in a `Promise.race` the wait that has lost takes the next item,
   * and nobody gets it.
   *
   * @param options Its signal.
   * @returns The item.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {QueueShutDownError} If the queue is shut down and empty, or will be before there is an item.
   * @throws {TypeError} If an option is of the wrong kind.
   */
  get(options?: WaitOptions): Promise<T> {
    try {
      const signal = checkWait("get item", options);
      const scope = currentScope();
      const refused = refusal(scope, signal);
      if (refused !== null) return refused;
      if (!this.#mustWait()) return Promise.resolve(this.#take());
      return enqueue(this.#getters, false, scope, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Puts an item if there is room.
   *
   * @param item The item.
   * @returns False when the queue is full.
   * @throws {QueueShutDownError} If it is shut down.
   */
  tryPut(item: T): boolean {
    return this.#offer(item);
  }

  /**
   * Takes the next item if there is one.
   *
   * @returns The item in an object, because `undefined` may be an item; or `undefined`.
   * @throws {QueueShutDownError} If the queue is shut down and empty: there will never be one.
   *
   * @example Take what is there
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
    return this.#mustWait() ? undefined : { value: this.#take() };
  }

  /**
   * Says that the work on an item that was taken is done.
   *
   * @throws {InvalidStateError} If it was called as often as items were put; then nothing changes.
   */
  taskDone(): void {
    if (this.#unfinished === 0) {
      throw new InvalidStateError("Cannot count a task as done: all items that were put are done");
    }
    this.#finish(1);
  }

  /**
   * Waits until `taskDone` was called for each item that was put, and for those that are put meanwhile.
   *
   * @param options Its signal.
   * @throws The reason of an abort.
   * @throws {TypeError} If an option is of the wrong kind.
   */
  join(options?: WaitOptions): Promise<void> {
    return beginWait(
      "join queue",
      options,
      (scope, signal) => this.#unfinished === 0 ? Promise.resolve() : enqueue(this.#joiners, null, scope, signal),
    );
  }

  /**
   * Lets nothing more in. Who waits to put is refused; what is in the queue can still be taken; then who gets is refused,
   * and iterators end. Doing it twice does nothing more, but the second time may be `immediate`.
   *
   * @param options Whether to drop what is in the queue; `join` then waits only for what was taken.
   * @throws {TypeError} If an option is of the wrong kind.
   *
   * @see asyncio.Queue.shutdown of Python 3.14.
   */
  shutdown(options?: ShutdownOptions): void {
    checkOptions("shut down queue", options);
    checkFlag("shut down queue", "immediate", options?.immediate);
    this.#isShutDown = true;
    this.#putters.failAll(new QueueShutDownError(PUT_REFUSED));
    if (options?.immediate === true) {
      const dropped = this.size;
      this.#buffer.clear();
      this.#finish(dropped);
    }
    this.#refuseGetters();
  }

  /** Takes items until the queue is shut down and empty. Several may iterate: each item goes to one of them. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    const iterator: AsyncIterableIterator<T, undefined> = {
      next: () => this.#next(),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Shows how many items there are and how many wait. */
  toString(): string {
    const { size, maxSize, unfinished, putting, getting } = this;
    const state = `size: ${size}, maxSize: ${maxSize}, unfinished: ${unfinished}`;
    return `${this.constructor.name} { ${state}, putting: ${putting}, getting: ${getting} }`;
  }

  static {
    setBuffer = (queue, buffer) => queue.#buffer = buffer;
    attachInspect(Queue.prototype);
  }

  /** Puts the item, or hands it over, unless the queue is full. */
  #offer(item: T): boolean {
    if (this.#isShutDown) throw new QueueShutDownError(PUT_REFUSED);
    const getter = this.#getters.head();
    if (getter !== null) getter.claim.grant(getter.payload ? { value: item, done: false } : item);
    else if (this.full) return false;
    else this.#buffer.push(item);
    this.#unfinished++;
    return true;
  }

  #mustWait(): boolean {
    if (!this.empty) return false;
    if (this.#isShutDown) throw new QueueShutDownError(GET_REFUSED);
    return true;
  }

  #take(): T {
    const item = this.#buffer.shift();
    if (this.#putters.size > 0) this.#admit();
    return item;
  }

  /** Puts the items of those who wait, as far as there is room. */
  #admit(): void {
    for (let node = this.#putters.head(); node !== null && !this.full; node = this.#putters.head()) {
      try {
        this.#buffer.push(node.payload);
      } catch (error) {
        // A foreign `compare`. It is the putter's failure, not of who has just made room.
        node.claim.fail(error);
        continue;
      }
      this.#unfinished++;
      node.claim.grant(undefined);
    }
  }

  #finish(count: number): void {
    this.#unfinished -= count;
    if (this.#unfinished === 0) this.#joiners.grantAll(undefined);
  }

  #refuseGetters(): void {
    const error = new QueueShutDownError(GET_REFUSED);
    for (let node = this.#getters.head(); node !== null; node = this.#getters.head()) {
      if (node.payload) node.claim.grant({ value: undefined, done: true });
      else node.claim.fail(error);
    }
  }

  #next(): Promise<IteratorResult<T, undefined>> {
    const scope = currentScope();
    const refused = refusal(scope);
    if (refused !== null) return refused;
    if (!this.empty) {
      try {
        return Promise.resolve({ value: this.#take(), done: false });
      } catch (error) {
        return Promise.reject(error);
      }
    }
    if (this.#isShutDown) return Promise.resolve({ value: undefined, done: true });
    return enqueue(this.#getters, true, scope);
  }
}

/**
 * A queue from which the item that was put last leaves first; otherwise a {@linkcode Queue}.
 *
 * @typeParam T The items.
 *
 * @example The latest first
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
 */
export class LifoQueue<T> extends Queue<T> {
  /**
   * Makes an empty queue.
   *
   * @param maxSize How many items there may be: a whole number of at least 1, or `Infinity`.
   * @throws {TypeError} If `maxSize` is not a number.
   * @throws {RangeError} If it is less than 1, fractional or NaN.
   */
  constructor(maxSize = Infinity) {
    super(maxSize);
    setBuffer(this, new Stack<T>());
  }
}

/**
 * A queue from which the least item leaves first; otherwise a {@linkcode Queue}.
 *
 * **Order**: of what is in the queue the one that `compare` puts first, and of equals the one that came first. Who waits
 * for room is admitted in order of arrival, whatever the item. **Failure**: what `compare` throws, the call that asked
 * for it throws; then nothing has changed. **Cost**: O(log n) for each item.
 *
 * @typeParam T The items.
 *
 * @example What is due first
 * ```ts
 * import { PriorityQueue } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const jobs = new PriorityQueue<{ name: string; at: number }>({ compare: (a, b) => a.at - b.at });
 * jobs.tryPut({ name: "later", at: 20 });
 * jobs.tryPut({ name: "sooner", at: 10 });
 * assertEquals((await jobs.get()).name, "sooner");
 * ```
 *
 * @see asyncio.PriorityQueue of Python 3.14: it compares the items themselves, and equals leave in any order.
 */
export class PriorityQueue<T> extends Queue<T> {
  /**
   * Makes an empty queue.
   *
   * @param options How to compare, and how many items there may be.
   * @throws {TypeError} If `compare` is not a function or `maxSize` not a number.
   * @throws {RangeError} If `maxSize` is less than 1, fractional or NaN.
   */
  constructor(options: PriorityQueueOptions<T>) {
    checkOptions("create PriorityQueue", options);
    const { compare, maxSize } = Object(options) as PriorityQueueOptions<T>;
    checkFunction("create PriorityQueue", "compare", compare);
    super(maxSize);
    setBuffer(this, new Heap<T>(compare));
  }
}
