/**
 * Waits for time to pass.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { type Alarm, arm, armAt, disarm, type Sleeper } from "../core/clock.ts";
import { checkInstant, checkMs, checkWait } from "../core/validate.ts";
import { Claim, refusal, type Waitable, type WaitNode, type WaitOptions } from "../core/wait_queue.ts";

export type { WaitOptions };

/** One sleep, in ms or until an instant. */
class SleepClaim extends Claim<void> implements Sleeper {
  // Invariant: armed ⇒ the claim is queued.
  alarm: Alarm | null = null;
  // In epoch ms, if it is an instant that is waited for.
  #until: number | null = null;

  /** Begins to wait, unless the wait is over already. */
  start(ms: number, until: number | null): Promise<void> {
    if (this.state === "queued") {
      this.#until = until;
      this.node(this).home = bed;
      this.#arm(ms);
    }
    return this.promise;
  }

  ring(): void {
    // The system's clock may have been set back meanwhile.
    if (this.#until === null || Date.now() >= this.#until) this.grant();
    else this.#arm(0);
  }

  #arm(ms: number): void {
    try {
      this.alarm = this.#until === null ? arm(this, ms) : armAt(this, this.#until);
    } catch (error) {
      // A faked `setTimeout`.
      this.fail(error);
    }
  }
}

// Where a sleeper stands: it leaves when it is woken or cancelled, and takes its alarm with it.
const bed: Waitable<SleepClaim> = {
  remove({ payload }: WaitNode<SleepClaim>): void {
    if (payload.alarm !== null) disarm(payload.alarm);
  },
};

function startSleep(options: WaitOptions | undefined, ms: number, until: number | null): Promise<void> {
  const signal = checkWait("sleep", options);
  const scope = currentScope();
  return refusal(scope, signal) ?? new SleepClaim(scope, signal).start(ms, until);
}

/**
 * Waits for some time. Others run meanwhile.
 *
 * **Cancellation**: rejects with the reason; its timer is gone.
 *
 * @param ms How many ms, at least; zero or less is the next turn of the clock, `Infinity` for ever.
 * @param options Its signal.
 * @throws {TypeError} If an argument is of the wrong kind.
 * @throws {RangeError} If `ms` is NaN.
 *
 * @example Wait
 * ```ts
 * import { sleep } from "@weft/async";
 *
 * await sleep(5);
 * ```
 *
 * @see asyncio.sleep of Python 3.14: seconds there. For `sleep(0)` see `yieldNow`.
 */
export function sleep(ms: number, options?: WaitOptions): Promise<void> {
  try {
    checkMs("sleep", "ms", ms);
    return startSleep(options, ms, null);
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Waits until an instant on the system's clock, also when that is set meanwhile or the machine sleeps: then it wakes at
 * most 30 s late.
 *
 * **Cancellation**: rejects with the reason; its timer is gone.
 *
 * @param at Epoch ms, or a `Date`. An instant that has passed is the next turn of the clock.
 * @param options Its signal.
 * @throws {TypeError} If an argument is of the wrong kind.
 * @throws {RangeError} If `at` is no valid instant.
 *
 * @example Wait for the next full 10 ms
 * ```ts
 * import { sleepUntil } from "@weft/async";
 *
 * await sleepUntil(Math.ceil(Date.now() / 10) * 10);
 * ```
 */
export function sleepUntil(
  at: number | Date,
  options?: WaitOptions,
): Promise<void> {
  try {
    return startSleep(options, 0, checkInstant("sleep", "at", at));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Waits until it is cancelled, and keeps the program alive.
 *
 * @param options Its signal.
 * @throws The reason of the cancellation.
 * @throws {TypeError} If an option is of the wrong kind.
 *
 * @example Serve until somebody says stop
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
 */
export function sleepForever(options?: WaitOptions): Promise<never> {
  return sleep(Infinity, options) as Promise<never>;
}
