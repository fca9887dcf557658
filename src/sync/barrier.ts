/**
 * A place where several wait for each other.
 *
 * @module
 */

import { attachInspect } from "../core/inspect.ts";
import { checkCount } from "../core/validate.ts";
import { beginWait, enqueue, WaitQueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";

export type { WaitOptions };

/**
 * A barrier was reset or aborted while somebody waited at it, or before.
 *
 * @example Give up together
 * ```ts
 * import { Barrier, BrokenBarrierError } from "@weft/async";
 * import { assertRejects } from "@std/assert";
 *
 * const barrier = new Barrier(2);
 * barrier.abort();
 * await assertRejects(() => barrier.wait(), BrokenBarrierError);
 * ```
 */
export class BrokenBarrierError extends Error {
  /** `"BrokenBarrierError"`. */
  override readonly name = "BrokenBarrierError";
}

/**
 * A place where several wait for each other, again and again.
 *
 * **Order**: the last to arrive lets all go in that turn, each with its place in the order of arrival; whoever comes
 * then belongs to the next round. **Cancellation**: an aborted wait does not count any more, and another completes the
 * round.
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
 * @see asyncio.Barrier of Python 3.14: it holds back who arrives while it drains; here it drains at once.
 */
export class Barrier {
  /** How many have to arrive. */
  readonly parties: number;
  // Invariant: fewer than `parties` wait; broken ⇒ nobody does.
  readonly #queue = new WaitQueue<null>();
  #broken = false;

  /**
   * Makes a barrier.
   *
   * @param parties How many have to arrive: a whole number of at least 1.
   * @throws {TypeError} If `parties` is not a number.
   * @throws {RangeError} If it is less than 1, fractional or NaN.
   */
  constructor(parties: number) {
    checkCount("create Barrier", "parties", parties, 1, false);
    this.parties = parties;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Whether it was aborted, and not reset since. */
  get broken(): boolean {
    return this.#broken;
  }

  /**
   * Waits until all have arrived.
   *
   * @param options Its signal.
   * @returns The place in the order of arrival, from 0 to one less than `parties`.
   * @throws The reason of an abort.
   * @throws {BrokenBarrierError} If the barrier is reset or aborted meanwhile, or is broken.
   * @throws {TypeError} If an option is of the wrong kind.
   */
  wait(options?: WaitOptions): Promise<number> {
    return beginWait("wait at Barrier", options, (scope, signal) => {
      if (this.#broken) throw new BrokenBarrierError("Cannot wait at Barrier: it is broken");
      const queue = this.#queue;
      // Those whose abort has not been told them yet do not count; they are only looked for when it matters.
      if (queue.size + 1 < this.parties || queue.prune() + 1 < this.parties) {
        return enqueue<number, null>(queue, null, scope, signal);
      }
      let index = 0;
      for (let node = queue.head(); node !== null; node = queue.head()) node.claim.grant(index++);
      return Promise.resolve(index);
    });
  }

  /** Rejects those who wait with a `BrokenBarrierError`, and begins anew. */
  reset(): void {
    this.#broken = false;
    this.#queue.failAll(new BrokenBarrierError("Cannot wait at Barrier: it was reset"));
  }

  /** Rejects those who wait with a `BrokenBarrierError`, and those who come, until `reset`. */
  abort(): void {
    this.#broken = true;
    this.#queue.failAll(new BrokenBarrierError("Cannot wait at Barrier: it was aborted"));
  }

  /** Shows how many have to arrive, how many wait, and whether it is broken. */
  toString(): string {
    return `Barrier { parties: ${this.parties}, waiting: ${this.waiting}, broken: ${this.broken} }`;
  }

  static {
    attachInspect(Barrier.prototype);
  }
}
