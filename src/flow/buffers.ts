/**
 * The buffers of queues that are not first in, first out.
 *
 * @module
 */

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

/**
 * Least first: a binary heap. `compare` is foreign code and may throw, so all comparisons are made before any entry
 * moves.
 */
export class Heap<T> implements Buffer<T> {
  readonly #compare: (a: T, b: T) => number;
  // Invariant: no entry sorts before its parent, which is at `parentOf` its index.
  readonly #entries: Entry<T>[] = [];
  #orders = 0;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#entries.length;
  }

  push(item: T): void {
    const entries = this.#entries;
    const entry = { item, order: this.#orders++ };
    let place = entries.length;
    while (place > 0 && this.#before(entry, entries[parentOf(place)]!)) place = parentOf(place);
    // The entries that it passes on its way up move down one level.
    for (let at = entries.length; at > place; at = parentOf(at)) entries[at] = entries[parentOf(at)]!;
    entries[place] = entry;
  }

  shift(): T {
    const entries = this.#entries;
    const last = entries.at(-1)!;
    const place = this.#placeFromTop(last, entries.length - 1);
    entries.pop();
    if (entries.length === 0) return last.item;
    // The entries that it passes on its way down move up one level, and the top leaves the heap.
    let moving = last;
    for (let at = place;; at = parentOf(at)) {
      const passed = entries[at]!;
      entries[at] = moving;
      moving = passed;
      if (at === 0) return moving.item;
    }
  }

  clear(): void {
    this.#entries.length = 0;
  }

  /** The index at which `entry` belongs among the first `length` entries once the top is removed. */
  #placeFromTop(entry: Entry<T>, length: number): number {
    const entries = this.#entries;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= length) return place;
      if (child + 1 < length && this.#before(entries[child + 1]!, entries[child]!)) child++;
      if (!this.#before(entries[child]!, entry)) return place;
      place = child;
    }
  }

  #before(a: Entry<T>, b: Entry<T>): boolean {
    const order = this.#compare(a.item, b.item);
    return order < 0 || (order === 0 && a.order < b.order);
  }
}

function parentOf(index: number): number {
  return (index - 1) >> 1;
}
