/**
 * Something that has happened or not, and that any number wait for.
 *
 * @module
 */

import { attachInspect } from "../core/inspect.ts";
import { beginWait, enqueue, WaitQueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";

export type { WaitOptions };

/**
 * Something that has happened or not, and that any number wait for. (`Event` is the DOM's.)
 *
 * **Order**: `set` wakes all who wait, in order of arrival; also when `clear` follows in the same turn.
 * **Cancellation**: an aborted wait leaves nothing behind.
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
 */
export class AsyncEvent {
  // Invariant: set ⇒ nobody waits.
  #isSet = false;
  readonly #queue = new WaitQueue<null>();

  /** Whether it has happened. */
  get isSet(): boolean {
    return this.#isSet;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Says that it has happened, and wakes all who wait. Doing it twice does nothing. */
  set(): void {
    this.#isSet = true;
    this.#queue.grantAll(undefined);
  }

  /** Says that it has not happened (again): who comes from now on waits. */
  clear(): void {
    this.#isSet = false;
  }

  /**
   * Waits until it has happened; not at all when it has.
   *
   * @param options Its signal.
   * @throws The reason of an abort.
   * @throws {TypeError} If an option is of the wrong kind.
   */
  wait(options?: WaitOptions): Promise<void> {
    return beginWait(
      "wait for event",
      options,
      (scope, signal) => this.#isSet ? Promise.resolve() : enqueue(this.#queue, null, scope, signal),
    );
  }

  /** Shows whether it is set, and how many wait. */
  toString(): string {
    return `AsyncEvent { set: ${this.isSet}, waiting: ${this.waiting} }`;
  }

  static {
    attachInspect(AsyncEvent.prototype);
  }
}
