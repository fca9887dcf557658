/**
 * How failures are told from cancellation, and put together.
 *
 * @module
 */

import type { Scope } from "./scope.ts";

/** Whether `error` is the cancellation of `scope`; see the public `isCancellation`. */
export function isCancellationOf(error: unknown, scope: Scope): boolean {
  if (!scope.aborted) return false;
  // The usual case first: a wait of ours rejects with the reason itself.
  return error === scope.reason ||
    comesFrom(error, reasonsAround(scope), new Set());
}

/** The reasons of all aborted scopes around: what holds an outer signal is cancelled with an outer reason. */
function reasonsAround(scope: Scope | null): Set<unknown> {
  const reasons = new Set<unknown>();
  for (; scope !== null; scope = scope.parent) {
    if (scope.aborted) reasons.add(scope.reason);
  }
  return reasons;
}

function comesFrom(
  error: unknown,
  reasons: Set<unknown>,
  seen: Set<unknown>,
): boolean {
  if (reasons.has(error)) return true;
  if (typeof error !== "object" || error === null || seen.has(error)) {
    return false;
  }
  seen.add(error);
  const { name, cause, errors, suppressed } = error as {
    name?: unknown;
    cause?: unknown;
    errors?: unknown;
    suppressed?: unknown;
  };
  if (name === "AbortError") return true;
  if (error instanceof AggregateError && Array.isArray(errors)) {
    return errors.length > 0 &&
      errors.every((part) => comesFrom(part, reasons, seen));
  }
  if (name === "SuppressedError") {
    return comesFrom((error as { error?: unknown }).error, reasons, seen) &&
      comesFrom(suppressed, reasons, seen);
  }
  return cause !== undefined && comesFrom(cause, reasons, seen);
}

/** Gives `error` a cause, unless it has one or cannot take one. */
export function giveCause(error: unknown, cause: unknown): void {
  if (
    !(error instanceof Error) || error === cause || error.cause !== undefined
  ) return;
  if (Object.isExtensible(error)) setCause(error, cause);
}

/** Sets `cause` as the platform does: not enumerable. */
export function setCause(error: object, cause: unknown): void {
  Object.defineProperty(error, "cause", {
    value: cause,
    configurable: true,
    writable: true,
  });
}

/** What a call rejects with: its only failure as it is, or all of them, the first one first. */
export function combineFailures(failures: readonly unknown[]): unknown {
  const distinct = new Set(failures);
  if (distinct.size === 1) return failures[0];
  return new AggregateError(
    distinct,
    `${distinct.size} failures, the first: ${messageOf(failures[0])}`,
    {
      cause: failures[0],
    },
  );
}

/** What a person wants to read of something thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
