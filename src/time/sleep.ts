/**
 * Waits for a time or an instant.
 *
 * @module
 */

import { orReject } from "../core/foreign.ts";
import { currentScope, openScope } from "../core/ambient.ts";
import type { Scope } from "../core/scope.ts";
import { type Alarm, arm, armAt, armUnref, disarm, type Sleeper } from "../core/clock.ts";
import { checkFlag, checkInstant, checkMs, checkWait } from "../core/validate.ts";
import { asWait, Claim, refusal, type Waitable, type WaitNode, type WaitOptions } from "../core/wait_queue.ts";

export type { WaitOptions };

/**
 * Options of {@linkcode sleep}.
 *
 * @category Time
 */
export interface SleepOptions extends WaitOptions {
  /**
   * Whether the wait keeps the program alive.
   *
   * @default {true}
   */
  ref?: boolean | undefined;
}

class SleepClaim extends Claim<void> implements Sleeper {
  ring(): void {
    this.grant();
  }
}

// The home of every sleeping wait: a wait that is woken or cancelled leaves it, which disarms the alarm.
const bed: Waitable<Alarm> = { remove: (node: WaitNode<Alarm>) => disarm(node.payload) };

function startSleep(
  begin: (sleeper: Sleeper, when: number) => Alarm,
  when: number,
  scope: Scope,
  signal: AbortSignal | undefined,
): Promise<void> {
  const refused = refusal(scope, signal);
  if (refused !== null) return refused;
  const claim = new SleepClaim(scope, signal);
  // Arms nothing if the signal has already ended the wait.
  if (claim.state === "queued") {
    try {
      claim.node(begin(claim, when)).home = bed;
    } catch (error) {
      // A faked `setTimeout` threw.
      claim.fail(error);
    }
  }
  return claim.promise;
}

/**
 * Waits for some time. Other tasks run meanwhile.
 *
 * - **Cancellation**: rejects with the reason, and removes its timer.
 *
 * @param ms The least number of ms to wait. Zero or less waits for the next turn of the clock, `Infinity` for ever.
 * @param options Its signal, and whether it keeps the program alive.
 * @throws {RangeError} If `ms` is NaN.
 *
 * @example Wait
 * ```ts
 * import { sleep } from "@weft/async";
 *
 * await sleep(5);
 * ```
 *
 * @see asyncio.sleep of Python 3.14: it takes seconds; its sleep(0) is yieldNow here.
 * @category Time
 */
export function sleep(ms: number, options?: SleepOptions): Promise<void> {
  try {
    checkMs("sleep", "ms", ms);
    const signal = checkWait("sleep", options);
    const ref = options?.ref;
    checkFlag("sleep", "ref", ref);
    return startSleep(ref === false ? armUnref : arm, ms, currentScope(), signal);
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Waits until an instant on the system clock. If the clock is set meanwhile or the machine sleeps, the wait ends at
 * most 30 s late.
 *
 * - **Cancellation**: rejects with the reason, and removes its timer.
 *
 * @param at Epoch ms, or a `Date`. For an instant that has passed, it waits for the next turn of the clock.
 * @param options Its signal.
 * @throws {RangeError} If `at` is not a valid instant.
 *
 * @example Wait for the next full 10 ms
 * ```ts
 * import { sleepUntil } from "@weft/async";
 *
 * await sleepUntil(Math.ceil(Date.now() / 10) * 10);
 * ```
 *
 * @category Time
 */
export function sleepUntil(at: number | Date, options?: WaitOptions): Promise<void> {
  return orReject(() => {
    const until = checkInstant("sleep", "at", at);
    const signal = checkWait("sleep", options);
    const scope = currentScope();
    return asWait(scope, signal, sleepUntilLater(until, scope, signal));
  });
}

async function sleepUntilLater(until: number, scope: Scope, signal: AbortSignal | undefined): Promise<void> {
  // The alarm is exact only to the ms, and the system clock may have been set back meanwhile.
  do await startSleep(armAt, until, openScope(scope), signal); while (Date.now() < until);
}

/**
 * Waits until it is cancelled, and keeps the program alive.
 *
 * @param options Its signal.
 * @throws The reason of the cancellation.
 *
 * @example Serve until cancelled
 * ```ts
 * import { scope, sleepForever } from "@weft/async";
 *
 * await scope(async (_signal, self) => {
 *   setTimeout(() => self.cancel(), 5);
 *   await sleepForever();
 * });
 * ```
 *
 * @see trio.sleep_forever 0.31.
 * @category Time
 */
export function sleepForever(options?: WaitOptions): Promise<never> {
  return sleep(Infinity, options) as Promise<never>;
}
