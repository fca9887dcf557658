/**
 * The one place that waits for foreign promises: one `then` a promise, however often it is waited for.
 *
 * A promise cannot forget a reaction. Waiting a million times for one that settles late, each time with a
 * timeout, would leave a million closures on it (`Promise.race` does).
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
  // A settled promise keeps no reactions, so its hub is not needed any more.
  const settled = (end: () => void) => {
    hubs.delete(promise);
    end();
  };
  // A foreign `then` is called here, in the context of the caller: some begin their work there. Our reaction keeps nothing
  // of that context, because the promise may live as long as the program.
  const adopted = adopt(promise);
  runOutside(() =>
    observe(
      adopted,
      (value) => settled(() => queue.grantAll(value)),
      (error) => settled(() => queue.failAll(error)),
    )
  );
  return queue;
}

/** Counts as waiting for `promise`, without a wait: its failure never becomes an unhandled rejection. */
export function observeForeign(promise: PromiseLike<unknown>): void {
  hubOf(promise);
}

/** Begins a wait for `promise`, which is neither aborted nor kept by it. */
export function awaitForeign<T>(
  promise: PromiseLike<T>,
  scope: Scope,
  signal?: AbortSignal,
): Claim<T> {
  const claim = new Claim<T>(scope, signal);
  hubOf(promise).push(claim.node(null));
  return claim;
}
