/**
 * Hands control to the event loop.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { inNextTurn } from "../core/next_turn.ts";
import { checkMs, checkWait } from "../core/validate.ts";
import { enqueue, refusal, WaitQueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";

export type { WaitOptions };

// While there is always something to run, Deno 2.9 looks at its sockets only once in about sixty turns: an answer from a
// server took a hundred of them. So a computation that yields seldom gives the loop more turns each time, and pays about
// a fiftieth of its time for them; one that yields all the time gives one.
const TURNS_PER_MS = 8;
const MOST_TURNS = 64;

// Who has yielded. Invariant: not empty ⇒ a wake-up is scheduled, and never more than one.
const yielded = new WaitQueue<null>();
const DONE = Promise.resolve();
let scheduled = false;
let turnsLeft = 0;
let lastYield = 0;

function schedule(): void {
  scheduled = true;
  inNextTurn(firstTurn);
}

function firstTurn(): void {
  // Not earlier: behind the one that has scheduled it others may have computed.
  turnsLeft = Math.min(MOST_TURNS, 1 + Math.floor((performance.now() - lastYield) * TURNS_PER_MS));
  turn();
}

function turn(): void {
  if (--turnsLeft > 0) return inNextTurn(turn);
  scheduled = false;
  // Before the budget is counted anew, so that what runs now starts with all of it.
  lastYield = performance.now();
  yielded.grantAll(undefined);
}

/**
 * Lets the event loop run IO, timers and signals before the caller goes on. `await null` does not: it only goes
 * behind the other microtasks.
 *
 * **Cancellation**: rejects with the reason, also when there is budget left. **Cost**: a turn of the loop; after a long
 * time without a yield up to 64 turns, about a tenth of a millisecond, so that IO comes through.
 *
 * @param options Its budget and signal.
 * @throws {TypeError} If an option is of the wrong kind.
 * @throws {RangeError} If `budget` is NaN or negative.
 *
 * @example A long computation that lets others run
 * ```ts
 * import { yieldNow } from "@weft/async";
 *
 * let sum = 0;
 * for (let i = 0; i < 100_000; i++) {
 *   sum += i;
 *   if (i % 1000 === 0) await yieldNow({ budget: 10 });
 * }
 * console.log(sum);
 * ```
 *
 * @see asyncio.sleep(0) of Python 3.14.
 */
export function yieldNow(
  options?: WaitOptions & {
    /**
     * Yields only when that many ms have gone since the last time, and else returns at once.
     *
     * @default {0}
     */
    budget?: number | undefined;
  },
): Promise<void> {
  try {
    const signal = checkWait("yield", options);
    const budget = options?.budget === undefined ? 0 : options.budget;
    checkMs("yield", "budget", budget, false);
    const scope = currentScope();
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    if (budget > 0 && performance.now() - lastYield < budget) return DONE;
    if (!scheduled) schedule();
    return enqueue(yielded, null, scope, signal);
  } catch (error) {
    return Promise.reject(error);
  }
}
