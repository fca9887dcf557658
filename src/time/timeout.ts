/**
 * Deadlines for a block of work.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { DeadlineCall } from "../core/deadline.ts";
import { InvalidStateError, TimeoutError } from "../core/errors.ts";
import { cancelledPromise } from "../core/foreign.ts";
import { checkStructured, outsideAbort, type StructuredOptions } from "../core/structured_call.ts";
import { checkFunction, checkInstant, checkMs } from "../core/validate.ts";

export { type StructuredOptions, TimeoutError };

/** What the function of {@linkcode timeout} is given to look at its deadline and move it. */
export class Deadline {
  readonly #call: DeadlineCall<unknown>;

  /** @internal Use `timeout`. */
  constructor(call: object) {
    this.#call = call as DeadlineCall<unknown>;
  }

  /** When it passes, in epoch ms; `Infinity` when never. */
  get deadlineAt(): number {
    return this.#call.deadlineAt;
  }

  /** How many ms are left; zero when it has passed. */
  get remaining(): number {
    return this.#call.remaining;
  }

  /** Whether it passed before the work ended. */
  get expired(): boolean {
    return this.#call.expired;
  }

  /**
   * Moves the deadline.
   *
   * @param ms How many ms from now; `Infinity` for never.
   * @throws {InvalidStateError} If it has passed, or the work has ended.
   * @throws {RangeError} If `ms` is NaN.
   */
  reschedule(ms: number): void {
    checkMs("reschedule deadline", "ms", ms);
    this.#reschedule(ms);
  }

  /**
   * Moves the deadline to an instant.
   *
   * @param at Epoch ms, or a `Date`.
   * @throws {InvalidStateError} If it has passed, or the work has ended.
   * @throws {RangeError} If `at` is no valid instant.
   */
  rescheduleAt(at: number | Date): void {
    const until = checkInstant("reschedule deadline", "at", at);
    this.#reschedule(until - Date.now(), until);
  }

  #reschedule(ms: number, at?: number): void {
    const call = this.#call;
    if (call.state !== "open") {
      throw new InvalidStateError("Cannot reschedule deadline: the work has ended");
    }
    if (call.expired) {
      throw new InvalidStateError("Cannot reschedule deadline: it has passed");
    }
    call.setDeadline(ms, at);
  }
}

/** Work with a deadline. */
export type TimedFunction<T> = (
  signal: AbortSignal,
  deadline: Deadline,
) => T | PromiseLike<T>;

class QuietCall<T> extends DeadlineCall<T | undefined> {
  protected override ownAbort(): undefined {
    return undefined;
  }
}

function start<T>(
  call: typeof DeadlineCall<T>,
  kind: string,
  ms: number,
  fn: TimedFunction<T>,
  options: StructuredOptions | undefined,
  at?: number,
): Promise<T> {
  const outer = currentScope();
  const outside = outsideAbort(outer, options?.signal);
  if (outside !== null) return cancelledPromise(outside.reason);
  const timed = new call(kind, outer, options);
  return timed.runUntil(ms, at, fn, timed.scope.signal, new Deadline(timed));
}

function check(
  action: string,
  ms: unknown,
  fn: unknown,
  options: StructuredOptions | undefined,
): StructuredOptions | undefined {
  checkMs(action, "ms", ms);
  checkFunction(action, "fn", fn);
  return checkStructured(action, options);
}

/**
 * Runs `fn` with a deadline. When it passes, the scope of `fn` is aborted, and once `fn` has ended the call rejects.
 *
 * **Failure**: the error of `fn` wins, with the timeout as its `cause` where it has none. **Cancellation**: a value
 * that `fn` returns counts, even when it is late; an abort from outside rejects with that reason. What can be cut
 * short are waits of this package, and what is given the signal; all else is waited for. **Cost**: no platform timer of
 * its own.
 *
 * @typeParam T What `fn` returns.
 * @param ms How many ms it may take. `Infinity` never passes; zero or less passes at the first wait.
 * @param fn Called with the signal of its scope and the deadline.
 * @param options Its signal, name and grace.
 * @returns What `fn` returns.
 * @throws {TimeoutError} If the deadline cut `fn` short. Each call has an error of its own, so nested ones tell
 * themselves apart.
 * @throws {TypeError} If an argument is of the wrong kind.
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
 */
export function timeout<T>(
  ms: number,
  fn: TimedFunction<T>,
  options?: StructuredOptions,
): Promise<T> {
  try {
    return start(DeadlineCall<T>, "timeout", ms, fn, check("set timeout", ms, fn, options));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Runs `fn` with a deadline at an instant; otherwise as {@linkcode timeout}.
 *
 * @typeParam T What `fn` returns.
 * @param at Epoch ms, or a `Date`.
 * @param fn Called with the signal of its scope and the deadline.
 * @param options Its signal, name and grace.
 * @returns What `fn` returns.
 * @throws {TimeoutError} If the deadline cut `fn` short.
 * @throws {TypeError} If an argument is of the wrong kind.
 * @throws {RangeError} If `at` is no valid instant.
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
 */
export function timeoutAt<T>(
  at: number | Date,
  fn: TimedFunction<T>,
  options?: StructuredOptions,
): Promise<T> {
  try {
    const until = checkInstant("set timeout", "at", at);
    const ms = until - Date.now();
    return start(DeadlineCall<T>, "timeout", ms, fn, check("set timeout", ms, fn, options), until);
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Runs `fn` with a deadline, and goes on quietly when it passes.
 *
 * **Failure**: what `fn` throws, as it is. **Cancellation**: a value that `fn` returns counts, even when it is late; an
 * abort from outside rejects with that reason.
 *
 * @typeParam T What `fn` returns.
 * @param ms How many ms it may take. `Infinity` never passes; zero or less passes at the first wait.
 * @param fn Called with the signal of its scope and the deadline.
 * @param options Its signal, name and grace.
 * @returns What `fn` returns, or `undefined` when the deadline cut it short.
 * @throws {TypeError} If an argument is of the wrong kind.
 * @throws {RangeError} If `ms` is NaN.
 *
 * @example Take what there is in time
 * ```ts
 * import { moveOnAfter, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await moveOnAfter(5, () => sleep(60_000)), undefined);
 * ```
 *
 * @see trio.move_on_after 0.31.
 */
export function moveOnAfter<T>(
  ms: number,
  fn: TimedFunction<T>,
  options?: StructuredOptions,
): Promise<T | undefined> {
  try {
    return start<T | undefined>(QuietCall<T>, "moveOnAfter", ms, fn, check("move on after", ms, fn, options));
  } catch (error) {
    return Promise.reject(error);
  }
}
