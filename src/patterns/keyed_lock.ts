/**
 * A lock for each key.
 *
 * @module
 */

import { printAsText } from "../core/inspect.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { Lock, type ScopeFunction } from "../sync/lock.ts";

export type { ScopeFunction, WaitOptions };

interface Entry {
  readonly lock: Lock;
  users: number;
}

/**
 * Locks by key: callers with the same key take turns, those with different keys do not wait for each other. Keys that
 * are not in use keep nothing.
 *
 * @typeParam K The type of the keys, which are compared as those of a `Map`.
 *
 * @example One write to each file at a time
 * ```ts
 * import { sleep } from "@weft/async";
 * import { KeyedLock } from "@weft/async/patterns";
 * import { assertEquals } from "@std/assert";
 *
 * const files = new KeyedLock<string>();
 * const log: string[] = [];
 * const write = (file: string, text: string) =>
 *   files.run(file, async () => {
 *     await sleep(1);
 *     log.push(`${file}: ${text}`);
 *   });
 * await Promise.all([write("a", "1"), write("a", "2")]);
 * assertEquals([log, files.size], [["a: 1", "a: 2"], 0]);
 * ```
 */
export class KeyedLock<K> {
  static readonly #printed: void = /* @__PURE__ */ printAsText(KeyedLock);
  readonly #entries = new Map<K, Entry>();

  /** The number of keys in use. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Acquires the lock of `key`, calls `fn` in a scope of its own, and releases the lock when all work in that scope has
   * ended. Otherwise the same as `Lock.run`.
   *
   * - **Order**: callers with the same key, in the order of their calls.
   * - **Cancellation**: an abort during the wait rejects with its reason, and `fn` is not called.
   *
   * @typeParam T The result of `fn`.
   * @param key The key.
   * @param fn Called with the signal of its scope, and the scope.
   * @param options The signal of the wait.
   * @returns The result of `fn`.
   * @throws {InvalidStateError} If a callback for the same key is running around the call: it would wait for itself.
   */
  run<T>(key: K, fn: ScopeFunction<T>, options?: WaitOptions): Promise<T> {
    let entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, entry = { lock: new Lock(), users: 0 });
    const used = entry;
    used.users++;
    return used.lock.run(fn, options).finally(() => {
      if (--used.users === 0) this.#entries.delete(key);
    });
  }

  /** Shows the number of keys. */
  toString(): string {
    return `KeyedLock { size: ${this.size} }`;
  }
}
