/**
 * The state of a queue: its items, and the callers that wait for an item, for room, or for all work to be done.
 *
 * @module
 */

import { Fifo } from "../core/fifo.ts";
import type { Scope } from "../core/scope.ts";
import { enqueue, refusal, WaitQueue } from "../core/wait_queue.ts";
import { InvalidStateError } from "../errors.ts";
import type { Buffer } from "./buffers.ts";
import { QueueShutDownError } from "./queue_error.ts";

const PUT_REFUSED = "Cannot put item: the queue is shut down";
const GET_REFUSED = "Cannot get item: the queue is shut down and empty";

/** The engine of a `Queue`. */
export class QueueCore<T> {
  readonly maxSize: number;
  /** Decides the order in which items leave. Replaced only while it is empty. */
  buffer: Buffer<T> = new Fifo<T>();
  // Invariant: if a getter waits, the buffer is empty; if a putter waits, it is full. So a caller that finds an item,
  // or room, overtakes no waiter. The payload of a getter is true if it is an iterator.
  readonly getters = new WaitQueue<boolean>();
  readonly putters = new WaitQueue<T>();
  // Invariant: if it is not empty, unfinished > 0.
  readonly joiners = new WaitQueue<null>();
  unfinished = 0;
  isShutDown = false;

  constructor(maxSize: number) {
    this.maxSize = maxSize;
  }

  get full(): boolean {
    return this.buffer.size >= this.maxSize;
  }

  /** Puts the item, or hands it to a waiter. Returns false if the queue is full. */
  offer(item: T): boolean {
    if (this.isShutDown) throw new QueueShutDownError(PUT_REFUSED);
    const getter = this.getters.head();
    if (getter !== null) getter.claim.grant(getter.payload ? { value: item, done: false } : item);
    else if (this.full) return false;
    else this.buffer.push(item);
    this.unfinished++;
    return true;
  }

  /** Puts the item, and waits for room if necessary. May throw. */
  put(item: T, scope: Scope, signal: AbortSignal | undefined): Promise<void> {
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    return this.offer(item) ? Promise.resolve() : enqueue(this.putters, item, scope, signal);
  }

  /** Whether there is no item. Throws if there will never be one. */
  mustWait(): boolean {
    if (this.buffer.size > 0) return false;
    if (this.isShutDown) throw new QueueShutDownError(GET_REFUSED);
    return true;
  }

  /** Takes the next item. The caller has checked that there is one. */
  take(): T {
    const item = this.buffer.shift();
    if (this.putters.size > 0) this.#admit();
    return item;
  }

  /** Takes the next item, and waits for one if necessary. May throw. */
  get(scope: Scope, signal: AbortSignal | undefined): Promise<T> {
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    return this.mustWait() ? enqueue(this.getters, false, scope, signal) : Promise.resolve(this.take());
  }

  /** Takes the next item for a loop, which the shutdown ends. May throw. */
  next(scope: Scope, signal?: AbortSignal): Promise<IteratorResult<T, undefined>> {
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    if (this.buffer.size > 0) return Promise.resolve({ value: this.take(), done: false });
    if (this.isShutDown) return Promise.resolve({ value: undefined, done: true });
    return enqueue(this.getters, true, scope, signal);
  }

  /** Puts the items of the waiting putters while there is room. */
  #admit(): void {
    for (let node = this.putters.head(); node !== null && !this.full; node = this.putters.head()) {
      try {
        this.buffer.push(node.payload);
      } catch (error) {
        // A foreign `compare` threw. This is the putter's failure, not that of the caller that has just made room.
        node.claim.fail(error);
        continue;
      }
      this.unfinished++;
      node.claim.grant(undefined);
    }
  }

  /** Counts items as done. */
  finish(count: number): void {
    if (count > this.unfinished) {
      throw new InvalidStateError("Cannot count a task as done: all items that were put are done");
    }
    this.unfinished -= count;
    if (this.unfinished === 0) this.joiners.grantAll(undefined);
  }

  /** Shuts the queue down. `immediate` drops the items. */
  shutdown(immediate: boolean): void {
    this.isShutDown = true;
    this.putters.failAll(new QueueShutDownError(PUT_REFUSED));
    if (immediate) {
      const dropped = this.buffer.size;
      this.buffer.clear();
      this.finish(dropped);
    }
    const error = new QueueShutDownError(GET_REFUSED);
    for (let node = this.getters.head(); node !== null; node = this.getters.head()) {
      if (node.payload) node.claim.grant({ value: undefined, done: true });
      else node.claim.fail(error);
    }
  }
}
