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

// While there is always something to run, Deno 2.9 polls its sockets only once in about sixty turns: an answer from a
// server took a hundred turns. A computation that yields rarely therefore gives the loop more turns each time, which
// cost it about a fiftieth of its time; one that yields all the time gives it one turn.
const TURNS_PER_MS = 8;
const MOST_TURNS = 64;

// The waits that have yielded. Invariant: not empty ⇒ a wake-up is scheduled, and never more than one.
const yielded = /* @__PURE__ */ new WaitQueue<null>();
const DONE = /* @__PURE__ */ Promise.resolve();
let scheduled = false;
let turnsLeft = 0;
let lastYield = 0;

function schedule(): void {
  scheduled = true;
  inNextTurn(firstTurn);
}

function firstTurn(): void {
  // Not earlier: other code may have computed after the caller that scheduled this turn.
  turnsLeft = Math.min(MOST_TURNS, 1 + Math.floor((performance.now() - lastYield) * TURNS_PER_MS));
  turn();
}

function turn(): void {
  if (--turnsLeft > 0) return inNextTurn(turn);
  scheduled = false;
  // Before the waiters wake, so that they start with the full budget.
  lastYield = performance.now();
  yielded.grantAll(undefined);
}

/**
 * Lets the event loop run IO, timers and signals before the caller continues. `await null` does not: it only queues the
 * caller behind the other microtasks.
 *
 * - **Cancellation**: rejects with the reason, even if some budget is left.
 * - **Cost**: one turn of the loop. After a long time without a yield, up to 64 turns, about a tenth of a millisecond,
 *   so that IO is not starved.
 *
 * @param options Its budget and signal.
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
 * @category Time
 */
export function yieldNow(
  options?: WaitOptions & {
    /**
     * Yields only if this many ms have passed since the last yield; otherwise returns at once.
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
