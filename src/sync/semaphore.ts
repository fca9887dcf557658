/**
 * Limits how many do something at once.
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
   * How many permits to take together.
   *
   * @default {1}
   */
  weight?: number | undefined;
}

// Set by the static block of Semaphore: what a Permit may do with one.
let giveBack: (semaphore: Semaphore, weight: number) => void;

/** What {@linkcode Semaphore.prototype.acquire} hands out: to be released once. */
export class Permit {
  #semaphore: Semaphore | null;
  /** How many permits of the semaphore it stands for. */
  readonly weight: number;

  /** Releases it at the end of a block, for `using`, where the platform has it. */
  declare readonly [Symbol.dispose]: () => void;

  /** @internal Use `Semaphore.prototype.acquire`. */
  constructor(semaphore: Semaphore, weight: number) {
    this.#semaphore = semaphore;
    this.weight = weight;
  }

  /** Gives it back, and hands it to who waits longest. Doing it twice does nothing more. */
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
 * Limits how many do something at once.
 *
 * **Order**: first come, first served, with weights too: who waits longest blocks the others, and a newcomer never
 * takes what a release gave to a waiter. **Cancellation**: an aborted wait takes nothing; a permit that was handed over in
 * the same turn counts as delivered. **Cost**: an `acquire` that need not wait allocates the permit and a promise.
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
 * @see asyncio.Semaphore of Python 3.14: here `release` belongs to the permit, and releasing too often throws.
 */
export class Semaphore {
  #capacity: number;
  // Invariant: the head of #queue does not fit into #capacity - #used, so waiters ⇒ not enough is free for the first.
  #used = 0;
  readonly #queue = new WaitQueue<number>(() => this.#admit());

  /**
   * Makes a semaphore with all permits free.
   *
   * @param permits How many there are: a whole number of zero or more.
   * @throws {TypeError} If `permits` is not a number.
   * @throws {RangeError} If it is negative, fractional or NaN.
   */
  constructor(permits: number) {
    checkCount("create Semaphore", "permits", permits, 0, true);
    this.#capacity = permits;
  }

  /** How many permits there are, free or not. */
  get capacity(): number {
    return this.#capacity;
  }

  /** How many permits are free. */
  get availablePermits(): number {
    return Math.max(0, this.#capacity - this.#used);
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Takes a permit, and waits for one if need be.
   *
   * @param options Its weight and signal.
   * @returns The permit.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {TypeError} If an option is of the wrong kind.
   * @throws {RangeError} If `weight` is not a whole number of at least 1, or more than there are permits, now or after a
   * `resize` while it waits.
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
   * Takes a permit if one is free and nobody waits.
   *
   * @param options Its weight.
   * @returns The permit, or `undefined`.
   * @throws {TypeError} If an option is of the wrong kind.
   * @throws {RangeError} If `weight` is not a whole number of at least 1, or more than there are permits.
   */
  tryAcquire(options?: Pick<AcquireOptions, "weight">): Permit | undefined {
    const weight = this.#checkAcquire(options);
    return this.#fits(weight) ? this.#take(weight) : undefined;
  }

  /**
   * Calls `fn` in a scope of its own while holding a permit, and releases it when all work in that scope has ended.
   *
   * **Cancellation**: aborted before `fn` is called, also in the turn of the hand-over, it never is, and the permit goes to
   * the next; `signal` ends the wait for the permit only.
   *
   * @typeParam T What `fn` returns.
   * @param fn Called with the signal of its scope.
   * @param options Weight and signal of the acquire.
   * @returns What `fn` returns.
   * @throws The reason of an abort, or what `fn` throws.
   * @throws {TypeError} If an argument is of the wrong kind.
   * @throws {RangeError} If `weight` is out of range.
   */
  run<T>(fn: TaskFunction<T>, options?: AcquireOptions): Promise<T> {
    return this.#run((signal) => fn(signal), fn, options);
  }

  /**
   * Calls `fn` with a permit, and releases it when `fn` has ended: the `with` of TC39's Governor proposal. Otherwise as
   * {@linkcode Semaphore.prototype.run}.
   *
   * @typeParam T What `fn` returns.
   * @param fn Called with the permit.
   * @returns What `fn` returns.
   * @throws The reason of an abort, or what `fn` throws.
   * @throws {TypeError} If `fn` is not a function.
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
   * Makes a function each of whose calls holds a permit: the `wrap` of TC39's Governor proposal. It passes `this` on, so
   * that a method may be wrapped.
   *
   * @typeParam This What `fn` takes for `this`.
   * @typeParam A The parameters of `fn`.
   * @typeParam T What it returns.
   * @param fn The function.
   * @returns A function of the same parameters that returns a promise.
   * @throws {TypeError} If `fn` is not a function.
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
   * Gives back permits without their `Permit`, for code that cannot carry one.
   *
   * @param weight How many.
   * @throws {InvalidStateError} If more than are in use; then nothing changes.
   * @throws {RangeError} If `weight` is not a whole number of at least 1.
   */
  release(weight = 1): void {
    checkCount("release permit", "weight", weight, 1, false);
    this.#release(weight);
  }

  /**
   * Changes how many permits there are. More admit who waits; fewer admit nobody until enough came back, and refuse those
   * who wait for more than there are now, as `acquire` would.
   *
   * @param permits How many: a whole number of zero or more.
   * @throws {TypeError} If `permits` is not a number.
   * @throws {RangeError} If it is negative, fractional or NaN.
   */
  resize(permits: number): void {
    checkCount("resize Semaphore", "permits", permits, 0, true);
    this.#capacity = permits;
    // What a new request would be told: in its place it would block all behind it for ever.
    this.#queue.failWhere(
      (weight) => weight > 1 && weight > permits,
      (weight) => this.#tooHeavy(weight),
    );
    this.#admit();
  }

  /** Shows what is free and how many wait. */
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
    // One permit can be waited for even when there is none: `resize` may bring it.
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
      throw new InvalidStateError(
        `Cannot release permit: only ${this.#used} in use, received ${weight}`,
      );
    }
    this.#used -= weight;
    if (this.#queue.size > 0) this.#admit();
  }

  #admit(): void {
    for (
      let node = this.#queue.head();
      node !== null;
      node = this.#queue.head()
    ) {
      if (this.#used + node.payload > this.#capacity) return;
      node.claim.grant(this.#take(node.payload));
    }
  }
}
