/**
 * A scope that only adds cancellation.
 *
 * @module
 */

import { orReject } from "../core/foreign.ts";
import type { CallKind, StructuredOptions } from "../core/structured_call.ts";
import { checkMs } from "../core/validate.ts";
import { CancelScope, checkBlock, runBlock, type ScopeFunction } from "./cancel_scope.ts";

export { CancelScope, type ScopeFunction, type StructuredOptions };

const SCOPE: CallKind = { name: "scope", quiet: true };

/**
 * Runs `fn` in a scope that can be cancelled on its own.
 *
 * - **Failure**: rejects with the error that `fn` throws, unchanged.
 * - **Cancellation**: after `cancel`, the call ends quietly and returns `undefined`, unless `fn` still returned a
 *   value. An abort from outside rejects with its reason.
 *
 * @typeParam T What `fn` returns.
 * @param fn Called with the signal of the scope and the scope.
 * @param options Its signal, name, grace and deadline.
 * @returns What `fn` returns, or `undefined` if the scope was cancelled.
 * @throws {StragglerError} If work still runs `grace` ms after an abort.
 *
 * @example Give up from inside
 * ```ts
 * import { scope, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const value = await scope(async (_signal, self) => {
 *   self.cancel();
 *   await sleep(1000);
 *   return "never";
 * });
 * assertEquals(value, undefined);
 * ```
 *
 * @see trio.CancelScope 0.31: the same, as a call.
 * @category Cancel
 */
export function scope<T>(
  fn: ScopeFunction<T>,
  options?: StructuredOptions & {
    /**
     * The deadline, in ms from now. When it passes, it cancels the scope.
     *
     * @default {Infinity}
     */
    timeout?: number | undefined;
  },
): Promise<T | undefined> {
  return orReject(() => {
    const own = checkBlock("open scope", fn, options, ["timeout"]);
    if (own?.timeout !== undefined) checkMs("open scope", "timeout", own.timeout);
    return runBlock<T | undefined>(SCOPE, fn, own, own?.timeout);
  });
}
