/**
 * Cancellable waits for foreign promises.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { type Alarm, arm, disarm } from "../core/clock.ts";
import { TimeoutError } from "../errors.ts";
import { awaitForeign } from "../core/promise_hub.ts";
import { checkDeadlock, ignoreFailure, scopeless } from "../task/awaitable.ts";
import { checkMs, checkWait, isThenable, wrongKind } from "../core/validate.ts";
import { type Claim, refusal, type Waitable, type WaitNode, type WaitOptions } from "../core/wait_queue.ts";

export type { WaitOptions };

const waits: Waitable<Alarm> = { remove: (node: WaitNode<Alarm>) => disarm(node.payload) };

function giveUpAfter(ms: number, claim: Claim<unknown>): void {
  if (ms === Infinity || claim.state !== "queued") return;
  const giveUp = () => claim.fail(new TimeoutError(`The promise took longer than ${ms} ms`));
  try {
    claim.node(arm({ ring: giveUp }, ms)).home = waits;
  } catch (error) {
    // A faked `setTimeout` threw.
    claim.fail(error);
  }
}

/**
 * Waits for a promise that knows nothing of scopes, so that the wait can be cancelled or can time out. The work behind
 * the promise keeps running.
 *
 * - **Failure**: rejects with the error of the promise, unchanged. If the wait was cancelled, timed out or was refused
 *   because its scope was already aborted, a failure of the promise reaches only code that awaits the promise
 *   elsewhere, as with `Promise.race`. If a failure must not be missed, await the promise in a `shield`.
 * - **Cancellation**: rejects with the reason.
 * - **Cost**: repeated waits for a long-lived promise leave nothing behind on it.
 *
 * @typeParam T What the promise comes to.
 * @param promise A promise or another thenable.
 * @param options Its timeout and signal.
 * @returns What the promise comes to.
 * @throws {TimeoutError} If the promise takes longer than `timeout`.
 * @throws {TypeError} If `promise` is a function; to run a function with a deadline, use `timeout`.
 * @throws {RangeError} If `timeout` is NaN.
 * @throws {InvalidStateError} If a task waits for itself.
 *
 * @example Do not wait for ever
 * ```ts
 * import { TimeoutError, waitFor } from "@weft/async";
 * import { assertRejects } from "@std/assert";
 *
 * const never = new Promise(() => {});
 * await assertRejects(() => waitFor(never, { timeout: 5 }), TimeoutError);
 * ```
 *
 * @see asyncio.wait_for of Python 3.14: it cancels what it waits for; a promise cannot be cancelled.
 * @category Time
 */
export function waitFor<T>(
  promise: PromiseLike<T>,
  options?: WaitOptions & {
    /**
     * How many ms to wait. `Infinity` waits for ever; zero or less succeeds only if the promise has settled already.
     *
     * @default {Infinity}
     */
    timeout?: number | undefined;
  },
): Promise<T> {
  try {
    if (!isThenable(promise)) throw wrongKind("wait", "promise", "a promise or another thenable", promise);
    const signal = checkWait("wait", options);
    const timeout = options?.timeout === undefined ? Infinity : options.timeout;
    checkMs("wait", "timeout", timeout);
    const scope = currentScope();
    checkDeadlock(promise, scope);
    const plain = scopeless(promise);
    const refused = refusal(scope, signal);
    if (refused !== null) {
      ignoreFailure(promise);
      return refused;
    }
    const claim = awaitForeign<T>(plain, scope, signal);
    giveUpAfter(timeout, claim as Claim<unknown>);
    return claim.promise;
  } catch (error) {
    return Promise.reject(error);
  }
}
