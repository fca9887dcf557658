/**
 * Limits how many callers do something at the same time.
 *
 * @module
 */

import { orReject } from "../core/foreign.ts";
import { currentScope } from "../core/ambient.ts";
import type { Disposes } from "../core/dispose.ts";
import { printAsText } from "../core/inspect.ts";
import type { CallKind } from "../core/structured_call.ts";
import { checkCount, checkFunction, checkOptions, checkPriority, checkWait } from "../core/validate.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { type Permit, runWith } from "./permit.ts";
import { SemaphoreCore } from "./semaphore_core.ts";

export type { Disposes, Permit, WaitOptions };

const RUN: CallKind = { name: "Semaphore.run" };

/**
 * Options of `acquire` of a `Semaphore` or `RateLimiter`.
 *
 * @category Limit
 */
export interface AcquireOptions extends WaitOptions {
  /**
   * The number of permits or tokens to take together.
   *
   * @default {1}
   */
  weight?: number | undefined;
  /**
   * The waiter with the highest priority is served first; among equals, the one that waits longest.
   *
   * @default {0}
   */
  priority?: number | undefined;
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
 * @category Limit
 */
export class Semaphore {
  static readonly #printed: void = /* @__PURE__ */ printAsText(Semaphore);
  readonly #core: SemaphoreCore;

  /**
   * Makes a semaphore with all permits free.
   *
   * @param permits The number of permits: a whole number of zero or more.
   * @throws {RangeError} If `permits` is negative, fractional or NaN.
   */
  constructor(permits: number) {
    checkCount("create Semaphore", "permits", permits, 0, true);
    this.#core = new SemaphoreCore(permits);
  }

  /** The number of permits, free or in use. */
  get capacity(): number {
    return this.#core.capacity;
  }

  /** The number of free permits. */
  get availablePermits(): number {
    return Math.max(0, this.#core.capacity - this.#core.used);
  }

  /** The number of waiters. */
  get waiting(): number {
    return this.#core.queue.size;
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
    let priority = 0;
    let signal: AbortSignal | undefined;
    if (options !== undefined) {
      try {
        weight = this.#checkAcquire(options);
        priority = checkPriority("acquire permit", options?.priority);
        signal = checkWait("acquire permit", options);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return this.#core.acquire(weight, currentScope(), signal, priority);
  }

  /**
   * Acquires a permit if one is free and there are no waiters.
   *
   * @param options Its weight.
   * @returns The permit, or `undefined`.
   * @throws {RangeError} If `weight` is not a whole number of at least 1, or is more than the number of permits.
   */
  tryAcquire(options?: Pick<AcquireOptions, "weight">): Permit | undefined {
    return this.#core.tryAcquire(this.#checkAcquire(options));
  }

  /**
   * Calls `fn` in a scope of its own while holding a permit, and releases the permit when all work in that scope has
   * ended.
   *
   * - **Cancellation**: After an abort before the call of `fn`, even in the turn of the hand-over, `fn` is not called
   *   and the permit goes to the next waiter. `signal` ends only the wait for the permit.
   *
   * @typeParam T The result of `fn`.
   * @param fn Called with the signal of its scope, and the permit, which it may release early.
   * @param options The weight and signal of the acquire.
   * @returns The result of `fn`.
   * @throws The reason of an abort, or the error of `fn`.
   * @throws {RangeError} If `weight` is out of range.
   */
  run<T>(fn: (signal: AbortSignal, permit: Permit) => T | PromiseLike<T>, options?: AcquireOptions): Promise<T> {
    return orReject(() => {
      checkFunction("run with permit", "fn", fn);
      const weight = this.#checkAcquire(options);
      const signal = checkWait("acquire permit", options);
      const priority = checkPriority("acquire permit", options?.priority);
      const acquired = this.#core.acquire(weight, currentScope(), signal, priority);
      return runWith(RUN, acquired, signal, fn, { ended: (permit) => permit.release() });
    });
  }

  /**
   * Rejects all current waiters. Permits that are held stay held, and later calls wait as before.
   *
   * @param reason What their waits reject with; a `CancelledError` by default.
   */
  rejectWaiting(reason?: unknown): void {
    this.#core.queue.rejectAll(reason);
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
    this.#core.release(weight);
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
    this.#core.resize(permits);
  }

  /** Shows the number of free permits and of waiters. */
  toString(): string {
    return `Semaphore { available: ${this.availablePermits}, waiting: ${this.waiting} }`;
  }

  #checkAcquire(options: Pick<AcquireOptions, "weight"> | undefined): number {
    checkOptions("acquire permit", options);
    const weight = options?.weight === undefined ? 1 : options.weight;
    checkCount("acquire permit", "weight", weight, 1, false);
    this.#core.checkWeight(weight);
    return weight;
  }
}
