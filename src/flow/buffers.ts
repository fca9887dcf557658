/**
 * The buffers of queues that are not first in, first out.
 *
 * @module
 */

import { type Order, popFromHeap, pushToHeap } from "../core/binary_heap.ts";

/** A collection of items that decides in which order they leave; `Fifo` is one too. */
export interface Buffer<T> {
  /** The number of items. */
  readonly size: number;
  /** Adds an item. If it throws, nothing has changed. */
  push(item: T): void;
  /** Removes and returns the next item. The caller has checked the size. If it throws, nothing has changed. */
  shift(): T;
  /** Removes all items. */
  clear(): void;
}

/** Last in, first out. */
export class Stack<T> implements Buffer<T> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T {
    return this.#items.pop() as T;
  }

  clear(): void {
    this.#items.length = 0;
  }
}

interface Entry<T> {
  readonly item: T;
  /** The number of earlier entries, so that equal items leave in order of arrival. */
  readonly order: number;
}

/** Least first, and equal items in order of arrival. */
export class Heap<T> implements Buffer<T> {
  readonly #entries: Entry<T>[] = [];
  readonly #before: Order<Entry<T>>;
  #orders = 0;

  /** @param compare Foreign code, which may throw. */
  constructor(compare: (a: T, b: T) => number) {
    this.#before = (a, b) => {
      const order = compare(a.item, b.item);
      return order < 0 || (order === 0 && a.order < b.order);
    };
  }

  get size(): number {
    return this.#entries.length;
  }

  push(item: T): void {
    pushToHeap(this.#entries, { item, order: this.#orders++ }, this.#before);
  }

  shift(): T {
    return popFromHeap(this.#entries, this.#before).item;
  }

  clear(): void {
    this.#entries.length = 0;
  }
}
