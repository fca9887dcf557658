/**
 * A ticker.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { clockNow } from "../core/clock.ts";
import { checkMs, checkWait, outOfRange } from "../core/validate.ts";
import { asWait, type WaitOptions } from "../core/wait_queue.ts";
import { sleep } from "../time/sleep.ts";

export type { WaitOptions };

/**
 * Returns an endless iterator that yields every `ms` ms, without drift: ticks are due at multiples of `ms` after the call.
 *
 * - **Order**: ticks never overlap, because the loop asks for the next one when its body has ended. If the body takes
 *   longer than `ms`, the ticks that were due meanwhile are skipped.
 * - **Cancellation**: an abort of the scope of the loop or of `signal` ends the wait with its reason.
 *
 * @param ms The time between two ticks: more than zero.
 * @param options Its signal.
 * @returns An iterator of the numbers of the ticks, from 1; a gap shows how many were skipped.
 * @throws {RangeError} If `ms` is not more than zero.
 *
 * @example Three ticks
 * ```ts
 * import { interval } from "@weft/async/patterns";
 *
 * for await (const tick of interval(5)) {
 *   console.log(tick); // 1, 2, 3, unless the program was busy
 *   if (tick >= 3) break;
 * }
 * ```
 *
 * @see tokio::time::interval of tokio 1 with MissedTickBehavior::Skip; its first tick is due at once.
 */
export function interval(ms: number, options?: WaitOptions): AsyncIterableIterator<number, undefined> {
  const action = "start interval";
  checkMs(action, "ms", ms);
  if (!(ms > 0)) throw outOfRange(action, "ms", "more than zero", ms);
  const signal = checkWait(action, options);
  const start = clockNow();
  let tick = 0;
  const next = async (): Promise<IteratorResult<number, undefined>> => {
    // The first tick that is not due yet; never one that was yielded.
    const following = Math.max(tick + 1, Math.ceil((clockNow() - start) / ms));
    await sleep(start + following * ms - clockNow(), signal && { signal });
    tick = following;
    return { value: tick, done: false };
  };
  return {
    next: () => asWait(currentScope(), signal, next()),
    return: () => Promise.resolve({ value: undefined, done: true }),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
