/**
 * Work that a cancellation around it does not cut short.
 *
 * @module
 */

import { attachAsyncDispose } from "../core/dispose.ts";
import { CancelScope, runBlock, type ScopeFunction } from "./cancel_scope.ts";
import { checkFunction, checkMs, checkOptions } from "../core/validate.ts";

export { CancelScope, type ScopeFunction };

/** Options of {@linkcode shield} and {@linkcode cleanup}. */
export interface ShieldOptions {
  /**
   * After how many ms it is aborted all the same.
   *
   * @default {Infinity}
   */
  timeout?: number | undefined;
}

function checkShield(action: string, fn: unknown, options: ShieldOptions | undefined): number {
  checkFunction(action, "fn", fn);
  checkOptions(action, options);
  const timeout = options?.timeout === undefined ? Infinity : options.timeout;
  checkMs(action, "timeout", timeout);
  return timeout;
}

/**
 * Runs `fn` outside the cancellation of the scopes around it: a commit, a roll-back. The caller waits for it.
 *
 * **Cancellation**: an abort around it reaches neither `fn` nor this call, and is seen at the next wait; `timeout`
 * does reach it.
 *
 * @typeParam T What `fn` returns.
 * @param fn Called with the signal of the shielded scope, and the scope.
 * @param options Its timeout.
 * @returns What `fn` returns.
 * @throws {TimeoutError} If the timeout cut it short.
 * @throws {TypeError} If an argument is of the wrong kind.
 * @throws {RangeError} If `timeout` is NaN.
 *
 * @example A `finally` that waits
 * ```ts
 * import { moveOnAfter, shield, sleep } from "@weft/async";
 * import { assert } from "@std/assert";
 *
 * let saved = false;
 * await moveOnAfter(1, async () => {
 *   try {
 *     await sleep(60_000);
 *   } finally {
 *     await shield(async () => {
 *       await sleep(1);
 *       saved = true;
 *     });
 *   }
 * });
 * assert(saved);
 * ```
 *
 * @see asyncio.shield of Python 3.14: its caller is cancelled at once and the work goes on unwatched; this one waits.
 */
export function shield<T>(fn: ScopeFunction<T>, options?: ShieldOptions): Promise<T> {
  try {
    const ms = checkShield("shield", fn, options);
    return runBlock("shield", "shielded", fn, undefined, ms);
  } catch (error) {
    return Promise.reject(error);
  }
}

class Cleanup {
  readonly #fn: ScopeFunction<unknown>;
  readonly #timeout: number;
  #done: Promise<void> | null = null;

  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  constructor(fn: ScopeFunction<unknown>, timeout: number) {
    this.#fn = fn;
    this.#timeout = timeout;
  }

  static {
    attachAsyncDispose(Cleanup.prototype, function (this: Cleanup): Promise<void> {
      return this.#done ??= shield(this.#fn, { timeout: this.#timeout }).then(() => {});
    });
  }
}

/**
 * Returns something that runs `fn` under {@linkcode shield} at the end of a block, with `await using`.
 *
 * @param fn Called once, with the signal of the shielded scope, and the scope.
 * @param options Its timeout.
 * @returns What `await using` takes.
 * @throws {TypeError} If an argument is of the wrong kind.
 * @throws {RangeError} If `timeout` is NaN.
 *
 * @example Remove a temporary file whatever happens
 * ```ts
 * import { cleanup } from "@weft/async";
 *
 * const path = await Deno.makeTempFile();
 * await using _remove = cleanup(() => Deno.remove(path));
 * await Deno.writeTextFile(path, "half done");
 * ```
 */
export function cleanup(fn: ScopeFunction<unknown>, options?: ShieldOptions): AsyncDisposable {
  return new Cleanup(fn, checkShield("make cleanup", fn, options));
}
