/**
 * Distinguishes failures from cancellations, and combines failures.
 *
 * @module
 */

import { messageOf } from "./foreign.ts";
import type { Scope } from "./scope.ts";

/** The most nested errors that are examined: a proxy may produce new ones for ever. */
const MOST_LOOKS = 500_000;

/** The classes of the errors that stay a cancellation when they wrap one. */
const BUILT_IN = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, DOMException];

// The errors that calls have made from their failures. Each is a failure, so its parts need no second check on its way
// up.
const combined = new WeakSet<object>();

/** Records that `error` was made of genuine failures. */
export function markCombined<E extends object>(error: E): E {
  combined.add(error);
  return error;
}

/** Returns whether `error` is the cancellation of `scope`; see the public `isCancellation`. Never throws. */
export function isCancellationOf(error: unknown, scope: Scope | AbortSignal): boolean {
  try {
    if (!scope.aborted) return false;
    // The usual case first: a wait of ours rejects with the reason itself.
    if (error === scope.reason) return true;
    return isMadeOfCancellation(error, "parent" in scope ? reasonsAround(scope) : new Set([scope.reason]));
  } catch {
    // An error that cannot be examined is a failure.
    return false;
  }
}

/**
 * Returns the reasons of `scope` and its ancestors: work that holds an outer signal is cancelled with an outer reason.
 */
function reasonsAround(scope: Scope | null): Set<unknown> {
  const reasons = new Set<unknown>();
  while (scope !== null) {
    const { abortedBy }: Scope = scope;
    if (abortedBy !== null) reasons.add(abortedBy.reason);
    // The reason is the same up to the root of an abort, so the walk skips to it: a failure may pass many such scopes.
    scope = (abortedBy?.root ?? scope).parent;
  }
  return reasons;
}

/** Works through a list instead of recursing, because errors may be nested deeper than the stack. */
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
  // An error whose parts lead only back to itself comes from no cancellation.
  return found;
}

/**
 * Adds the parts that must all be cancellations for `error` to be one to the list. Returns false if `error` is a
 * failure by itself.
 */
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
  // A library that wraps a caught error in a plain one only adds words. An error of a custom class is meant to be
  // caught by that class, and must not vanish as a cancellation.
  if (!isBuiltIn(error)) return false;
  // An accessor is ignored: the platform makes none here, and it may return a new error each time.
  const cause: unknown = Object.getOwnPropertyDescriptor(error, "cause")?.value;
  if (cause === undefined) return false;
  parts.push(cause);
  return true;
}

function isBuiltIn(error: object): boolean {
  const prototype = Object.getPrototypeOf(error);
  if (BUILT_IN.some((type) => type.prototype === prototype)) return true;
  // The errors of this package are derived from it. They are recognised by name, because they may come from another
  // copy.
  return Object.getPrototypeOf(prototype) === DOMException.prototype &&
    ["TimeoutError", "InvalidStateError"].includes((error as Error).name);
}

/** Gives `error` a cause, unless it has one or cannot take one. */
export function giveCause(error: unknown, cause: unknown): void {
  try {
    if (error instanceof Error && error !== cause && error.cause === undefined) setCause(error, cause);
  } catch {
    // An error that cannot be examined stays as it is.
  }
}

/** Sets `cause` as the platform does, not enumerable, if the error allows it. */
export function setCause(error: object, cause: unknown): void {
  Reflect.defineProperty(error, "cause", { value: cause, configurable: true, writable: true });
}

/** Returns the error with which a call rejects: a single failure unchanged, otherwise an aggregate, in their order. */
export function combineFailures(failures: readonly unknown[]): unknown {
  const distinct = new Set(failures);
  if (distinct.size === 1) return failures[0];
  const message = `${distinct.size} failures, the first: ${messageOf(failures[0])}`;
  return markCombined(new AggregateError(distinct, message, { cause: failures[0] }));
}
