/**
 * Waiting, under a lock, for what others change under the same lock.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { InvalidStateError } from "../core/errors.ts";
import { attachInspect } from "../core/inspect.ts";
import type { Scope } from "../core/scope.ts";
import { outsideAbort } from "../core/structured_call.ts";
import { checkCount, checkFunction, checkWait, isThenable, wrongKind } from "../core/validate.ts";
import { asWait, enqueue, refusal, WaitQueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { type Hold, lockAccess } from "./hold.ts";
import { Lock } from "./lock.ts";

export { type Hold, Lock, type WaitOptions };

/**
 * Waits, under a lock, for what others change under the same lock.
 *
 * **Order**: `notify` wakes those who wait longest, and they stand in the queue of the lock from that moment.
 * **Cancellation**: `wait` returns or rejects holding the lock, however often it is aborted meanwhile. An abort after the
 * notification, while it waits for the lock, passes the notification on to the next.
 *
 * @example Take what another puts
 * ```ts
 * import { Condition, gather } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const changed = new Condition();
 * const items: string[] = [];
 * const take = async () => {
 *   using _hold = await changed.lock.acquire();
 *   await changed.waitUntil(() => items.length > 0);
 *   return items.shift();
 * };
 * const put = () =>
 *   changed.lock.run(() => {
 *     items.push("bread");
 *     changed.notify();
 *   });
 * assertEquals((await gather([take, put]))[0], "bread");
 * ```
 *
 * @see asyncio.Condition of Python 3.14: the lock is a property here, and `wait_for` is `waitUntil`.
 */
export class Condition {
  /** The lock that has to be held. */
  readonly lock: Lock;
  // What each of them held, and will hold again.
  readonly #queue = new WaitQueue<Hold>();

  /**
   * Makes a condition.
   *
   * @param lock The lock, which several conditions may share; a new one by default.
   * @throws {TypeError} If `lock` is something else.
   */
  constructor(lock: Lock = new Lock()) {
    if (!(lock instanceof Lock)) throw wrongKind("create Condition", "lock", "a Lock", lock);
    this.lock = lock;
    lockAccess.watch(lock);
  }

  /** How many wait to be notified. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Releases the lock, waits to be notified, and takes the lock again. A hold taken before is the same after. Only one
   * wait at a time may give up a hold.
   *
   * @param options Its signal.
   * @throws The reason of an abort; then, too, the lock is held.
   * @throws {InvalidStateError} If the lock is not held, or another wait has given up the hold.
   * @throws {TypeError} If an option is of the wrong kind.
   */
  wait(options?: WaitOptions): Promise<void> {
    try {
      const signal = checkWait("wait for condition", options);
      this.#checkHeld("wait for condition");
      const scope = currentScope();
      return refusal(scope, signal) ?? asWait(scope, signal, this.#wait(scope, signal));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Waits until `predicate` returns something truthy: asks it at once and after each notification, with the lock held.
   *
   * @typeParam T What `predicate` returns.
   * @param predicate What is waited for, as it is seen under the lock.
   * @param options Its signal.
   * @returns What `predicate` returned.
   * @throws The reason of an abort, or what `predicate` throws; then, too, the lock is held.
   * @throws {InvalidStateError} If the lock is not held.
   * @throws {TypeError} If an argument is of the wrong kind, or `predicate` returns a promise, which is always truthy.
   *
   * @see asyncio.Condition.wait_for of Python 3.14: `waitFor` waits for a promise here, and this until something holds.
   */
  waitUntil<T>(
    predicate: () => T,
    options?: WaitOptions,
  ): Promise<Exclude<T, false | 0 | 0n | "" | null | undefined>> {
    try {
      checkFunction("wait for condition", "predicate", predicate);
      const signal = checkWait("wait for condition", options);
      this.#checkHeld("wait for condition");
      const scope = currentScope();
      return refusal(scope, signal) ?? asWait(scope, signal, this.#waitUntil(predicate, signal));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #waitUntil<T>(
    predicate: () => T,
    signal: AbortSignal | undefined,
  ): Promise<Exclude<T, false | 0 | 0n | "" | null | undefined>> {
    for (;;) {
      const result = predicate();
      if (isThenable(result)) {
        throw wrongKind("wait for condition", "predicate()", "no promise", result);
      }
      if (result) return result as Exclude<T, false | 0 | 0n | "" | null | undefined>;
      await this.wait({ signal });
    }
  }

  /**
   * Wakes those who wait longest. With nobody waiting it is forgotten.
   *
   * @param n How many, at most: a whole number of zero or more.
   * @throws {InvalidStateError} If the lock is not held.
   * @throws {TypeError} If `n` is not a number.
   * @throws {RangeError} If it is negative, fractional or NaN.
   */
  notify(n = 1): void {
    checkCount("notify", "n", n, 0, true);
    this.#checkHeld("notify");
    this.#wake(n);
  }

  /**
   * Wakes all who wait.
   *
   * @throws {InvalidStateError} If the lock is not held.
   */
  notifyAll(): void {
    this.notify(Infinity);
  }

  /** Shows whether the lock is held, and how many wait. */
  toString(): string {
    return `Condition { locked: ${this.lock.locked}, waiting: ${this.waiting} }`;
  }

  static {
    attachInspect(Condition.prototype);
  }

  // asyncio does not ask who holds it either: a lock may be held on behalf of others.
  #checkHeld(action: string): void {
    if (!this.lock.locked) throw new InvalidStateError(`Cannot ${action}: the lock is not held`);
  }

  async #wait(scope: Scope, signal: AbortSignal | undefined): Promise<void> {
    const hold = lockAccess.suspend(this.lock, scope);
    try {
      // Comes to the lock: `notify` has queued for it.
      await enqueue<Hold, Hold>(this.#queue, hold, scope, signal);
    } catch (reason) {
      await lockAccess.resume(this.lock, hold);
      throw reason;
    }
    const outside = outsideAbort(currentScope(), signal);
    if (outside === null) return;
    this.#wake(1);
    throw outside.reason;
  }

  #wake(n: number): void {
    for (let woken = 0; woken < n; woken++) {
      const node = this.#queue.head();
      if (node === null) return;
      node.claim.grant(lockAccess.resume(this.lock, node.payload));
    }
  }
}
