/**
 * Deadlines for a block of work.
 *
 * @module
 */

import { orReject } from "../core/foreign.ts";
import { TimeoutError } from "../errors.ts";
import type { CallKind, StructuredOptions } from "../core/structured_call.ts";
import { checkInstant, checkMs } from "../core/validate.ts";
import { CancelScope, checkBlock, runBlock, type ScopeFunction } from "../task/cancel_scope.ts";

export { CancelScope, type ScopeFunction, type StructuredOptions, TimeoutError };

const TIMEOUT: CallKind = { name: "timeout" };
const MOVE_ON_AFTER: CallKind = { name: "moveOnAfter", quiet: true };

/**
 * Runs `fn` with a deadline. When the deadline passes, it aborts the scope of `fn`, and rejects once `fn` has ended.
 *
 * - **Failure**: rejects with the error that `fn` throws, and sets the timeout as its `cause` if it has none.
 * - **Cancellation**: a value that `fn` returns counts, even if it is late. An abort from outside rejects with its
 *   reason. An abort cuts short only waits of this package and calls that were given the signal; the call waits for
 *   everything else.
 * - **Cost**: it creates no platform timer of its own.
 *
 * @typeParam T What `fn` returns.
 * @param ms How many ms it may take. `Infinity` never passes; zero or less passes at the first wait.
 * @param fn Called with the signal of its scope and the scope, which can move the deadline.
 * @param options Its signal, name and grace.
 * @returns What `fn` returns.
 * @throws {TimeoutError} If the deadline cut `fn` short. Each call has an error of its own, which distinguishes nested
 * calls.
 * @throws {RangeError} If `ms` is NaN.
 * @throws {StragglerError} If `fn` still runs `grace` ms after an abort.
 *
 * @example Give up after a while
 * ```ts
 * import { sleep, timeout, TimeoutError } from "@weft/async";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => timeout(5, () => sleep(60_000)), TimeoutError);
 * ```
 *
 * @see asyncio.timeout of Python 3.14: a context manager there, a function here.
 * @category Time
 */
export function timeout<T>(ms: number, fn: ScopeFunction<T>, options?: StructuredOptions): Promise<T> {
  const action = "set timeout";
  return orReject(() => {
    checkMs(action, "ms", ms);
    return runBlock(TIMEOUT, fn, checkBlock(action, fn, options), ms);
  });
}

/**
 * Runs `fn` with a deadline at an instant; otherwise the same as {@linkcode timeout}.
 *
 * @typeParam T What `fn` returns.
 * @param at Epoch ms, or a `Date`.
 * @param fn Called with the signal of its scope and the scope, which can move the deadline.
 * @param options Its signal, name and grace.
 * @returns What `fn` returns.
 * @throws {TimeoutError} If the deadline cut `fn` short.
 * @throws {RangeError} If `at` is not a valid instant.
 *
 * @example One deadline for several steps
 * ```ts
 * import { sleep, timeoutAt } from "@weft/async";
 *
 * const at = Date.now() + 60_000;
 * await timeoutAt(at, () => sleep(1));
 * await timeoutAt(at, () => sleep(1));
 * ```
 *
 * @see asyncio.timeout_at of Python 3.14: loop time there, epoch ms here.
 * @category Time
 */
export function timeoutAt<T>(at: number | Date, fn: ScopeFunction<T>, options?: StructuredOptions): Promise<T> {
  const action = "set timeout";
  return orReject(() => {
    const until = checkInstant(action, "at", at);
    return runBlock(TIMEOUT, fn, checkBlock(action, fn, options), until - Date.now(), until);
  });
}

/**
 * Runs `fn` with a deadline, and returns quietly if the deadline passes.
 *
 * - **Failure**: rejects with the error that `fn` throws, unchanged.
 * - **Cancellation**: a value that `fn` returns counts, even if it is late. An abort from outside rejects with its
 *   reason.
 *
 * @typeParam T What `fn` returns.
 * @param ms How many ms it may take. `Infinity` never passes; zero or less passes at the first wait.
 * @param fn Called with the signal of its scope and the scope, which can move the deadline.
 * @param options Its signal, name and grace.
 * @returns What `fn` returns, or `undefined` if the deadline cut it short.
 * @throws {RangeError} If `ms` is NaN.
 *
 * @example Give up without an error
 * ```ts
 * import { moveOnAfter, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await moveOnAfter(5, () => sleep(60_000)), undefined);
 * ```
 *
 * @see trio.move_on_after 0.31.
 * @category Time
 */
export function moveOnAfter<T>(ms: number, fn: ScopeFunction<T>, options?: StructuredOptions): Promise<T | undefined> {
  const action = "move on after";
  return orReject(() => {
    checkMs(action, "ms", ms);
    return runBlock<T | undefined>(MOVE_ON_AFTER, fn, checkBlock(action, fn, options), ms);
  });
}
