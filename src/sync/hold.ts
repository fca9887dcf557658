/**
 * What the locks have in common: the proof of holding one, and callbacks during which one is held.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { BodyCall } from "../core/body_call.ts";
import { attachDispose } from "../core/dispose.ts";
import type { Scope } from "../core/scope.ts";
import type { TaskFunction } from "../core/structured_call.ts";
import { throwIfCancelled } from "../task/current.ts";
import type { Lock } from "./lock.ts";

/** What acquiring a lock hands out: to be released once. */
export class Hold {
  readonly #giveBack: (hold: Hold) => void;

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

  /** Calls `fn` in a scope of its own, and releases this when all in it has ended. `scopes` has the scope meanwhile. */
  async run<T>(kind: string, fn: TaskFunction<T>, scopes?: Set<Scope>): Promise<T> {
    try {
      // The abort may have come in the turn of the hand-over.
      throwIfCancelled();
      const call = new BodyCall<T>(kind, currentScope(), undefined);
      this.scope = call.scope;
      scopes?.add(call.scope);
      return await call.runBody(fn, call.scope.signal);
    } finally {
      if (this.scope !== null) scopes?.delete(this.scope);
      this.release();
    }
  }
}

/** What `Condition` may do with a lock, and nobody else. */
export interface LockAccess {
  /** Gives the lock to the next, and returns the hold to come back with. */
  suspend(lock: Lock): Hold;
  /** Waits, whatever is aborted, until the lock is held by `hold` again. */
  resume(lock: Lock, hold: Hold): Promise<Hold>;
}

/** Set by the static block of `Lock`. */
export let lockAccess: LockAccess;

/** Lets `Condition` in. */
export function setLockAccess(access: LockAccess): void {
  lockAccess = access;
}
