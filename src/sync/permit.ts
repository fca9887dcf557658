/**
 * The permit, which every `acquire` returns, and callbacks that run while something is held.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import type { Disposes } from "../core/dispose.ts";
import type { Scope } from "../core/scope.ts";
import { type CallKind, outsideAbort } from "../core/structured_call.ts";
import { asWait } from "../core/wait_queue.ts";
import { BlockCall, CancelScope } from "../task/cancel_scope.ts";

/**
 * The right to go on, returned when a semaphore or a lock is acquired. Release it once, or with `using`.
 *
 * @category Limit
 */
export interface Permit extends Disposes<"dispose"> {
  /** The number of permits of a semaphore that this one stands for; 1 for a lock. */
  readonly weight: number;
  /** Releases it and hands it to the longest-waiting caller. Does nothing if it has been released. */
  release(): void;
}

/** The raw lock that a permit belongs to. */
export interface PermitOwner {
  /** Releases `permit`, unless it has been released already. */
  giveBack(permit: LockPermit): void;
}

/** The scope that holds a lock which has a condition. */
export interface Holder {
  /** The scope in which the lock was acquired. */
  readonly scope: Scope;
  /** Whether the lock was granted to a waiter that has not resumed yet. */
  onItsWay: boolean;
  /** The scope for which the hold is suspended while a wait for the condition has given it up, else `null`. */
  suspendedFor: Scope | null;
}

/** A permit of a lock. */
export class LockPermit {
  readonly #owner: PermitOwner;
  /** The holder, recorded if the lock has a condition. */
  holder: Holder | null = null;

  constructor(owner: PermitOwner) {
    this.#owner = owner;
  }

  get weight(): number {
    return 1;
  }

  release(): void {
    this.#owner.giveBack(this);
  }

  [Symbol.dispose as never](): void {
    this.release();
  }
}

/** A permit of a lock. */
export interface LockPermit extends Permit {}

/** A permit of a lock for the duration of a callback. */
export class RunPermit extends LockPermit {
  /** The scope of the callback, `null` until the callback is called. */
  scope: Scope | null = null;
}

/** Hooks around a callback. */
export interface RunSteps<H> {
  /** Runs right before the callback is called in `scope`. */
  begun?(scope: Scope): void;
  /** Runs when all work in the callback's scope has ended. If `called` is false, the callback was not called. */
  ended(held: H, called: boolean): void;
}

/**
 * Waits for `acquired`, calls `fn` with it in a scope of its own, and ends when all work in that scope has ended. After
 * an abort in the turn of the hand-over, `fn` is not called and the acquired thing is released.
 */
export function runWith<H, T>(
  kind: CallKind,
  acquired: Promise<H>,
  signal: AbortSignal | undefined,
  fn: (signal: AbortSignal, held: H, self: CancelScope) => T | PromiseLike<T>,
  steps: RunSteps<H>,
): Promise<T> {
  return asWait(currentScope(), signal, hold(kind, acquired, signal, fn, steps));
}

async function hold<H, T>(
  kind: CallKind,
  acquired: Promise<H>,
  signal: AbortSignal | undefined,
  fn: (signal: AbortSignal, held: H, self: CancelScope) => T | PromiseLike<T>,
  steps: RunSteps<H>,
): Promise<T> {
  const held = await acquired;
  let called = false;
  try {
    const scope = currentScope();
    const outside = outsideAbort(scope, signal);
    if (outside !== null) throw outside.reason;
    const call = new BlockCall<T>(kind, scope, undefined, fn);
    steps.begun?.(call.scope);
    called = true;
    const self = new CancelScope(call);
    return await call.runBody((signal: AbortSignal) => fn(signal, held, self), call.scope.signal);
  } finally {
    steps.ended(held, called);
  }
}
