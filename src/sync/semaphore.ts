/**
 * Limits how many callers do something at the same time.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { attachDispose } from "../core/dispose.ts";
import { InvalidStateError } from "../core/errors.ts";
import { attachInspect } from "../core/inspect.ts";
import type { TaskFunction } from "../core/structured_call.ts";
import { checkCount, checkFunction, checkOptions, checkWait, outOfRange } from "../core/validate.ts";
import { enqueue, refusal, WaitQueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { runWith } from "./run_with.ts";

export type { TaskFunction, WaitOptions };

/** Options of {@linkcode Semaphore.prototype.acquire}. */
export interface AcquireOptions extends WaitOptions {
  /**
   * The number of permits to take together.
   *
   * @default {1}
   */
  weight?: number | undefined;
}

// Set by the static block of Semaphore, for Permit.
let giveBack: (semaphore: Semaphore, weight: number) => void;

/** A permit, returned by {@linkcode Semaphore.prototype.acquire}. Release it once. */
export class Permit {
  #semaphore: Semaphore | null;
  /** The number of the semaphore's permits that this one stands for. */
  readonly weight: number;

  /** Releases the permit at the end of a block with `using`, if the platform has `Symbol.dispose`. */
  declare readonly [Symbol.dispose]: () => void;

  /** @internal Use `Semaphore.prototype.acquire`. */
  constructor(semaphore: Semaphore, weight: number) {
    this.#semaphore = semaphore;
    this.weight = weight;
  }

  /** Releases the permit and hands it to the longest-waiting caller. Does nothing the second time. */
  release(): void {
    const semaphore = this.#semaphore;
    if (semaphore === null) return;
    this.#semaphore = null;
    giveBack(semaphore, this.weight);
  }

  static {
    attachDispose(Permit.prototype, Permit.prototype.release);
  }
}

/**
 * Limits how many callers do something at the same time.
 *
 * - **Order**: First come, first served, with weights too: the longest-waiting caller blocks the others, and no
 *   newcomer takes a permit that was released to a waiter.
 * - **Cancellation**: An aborted wait takes nothing. A permit that was handed over in the same turn counts as
 *   delivered.
 * - **Cost**: An `acquire` that need not wait allocates the permit and a promise.
 *
 * @example Five at once
 * ```ts
 * import { gather, Semaphore, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const semaphore = new Semaphore(5);
 * let running = 0;
 * let most = 0;
 * await gather(Array.from({ length: 20 }, () => async () => {
 *   using _permit = await semaphore.acquire();
 *   most = Math.max(most, ++running);
 *   await sleep(1);
 *   running--;
 * }));
 * assertEquals(most, 5);
 * ```
 *
 * @see asyncio.Semaphore of Python 3.14: here the permit is released, and releasing more than was acquired throws.
 */
export class Semaphore {
  #capacity: number;
  // Invariant: if there are waiters, #capacity - #used is less than the weight of the first.
  #used = 0;
  readonly #queue = new WaitQueue<number>(() => this.#admit());

  /**
   * Makes a semaphore with all permits free.
   *
   * @param permits The number of permits: a whole number of zero or more.
   * @throws {RangeError} If `permits` is negative, fractional or NaN.
   */
  constructor(permits: number) {
    checkCount("create Semaphore", "permits", permits, 0, true);
    this.#capacity = permits;
  }

  /** The number of permits, free or in use. */
  get capacity(): number {
    return this.#capacity;
  }

