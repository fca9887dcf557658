/**
 * A barrier, at which a fixed number of callers wait for each other.
 *
 * @module
 */

import { printAsText } from "../core/inspect.ts";
import { checkCount } from "../core/validate.ts";
import { beginWait, enqueue, WaitQueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";

export type { WaitOptions };

/**
 * The barrier was reset or aborted while the caller waited at it, or was aborted before.
 *
 * @example Release all parties if one cannot come
 * ```ts
 * import { Barrier, BrokenBarrierError } from "@weft/async";
 * import { assertRejects } from "@std/assert";
 *
 * const barrier = new Barrier(2);
 * barrier.abort();
 * await assertRejects(() => barrier.wait(), BrokenBarrierError);
 * ```
 *
 * @category Synchronise
 */
export class BrokenBarrierError extends Error {
  /** `"BrokenBarrierError"`. */
  override readonly name = "BrokenBarrierError";
}

/**
 * A barrier, at which a fixed number of callers wait for each other, round after round.
 *
 * - **Order**: The last arrival releases all waiters in the same turn, each with its position in the order of arrival.
 *   Later arrivals belong to the next round.
 * - **Cancellation**: An aborted wait no longer counts; another arrival has to complete the round.
 *
 * @example Rounds
 * ```ts
 * import { Barrier, gather } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const barrier = new Barrier(2);
 * const log: string[] = [];
 * const player = (name: string) => async () => {
 *   for (let round = 1; round <= 2; round++) {
 *     log.push(`${name} ${round}`);
 *     if (await barrier.wait() === 0) log.push("next round");
 *   }
 * };
 * await gather([player("a"), player("b")]);
 * assertEquals(log.slice(0, 2), ["a 1", "b 1"]);
 * ```
 *
 * @see asyncio.Barrier of Python 3.14: it holds back arrivals while it drains; here it drains at once.
 * @category Synchronise
 */
export class Barrier {
  static readonly #printed: void = /* @__PURE__ */ printAsText(Barrier);
  /** The number of callers that complete a round. */
  readonly parties: number;
  // Invariant: there are fewer than `parties` waiters, and none if the barrier is broken.
  readonly #queue = new WaitQueue<null>();
  #broken = false;

  /**
   * Makes a barrier.
   *
   * @param parties The number of callers that complete a round: a whole number of at least 1.
   * @throws {RangeError} If `parties` is less than 1, fractional or NaN.
   */
  constructor(parties: number) {
    checkCount("create Barrier", "parties", parties, 1, false);
    this.parties = parties;
  }

  /** The number of waiters. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Whether the barrier was aborted and not reset since. */
  get broken(): boolean {
    return this.#broken;
  }

  /**
   * Waits until all parties have arrived.
   *
   * @param options Its signal.
   * @returns The caller's position in the order of arrival, from 0 to `parties - 1`.
   * @throws The reason of an abort.
   * @throws {BrokenBarrierError} If the barrier is broken, or is reset or aborted during the wait.
   */
  wait(options?: WaitOptions): Promise<number> {
    return beginWait("wait at Barrier", options, (scope, signal) => {
      if (this.#broken) throw new BrokenBarrierError("Cannot wait at Barrier: it is broken");
      const queue = this.#queue;
      // Waiters that are aborted but not yet removed do not count. Looking for them takes time, so only do it when the
      // round seems complete.
      if (queue.size + 1 < this.parties || queue.prune() + 1 < this.parties) {
        return enqueue<number, null>(queue, null, scope, signal);
      }
      let index = 0;
      for (let node = queue.head(); node !== null; node = queue.head()) node.claim.grant(index++);
      return Promise.resolve(index);
    });
  }

  /** Rejects all waiters with a `BrokenBarrierError` and starts a new round. */
  reset(): void {
    this.#broken = false;
    this.#queue.failAll(new BrokenBarrierError("Cannot wait at Barrier: it was reset"));
  }

  /** Rejects all waiters, and all arrivals until `reset`, with a `BrokenBarrierError`. */
  abort(): void {
    this.#broken = true;
    this.#queue.failAll(new BrokenBarrierError("Cannot wait at Barrier: it was aborted"));
  }

  /** Shows the number of parties and of waiters, and whether the barrier is broken. */
  toString(): string {
    return `Barrier { parties: ${this.parties}, waiting: ${this.waiting}, broken: ${this.broken} }`;
  }
}
