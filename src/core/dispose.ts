/**
 * `using` support without its syntax: the symbols are attached where the platform has them.
 *
 * @module
 */

/** Makes `using` call `release`. */
export function attachDispose(prototype: object, release: () => void): void {
  attach(prototype, Symbol.dispose, release);
}

/** Makes `await using` call `release`. */
export function attachAsyncDispose(prototype: object, release: () => Promise<void>): void {
  attach(prototype, Symbol.asyncDispose, release);
}

function attach(prototype: object, symbol: symbol | undefined, value: () => unknown): void {
  if (symbol === undefined) return;
  Object.defineProperty(prototype, symbol, { value, configurable: true, writable: true });
}
