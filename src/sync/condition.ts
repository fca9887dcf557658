/**
 * A condition variable: waits, while holding a lock, for a change that others make under the same lock.
 *
 * @module
 */

import { orReject } from "../core/foreign.ts";
import { currentScope } from "../core/ambient.ts";
import type { Disposes } from "../core/dispose.ts";
import { InvalidStateError } from "../errors.ts";
import { printAsText } from "../core/inspect.ts";
import type { Scope } from "../core/scope.ts";
import { outsideAbort } from "../core/structured_call.ts";
import { checkCount, checkFunction, checkWait, isThenable, wrongKind } from "../core/validate.ts";
import { asWait, enqueue, refusal, WaitQueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { Lock } from "./lock.ts";
import type { LockPermit, Permit } from "./permit.ts";

export { type Disposes, Lock, type Permit, type WaitOptions };

/**
 * A condition variable: waits, while holding a lock, for a change that others make under the same lock.
 *
 * - **Order**: `notify` wakes the longest-waiting callers and puts them into the queue of the lock at once.
 * - **Cancellation**: `wait` holds the lock again when it returns or rejects, however often it is aborted meanwhile. If
 *   it is aborted after it was notified, while it waits for the lock, the notification goes to the next waiter.
 *
 * @example Take an item that another function puts
 * ```ts
 * import { Condition, gather } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const changed = new Condition();
 * const items: string[] = [];
 * const take = async () => {
 *   using _permit = await changed.lock.acquire();
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
 * @see asyncio.Condition of Python 3.14: the lock is a property here, and wait_for is called waitUntil.
 * @category Synchronise
 */
export class Condition {
  static readonly #printed: void = /* @__PURE__ */ printAsText(Condition);
  /** The lock that callers must hold. */
  readonly lock: Lock;
  // The payload is the permit that the waiter gave up, and will get back.
  readonly #queue = new WaitQueue<LockPermit>();

  /**
   * Makes a condition.
   *
   * @param lock The lock, which several conditions may share; a new one by default.
   */
  constructor(lock: Lock = new Lock()) {
    if (!(lock instanceof Lock)) throw wrongKind("create Condition", "lock", "a Lock", lock);
    this.lock = lock;
    lock["core"].watch();
  }

  /** The number of callers that wait for a notification. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Releases the lock, waits for a notification, and acquires the lock again. The caller's permit stays valid. Only
   * one wait at a time may give up a permit.
   *
   * @param options Its signal.
   * @throws The reason of an abort; the lock is held then, too.
   * @throws {InvalidStateError} If the lock is not held, or if another wait has given up the permit.
   */
  wait(options?: WaitOptions): Promise<void> {
    return orReject(() => {
      const signal = checkWait("wait for condition", options);
      this.#checkHeld("wait for condition");
      const scope = currentScope();
      return refusal(scope, signal) ?? asWait(scope, signal, this.#wait(scope, signal));
    });
  }

  /**
   * Waits until `predicate` returns a truthy value. Calls it at once and after each notification, with the lock held.
   *
   * @typeParam T What `predicate` returns.
   * @param predicate Checks, while the lock is held, whether the wait is over.
   * @param options Its signal.
   * @returns The value that `predicate` returned.
   * @throws The reason of an abort, or an error of `predicate`; the lock is held then, too.
   * @throws {InvalidStateError} If the lock is not held.
   * @throws {TypeError} If `predicate` returns a promise, which is always truthy.
   *
   * @see asyncio.Condition.wait_for of Python 3.14: in this package, waitFor waits for a promise.
   */
  waitUntil<T>(predicate: () => T, options?: WaitOptions): Promise<Exclude<T, false | 0 | 0n | "" | null | undefined>> {
    return orReject(() => {
      checkFunction("wait for condition", "predicate", predicate);
      const signal = checkWait("wait for condition", options);
      this.#checkHeld("wait for condition");
      const scope = currentScope();
      return refusal(scope, signal) ?? asWait(scope, signal, this.#waitUntil(predicate, signal));
    });
  }

  async #waitUntil<T>(
    predicate: () => T,
    signal: AbortSignal | undefined,
  ): Promise<Exclude<T, false | 0 | 0n | "" | null | undefined>> {
    for (;;) {
      const result = predicate();
      if (isThenable(result)) {
        throw wrongKind("wait for condition", "predicate()", "anything but a promise", result);
      }
      if (result) return result as Exclude<T, false | 0 | 0n | "" | null | undefined>;
      await this.wait({ signal });
    }
  }

  /**
   * Wakes the longest-waiting callers. A notification without a waiter is lost.
   *
   * @param n How many to wake at most: a whole number of zero or more.
   * @throws {InvalidStateError} If the lock is not held.
   * @throws {RangeError} If `n` is negative, fractional or NaN.
   */
  notify(n = 1): void {
    checkCount("notify", "n", n, 0, true);
    this.#checkHeld("notify");
    this.#wake(n);
  }

  /**
   * Wakes all waiters.
   *
   * @throws {InvalidStateError} If the lock is not held.
   */
  notifyAll(): void {
    this.notify(Infinity);
  }

  /** Shows whether the lock is held, and the number of waiters. */
  toString(): string {
    return `Condition { locked: ${this.lock.locked}, waiting: ${this.waiting} }`;
  }

  // Like asyncio, this does not check that the caller is the holder: a lock may be held on behalf of others.
  #checkHeld(action: string): void {
    if (!this.lock.locked) throw new InvalidStateError(`Cannot ${action}: the lock is not held`);
  }

  async #wait(scope: Scope, signal: AbortSignal | undefined): Promise<void> {
    const permit = this.lock["core"].suspend(scope);
    try {
      // `notify` queues for the lock on behalf of the waiter, so that this resolves when the lock is held again.
      await enqueue<LockPermit, LockPermit>(this.#queue, permit, scope, signal);
    } catch (reason) {
      await this.lock["core"].resume(permit);
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
      node.claim.grant(this.lock["core"].resume(node.payload));
    }
  }
}
