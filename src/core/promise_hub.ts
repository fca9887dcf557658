/**
 * The one place that waits for foreign promises, with one `then` for each promise, however many waits it has.
 *
 * A promise keeps its reactions until it settles. A million waits with a timeout for the same pending promise would
 * leave a million closures on it, as with `Promise.race`.
 *
 * @module
 */

import { runOutside } from "./context.ts";
import { adopt, observe } from "./foreign.ts";
import type { Scope } from "./scope.ts";
import { Claim, WaitQueue } from "./wait_queue.ts";

const hubs = new WeakMap<object, WaitQueue<null>>();

function hubOf(promise: PromiseLike<unknown>): WaitQueue<null> {
  const known = hubs.get(promise);
  if (known !== undefined) return known;
  const queue = new WaitQueue<null>();
  hubs.set(promise, queue);
  // A settled promise keeps no reactions, so it needs no hub.
  const settled = (end: () => void) => {
    hubs.delete(promise);
    end();
  };
  // A foreign `then` is called here, in the context of the caller, because it may begin its work there. Our own
  // reaction keeps nothing of that context, because the promise may live as long as the program.
  const adopted = adopt(promise);
  runOutside(() =>
    observe(adopted, (value) => settled(() => queue.grantAll(value)), (error) => settled(() => queue.failAll(error)))
  );
  return queue;
}

/** Observes `promise` without a wait, so that its failure never becomes an unhandled rejection. */
export function observeForeign(promise: PromiseLike<unknown>): void {
  hubOf(promise);
}

/** Begins a wait for `promise`. The wait neither aborts the promise nor keeps it alive. */
export function awaitForeign<T>(promise: PromiseLike<T>, scope: Scope, signal?: AbortSignal): Claim<T> {
  const claim = new Claim<T>(scope, signal);
  hubOf(promise).push(claim.node(null));
  return claim;
}
