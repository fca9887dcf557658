/**
 * Reads foreign things: values that work returned, signals, errors, names. Reading one may run a getter or a trap of a
 * proxy, which may throw. None of these functions throws, so they may be called in the middle of a state change.
 *
 * @module
 */

// Captured at import: a later replacement by the program is foreign too.
const NativePromise = Promise;
const nativeThen = Promise.prototype.then;

/** Does nothing. As a reaction, it marks a rejection as handled. */
export function nothing(): void {}

/** Returns whether `value` may be a thenable. Only the platform reads its `then`. */
export function mayBeThenable(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** Returns whether `value` is an unmodified native promise, so that its `then` runs no foreign code. */
export function isPlainPromise(value: unknown): value is Promise<unknown> {
  try {
    return value instanceof NativePromise && value.then === nativeThen && value.constructor === NativePromise;
  } catch {
    return false;
  }
}

/** Returns `value` as a native promise. The `then` of a foreign thenable is called in the context of the caller. */
export function adopt<T>(value: T | PromiseLike<T>): Promise<T> {
  return isPlainPromise(value) ? value as Promise<T> : new NativePromise<T>((resolve) => resolve(value));
}

/** Calls `ok` with the result of `value`, or `no` with its error, once. Neither may throw. */
export function observe<T>(value: T | PromiseLike<T>, ok: (value: T) => void, no: (error: unknown) => void): void {
  try {
    // Fast path: every child of a combinator comes through here.
    if (value instanceof NativePromise && value.then === nativeThen) return void value.then(ok, no);
  } catch (error) {
    return observeThrown(error, no);
  }
  if (mayBeThenable(value)) observeThenable(value, ok, no);
  else ok(value as T);
}

function observeThenable<T>(value: T | PromiseLike<T>, ok: (value: T) => void, no: (error: unknown) => void): void {
  adopt(value).then(ok, no);
}

/**
 * Handles an object that only looks like a promise, or a getter that throws. As always, `no` is not called in this
 * turn.
 */
function observeThrown(error: unknown, no: (error: unknown) => void): void {
  NativePromise.reject(error).catch(no);
}

/** Returns the abort of a foreign signal, or `null`. A signal that throws counts as aborted with the thrown error. */
export function abortOf(signal: AbortSignal): { reason: unknown } | null {
  try {
    if (!signal.aborted) return null;
    return { reason: signal.reason };
  } catch (error) {
    return { reason: error };
  }
}

/** Returns the reason of a signal that has fired its abort event. */
export function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason;
  } catch (error) {
    return error;
  }
}

/** Returns the name of a function, or an empty string. */
export function nameOf(fn: unknown): string {
  try {
    const { name } = fn as { name?: unknown };
    return typeof name === "string" ? name : "";
  } catch {
    return "";
  }
}

/** Returns whether `value` is an instance of `type`; false if the check throws. */
export function isOf<T>(type: abstract new (...args: never[]) => T, value: unknown): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** Returns the `cause` of an error, if it has one. */
export function causeOf(error: unknown): unknown {
  try {
    return (error as { cause?: unknown } | null | undefined)?.cause;
  } catch {
    return undefined;
  }
}

/** Returns a readable message for a thrown value. */
export function messageOf(error: unknown): string {
  try {
    const message: unknown = error instanceof Error ? error.message : error;
    // Not a template literal, which throws for a symbol.
    return String(message);
  } catch {
    return "something that cannot be shown";
  }
}

/** Returns what `call` returns, or a promise rejected with what it throws. */
export function orReject<T>(call: () => Promise<T>): Promise<T> {
  try {
    return call();
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Returns a promise rejected with the reason of an abort. It is marked as handled, because a cancellation is no
 * failure.
 */
export function cancelledPromise(reason: unknown): Promise<never> {
  const promise = NativePromise.reject(reason);
  promise.catch(nothing);
  return promise;
}
