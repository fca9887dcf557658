/**
 * How much work something makes, counted in steps instead of time: so a test tells linear from quadratic on any machine.
 *
 * A step is what a loop over many takes for one of them: a link put into a ring, taken out or read on a walk around it;
 * a parent read on a walk up the tree; an element that an iterator or a method of an array passes; in a `Map` or `Set`
 * also a deleted one, which the platform's own keep for a while and pass again each time that one iterates from the start.
 */

import { AssertionError } from "@std/assert";
import { Link } from "../../src/core/link.ts";
import { Scope } from "../../src/core/scope.ts";

let steps = 0;

// deno-lint-ignore no-explicit-any -- methods of every kind are replaced
type AnyFunction = (this: any, ...args: any[]) => any;

/** Replaces the method `key` of `target`, and returns what restores it. */
function replace(target: object, key: PropertyKey, make: (original: AnyFunction) => AnyFunction): () => void {
  const descriptor = Object.getOwnPropertyDescriptor(target, key)!;
  Object.defineProperty(target, key, { ...descriptor, value: make(descriptor.value) });
  return () => Object.defineProperty(target, key, descriptor);
}

/** A property that counts how often it is read. */
function countedProperty(key: string): (object: object) => void {
  const hidden = Symbol(key);
  const descriptor: PropertyDescriptor & ThisType<Record<symbol, unknown>> = {
    configurable: true,
    get() {
      steps++;
      return this[hidden];
    },
    set(value) {
      this[hidden] = value;
    },
  };
  return (object) => {
    const record = object as Record<PropertyKey, unknown>;
    if (hidden in record) return;
    record[hidden] = record[key];
    Object.defineProperty(record, key, descriptor);
  };
}

const countNext = countedProperty("next");
const countParent = countedProperty("parent");

/** The methods that pass elements of an array, all of them at the worst. */
const ARRAY_METHODS = [
  ...["concat", "every", "fill", "filter", "find", "findIndex", "findLast", "findLastIndex", "flat", "flatMap"],
  ...["forEach", "includes", "indexOf", "join", "lastIndexOf", "map", "reduce", "reduceRight", "reverse", "shift"],
  ...["slice", "some", "sort", "splice", "toReversed", "toSorted", "toSpliced", "unshift", "with"],
];

const { Map: NativeMap, Set: NativeSet } = globalThis;

/** Which of the keys of a map or set are deleted, as V8 keeps them until it makes the table anew. */
class Table {
  static readonly #DELETED = Symbol("deleted");
  #slots: unknown[] = [];
  readonly #places = new NativeMap<unknown, number>();
  #capacity = 4;

  add(key: unknown): void {
    if (this.#places.has(key)) return;
    if (this.#slots.length === this.#capacity) {
      this.#remake(2 * this.#places.size > this.#capacity ? 2 * this.#capacity : this.#capacity);
    }
    this.#places.set(key, this.#slots.length);
    this.#slots.push(key);
  }

  delete(key: unknown): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    this.#slots[place] = Table.#DELETED;
    if (this.#capacity > 4 && 4 * this.#places.size < this.#capacity) this.#remake(this.#capacity / 2);
  }

  clear(): void {
    this.#places.clear();
    this.#remake(4);
  }

  /** Counts the deleted ones that an iteration from the start passes before it is at the first. */
  passDeleted(): void {
    const slots = this.#slots;
    for (let i = 0; i < slots.length && slots[i] === Table.#DELETED; i++) steps++;
  }

  #remake(capacity: number): void {
    this.#capacity = capacity;
    this.#slots = [...this.#places.keys()];
    this.#slots.forEach((key, place) => this.#places.set(key, place));
  }
}

class CountedMap<K, V> extends NativeMap<K, V> {
  readonly #table = new Table();

  constructor(entries?: Iterable<readonly [K, V]> | null) {
    super();
    for (const [key, value] of entries ?? []) this.set(key, value);
  }

