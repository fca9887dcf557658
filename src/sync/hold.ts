/**
 * What the locks have in common: the proof of holding one, and callbacks during which one is held.
 *
 * @module
 */

import { attachDispose } from "../core/dispose.ts";
import type { Scope } from "../core/scope.ts";
import type { ScopeFunction } from "../task/cancel_scope.ts";
import type { Lock } from "./lock.ts";
import { runWith } from "./run_with.ts";

/** What a lock that has a condition knows of a hold. */
export interface Holder {
  /** The scope that it was acquired in. */
  readonly scope: Scope;
  /** Whether it was handed over to one who waited, and has not reached that one yet. */
  onItsWay: boolean;
  /** The scope that it is suspended for, while a wait for the condition has given it up. */
  suspendedFor: Scope | null;
}

/** What acquiring a lock hands out: to be released once. */
export class Hold {
  readonly #giveBack: (hold: Hold) => void;
  /**
   * Whose it is, where a condition may have to know.
   *
   * @internal
   */
  holder: Holder | null = null;

  /** Releases it at the end of a block, for `using`, where the platform has it. */
  declare readonly [Symbol.dispose]: () => void;

  /** @internal Use `Lock.prototype.acquire`. */
  constructor(giveBack: (hold: Hold) => void) {
    this.#giveBack = giveBack;
  }

  /** Gives the lock back, and hands it to who waits longest. Does nothing when the lock is not held by this any more. */
  release(): void {
    this.#giveBack(this);
  }

  static {
    attachDispose(Hold.prototype, Hold.prototype.release);
  }
}

/** A hold for the time of a callback. */
export class RunHold extends Hold {
  /** The scope of the callback, once that has begun. */
  scope: Scope | null = null;

  /** Calls `fn` while this is held; see {@linkcode runWith}. `scopes` has the scope of the callback meanwhile. */
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

/** What `Condition` may do with a lock, and nobody else. */
export interface LockAccess {
  /** Says that the lock has a condition, and so has to know who holds it. */
  watch(lock: Lock): void;
  /**
   * Gives the lock to the next, and returns the hold to come back with. Throws if what the caller in `scope` held is
   * suspended already, so that the lock is another's.
   */
  suspend(lock: Lock, scope: Scope): Hold;
  /** Waits, whatever is aborted, until the lock is held by `hold` again. */
  resume(lock: Lock, hold: Hold): Promise<Hold>;
}

/** Set by the static block of `Lock`. */
export let lockAccess: LockAccess;

/** Lets `Condition` in. */
export function setLockAccess(access: LockAccess): void {
  lockAccess = access;
}
