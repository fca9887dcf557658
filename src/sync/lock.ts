/**
 * A mutual exclusion lock.
 *
 * @module
 */

import { currentScope, openScope, sharedState } from "../core/ambient.ts";
import { InvalidStateError } from "../core/errors.ts";
import { nothing } from "../core/foreign.ts";
import { attachInspect } from "../core/inspect.ts";
import { isWithin, type Scope } from "../core/scope.ts";
import { CancelScope, type ScopeFunction } from "../task/cancel_scope.ts";
import { checkFunction, checkWait } from "../core/validate.ts";
import { enqueue, refusal, WaitQueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { Hold, type Holder, RunHold, setLockAccess } from "./hold.ts";

export { CancelScope, Hold, type ScopeFunction, type WaitOptions };

/**
 * Gives one caller at a time exclusive access.
 *
 * - **Order**: First come, first served. A release hands the lock to the longest-waiting caller; no newcomer takes it.
 * - **Failure**: Acquiring the lock again while holding it waits for ever, as in asyncio. Only inside the callback of
 *   {@linkcode Lock.prototype.run} does it throw instead.
 * - **Cancellation**: An aborted wait takes nothing. A lock that was handed over in the same turn counts as delivered.
 * - **Cost**: An `acquire` that need not wait allocates the hold and a promise.
 *
 * @example One writer at a time
 * ```ts
 * import { gather, Lock, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const lock = new Lock();
 * let balance = 10;
 * const withdraw = async (amount: number) => {
 *   using _hold = await lock.acquire();
 *   const before = balance;
 *   await sleep(1); // others would see the old balance
 *   balance = before - amount;
 * };
 * await gather([() => withdraw(3), () => withdraw(4)]);
 * assertEquals(balance, 3);
 * ```
 *
 * @see asyncio.Lock of Python 3.14: here acquiring returns a hold as well, and a release hands the lock over at once.
 */
export class Lock {
  // Invariant: if there are waiters, the lock is held.
  #hold: Hold | null = null;
  // Whether a condition may suspend holds, and the number of suspended holds for each scope that acquired one.
  #watched = false;
  readonly #suspended = new Map<Scope, number>();
  readonly #queue = new WaitQueue<Hold>();
  readonly #giveBack = (hold: Hold): void => {
    if (this.#hold === hold) this.#handOver();
  };

  /** Whether the lock is held. */
  get locked(): boolean {
    return this.#hold !== null;
  }

  /** The number of waiters. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Acquires the lock, and waits for it if necessary.
   *
   * @param options Its signal.
   * @returns The hold to release; releasing the lock itself works too.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {InvalidStateError} If it is called inside a callback of `run` that holds the lock.
   *
   * @example Release with the block
   * ```ts
   * import { Lock } from "@weft/async";
   *
   * const lock = new Lock();
   * {
   *   using _hold = await lock.acquire();
   *   console.log(lock.locked); // true
   * }
   * console.log(lock.locked); // false
   * ```
   */
  acquire(options?: WaitOptions): Promise<Hold> {
    let signal: AbortSignal | undefined;
    try {
      signal = checkWait("acquire lock", options);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#acquire(new Hold(this.#giveBack), signal);
  }

  /**
   * Acquires the lock if it is free.
   *
   * @returns The hold to release, or `undefined`.
   */
  tryAcquire(): Hold | undefined {
    if (this.#hold !== null) return undefined;
    return this.#hold = this.#held(new Hold(this.#giveBack), currentScope());
  }

  /**
   * Releases the lock, whoever holds it, and hands it to the longest-waiting caller. This is for code that cannot pass
   * the hold on.
   *
   * @throws {InvalidStateError} If the lock is not held.
   */
  release(): void {
    if (this.#hold === null) throw new InvalidStateError("Cannot release lock: it is not locked");
    this.#handOver();
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
    try {
      checkFunction("run with lock", "fn", fn);
      const signal = checkWait("acquire lock", options);
      const hold = new RunHold(this.#giveBack);
      return hold.run("Lock.run", this.#acquire(hold, signal), signal, fn);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Shows whether the lock is held, and the number of waiters. */
  toString(): string {
    return `Lock { locked: ${this.locked}, waiting: ${this.waiting} }`;
  }

  static {
    attachInspect(Lock.prototype);
    setLockAccess({
      watch: (lock) => void (lock.#watched = true),
      suspend(lock, scope) {
        const hold = lock.#hold!;
        // A hold that was acquired before the lock had a condition is assumed to be the caller's.
        const holder = lock.#held(hold, scope).holder!;
        if (holder.onItsWay || lock.#isSuspendedFor(scope, holder)) {
          throw new InvalidStateError("Cannot wait for condition: another wait has already given up the hold");
        }
        const owner = openScope(holder.scope);
        holder.suspendedFor = owner;
        lock.#suspended.set(owner, (lock.#suspended.get(owner) ?? 0) + 1);
        lock.#handOver();
        return hold;
      },
      // Nothing aborts the root scope, and the end of a scope does not wait for a wait that is queued there.
      resume: (lock, hold) => lock.#take(hold, sharedState().root),
    });
  }

  #acquire(hold: Hold, signal: AbortSignal | undefined): Promise<Hold> {
    const scope = currentScope();
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    if (this.#isHeldAround(scope)) {
      return Promise.reject(
        new InvalidStateError("Cannot acquire lock: the surrounding callback of Lock.run already holds it"),
      );
    }
    return this.#take(this.#watched ? this.#held(hold, scope) : hold, scope, signal);
  }

  #isHeldAround(scope: Scope): boolean {
    const hold = this.#hold;
    return hold instanceof RunHold && hold.scope !== null && isWithin(scope, hold.scope);
  }

  /** Whether the nearest scope around the caller that owns a hold owns a suspended one. */
  #isSuspendedFor(scope: Scope, holder: Holder): boolean {
    if (this.#suspended.size === 0) return false;
    const owner = openScope(holder.scope);
    for (let at: Scope | null = scope; at !== null && at !== owner; at = at.parent) {
      if (this.#suspended.has(at)) return true;
    }
    return false;
  }

  #take(hold: Hold, scope: Scope, signal?: AbortSignal): Promise<Hold> {
    if (this.#hold === null) {
      this.#own(hold);
      return Promise.resolve(hold);
    }
    const wait = enqueue<Hold, Hold>(this.#queue, hold, scope, signal);
    const { holder } = hold;
    if (holder !== null) {
      holder.onItsWay = true;
      // This reaction is attached first, so it runs before the caller that acquires the lock resumes.
      wait.then(() => holder.onItsWay = false, nothing);
    }
    return wait;
  }

  /** Records the scope in which `hold` is acquired, if the lock has a condition. */
  #held<H extends Hold>(hold: H, scope: Scope): H {
    if (this.#watched) hold.holder ??= { scope, onItsWay: false, suspendedFor: null };
    return hold;
  }

  #own(hold: Hold): void {
    this.#hold = hold;
    if (hold.holder === null || hold.holder.suspendedFor === null) return;
    const owner = hold.holder.suspendedFor;
    hold.holder!.suspendedFor = null;
    const others = this.#suspended.get(owner)! - 1;
    if (others > 0) this.#suspended.set(owner, others);
    else this.#suspended.delete(owner);
  }

  #handOver(): void {
    const node = this.#queue.head();
    if (node === null) return void (this.#hold = null);
    this.#own(node.payload);
    node.claim.grant(node.payload);
  }
}