  override set(key: K, value: V): this {
    this.#table.add(key);
    return super.set(key, value);
  }

  override delete(key: K): boolean {
    this.#table.delete(key);
    return super.delete(key);
  }

  override clear(): void {
    this.#table.clear();
    super.clear();
  }

  override entries(): MapIterator<[K, V]> {
    this.#table.passDeleted();
    return super.entries();
  }

  override keys(): MapIterator<K> {
    this.#table.passDeleted();
    return super.keys();
  }

  override values(): MapIterator<V> {
    this.#table.passDeleted();
    return super.values();
  }

  override [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  override forEach(fn: (value: V, key: K, map: Map<K, V>) => void): void {
    this.#table.passDeleted();
    steps += this.size;
    super.forEach(fn);
  }
}

class CountedSet<T> extends NativeSet<T> {
  readonly #table = new Table();

  constructor(values?: Iterable<T> | null) {
    super();
    for (const value of values ?? []) this.add(value);
  }

  override add(value: T): this {
    this.#table.add(value);
    return super.add(value);
  }

  override delete(value: T): boolean {
    this.#table.delete(value);
    return super.delete(value);
  }

  override clear(): void {
    this.#table.clear();
    super.clear();
  }

  override values(): SetIterator<T> {
    this.#table.passDeleted();
    return super.values();
  }

  override keys(): SetIterator<T> {
    return this.values();
  }

  override [Symbol.iterator](): SetIterator<T> {
    return this.values();
  }

  override forEach(fn: (value: T, key: T, set: Set<T>) => void): void {
    this.#table.passDeleted();
    steps += this.size;
    super.forEach(fn);
  }
}

/** Has everything counted, and returns what ends that. */
function instrument(): () => void {
  const restore: (() => void)[] = [];
  restore.push(
    replace(Link.prototype, "insertBefore", (original) =>
      function (place) {
        steps++;
        countNext(this);
        if (this instanceof Scope) countParent(this);
        original.call(this, place);
      }),
    replace(Link.prototype, "unlink", (original) =>
      function () {
        steps++;
        original.call(this);
      }),
  );
  for (const iterator of [[].values(), new NativeMap().keys(), new NativeSet().keys()]) {
    restore.push(replace(Object.getPrototypeOf(iterator), "next", (original) =>
      function () {
        steps++;
        return original.call(this);
      }));
  }
  for (const name of ARRAY_METHODS) {
    restore.push(replace(Array.prototype, name, (original) =>
      function (...args) {
        steps += this.length;
        return original.apply(this, args);
      }));
  }
  Object.assign(globalThis, { Map: CountedMap, Set: CountedSet });
  restore.push(() => Object.assign(globalThis, { Map: NativeMap, Set: NativeSet }));
  return () => restore.forEach((undo) => undo());
}

/** How many steps `work` makes until it has ended. One at a time: it counts what anybody does meanwhile. */
export async function stepsOf(work: () => unknown): Promise<number> {
  steps = 0;
  const restore = instrument();
  try {
    await work();
    return steps;
  } finally {
    restore();
  }
}

/**
 * Asserts that `work` takes steps in proportion to `n`, from `small` up to `large`. A first look at four times `small`
 * fails where the large one would take hours.
 */
export async function assertLinear(
  work: (n: number) => unknown,
  [small, large]: readonly [number, number],
): Promise<void> {
  let least = Infinity;
  const seen: string[] = [];
  for (const n of [small, 4 * small, large]) {
    const taken = await stepsOf(() => work(n));
    seen.push(`${taken} steps for ${n}`);
    if (taken < n) throw new AssertionError(`It is not counted: ${seen.join(", ")}`);
    // What is done once, however many there are, counts less and less.
    if (taken / n > 2 * least) throw new AssertionError(`It is not linear: ${seen.join(", ")}`);
    least = Math.min(least, taken / n);
  }
}
