/**
 * The checks of arguments that every public function makes before it has any effect, with the same error messages.
 *
 * @module
 */

import { nameOf } from "./foreign.ts";

function show(value: unknown): string {
  try {
    return describe(value);
  } catch {
    // A proxy or a getter threw; the error still needs a message.
    return `${typeof value === "function" ? "a function" : "an object"} that cannot be shown`;
  }
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return `function ${nameOf(value) || "(anonymous)"}`;
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) {
    const name = (value.constructor ?? null) === null ? "no prototype" : nameOf(value.constructor);
    // The constructor of a generator has no name.
    return `an object (${name || Object.prototype.toString.call(value).slice("[object ".length, -1)})`;
  }
  return typeof value === "bigint" ? `${value}n` : String(value);
}

function messageOf(action: string, param: string, rule: string, value: unknown): string {
  return `Cannot ${action}: "${param}" must be ${rule}, received ${show(value)}`;
}

/** Returns a `TypeError` with a message in the house form, which ends with `hint`. */
export function wrongKind(action: string, param: string, rule: string, value: unknown, hint = ""): TypeError {
  return new TypeError(messageOf(action, param, rule, value) + hint);
}

/** Returns a `RangeError` with a message in the house form. */
export function outOfRange(action: string, param: string, rule: string, value: unknown): RangeError {
  return new RangeError(messageOf(action, param, rule, value));
}

/** Throws unless `value` is a function. */
export function checkFunction(action: string, param: string, value: unknown): void {
  if (typeof value === "function") return;
  throw wrongKind(action, param, "a function", value, isThenable(value) ? ": pass () => work(), not work()" : "");
}

/** Throws unless `value` is a number of ms: not NaN and, if `negative` is false, zero or more. */
export function checkMs(action: string, param: string, value: unknown, negative = true): void {
  if (typeof value !== "number") {
    throw wrongKind(action, param, "a number of milliseconds", value);
  }
  if (Number.isNaN(value) || (!negative && value < 0)) {
    throw outOfRange(action, param, negative ? "a number other than NaN" : "zero or more", value);
  }
}

/** Throws unless `value` is a whole number of at least `least`, or `Infinity` if `infinite` is true. */
export function checkCount(action: string, param: string, value: unknown, least: number, infinite: boolean): void {
  if (typeof value !== "number") {
    throw wrongKind(action, param, "a number", value);
  }
  if ((infinite && value === Infinity) || (Number.isSafeInteger(value) && value >= least)) return;
  throw outOfRange(action, param, `a whole number of at least ${least}${infinite ? " or Infinity" : ""}`, value);
}

/** Throws unless `value` is absent or a boolean. */
export function checkFlag(action: string, param: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") {
    throw wrongKind(action, param, "a boolean", value);
  }
}

/** Throws unless `value` is absent or an `AbortSignal`. */
export function checkSignal(action: string, value: unknown): void {
  if (value === undefined || value instanceof AbortSignal) return;
  // Signals of another realm or of a polyfill are accepted.
  const { aborted, addEventListener } = Object(value) as Partial<AbortSignal>;
  if (typeof aborted === "boolean" && typeof addEventListener === "function") {
    return;
  }
  throw wrongKind(action, "signal", "an AbortSignal", value);
}

/** Throws unless `value` is absent or an object. */
export function checkOptions(action: string, value: unknown): void {
  if (value !== undefined && (typeof value !== "object" || value === null)) {
    throw wrongKind(action, "options", "an object", value);
  }
}

/**
 * Copies the options into a new record, so that each is read once and before any effect: a getter may throw, and the
 * caller may change its object later.
 */
export function readOptions<T extends object>(
  action: string,
  options: T | undefined,
  names: readonly (keyof T)[],
): T | undefined {
  checkOptions(action, options);
  if (options === undefined) return undefined;
  const own: Partial<T> = {};
  for (const name of names) own[name] = options[name];
  return own as T;
}

/** Checks the options that every wait takes, and returns the signal, which is read only once. */
export function checkWait(
  action: string,
  options: { readonly signal?: AbortSignal | undefined } | undefined,
): AbortSignal | undefined {
  if (options === undefined) return undefined;
  checkOptions(action, options);
  const { signal } = options;
  checkSignal(action, signal);
  return signal;
}

/** Returns `value`, a number or a `Date`, as an instant in epoch ms. Throws unless it is valid. */
export function checkInstant(action: string, param: string, value: unknown): number {
  const at = value instanceof Date ? value.getTime() : value;
  if (typeof at !== "number") {
    throw wrongKind(action, param, "epoch milliseconds or a Date", value);
  }
  if (Number.isNaN(at)) {
    throw outOfRange(action, param, "a valid instant", value);
  }
  return at;
}

/** Returns the priority of a wait, 0 by default. Throws unless `value` is a number other than NaN. */
export function checkPriority(action: string, value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value !== "number") throw wrongKind(action, "priority", "a number", value);
  if (Number.isNaN(value)) throw outOfRange(action, "priority", "a number other than NaN", value);
  return value;
}

/** Returns whether `value` is a thenable. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return ((typeof value === "object" && value !== null) || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function";
}
