/**
 * Where things that are not ours are looked at: values that work returned, signals, names. Looking may run a getter or
 * a proxy's trap, which may throw. None of these functions does, so that they may stand in the middle of a state change.
 *
 * @module
 */

// As they were at import: what a program puts in their place later is foreign too.
const NativePromise = Promise;
const nativeThen = Promise.prototype.then;

/** Does nothing: the reaction that marks a rejection as handled. */
export function nothing(): void {}

/** Whether awaiting `value` may mean more than taking it. To ask it for its `then` is left to the platform. */
export function mayBeThenable(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** Whether `value` is a promise of the platform as it comes, so that its `then` runs no foreign code. */
export function isPlainPromise(value: unknown): value is Promise<unknown> {
  try {
    return value instanceof NativePromise && value.then === nativeThen && value.constructor === NativePromise;
  } catch {
    return false;
  }
}

/** A promise of what `value` comes to. The `then` of a foreign thenable is called in the context of the caller. */
export function adopt<T>(value: T | PromiseLike<T>): Promise<T> {
  return isPlainPromise(value) ? value as Promise<T> : new NativePromise<T>((resolve) => resolve(value));
}

/** Calls `ok` or `no`, once, with what `value` comes to. Neither may throw. */
export function observe<T>(
  value: T | PromiseLike<T>,
  ok: (value: T) => void,
  no: (error: unknown) => void,
): void {
  try {
    // Small, because it is on the way of every child of a combinator.
    if (value instanceof NativePromise && value.then === nativeThen) return void value.then(ok, no);
  } catch (error) {
    return observeThrown(error, no);
  }
  if (mayBeThenable(value)) observeThenable(value, ok, no);
  else ok(value as T);
}

function observeThenable<T>(
  value: T | PromiseLike<T>,
  ok: (value: T) => void,
  no: (error: unknown) => void,
): void {
  adopt(value).then(ok, no);
}

/** An object that only looks like a promise, or a getter that throws. Not in this turn, as always. */
function observeThrown(error: unknown, no: (error: unknown) => void): void {
  NativePromise.reject(error).catch(no);
}

/** The abort of a foreign signal, or `null`. One that cannot be looked at counts as aborted, by what it threw. */
export function abortOf(signal: AbortSignal): { reason: unknown } | null {
  try {
    if (!signal.aborted) return null;
    return { reason: signal.reason };
  } catch (error) {
    return { reason: error };
  }
}

/** The reason of a signal that has told of its abort. */
export function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason;
  } catch (error) {
    return error;
  }
}

/** The name of a function, or an empty text. */
export function nameOf(fn: unknown): string {
  try {
    const { name } = fn as { name?: unknown };
    return typeof name === "string" ? name : "";
  } catch {
    return "";
  }
}

/** Whether `value` is an instance of `type`; false if the check throws. */
export function isOf<T>(type: abstract new (...args: never[]) => T, value: unknown): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** What an error was caused by, if it says so. */
export function causeOf(error: unknown): unknown {
  try {
    return (error as { cause?: unknown } | null | undefined)?.cause;
  } catch {
    return undefined;
  }
}

/** What a person wants to read of something thrown. */
export function messageOf(error: unknown): string {
  try {
    const message: unknown = error instanceof Error ? error.message : error;
    // A symbol takes no template.
    return String(message);
  } catch {
    return "something that cannot be shown";
  }
}

/** A promise that is rejected with the reason of an abort: no unhandled rejection, because it is no failure. */
export function cancelledPromise(reason: unknown): Promise<never> {
  const promise = NativePromise.reject(reason);
  promise.catch(nothing);
  return promise;
}
