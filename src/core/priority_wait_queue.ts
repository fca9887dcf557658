/**
 * Waiters in order of their priority.
 *
 * @module
 */

import { CancelledError } from "../errors.ts";
import { type WaitNode, WaitQueue } from "./wait_queue.ts";

interface Level<P> {
  readonly priority: number;
  readonly queue: WaitQueue<P>;
}

// The number of levels from which on empty ones are dropped.
const MANY = 8;

/** Waiters of several priorities: the highest first, and first in, first out among equals. */
export class PriorityWaitQueue<P> {
  readonly #onCancel: () => void;
  // The waiters without a priority, and whether there has been no other one.
  readonly #plain: WaitQueue<P>;
  #isPlain = true;
  // Invariant: in descending order of priority, each once, and never empty.
  #levels: Level<P>[];

  /** @param onCancel Called after a cancelled wait has left, when another one may be the head. */
  constructor(onCancel: () => void) {
    this.#onCancel = onCancel;
    this.#plain = new WaitQueue<P>(onCancel);
    this.#levels = [{ priority: 0, queue: this.#plain }];
  }

  /** Returns the queue of the waiters with this priority. */
  of(priority: number): WaitQueue<P> {
    if (priority === 0) return this.#plain;
    this.#isPlain = false;
    let levels = this.#levels;
    if (levels.length >= MANY) {
      levels = this.#levels = levels.filter((level) => level.queue.size > 0 || level.queue === this.#plain);
    }
    let low = 0;
    for (let high = levels.length; low < high;) {
      const middle = (low + high) >> 1;
      if (levels[middle]!.priority > priority) low = middle + 1;
      else high = middle;
    }
    const found = levels[low];
    if (found?.priority === priority) return found.queue;
    const queue = new WaitQueue<P>(this.#onCancel);
    levels.splice(low, 0, { priority, queue });
    return queue;
  }

  /** The number of waiters. */
  get size(): number {
    if (this.#isPlain) return this.#plain.size;
    return this.#levels.reduce((size, { queue }) => size + queue.size, 0);
  }

  /** Returns the node to be granted next, or `null`. */
  head(): WaitNode<P> | null {
    if (this.#isPlain) return this.#plain.head();
    for (const { queue } of this.#levels) {
      const node = queue.head();
      if (node !== null) return node;
    }
    return null;
  }

  /** Fails the waits whose payload passes `test`. It examines every node. */
  failWhere(test: (payload: P) => boolean, error: (payload: P) => unknown): void {
    for (const { queue } of this.#levels.slice()) queue.failWhere(test, error);
  }

  /** Rejects all current waits with `reason`, a `CancelledError` by default. */
  rejectAll(reason: unknown = new CancelledError("The waiters were rejected")): void {
    for (const { queue } of this.#levels.slice()) queue.failAll(reason);
  }
}
