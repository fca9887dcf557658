/** First in, first out, of items that nobody waits for: an array and the index of its head. */

// Below this nothing is moved: `splice` is cheap, but not free.
const SPARE = 1024;

/** A buffer of items. */
export class Fifo<T> {
  // Invariant: what is before #head has been taken, and is no longer held.
  readonly #items: (T | undefined)[] = [];
  #head = 0;

  /** How many there are. */
  get size(): number {
    return this.#items.length - this.#head;
  }

  /** Puts `item` at the end. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the first. The caller has looked at the size. */
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

  /** The first, which stays where it is. */
  get first(): T | undefined {
    return this.#items[this.#head];
  }

  /** At which place, counted from the first, one is of which `test` holds; -1 when there is none. */
  findIndex(test: (item: T) => boolean): number {
    const index = this.#items.findIndex((item, i) => i >= this.#head && test(item as T));
    return index === -1 ? -1 : index - this.#head;
  }

  /** Takes all from that place on. */
  takeFrom(place: number): T[] {
    const taken = this.#items.splice(this.#head + place) as T[];
    if (this.size === 0) this.clear();
    return taken;
  }

  /** Lets go of all. */
  clear(): void {
    this.#items.length = 0;
    this.#head = 0;
  }
}
