/**
 * The state of a lock: its holder, its waiters, and the permits that a condition has suspended.
 *
 * @module
 */

import { openScope, sharedState } from "../core/ambient.ts";
import { nothing } from "../core/foreign.ts";
import { isWithin, type Scope } from "../core/scope.ts";
import { enqueue, refusal, WaitQueue } from "../core/wait_queue.ts";
import { InvalidStateError } from "../errors.ts";
import { type Holder, LockPermit, type PermitOwner, RunPermit } from "./permit.ts";

/** The engine of a `Lock`, for it and for `Condition`. */
export class LockCore implements PermitOwner {
  // Invariant: if there are waiters, the lock is held.
  #permit: LockPermit | null = null;
  readonly queue = new WaitQueue<LockPermit>();
  // Whether a condition may suspend holds, and the number of suspended holds for each scope that acquired one.
  #watched = false;
  readonly #suspended = new Map<Scope, number>();

  get locked(): boolean {
    return this.#permit !== null;
  }

  /** Acquires the lock with `permit`, and waits for it if necessary. */
  acquire(permit: LockPermit, scope: Scope, signal: AbortSignal | undefined): Promise<LockPermit> {
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    if (this.#isHeldAround(scope)) {
      return Promise.reject(
        new InvalidStateError("Cannot acquire lock: the surrounding callback of Lock.run already holds it"),
      );
    }
    this.#record(permit, scope);
    return this.#take(permit, scope, signal);
  }

  /** Acquires the lock if it is free. */
  tryAcquire(scope: Scope): LockPermit | undefined {
    if (this.#permit !== null) return undefined;
    const permit = new LockPermit(this);
    this.#record(permit, scope);
    return this.#permit = permit;
  }

  giveBack(permit: LockPermit): void {
    if (this.#permit === permit) this.handOver();
  }

  /** Hands the lock to the longest-waiting caller. */
  handOver(): void {
    const node = this.queue.head();
    if (node === null) return void (this.#permit = null);
    this.#own(node.payload);
    node.claim.grant(node.payload);
  }

  /** Marks the lock as having a condition, so that it records its holders. */
  watch(): void {
    this.#watched = true;
  }

  /**
   * Hands the lock to the next waiter, and returns the permit to resume with. Throws if the hold of the caller in
   * `scope` is suspended already, so that the lock belongs to another caller.
   */
  suspend(scope: Scope): LockPermit {
    const permit = this.#permit!;
    // A hold that was acquired before the lock had a condition is assumed to be the caller's.
    this.#record(permit, scope);
    const holder = permit.holder!;
    if (holder.onItsWay || this.#isSuspendedFor(scope, holder)) {
      throw new InvalidStateError("Cannot wait for condition: another wait has already given up the lock");
    }
    const owner = openScope(holder.scope);
    holder.suspendedFor = owner;
    this.#suspended.set(owner, (this.#suspended.get(owner) ?? 0) + 1);
    this.handOver();
    return permit;
  }

  /** Waits until `permit` holds the lock again. No abort ends this wait. */
  resume(permit: LockPermit): Promise<LockPermit> {
    // Nothing aborts the root scope, and the end of a scope does not wait for a wait that is queued there.
    return this.#take(permit, sharedState().root);
  }

  #isHeldAround(scope: Scope): boolean {
    const permit = this.#permit;
    return permit instanceof RunPermit && permit.scope !== null && isWithin(scope, permit.scope);
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

  #take(permit: LockPermit, scope: Scope, signal?: AbortSignal): Promise<LockPermit> {
    if (this.#permit === null) {
      this.#own(permit);
      return Promise.resolve(permit);
    }
    const wait = enqueue<LockPermit, LockPermit>(this.queue, permit, scope, signal);
    const { holder } = permit;
    if (holder !== null) {
      holder.onItsWay = true;
      // This reaction is attached first, so it runs before the caller that acquires the lock resumes.
      wait.then(() => holder.onItsWay = false, nothing);
    }
    return wait;
  }

  /** Records the scope in which `permit` is acquired, if the lock has a condition. */
  #record(permit: LockPermit, scope: Scope): void {
    if (this.#watched) permit.holder ??= { scope, onItsWay: false, suspendedFor: null };
  }

  #own(permit: LockPermit): void {
    this.#permit = permit;
    const { holder } = permit;
    if (holder === null || holder.suspendedFor === null) return;
    const others = this.#suspended.get(holder.suspendedFor)! - 1;
    if (others > 0) this.#suspended.set(holder.suspendedFor, others);
    else this.#suspended.delete(holder.suspendedFor);
    holder.suspendedFor = null;
  }
}
