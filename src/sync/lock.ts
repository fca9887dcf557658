/**
 * Lets one at a time in.
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
 * Lets one at a time in.
 *
 * **Order**: first come, first served; a release hands the lock to who waits longest, and no newcomer takes it.
 * **Cancellation**: an aborted wait takes nothing; a lock that was handed over in the same turn counts as delivered.
 * **Failure**: acquiring it again while holding it waits for ever, as in asyncio; only inside the callback of
 * {@linkcode Lock.prototype.run} is that told. **Cost**: an `acquire` that need not wait allocates the hold and a promise.
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
 * @see asyncio.Lock of Python 3.14: here `acquire` returns a hold as well, and a release hands over at once.
 */
export class Lock {
  // Invariant: waiters ⇒ somebody holds it.
  #hold: Hold | null = null;
  // Whether a condition may suspend holds; and how many are suspended, by the scope that they were acquired in.
  #watched = false;
  readonly #suspended = new Map<Scope, number>();
  readonly #queue = new WaitQueue<Hold>();
  readonly #giveBack = (hold: Hold): void => {
    if (this.#hold === hold) this.#handOver();
  };

  /** Whether somebody holds it. */
  get locked(): boolean {
    return this.#hold !== null;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Takes the lock, and waits for it if need be.
   *
   * @param options Its signal.
   * @returns What to release; `release` of the lock itself does as well.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {InvalidStateError} If the callback of `run` that it is called in holds the lock.
   * @throws {TypeError} If an option is of the wrong kind.
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
   * Takes the lock if it is free.
   *
   * @returns What to release, or `undefined`.
   */
  tryAcquire(): Hold | undefined {
    if (this.#hold !== null) return undefined;
    return this.#hold = this.#held(new Hold(this.#giveBack), currentScope());
  }

  /**
   * Gives the lock back, whoever holds it, and hands it to who waits longest: for code that cannot carry the hold.
   *
   * @throws {InvalidStateError} If it is not locked.
   */
  release(): void {
    if (this.#hold === null) throw new InvalidStateError("Cannot release lock: it is not locked");
    this.#handOver();
  }

  /**
   * Calls `fn` in a scope of its own while holding the lock, and releases it when all work in that scope has ended.
   *
   * **Failure**: acquiring the lock again anywhere inside, in children of `gather` and tasks of a group too, throws at
   * once instead of waiting for ever. **Cancellation**: aborted before `fn` is called, also in the turn of the hand-over,
   * it never is, and the lock goes to the next; `signal` ends the wait for the lock only.
   *
   * @typeParam T What `fn` returns.
   * @param fn Called with the signal of its scope, and the scope.
   * @param options The signal of the acquire.
   * @returns What `fn` returns.
   * @throws The reason of an abort, or what `fn` throws.
   * @throws {InvalidStateError} If the callback of `run` that it is called in holds the lock.
   * @throws {TypeError} If an argument is of the wrong kind.
   *
   * @example A deadlock that is told
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

  /** Shows whether it is locked, and how many wait. */
  toString(): string {
    return `Lock { locked: ${this.locked}, waiting: ${this.waiting} }`;
  }

  static {
    attachInspect(Lock.prototype);
    setLockAccess({
      watch: (lock) => void (lock.#watched = true),
      suspend(lock, scope) {
        const hold = lock.#hold!;
        // Acquired before the lock had a condition, it is taken for that of the caller.
        const holder = lock.#held(hold, scope).holder!;
        if (holder.onItsWay || lock.#isSuspendedFor(scope, holder)) {
          throw new InvalidStateError("Cannot wait for condition: another wait has given up the hold already");
        }
        const owner = openScope(holder.scope);
        holder.suspendedFor = owner;
        lock.#suspended.set(owner, (lock.#suspended.get(owner) ?? 0) + 1);
        lock.#handOver();
        return hold;
      },
      // Nothing aborts the root, and no end of a scope waits for what is queued there.
      resume: (lock, hold) => lock.#take(hold, sharedState().root),
    });
  }

  #acquire(hold: Hold, signal: AbortSignal | undefined): Promise<Hold> {
    const scope = currentScope();
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    if (this.#isHeldAround(scope)) {
      return Promise.reject(
        new InvalidStateError("Cannot acquire lock: the callback of Lock.run that asks for it holds it"),
      );
    }
    return this.#take(this.#watched ? this.#held(hold, scope) : hold, scope, signal);
  }

  #isHeldAround(scope: Scope): boolean {
    const hold = this.#hold;
    return hold instanceof RunHold && hold.scope !== null && isWithin(scope, hold.scope);
  }

  /** Whether what the caller held is suspended: whatever scope around it is nearer, that of the hold or of one suspended. */
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
      // Before whoever acquires it goes on.
      wait.then(() => holder.onItsWay = false, nothing);
    }
    return wait;
  }

  /** Notes where `hold` is acquired, if a condition may ask. */
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
