/**
 * The parts that the locks share: the hold, and callbacks that run while it is held.
 *
 * @module
 */

import { attachDispose } from "../core/dispose.ts";
import type { Scope } from "../core/scope.ts";
import type { ScopeFunction } from "../task/cancel_scope.ts";
import type { Lock } from "./lock.ts";
import { runWith } from "./run_with.ts";

/** What a lock that has a condition records about a hold. */
export interface Holder {
  /** The scope in which the hold was acquired. */
  readonly scope: Scope;
  /** Whether the hold was granted to a waiter that has not resumed yet. */
  onItsWay: boolean;
  /** The scope for which the hold is suspended while a wait for the condition has given it up, else `null`. */
  suspendedFor: Scope | null;
}

/** A hold on a lock, returned when the lock is acquired. Release it once. */
export class Hold {
  readonly #giveBack: (hold: Hold) => void;
  /**
   * The holder, recorded if the lock has a condition.
   *
   * @internal
   */
  holder: Holder | null = null;

  /** Releases the hold at the end of a block with `using`, if the platform has `Symbol.dispose`. */
  declare readonly [Symbol.dispose]: () => void;

  /** @internal Use `Lock.prototype.acquire`. */
  constructor(giveBack: (hold: Hold) => void) {
    this.#giveBack = giveBack;
  }

  /** Releases the lock and hands it to the longest-waiting caller. Does nothing if this hold has been released. */
  release(): void {
    this.#giveBack(this);
  }

  static {
    attachDispose(Hold.prototype, Hold.prototype.release);
  }
}

/** A hold for the duration of a callback. */
export class RunHold extends Hold {
  /** The scope of the callback, `null` until the callback is called. */
  scope: Scope | null = null;

  /** Calls `fn` while the lock is held; see {@linkcode runWith}. Meanwhile `scopes` contains the callback's scope. */
  run<T>(
    kind: string,
    acquired: Promise<unknown>,
    signal: AbortSignal | undefined,
    fn: ScopeFunction<T>,
    scopes?: Set<Scope>,
  ): Promise<T> {
    return runWith(kind, acquired, signal, (own, _held, self) => fn(own, self), {
      begun: (scope) => {
        this.scope = scope;
        scopes?.add(scope);
      },
      ended: () => {
        if (this.scope !== null) scopes?.delete(this.scope);
        this.release();
      },
    });
  }
}

/** The operations on a lock that only `Condition` may use. */
export interface LockAccess {
  /** Marks the lock as having a condition, so that it records its holders. */
  watch(lock: Lock): void;
  /**
   * Hands the lock to the next waiter, and returns the hold to resume with. Throws if the hold of the caller in `scope`
   * is suspended already, so that the lock belongs to another caller.
   */
  suspend(lock: Lock, scope: Scope): Hold;
  /** Waits until `hold` holds the lock again. No abort ends this wait. */
  resume(lock: Lock, hold: Hold): Promise<Hold>;
}

/** The access to locks. Set by the static block of `Lock`. */
export let lockAccess: LockAccess;

/** Gives `Condition` its access to locks. */
export function setLockAccess(access: LockAccess): void {
  lockAccess = access;
}
