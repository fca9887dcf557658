/**
 * Waits for some of several promises, and returns which have settled.
 *
 * @module
 */

import { orReject } from "../core/foreign.ts";
import { currentScope } from "../core/ambient.ts";
import { type Alarm, arm, disarm, type Sleeper } from "../core/clock.ts";
import { awaitForeign } from "../core/promise_hub.ts";
import type { Scope } from "../core/scope.ts";
import { checkMs, checkWait, isThenable, outOfRange, wrongKind } from "../core/validate.ts";
import { Claim, refusal, type Waitable, type WaitNode, type WaitOptions } from "../core/wait_queue.ts";
import { checkDeadlock, ignoreFailure, scopeless, wasCancelled } from "../task/awaitable.ts";

export type { WaitOptions };

type ReturnWhen = "allCompleted" | "firstCompleted" | "firstException";

interface WaitResult<P> {
  /** The promises that have settled, in order of the input. */
  readonly done: Set<P>;
  /** The promises that have not settled. */
  readonly pending: Set<P>;
}

const RETURN_WHEN: readonly unknown[] = ["allCompleted", "firstCompleted", "firstException"];

/** The home of the caller's wait. When that wait is over, it ends the waits for the individual promises. */
class Watch<P extends PromiseLike<unknown>> implements Waitable<Alarm | null>, Sleeper {
  readonly #promises: ReadonlySet<P>;
  readonly #settled = new Set<P>();
  readonly #claim: Claim<WaitResult<P>>;
  readonly #returnWhen: ReturnWhen;
  #waits: Claim<unknown>[] = [];

  constructor(promises: ReadonlySet<P>, claim: Claim<WaitResult<P>>, returnWhen: ReturnWhen) {
    this.#promises = promises;
    this.#claim = claim;
    this.#returnWhen = returnWhen;
  }

  start(timeout: number, scope: Scope): void {
    if (this.#claim.state !== "queued") return;
    let alarm: Alarm | null = null;
    try {
      if (timeout !== Infinity) alarm = arm(this, timeout);
    } catch (error) {
      // A faked `setTimeout` threw.
      return void this.#claim.fail(error);
    }
    this.#claim.node(alarm).home = this;
    for (const promise of this.#promises) {
      const wait = awaitForeign<unknown>(scopeless(promise), scope);
      this.#waits.push(wait);
      wait.promise.then(
        () => this.#done(promise, false),
        () => this.#done(promise, wait.state === "granted" && !wasCancelled(promise)),
      );
    }
  }

  remove(node: WaitNode<Alarm | null>): void {
    if (node.payload !== null) disarm(node.payload);
    // Without a reason, because nobody observes these waits.
    for (const wait of this.#waits.splice(0)) wait.cancel(undefined);
  }

  #done(promise: P, failed: boolean): void {
    if (this.#claim.state !== "queued") return;
    this.#settled.add(promise);
    if (this.#settled.size === this.#promises.size) return this.ring();
    const enough = this.#returnWhen === "firstCompleted" || (this.#returnWhen === "firstException" && failed);
    // Promises that settled in the same turn are reported right after this one, so wait for them too.
    if (enough) void Promise.resolve().then(() => this.ring());
  }

  /** Ends the wait with the current state of the promises. */
  ring(): void {
    if (this.#claim.state !== "queued") return;
    const done = new Set<P>();
    const pending = new Set<P>();
    for (const promise of this.#promises) {
      (this.#settled.has(promise) ? done : pending).add(promise);
    }
    this.#claim.grant({ done, pending });
  }
}

/**
 * Waits until all, or the first, of several promises have settled, and returns which have. It does not own the
 * promises, and it does not throw their failures: read them from the returned promises.
 *
 * - **Cancellation**: An abort ends only the wait.
 * - **Cost**: Waiting again and again for the same pending promise leaves nothing attached to it.
 *
 * @typeParam P The type of the promises or tasks.
 * @param promises Promises, tasks or futures, but not functions: these belong in `gather`. An empty iterable returns
 * empty sets.
 * @param options When to return, timeout, signal.
 * @returns The promises that are done and those that are pending.
 * @throws {InvalidStateError} If a task waits for itself.
 * @throws {RangeError} If `timeout` is NaN or `returnWhen` is unknown.
 *
 * @example Wait for the first of two tasks
 * ```ts
 * import { createTask, sleep, wait } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const slow = createTask(() => sleep(60_000));
 * const fast = createTask(() => sleep(1));
 * const { done, pending } = await wait([slow, fast], {
 *   returnWhen: "firstCompleted",
 * });
 * assertEquals([done.has(fast), pending.has(slow)], [true, true]);
 * slow.cancel();
 * ```
 *
 * @see asyncio.wait of Python 3.14: an empty set is an error there.
 * @category Combine
 */
export function wait<P extends PromiseLike<unknown>>(
  promises: Iterable<P>,
  options?: WaitOptions & {
    /**
     * When to return: after all promises have settled, after the first has settled, or after the first has failed (if
     * none fails, after all). A cancellation is not a failure.
     *
     * @default {"allCompleted"}
     */
    returnWhen?: "allCompleted" | "firstCompleted" | "firstException" | undefined;
    /**
     * The time in ms after which to return in any case.
     *
     * @default {Infinity}
     */
    timeout?: number | undefined;
  },
): Promise<{ readonly done: Set<P>; readonly pending: Set<P> }> {
  return orReject(() => {
    const signal = checkWait("wait", options);
    const { timeout = Infinity, returnWhen = "allCompleted" } = Object(options) as NonNullable<typeof options>;
    checkMs("wait", "timeout", timeout);
    checkReturnWhen(returnWhen);
    const set = readPromises(promises);
    const scope = currentScope();
    for (const promise of set) checkDeadlock(promise, scope);
    const refused = refusal(scope, signal);
    if (refused !== null) {
      set.forEach(ignoreFailure);
      return refused;
    }
    if (set.size === 0) {
      return Promise.resolve({ done: new Set<P>(), pending: new Set<P>() });
    }
    const claim = new Claim<WaitResult<P>>(scope, signal);
    new Watch(set, claim, returnWhen).start(timeout, scope);
    return claim.promise;
  });
}

function readPromises<P>(promises: Iterable<P>): Set<P> {
  if (typeof Object(promises)[Symbol.iterator] !== "function" || typeof promises === "string") {
    throw wrongKind("wait", "promises", "an iterable of promises", promises);
  }
  const list = [...promises];
  for (let i = 0; i < list.length; i++) {
    if (!isThenable(list[i])) throw wrongKind("wait", `promises[${i}]`, "a promise or another thenable", list[i]);
  }
  return new Set(list);
}

function checkReturnWhen(value: unknown): void {
  if (RETURN_WHEN.includes(value)) return;
  const rule = `one of ${RETURN_WHEN.join(", ")}`;
  if (typeof value !== "string") throw wrongKind("wait", "returnWhen", rule, value);
  throw outOfRange("wait", "returnWhen", rule, value);
}
