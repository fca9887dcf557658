/**
 * The same work written by hand, with what the platform has and not a line more: what the library is measured
 * against. Nothing here cancels, joins or limits more than the case needs, so a library cannot be faster for free.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";

/** One function of one microtask. */
export type Work = (signal?: AbortSignal) => Promise<number>;

/** The functions of one run. */
export type Load = readonly Work[];

// Nobody aborts it. The functions get one here because ours pass one.
const signal = new AbortController().signal;

/** All at once. */
export function plainCalls(load: Load): Promise<number[]> {
  return Promise.all(load.map((work) => work(signal)));
}

const context = new AsyncLocalStorage<object>();

/** All at once, each in an async context of its own: what a scope for each costs on this platform, if nothing else. */
export function callsInContext(load: Load): Promise<number[]> {
  return Promise.all(load.map((work) => context.run({}, work, signal)));
}

/** A hundred loops that share an index. */
export async function sharedIndex(load: Load): Promise<number[]> {
  const results = new Array<number>(load.length);
  let next = 0;
  const loop = async () => {
    while (next < load.length) {
      const index = next++;
      results[index] = await load[index]!(signal);
    }
  };
  await Promise.all(Array.from({ length: 100 }, loop));
  return results;
}

/** One await of a resolved promise for each. */
export async function resolvedAwaits({ length }: Load): Promise<void> {
  const resolved = Promise.resolve();
  for (let i = 0; i < length; i++) await resolved;
}

