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
    comesFrom(error, reasonsAround(scope), new Map());
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
  judged: Map<object, boolean>,
): boolean {
  if (reasons.has(error)) return true;
  if (typeof error !== "object" || error === null) return false;
  let judgement = judged.get(error);
  if (judgement === undefined) {
    // While it is being judged: what leads back to itself comes from nothing.
    judged.set(error, false);
    judgement = isMadeOf(error, (part) => comesFrom(part, reasons, judged));
    judged.set(error, judgement);
  }
  return judgement;
}

function isMadeOf(error: object, judge: (part: unknown) => boolean): boolean {
  const { name, cause, errors, error: own, suppressed } = error as {
    name?: unknown;
    cause?: unknown;
    errors?: unknown;
    error?: unknown;
    suppressed?: unknown;
  };
  if (name === "AbortError") return true;
  if (error instanceof AggregateError && Array.isArray(errors)) {
    return errors.length > 0 && errors.every(judge);
  }
  if (name === "SuppressedError") return judge(own) && judge(suppressed);
  return cause !== undefined && judge(cause);
}

/** Gives `error` a cause, unless it has one or cannot take one. */
export function giveCause(error: unknown, cause: unknown): void {
  if (error instanceof Error && error !== cause && error.cause === undefined) setCause(error, cause);
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
