/** A first-in, first-out buffer of items: an array and the index of its head. */

// Up to this many free places the items are not moved: `splice` is cheap, but not free.
const SPARE = 1024;

/** A buffer of items. */
export class Fifo<T> {
  // Invariant: items before #head have been taken, and are no longer held.
  readonly #items: (T | undefined)[] = [];
  #head = 0;

  /** The number of items. */
  get size(): number {
    return this.#items.length - this.#head;
  }

  /** Puts `item` at the end. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the first item. The caller has checked that there is one. */
  shift(): T {
    const items = this.#items;
    const item = items[this.#head] as T;
    items[this.#head++] = undefined;
    if (this.#head === items.length) this.clear();
    else if (this.#head > SPARE && this.#head * 2 > items.length) {
      items.splice(0, this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** The first item, which stays in the buffer. */
  get first(): T | undefined {
    return this.#items[this.#head];
  }

  /** Returns the place, counted from the first item, of the first one that passes `test`; -1 if there is none. */
  findIndex(test: (item: T) => boolean): number {
    const index = this.#items.findIndex((item, i) => i >= this.#head && test(item as T));
    return index === -1 ? -1 : index - this.#head;
  }

  /** Takes all items from that place on. */
  takeFrom(place: number): T[] {
    const taken = this.#items.splice(this.#head + place) as T[];
    if (this.size === 0) this.clear();
    return taken;
  }

  /** Drops all items. */
  clear(): void {
    this.#items.length = 0;
    this.#head = 0;
  }
}
