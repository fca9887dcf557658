/**
 * Work that a cancellation around it does not cut short.
 *
 * @module
 */

import { orReject } from "../core/foreign.ts";
import type { Disposes } from "../core/dispose.ts";
import type { CallKind } from "../core/structured_call.ts";
import { CancelScope, runBlock, type ScopeFunction } from "./cancel_scope.ts";
import { checkFunction, checkMs, checkOptions } from "../core/validate.ts";

export { CancelScope, type Disposes, type ScopeFunction };

const SHIELD: CallKind = { name: "shield", shielded: true };

function checkShield(action: string, fn: unknown, options: { timeout?: number | undefined } | undefined): number {
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
 * @category Cancel
 */
export function shield<T>(fn: ScopeFunction<T>, options?: {
  /**
   * After how many ms it is aborted all the same.
   *
   * @default {Infinity}
   */
  timeout?: number | undefined;
}): Promise<T> {
  return orReject(() => {
    const ms = checkShield("shield", fn, options);
    return runBlock(SHIELD, fn, undefined, ms);
  });
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
 *
 * @category Cancel
 */
export function cleanup(fn: ScopeFunction<unknown>, options?: {
  /**
   * After how many ms it is aborted all the same.
   *
   * @default {Infinity}
   */
  timeout?: number | undefined;
}): Disposes<"asyncDispose"> {
  const timeout = checkShield("make cleanup", fn, options);
  let done: Promise<void> | null = null;
  return { [Symbol.asyncDispose]: () => done ??= shield(fn, { timeout }).then(() => {}) } as Disposes<"asyncDispose">;
}
