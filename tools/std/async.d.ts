// Types for the plain JavaScript that npm has: what we use of `@std/async`.

export function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T>;
export function abortable<T>(
  p: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T>;

export interface DeadlineOptions {
  signal?: AbortSignal;
}
export function deadline<T>(
  p: Promise<T>,
  ms: number,
  options?: DeadlineOptions,
): Promise<T>;

export interface DelayOptions {
  signal?: AbortSignal;
  persistent?: boolean;
}
export function delay(ms: number, options?: DelayOptions): Promise<void>;

export function pooledMap<T, R>(
  poolLimit: number,
  array: Iterable<T> | AsyncIterable<T>,
  iteratorFn: (data: T) => Promise<R>,
): AsyncIterableIterator<R>;

export class RetryError extends Error {
  constructor(cause: unknown, attempts: number);
}
export interface RetryOptions {
  multiplier?: number;
  maxTimeout?: number;
  maxAttempts?: number;
  minTimeout?: number;
  jitter?: number;
  isRetriable?: (error: unknown) => boolean;
  signal?: AbortSignal;
}
export function retry<T>(
  fn: (() => Promise<T>) | (() => T),
  options?: RetryOptions,
): Promise<T>;
