/**
 * A flag that any number of callers can wait for.
 *
 * @module
 */

import { printAsText } from "../core/inspect.ts";
import { beginWait, enqueue, WaitQueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";

export type { WaitOptions };

/**
 * A flag that is set or not, and that any number of callers can wait for. (The DOM already has a class `Event`.)
 *
 * - **Order**: `set` wakes all waiters in order of arrival, even if `clear` follows in the same turn.
 * - **Cancellation**: An aborted wait leaves nothing behind.
 *
 * @example Wait until something is ready
 * ```ts
 * import { AsyncEvent, gather } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const ready = new AsyncEvent();
 * const log: string[] = [];
 * await gather([
 *   () => ready.wait().then(() => log.push("served")),
 *   () => {
 *     log.push("ready");
 *     ready.set();
 *   },
 * ]);
 * assertEquals(log, ["ready", "served"]);
 * ```
 *
 * @see asyncio.Event of Python 3.14.
 * @category Synchronise
 */
export class AsyncEvent {
  static readonly #printed: void = /* @__PURE__ */ printAsText(AsyncEvent);
  // Invariant: set ⇒ no waiters.
  #isSet = false;
  readonly #queue = new WaitQueue<null>();

  /** Whether the event is set. */
  get isSet(): boolean {
    return this.#isSet;
  }

  /** The number of waiters. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Sets the event and wakes all waiters. Does nothing if it is set already. */
  set(): void {
    this.#isSet = true;
    this.#queue.grantAll(undefined);
  }

  /** Clears the event: later calls of `wait` wait until it is set again. */
  clear(): void {
    this.#isSet = false;
  }

  /**
   * Waits until the event is set. Returns at once if it is set already.
   *
   * @param options Its signal.
   * @throws The reason of an abort.
   */
  wait(options?: WaitOptions): Promise<void> {
    return beginWait(
      "wait for event",
      options,
      (scope, signal) => this.#isSet ? Promise.resolve() : enqueue(this.#queue, null, scope, signal),
    );
  }

  /** Shows whether the event is set, and the number of waiters. */
  toString(): string {
    return `AsyncEvent { set: ${this.isSet}, waiting: ${this.waiting} }`;
  }
}
