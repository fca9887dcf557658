/**
 * The errors of this package, and {@linkcode isCancellation}, which distinguishes cancellation from failure.
 *
 * @example Distinguish cancellation from failure
 * ```ts
 * import { isCancellation, scope, sleep } from "@weft/async";
 *
 * await scope(async (_signal, self) => {
 *   self.cancel();
 *   try {
 *     await sleep(1000);
 *   } catch (error) {
 *     if (isCancellation(error)) throw error; // not handled here
 *     console.error("a genuine failure", error);
 *   }
 * });
 * ```
 *
 * @module
 */

import { currentScope } from "./core/ambient.ts";
import { isCancellationOf, setCause } from "./core/failures.ts";
import { checkSignal } from "./core/validate.ts";
import { isOf, messageOf } from "./core/foreign.ts";

// Deno does not print the `cause` of a `DOMException`.
function withCause(message: string, { cause }: ErrorOptions): string {
  if (cause === undefined) return message;
  return `${message}: ${messageOf(cause)}`;
}

/** Joins the first parts of a message and counts the others, so that the length stays bounded. */
function firstOf<T>(parts: readonly T[], shown: number, separator: string, show: (part: T) => string): string {
  const first = parts.slice(0, shown).map(show).join(separator);
  return parts.length <= shown ? first : `${first}${separator}and ${parts.length - shown} more`;
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** Describes failures in a message: a single one in full, otherwise the beginnings of the first three. */
export function tellFailures(failures: readonly unknown[]): string {
  if (failures.length > 1) return firstOf(failures, 3, "; ", (failure) => shorten(messageOf(failure), 200));
  const [only] = failures;
  const message = messageOf(only);
  // Aggregates may be nested deep, and each repeats the message of the one inside it.
  return isOf(AggregateError, only) ? shorten(message, 900) : message;
}

/**
 * Marks a cancellation: the default reason of an abort. Its `name` is `"AbortError"`, as in the error with which an
 * aborted `fetch` rejects, so that checks written for the platform work.
 *
 * @example Create a reason
 * ```ts
 * import { CancelledError } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new CancelledError().name, "AbortError");
 * ```
 *
 * @category Cancel
 */
export class CancelledError extends DOMException {
  /** The cause of the cancellation, if it has one. */
  declare readonly cause?: unknown;

  /**
   * Creates the reason of an abort.
   *
   * @param message Names the cancelled operation, or says why it was cancelled.
   * @param options The cause.
   */
  constructor(message = "The operation was cancelled", options: ErrorOptions = {}) {
    super(withCause(message, options), "AbortError");
    if (options.cause !== undefined) setCause(this, options.cause);
  }
}

/**
 * Reports that a deadline has passed. Its `name` is `"TimeoutError"`, as in the reason of `AbortSignal.timeout`.
 *
 * @example Recognise a timeout
 * ```ts
 * import { sleep, timeout, TimeoutError } from "@weft/async";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => timeout(5, () => sleep(60_000)), TimeoutError);
 * ```
 *
 * @category Cancel
 */
export class TimeoutError extends DOMException {
  /** The cause of the error, if it has one. */
  declare readonly cause?: unknown;

  /**
   * Creates the error of a deadline.
   *
   * @param message Names the work that took too long.
   * @param options The cause.
   */
  constructor(message = "The deadline has passed", options: ErrorOptions = {}) {
    super(withCause(message, options), "TimeoutError");
    if (options.cause !== undefined) setCause(this, options.cause);
  }
}

/**
 * Reports a call that the state of its object does not allow, such as settling a future twice or creating a task in a
 * closed group. Its `name` is `"InvalidStateError"`.
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
 *
 * @category Cancel
 */
export class InvalidStateError extends DOMException {
  /** The cause of the error, if it has one. */
  declare readonly cause?: unknown;

  /**
   * Creates the error of a misuse.
   *
   * @param message Says what cannot be done, and why.
   * @param options The cause.
   */
  constructor(message = "The object is in an invalid state", options: ErrorOptions = {}) {
    super(withCause(message, options), "InvalidStateError");
    if (options.cause !== undefined) setCause(this, options.cause);
  }
}

/**
 * Reports that a structured call was aborted, and that some of its work did not end within `grace`. The work keeps
 * running, but nothing waits for it any more.
 *
 * @example Name the work that ignores its signal
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
 *
 * @category Cancel
 */
export class StragglerError extends AggregateError {
  /** `"StragglerError"`. */
  override readonly name = "StragglerError";
  /** The names, indices or keys of the work that still runs. */
  readonly stragglers: readonly string[];

  /**
   * Creates the error of a call that has left work behind.
   *
   * @param call The name of the call.
   * @param stragglers The names, indices or keys of the work that still runs.
   * @param grace The time that the call waited for it after the abort, in ms.
   * @param failures The genuine failures of the other work.
   * @param reason The reason of the abort.
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
 * Returns whether an error is the cancellation of the scope that the caller runs in, rather than a failure.
 *
 * In an aborted scope, an error is a cancellation if it is the scope's reason, is named `AbortError`, or is an
 * `AggregateError` or `SuppressedError` made only of cancellations. An error of a built-in class (`Error`, `TypeError`,
 * `DOMException` and so on) is one too if its `cause` is a cancellation. An error of your own class is a failure,
 * whatever its cause. In a scope that is not aborted, nothing is a cancellation.
 *
 * @param error The caught error.
 * @param signal The signal that counts instead of the scope, such as that of a request, or where scopes are not ambient.
 * @returns True for a cancellation, which the caller should rethrow.
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
 *
 * @category Cancel
 */
export function isCancellation(error: unknown, signal?: AbortSignal): boolean {
  checkSignal("examine error", signal);
  return isCancellationOf(error, signal ?? currentScope());
}