  /** The number of free permits. */
  get availablePermits(): number {
    return Math.max(0, this.#capacity - this.#used);
  }

  /** The number of waiters. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Acquires a permit, and waits for one if necessary.
   *
   * @param options Its weight and signal.
   * @returns The permit.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {RangeError} If `weight` is not a whole number of at least 1, or is more than the number of permits, now or
   * after a `resize` during the wait.
   *
   * @example Release with the block
   * ```ts
   * import { Semaphore } from "@weft/async";
   *
   * const semaphore = new Semaphore(1);
   * {
   *   using permit = await semaphore.acquire();
   *   console.log(semaphore.availablePermits, permit.weight); // 0 1
   * }
   * console.log(semaphore.availablePermits); // 1
   * ```
   */
  acquire(options?: AcquireOptions): Promise<Permit> {
    let weight = 1;
    let signal: AbortSignal | undefined;
    if (options !== undefined) {
      try {
        weight = this.#checkAcquire(options);
        signal = checkWait("acquire permit", options);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    const scope = currentScope();
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    if (this.#fits(weight)) return Promise.resolve(this.#take(weight));
    return enqueue<Permit, number>(this.#queue, weight, scope, signal);
  }

  /**
   * Acquires a permit if one is free and there are no waiters.
   *
   * @param options Its weight.
   * @returns The permit, or `undefined`.
   * @throws {RangeError} If `weight` is not a whole number of at least 1, or is more than the number of permits.
   */
  tryAcquire(options?: Pick<AcquireOptions, "weight">): Permit | undefined {
    const weight = this.#checkAcquire(options);
    return this.#fits(weight) ? this.#take(weight) : undefined;
  }

  /**
   * Calls `fn` in a scope of its own while holding a permit, and releases the permit when all work in that scope has
   * ended.
   *
   * - **Cancellation**: After an abort before the call of `fn`, even in the turn of the hand-over, `fn` is not called
   *   and the permit goes to the next waiter. `signal` ends only the wait for the permit.
   *
   * @typeParam T The result of `fn`.
   * @param fn Called with the signal of its scope.
   * @param options The weight and signal of the acquire.
   * @returns The result of `fn`.
   * @throws The reason of an abort, or the error of `fn`.
   * @throws {RangeError} If `weight` is out of range.
   */
  run<T>(fn: TaskFunction<T>, options?: AcquireOptions): Promise<T> {
    return this.#run((signal) => fn(signal), fn, options);
  }

  /**
   * Calls `fn` with a permit, and releases the permit when `fn` has ended: the `with` of TC39's Governor proposal.
   * Otherwise the same as {@linkcode Semaphore.prototype.run}.
   *
   * @typeParam T The result of `fn`.
   * @param fn Called with the permit.
   * @returns The result of `fn`.
   * @throws The reason of an abort, or the error of `fn`.
   */
  with<T>(fn: (permit: Permit) => T | PromiseLike<T>): Promise<T> {
    return this.#run((_signal, permit) => fn(permit), fn);
  }

  #run<T>(
    call: (signal: AbortSignal, permit: Permit) => T | PromiseLike<T>,
    fn: unknown,
    options?: AcquireOptions,
  ): Promise<T> {
    try {
      checkFunction("run with permit", "fn", fn);
      const weight = this.#checkAcquire(options);
      const signal = checkWait("acquire permit", options);
      return runWith("Semaphore.run", this.acquire({ weight, signal }), signal, call, {
        ended: (permit) => permit.release(),
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Makes a function whose every call holds a permit: the `wrap` of TC39's Governor proposal. The function passes
   * `this` on, so that methods can be wrapped.
   *
   * @typeParam This The type of `this` in `fn`.
   * @typeParam A The parameters of `fn`.
   * @typeParam T The result of `fn`.
   * @param fn The function to wrap.
   * @returns A function with the same parameters that returns a promise.
   *
   * @example Two requests at a time
   * ```ts
   * import { gather, Semaphore, sleep } from "@weft/async";
   *
   * const polite = new Semaphore(2).wrap(async (page: number) => {
   *   await sleep(1);
   *   return `page ${page}`;
   * });
   * console.log(await gather([polite(1), polite(2), polite(3)]));
   * ```
   */
  wrap<This, A extends unknown[], T>(
    fn: (this: This, ...args: A) => T | PromiseLike<T>,
  ): (this: This, ...args: A) => Promise<T> {
    checkFunction("wrap", "fn", fn);
    const run = (call: () => T | PromiseLike<T>) => this.run(call);
    return function (...args) {
      return run(() => fn.apply(this, args));
    };
  }

  /**
   * Releases permits without a `Permit` object. This is for code that cannot pass the object on.
   *
   * @param weight The number of permits.
   * @throws {InvalidStateError} If `weight` is more than the number of permits in use; then nothing changes.
   * @throws {RangeError} If `weight` is not a whole number of at least 1.
   */
  release(weight = 1): void {
    checkCount("release permit", "weight", weight, 1, false);
    this.#release(weight);
  }

  /**
   * Changes the number of permits. Added permits go to the waiters. If more permits are in use than there are now,
   * nobody acquires one until enough have been released. A waiter whose weight is more than the new number is rejected,
   * as `acquire` would reject it.
   *
   * @param permits The new number of permits: a whole number of zero or more.
   * @throws {RangeError} If `permits` is negative, fractional or NaN.
   */
  resize(permits: number): void {
    checkCount("resize Semaphore", "permits", permits, 0, true);
    this.#capacity = permits;
    // Rejects them as a new request would be: left in the queue, they would block all waiters behind them for ever.
    this.#queue.failWhere((weight) => weight > 1 && weight > permits, (weight) => this.#tooHeavy(weight));
    this.#admit();
  }

  /** Shows the number of free permits and of waiters. */
  toString(): string {
    return `Semaphore { available: ${this.availablePermits}, waiting: ${this.waiting} }`;
  }

  static {
    giveBack = (semaphore, weight) => semaphore.#release(weight);
    attachInspect(Semaphore.prototype);
  }

  #checkAcquire(options: Pick<AcquireOptions, "weight"> | undefined): number {
    checkOptions("acquire permit", options);
    const weight = options?.weight === undefined ? 1 : options.weight;
    checkCount("acquire permit", "weight", weight, 1, false);
    // A wait for one permit is allowed even if the capacity is zero: `resize` may add one.
    if (weight > 1 && weight > this.#capacity) throw this.#tooHeavy(weight);
    return weight;
  }

  #tooHeavy(weight: number): RangeError {
    return outOfRange("acquire permit", "weight", `at most ${this.#capacity}, the number of permits`, weight);
  }

  #fits(weight: number): boolean {
    return this.#queue.size === 0 && this.#used + weight <= this.#capacity;
  }

  #take(weight: number): Permit {
    this.#used += weight;
    return new Permit(this, weight);
  }

  #release(weight: number): void {
    if (weight > this.#used) {
      throw new InvalidStateError(`Cannot release permit: only ${this.#used} in use, received ${weight}`);
    }
    this.#used -= weight;
    if (this.#queue.size > 0) this.#admit();
  }

  #admit(): void {
    for (let node = this.#queue.head(); node !== null; node = this.#queue.head()) {
      if (this.#used + node.payload > this.#capacity) return;
      node.claim.grant(this.#take(node.payload));
    }
  }
}
