/**
 * The errors of this package, and the one function that tells cancellation from failure.
 *
 * @example Tell cancellation from failure
 * ```ts
 * import { isCancellation, scope, sleep } from "@weft/async";
 *
 * await scope(async (_signal, self) => {
 *   self.cancel();
 *   try {
 *     await sleep(1000);
 *   } catch (error) {
 *     if (isCancellation(error)) throw error; // let it pass
 *     console.error("a genuine failure", error);
 *   }
 * });
 * ```
 *
 * @module
 */

import { currentScope } from "./ambient.ts";
import { isCancellationOf, setCause } from "./failures.ts";
import { isOf, messageOf } from "./foreign.ts";

/** What an error of this package can be given besides its message. */
export interface ErrorCause {
  /** What it comes from. Its message is repeated in the error's own, because Deno prints no `cause` of a `DOMException`. */
  cause?: unknown;
}

function withCause(message: string, { cause }: ErrorCause): string {
  if (cause === undefined) return message;
  return `${message}: ${messageOf(cause)}`;
}

/** The first of many parts of a message, whose length is bounded however many there are. */
function firstOf<T>(parts: readonly T[], shown: number, separator: string, show: (part: T) => string): string {
  const first = parts.slice(0, shown).map(show).join(separator);
  return parts.length <= shown ? first : `${first}${separator}and ${parts.length - shown} more`;
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** What a message tells of failures: the only one in full, or the beginnings of the first three. */
export function tellFailures(failures: readonly unknown[]): string {
  if (failures.length > 1) return firstOf(failures, 3, "; ", (failure) => shorten(messageOf(failure), 200));
  const [only] = failures;
  const message = messageOf(only);
  // Errors that are made of others may be nested deep, each with the message of the one inside in its own.
  return isOf(AggregateError, only) ? shorten(message, 900) : message;
}

/**
 * The reason of an abort that names no other. Its `name` is `"AbortError"`, as of what `fetch` rejects
 * with, so that checks written for the platform work.
 *
 * @example Make one
 * ```ts
 * import { CancelledError } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new CancelledError().name, "AbortError");
 * ```
 */
export class CancelledError extends DOMException {
  /** What the cancellation comes from, when it comes from something. */
  declare readonly cause?: unknown;

  /**
   * Makes the reason of an abort.
   *
   * @param message What was cancelled, or why.
   * @param options Its cause.
   */
  constructor(
    message = "The operation was cancelled",
    options: ErrorCause = {},
  ) {
    super(withCause(message, options), "AbortError");
    if (options.cause !== undefined) setCause(this, options.cause);
  }
}

/**
 * A deadline passed. Its `name` is `"TimeoutError"`, as of the reason of `AbortSignal.timeout`.
 *
 * @example Recognise one
 * ```ts
 * import { sleep, timeout, TimeoutError } from "@weft/async";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => timeout(5, () => sleep(60_000)), TimeoutError);
 * ```
 */
export class TimeoutError extends DOMException {
  /** What it comes from, when it comes from something. */
  declare readonly cause?: unknown;

  /**
   * Makes the error of a deadline.
   *
   * @param message What took too long.
   * @param options Its cause.
   */
  constructor(message = "The deadline has passed", options: ErrorCause = {}) {
    super(withCause(message, options), "TimeoutError");
    if (options.cause !== undefined) setCause(this, options.cause);
  }
}

/**
 * A call that the state of its object does not allow: settling a future twice, a task in a closed group.
 * Its `name` is `"InvalidStateError"`.
 *
 * @example Settle a future twice
 * ```ts
 * import { Future, InvalidStateError } from "@weft/async";
 * import { assertThrows } from "@std/assert";
 *
 * const future = new Future<number>();
 * future.setResult(1);
 * assertThrows(() => future.setResult(2), InvalidStateError);
 * ```
 */
export class InvalidStateError extends DOMException {
  /** What it comes from, when it comes from something. */
  declare readonly cause?: unknown;

  /**
   * Makes the error of a misuse.
   *
   * @param message What cannot be done, and why.
   * @param options Its cause.
   */
  constructor(
    message = "The object is in an invalid state",
    options: ErrorCause = {},
  ) {
    super(withCause(message, options), "InvalidStateError");
    if (options.cause !== undefined) setCause(this, options.cause);
  }
}

/**
 * A structured call was aborted, and some of its work did not end within `grace`. The work goes on, in no
 * scope that anybody waits for.
 *
 * @example Name what ignores its signal
 * ```ts
 * import { gather, StragglerError } from "@weft/async";
 * import { assertRejects } from "@std/assert";
 *
 * let finish = () => {};
 * const deaf = () => new Promise<void>((resolve) => finish = resolve);
 * const error = await assertRejects(
 *   () => gather({ deaf }, { signal: AbortSignal.timeout(1), grace: 5 }),
 *   StragglerError,
 * );
 * console.log(error.stragglers); // [ "deaf" ]
 * finish();
 * ```
 */
export class StragglerError extends AggregateError {
  /** `"StragglerError"`. */
  override readonly name = "StragglerError";
  /** The names, indices or keys of what still runs. */
  readonly stragglers: readonly string[];

  /**
   * Makes the error of a call that has left work behind.
   *
   * @param call The name of the call.
   * @param stragglers What still runs.
   * @param grace How long it was waited for, in ms.
   * @param failures The genuine failures of the rest.
   * @param reason Why the call was aborted.
   */
  constructor(
    call: string,
    stragglers: readonly string[],
    grace: number,
    failures: readonly unknown[],
    reason: unknown,
  ) {
    super(
      failures,
      `Work in ${call} still runs ${grace} ms after the abort: ${firstOf(stragglers, 10, ", ", String)}`,
      { cause: reason },
    );
    this.stragglers = stragglers;
  }
}

/**
 * Tells whether an error is the cancellation of the scope that the caller runs in, rather than a failure.
 *
 * In an aborted scope an error is a cancellation if it is the scope's reason, is named `AbortError`, or is an
 * `AggregateError` or `SuppressedError` made only of such. So is an error of a built-in class (`Error`, `TypeError`,
 * `DOMException` and so on) whose `cause` is a cancellation. An error of your own class is a failure, whatever its cause.
 * In a scope that is not aborted nothing is a cancellation.
 *
 * @param error What was caught.
 * @returns Whether to let it pass.
 *
 * @example Log failures only
 * ```ts
 * import { isCancellation } from "@weft/async";
 *
 * try {
 *   throw new Error("disk full");
 * } catch (error) {
 *   console.log(isCancellation(error)); // false
 * }
 * ```
 */
export function isCancellation(error: unknown): boolean {
  return isCancellationOf(error, currentScope());
}
