/**
 * Work that all callers with the same key share.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { cancelledPromise, orReject } from "../core/foreign.ts";
import { printAsText } from "../core/inspect.ts";
import type { TaskFunction } from "../core/structured_call.ts";
import { checkFunction } from "../core/validate.ts";
import { asWait } from "../core/wait_queue.ts";
import { createTask, type Task } from "../task/create_task.ts";
import { shield } from "../task/shield.ts";

export type { TaskFunction };

interface Flight<V> {
  readonly task: Task<V>;
  callers: number;
}

/**
 * Runs work once for all callers that ask for the same key at the same time, such as the load of a cache entry.
 *
 * The work is an independent task: no caller's deadline or cancellation reaches it. A promise that is stored by hand in the
 * scope of the first caller would fail with that caller's deadline, for all of them.
 *
 * - **Failure**: all current callers get it. The next call starts anew.
 * - **Cancellation**: a caller that is cancelled leaves. When the last one leaves, the work is cancelled, and that caller
 *   waits for its end.
 *
 * @typeParam K The type of the keys, which are compared as those of a `Map`.
 * @typeParam V The type of the results.
 *
 * @example Three callers, one load
 * ```ts
 * import { sleep } from "@weft/async";
 * import { SingleFlight } from "@weft/async/patterns";
 * import { assertEquals } from "@std/assert";
 *
 * const users = new SingleFlight<number, string>();
 * let loads = 0;
 * const load = (id: number) =>
 *   users.run(id, async () => {
 *     await sleep(1);
 *     return `user ${id}, load ${++loads}`;
 *   });
 * const all = await Promise.all([load(7), load(7), load(7)]);
 * assertEquals(all, Array(3).fill("user 7, load 1"));
 * ```
 *
 * @see golang.org/x/sync/singleflight: there, no caller cancels the work.
 */
export class SingleFlight<K, V> {
  static readonly #printed: void = /* @__PURE__ */ printAsText(SingleFlight);
  readonly #flights = new Map<K, Flight<V>>();

  /** The number of keys whose work is running. */
  get size(): number {
    return this.#flights.size;
  }

  /**
   * Returns the result of the work that is running for `key`, or starts it.
   *
   * @param key The key.
   * @param fn The work, called with the signal of its task unless the work for `key` is running.
   * @returns The result.
   * @throws The failure of the work, or the reason of the caller's abort.
   */
  run(key: K, fn: TaskFunction<V>): Promise<V> {
    return orReject(() => {
      checkFunction("run single flight", "fn", fn);
      const scope = currentScope();
      if (scope.aborted) return cancelledPromise(scope.reason);
      return asWait(scope, undefined, this.#join(key, fn));
    });
  }

  async #join(key: K, fn: TaskFunction<V>): Promise<V> {
    const flight = this.#flights.get(key) ?? this.#start(key, fn);
    flight.callers++;
    try {
      return await flight.task;
    } finally {
      if (--flight.callers === 0 && !flight.task.done) await this.#abandon(key, flight);
    }
  }

  #start(key: K, fn: TaskFunction<V>): Flight<V> {
    const task = createTask<V>(fn);
    const flight = { task, callers: 0 };
    this.#flights.set(key, flight);
    task.addDoneCallback(() => this.#forget(key, flight));
    return flight;
  }

  #forget(key: K, flight: Flight<V>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }

  /** The last caller has left: the next one must not get the cancelled work. */
  async #abandon(key: K, { task }: Flight<V>): Promise<void> {
    this.#flights.delete(key);
    task.cancel(currentScope().reason);
    await shield(() => task.promise.catch(() => {}));
  }

  /** Removes the work for `key` from the list: its callers still get its result, and the next call starts anew. */
  forget(key: K): void {
    this.#flights.delete(key);
  }

  /** Shows the number of keys. */
  toString(): string {
    return `SingleFlight { size: ${this.size} }`;
  }
}
