/**
 * The state of a semaphore: the permits in use, and the waiters.
 *
 * @module
 */

import type { Scope } from "../core/scope.ts";
import { outOfRange } from "../core/validate.ts";
import { PriorityWaitQueue } from "../core/priority_wait_queue.ts";
import { enqueue, refusal } from "../core/wait_queue.ts";
import { InvalidStateError } from "../errors.ts";
import type { Permit } from "./permit.ts";

/** A permit. It has no base class in common with those of the locks: a derived constructor cost a tenth of a wait. */
class SemaphorePermit {
  #core: SemaphoreCore | null;
  declare readonly weight: number;

  constructor(core: SemaphoreCore, weight: number) {
    this.#core = core;
    this.weight = weight;
  }

  release(): void {
    const core = this.#core;
    if (core === null) return;
    this.#core = null;
    core.release(this.weight);
  }

  [Symbol.dispose as never](): void {
    this.release();
  }
}

interface SemaphorePermit extends Permit {}

/** The engine of a `Semaphore`. */
export class SemaphoreCore {
  capacity: number;
  // Invariant: if there are waiters, capacity - used is less than the weight of the first.
  used = 0;
  readonly queue = new PriorityWaitQueue<number>(() => this.#admit());

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Throws if no number of released permits would be enough for `weight`. */
  checkWeight(weight: number): void {
    // A wait for one permit is allowed even if the capacity is zero: `resize` may add one.
    if (weight > 1 && weight > this.capacity) throw this.#tooHeavy(weight);
  }

  #tooHeavy(weight: number): RangeError {
    return outOfRange("acquire permit", "weight", `at most ${this.capacity}, the number of permits`, weight);
  }

  /** Acquires a permit, and waits for one if necessary. */
  acquire(weight: number, scope: Scope, signal: AbortSignal | undefined, priority = 0): Promise<Permit> {
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    if (this.#fits(weight)) return Promise.resolve(this.#take(weight));
    const wait = enqueue<Permit, number>(this.queue.of(priority), weight, scope, signal);
    // It may fit where the waiter that was first does not.
    if (priority > 0) this.#admit();
    return wait;
  }

  /** Acquires a permit if one is free and there are no waiters. */
  tryAcquire(weight: number): Permit | undefined {
    return this.#fits(weight) ? this.#take(weight) : undefined;
  }

  /** Releases permits, and hands them to the waiters. */
  release(weight: number): void {
    if (weight > this.used) {
      throw new InvalidStateError(`Cannot release permit: only ${this.used} in use, received ${weight}`);
    }
    this.used -= weight;
    if (this.queue.size > 0) this.#admit();
  }

  /** Changes the number of permits. */
  resize(capacity: number): void {
    this.capacity = capacity;
    // Rejects them as a new request would be: left in the queue, they would block all waiters behind them for ever.
    this.queue.failWhere((weight) => weight > 1 && weight > capacity, (weight) => this.#tooHeavy(weight));
    this.#admit();
  }

  #fits(weight: number): boolean {
    return this.queue.size === 0 && this.used + weight <= this.capacity;
  }

  #take(weight: number): SemaphorePermit {
    this.used += weight;
    return new SemaphorePermit(this, weight);
  }

  #admit(): void {
    // The least weight is 1, so a look at the head is vain as long as no permit is free.
    while (this.used < this.capacity) {
      const node = this.queue.head();
      if (node === null || this.used + node.payload > this.capacity) return;
      node.claim.grant(this.#take(node.payload));
    }
  }
}
