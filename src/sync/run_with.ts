/**
 * The one implementation of callbacks that hold something: a permit, a lock, a token.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { BlockCall, CancelScope } from "../task/cancel_scope.ts";
import type { Scope } from "../core/scope.ts";
import { outsideAbort } from "../core/structured_call.ts";
import { asWait } from "../core/wait_queue.ts";

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
  kind: string,
  acquired: Promise<H>,
  signal: AbortSignal | undefined,
  fn: (signal: AbortSignal, held: H, self: CancelScope) => T | PromiseLike<T>,
  steps: RunSteps<H>,
): Promise<T> {
  return asWait(currentScope(), signal, hold(kind, acquired, signal, fn, steps));
}

async function hold<H, T>(
  kind: string,
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
    const call = new BlockCall<T>(kind, "throws", scope, undefined);
    steps.begun?.(call.scope);
    called = true;
    const self = new CancelScope(call);
    return await call.runBody((signal: AbortSignal) => fn(signal, held, self), call.scope.signal);
  } finally {
    steps.ended(held, called);
  }
}
