/**
 * Work that an abort from outside does not cut short.
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
 * Runs `fn` so that an abort of the scopes around it does not reach it, such as a commit or a roll-back. The caller waits
 * for it.
 *
 * - **Cancellation**: an abort from outside reaches neither `fn` nor this call; the caller's next wait rejects. The
 *   `timeout` does reach `fn`.
 *
 * @typeParam T What `fn` returns.
 * @param fn Called with the signal of the shielded scope, and the scope.
 * @param options Its timeout.
 * @returns What `fn` returns.
 * @throws {TimeoutError} If the timeout cut it short.
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
 * @see asyncio.shield of Python 3.14: it cancels its caller at once, and nothing waits for the work; this call waits.
 * @category Cancel
 */
export function shield<T>(fn: ScopeFunction<T>, options?: {
  /**
   * The time in ms after which it is aborted nevertheless.
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
 * Returns an object that runs `fn` in a {@linkcode shield} at the end of a block, for `await using`.
 *
 * @param fn Called once, with the signal of the shielded scope, and the scope.
 * @param options Its timeout.
 * @returns The object.
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
   * The time in ms after which it is aborted nevertheless.
   *
   * @default {Infinity}
   */
  timeout?: number | undefined;
}): Disposes<"asyncDispose"> {
  const timeout = checkShield("make cleanup", fn, options);
  let done: Promise<void> | null = null;
  return { [Symbol.asyncDispose]: () => done ??= shield(fn, { timeout }).then(() => {}) } as Disposes<"asyncDispose">;
}
