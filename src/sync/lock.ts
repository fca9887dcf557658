/**
 * A mutual exclusion lock.
 *
 * @module
 */

import { orReject } from "../core/foreign.ts";
import { currentScope } from "../core/ambient.ts";
import type { Disposes } from "../core/dispose.ts";
import { printAsText } from "../core/inspect.ts";
import type { CallKind } from "../core/structured_call.ts";
import { checkFunction, checkWait } from "../core/validate.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { InvalidStateError } from "../errors.ts";
import { CancelScope, type ScopeFunction } from "../task/cancel_scope.ts";
import { LockCore } from "./lock_core.ts";
import { LockPermit, type Permit, RunPermit, runWith } from "./permit.ts";

export { CancelScope, type Disposes, type Permit, type ScopeFunction, type WaitOptions };

const RUN: CallKind = { name: "Lock.run" };

/**
 * Gives one caller at a time exclusive access.
 *
 * - **Order**: First come, first served. A release hands the lock to the longest-waiting caller; no newcomer takes it.
 * - **Failure**: Acquiring the lock again while holding it waits for ever, as in asyncio. Only inside the callback of
 *   {@linkcode Lock.prototype.run} does it throw instead.
 * - **Cancellation**: An aborted wait takes nothing. A lock that was handed over in the same turn counts as delivered.
 * - **Cost**: An `acquire` that need not wait allocates the permit and a promise.
 *
 * @example One writer at a time
 * ```ts
 * import { gather, Lock, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const lock = new Lock();
 * let balance = 10;
 * const withdraw = async (amount: number) => {
 *   using _permit = await lock.acquire();
 *   const before = balance;
 *   await sleep(1); // others would see the old balance
 *   balance = before - amount;
 * };
 * await gather([() => withdraw(3), () => withdraw(4)]);
 * assertEquals(balance, 3);
 * ```
 *
 * @see asyncio.Lock of Python 3.14: here acquiring returns a permit as well, and a release hands the lock over at once.
 * @category Synchronise
 */
export class Lock {
  static readonly #printed: void = /* @__PURE__ */ printAsText(Lock);
  // Private, but not `#private`, for `Condition`.
  private readonly core = new LockCore();

  /** Whether the lock is held. */
  get locked(): boolean {
    return this.core.locked;
  }

  /** The number of waiters. */
  get waiting(): number {
    return this.core.queue.size;
  }

  /**
   * Acquires the lock, and waits for it if necessary.
   *
   * @param options Its signal.
   * @returns The permit; releasing the lock itself works too.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {InvalidStateError} If it is called inside a callback of `run` that holds the lock.
   *
   * @example Release with the block
   * ```ts
   * import { Lock } from "@weft/async";
   *
   * const lock = new Lock();
   * {
   *   using _permit = await lock.acquire();
   *   console.log(lock.locked); // true
   * }
   * console.log(lock.locked); // false
   * ```
   */
  acquire(options?: WaitOptions): Promise<Permit> {
    let signal: AbortSignal | undefined;
    try {
      signal = checkWait("acquire lock", options);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.core.acquire(new LockPermit(this.core), currentScope(), signal);
  }

  /**
   * Acquires the lock if it is free.
   *
   * @returns The permit, or `undefined`.
   */
  tryAcquire(): Permit | undefined {
    return this.core.tryAcquire(currentScope());
  }

  /**
   * Releases the lock, whoever holds it, and hands it to the longest-waiting caller. This is for code that cannot pass
   * the permit on.
   *
   * @throws {InvalidStateError} If the lock is not held.
   */
  release(): void {
    if (!this.locked) throw new InvalidStateError("Cannot release lock: it is not locked");
    this.core.handOver();
  }

  /**
   * Calls `fn` in a scope of its own while holding the lock, and releases the lock when all work in that scope has
   * ended.
   *
   * - **Failure**: Acquiring the lock again anywhere inside, including children of `gather` and tasks of a group,
   *   throws at once instead of waiting for ever.
   * - **Cancellation**: After an abort before the call of `fn`, even in the turn of the hand-over, `fn` is not called
   *   and the lock goes to the next waiter. `signal` ends only the wait for the lock.
   *
   * @typeParam T The result of `fn`.
   * @param fn Called with the signal of its scope, and the scope.
   * @param options The signal of the acquire.
   * @returns The result of `fn`.
   * @throws The reason of an abort, or the error of `fn`.
   * @throws {InvalidStateError} If it is called inside a callback of `run` that holds the lock.
   *
   * @example A deadlock is reported
   * ```ts
   * import { InvalidStateError, Lock } from "@weft/async";
   * import { assertRejects } from "@std/assert";
   *
   * const lock = new Lock();
   * const append = () => lock.run(() => {});
   * await lock.run(async () => {
   *   await assertRejects(() => append(), InvalidStateError);
   * });
   * ```
   */
  run<T>(fn: ScopeFunction<T>, options?: WaitOptions): Promise<T> {
    return orReject(() => {
      checkFunction("run with lock", "fn", fn);
      const signal = checkWait("acquire lock", options);
      const permit = new RunPermit(this.core);
      const acquired = this.core.acquire(permit, currentScope(), signal);
      return runWith(RUN, acquired, signal, (own, _permit, self) => fn(own, self), {
        begun: (scope) => permit.scope = scope,
        ended: () => permit.release(),
      });
    });
  }

  /** Shows whether the lock is held, and the number of waiters. */
  toString(): string {
    return `Lock { locked: ${this.locked}, waiting: ${this.waiting} }`;
  }
}