/** So many turns of the event loop. */
export async function turns({ length }: Load): Promise<void> {
  for (let i = 0; i < length; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A computation of so many steps, which looks at the clock after each, and lets nobody else run. */
export async function steps({ length }: Load, afterEach: () => unknown = () => performance.now()): Promise<number> {
  let sum = 0;
  for (let step = 0; step < length; step++) {
    for (let i = 0; i < 1000; i++) sum += Math.sqrt(i);
    await afterEach();
  }
  return sum;
}

/** One `using` for each, of something that is awaited and has nothing to dispose of. */
export async function emptyUsings({ length }: Load): Promise<void> {
  const resolved = Promise.resolve({ [Symbol.dispose]() {} });
  for (let i = 0; i < length; i++) {
    using _empty = await resolved;
  }
}

/** A limit, first come, first served: an array and the index of its head. */
export class Fifo {
  #free: number;
  #waiters: (() => void)[] = [];
  #head = 0;

  constructor(permits: number) {
    this.#free = permits;
  }

  acquire(): Promise<void> {
    if (this.#free === 0) return new Promise((resolve) => this.#waiters.push(resolve));
    this.#free--;
    return Promise.resolve();
  }

  release(): void {
    const waiters = this.#waiters;
    if (waiters.length === 0) {
      this.#free++;
      return;
    }
    waiters[this.#head++]!();
    if (this.#head < waiters.length) return;
    waiters.length = 0;
    this.#head = 0;
  }
}

/** A thousand at a time, of which `permits` get on at once. */
export async function fifoOf(permits: number, load: Load): Promise<number[]> {
  const fifo = new Fifo(permits);
  const results: number[] = [];
  const one = async (work: Work) => {
    await fifo.acquire();
    try {
      return await work();
    } finally {
      fifo.release();
    }
  };
  for (let i = 0; i < load.length; i += 1000) {
    results.push(...await Promise.all(load.slice(i, i + 1000).map(one)));
  }
  return results;
}

/** What one puts and another gets: an array with room for a hundred, and a promise for each to be woken by. */
export class WakeArray<T> {
  readonly #items: T[] = [];
  #wakePutter: (() => void) | undefined;
  #wakeGetter: (() => void) | undefined;

  async put(item: T): Promise<void> {
    while (this.#items.length >= 100) await new Promise<void>((resolve) => this.#wakePutter = resolve);
    this.#items.push(item);
    this.#wakeGetter?.();
    this.#wakeGetter = undefined;
  }

  async get(): Promise<T> {
    while (this.#items.length === 0) await new Promise<void>((resolve) => this.#wakeGetter = resolve);
    const item = this.#items.shift() as T;
    this.#wakePutter?.();
    this.#wakePutter = undefined;
    return item;
  }
}

/** One puts, another gets. Returns how many came through. */
export async function throughArray(load: Load): Promise<number> {
  const queue = new WakeArray<Work>();
  const putting = (async () => {
    for (const work of load) await queue.put(work);
  })();
  let count = 0;
  for (; count < load.length; count++) await queue.get();
  await putting;
  return count;
}

/** All wait for the one that has the only place. */
export async function fifoWaiters({ length }: Load): Promise<void> {
  const fifo = new Fifo(1);
  await fifo.acquire();
  const others = Promise.all(Array.from({ length }, () => fifo.acquire().then(() => fifo.release())));
  fifo.release();
  await others;
}

/** A pending promise each, resolved in order. */
export async function barePromises({ length }: Load): Promise<void> {
  const resolvers = Array.from({ length }, () => Promise.withResolvers<void>());
  const all = Promise.all(resolvers.map(({ promise }) => promise));
  for (const { resolve } of resolvers) resolve();
  await all;
}

/** `work` with a deadline: a timer, and a controller for the signal that it aborts. */
export async function withTimeout<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new DOMException("Too late", "TimeoutError")), ms);
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** A deadline for each, all at a time, and none of them passes. */
export function timeoutForEach(load: Load): Promise<number[]> {
  return Promise.all(load.map((work) => withTimeout(10_000, work)));
}

/** A timer for each, all cleared again. */
export function timers({ length }: Load): void {
  const timers = Array.from({ length }, () => setTimeout(() => {}, 10_000));
  timers.forEach((timer) => clearTimeout(timer));
}

/** A sleep of 1 ms for each, by a timer of its own. */
export function timerForEach({ length }: Load): Promise<number> {
  const sleep = () => new Promise<void>((resolve) => setTimeout(resolve, 1));
  return Promise.all(Array.from({ length }, sleep)).then((all) => all.length);
}

/** A sleeper for each, by a timer and a listener; all are cancelled. */
export async function cancelledTimers({ length }: Load): Promise<number> {
  const controller = new AbortController();
  const { signal } = controller;
  const sleep = () =>
    new Promise<void>((resolve, reject) => {
      const cancel = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", cancel);
        resolve();
      }, 60_000);
      signal.addEventListener("abort", cancel, { once: true });
    });
  const all = Promise.allSettled(Array.from({ length }, sleep));
  controller.abort();
  return (await all).filter(({ status }) => status === "rejected").length;
}

/** All at once, each called again if it fails. */
export function retried(load: Load, attempts: number): Promise<number[]> {
  return Promise.all(load.map(async (work) => {
    for (let attempt = 1;; attempt++) {
      try {
        return await work(signal);
      } catch (error) {
        if (attempt === attempts) throw error;
      }
    }
  }));
}

/** The results in the order in which they come: an array, and a promise to be woken by. */
export async function* asTheyCome(load: Load): AsyncGenerator<number> {
  const ready: number[] = [];
  let wake = () => {};
  let failure: { error: unknown } | null = null;
  for (const work of load) {
    work(signal).then((value) => ready.push(value), (error) => failure ??= { error }).then(() => wake());
  }
  for (let count = 0; count < load.length; count++) {
    while (ready.length <= count && failure === null) await new Promise<void>((resolve) => wake = resolve);
    if (failure !== null) throw (failure as { error: unknown }).error;
    yield ready[count]!;
  }
}

/** A bounded buffer for any number of senders and receivers: two arrays of those that wait. */
export class Mailbox<T> {
  readonly #capacity: number;
  readonly #items: T[] = [];
  readonly #getters: ((item: T) => void)[] = [];
  readonly #putters: { item: T; resolve: () => void }[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  put(item: T): Promise<void> {
    const getter = this.#getters.shift();
    if (getter !== undefined) getter(item);
    else if (this.#items.length < this.#capacity) this.#items.push(item);
    else return new Promise((resolve) => this.#putters.push({ item, resolve }));
    return Promise.resolve();
  }

  get(): Promise<T> {
    if (this.#items.length === 0) return new Promise((resolve) => this.#getters.push(resolve));
    const item = this.#items.shift()!;
    const putter = this.#putters.shift();
    if (putter !== undefined) {
      this.#items.push(putter.item);
      putter.resolve();
    }
    return Promise.resolve(item);
  }
}
