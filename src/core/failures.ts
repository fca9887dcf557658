/**
 * Distinguishes failures from cancellations, and combines failures.
 *
 * @module
 */

import { messageOf } from "./foreign.ts";
import type { Scope } from "./scope.ts";

/** How many errors inside of each other are looked at, at most: a proxy may make new ones for ever. */
const MOST_LOOKS = 500_000;

/** The prototypes of the errors that wrap a cancellation without making a failure of it. */
const BUILT_IN: ReadonlySet<unknown> = new Set(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, DOMException]
    .map((type) => type.prototype),
);

// What calls have made of their failures: a failure by itself, whose parts need not be judged again on its way up.
const combined = new WeakSet<object>();

/** Notes that `error` was made of genuine failures. */
export function markCombined<E extends object>(error: E): E {
  combined.add(error);
  return error;
}

/** Whether `error` is the cancellation of `scope`; see the public `isCancellation`. Never throws. */
export function isCancellationOf(error: unknown, scope: Scope): boolean {
  if (!scope.aborted) return false;
  // The usual case first: a wait of ours rejects with the reason itself.
  if (error === scope.reason) return true;
  try {
    return isMadeOfCancellation(error, reasonsAround(scope));
  } catch {
    // What cannot be looked at cannot be a cancellation.
    return false;
  }
}

/** The reasons of all aborted scopes around: what holds an outer signal is cancelled with an outer reason. */
function reasonsAround(scope: Scope | null): Set<unknown> {
  const reasons = new Set<unknown>();
  while (scope !== null) {
    const { abortedBy }: Scope = scope;
    if (abortedBy !== null) reasons.add(abortedBy.reason);
    // All the way up to the root of an abort the reason is the same. A failure may pass many such scopes.
    scope = (abortedBy?.root ?? scope).parent;
  }
  return reasons;
}

/** By a list of what is still to be judged, because errors may be nested deeper than the stack. */
function isMadeOfCancellation(error: unknown, reasons: ReadonlySet<unknown>): boolean {
  const parts = [error];
  const seen = new Set<unknown>();
  let found = false;
  while (parts.length > 0) {
    if (seen.size === MOST_LOOKS) return false;
    const part = parts.pop();
    if (reasons.has(part)) found = true;
    else if (typeof part !== "object" || part === null) return false;
    else if (!seen.has(part)) {
      seen.add(part);
      if ((part as Error).name === "AbortError") found = true;
      else if (!takeApart(part, parts)) return false;
    }
  }
  // What leads back to itself comes from nothing.
  return found;
}

/** Puts what has to be a cancellation, for `error` to be one, on the list. False when `error` is a failure of its own. */
function takeApart(error: object, parts: unknown[]): boolean {
  if (combined.has(error)) return false;
  if (error instanceof AggregateError) {
    const errors: unknown = error.errors;
    if (!Array.isArray(errors) || errors.length === 0) return false;
    for (let i = 0; i < errors.length && i < MOST_LOOKS; i++) parts.push(errors[i]);
    return true;
  }
  if ((error as Error).name === "SuppressedError") {
    const { error: own, suppressed } = error as { error?: unknown; suppressed?: unknown };
    parts.push(own, suppressed);
    return true;
  }
  // A library that wraps what it was thrown in a plain error adds words. A class of one's own is made to be caught: that
  // is a statement, and must not vanish as a cancellation.
  if (!isBuiltIn(error)) return false;
  // An accessor is not what the platform makes, and may return a new error each time.
  const cause: unknown = Object.getOwnPropertyDescriptor(error, "cause")?.value;
  if (cause === undefined) return false;
  parts.push(cause);
  return true;
}

function isBuiltIn(error: object): boolean {
  const prototype = Object.getPrototypeOf(error);
  if (BUILT_IN.has(prototype)) return true;
  // Ours are derived from it, and told by their names: there may be other copies of the package.
  return Object.getPrototypeOf(prototype) === DOMException.prototype &&
    ["TimeoutError", "InvalidStateError"].includes((error as Error).name);
}

/** Gives `error` a cause, unless it has one or cannot take one. */
export function giveCause(error: unknown, cause: unknown): void {
  try {
    if (error instanceof Error && error !== cause && error.cause === undefined) setCause(error, cause);
  } catch {
    // One that cannot be looked at cannot take one.
  }
}

/** Sets `cause` as the platform does, not enumerable, if the error can take one. */
export function setCause(error: object, cause: unknown): void {
  Reflect.defineProperty(error, "cause", {
    value: cause,
    configurable: true,
    writable: true,
  });
}

/** What a call rejects with: its only failure as it is, or all of them, the first one first. */
export function combineFailures(failures: readonly unknown[]): unknown {
  const distinct = new Set(failures);
  if (distinct.size === 1) return failures[0];
  const message = `${distinct.size} failures, the first: ${messageOf(failures[0])}`;
  return markCombined(new AggregateError(distinct, message, { cause: failures[0] }));
}
