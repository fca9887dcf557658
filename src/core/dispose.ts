/**
 * Support for `using`: defines the disposal methods under the platform's symbols, where it has them.
 *
 * @module
 */

/** Makes `using` call `release` at the end of its block. */
export function attachDispose(prototype: object, release: () => void): void {
  attach(prototype, Symbol.dispose, release);
}

/** Makes `await using` call `release` at the end of its block. */
export function attachAsyncDispose(prototype: object, release: () => Promise<void>): void {
  attach(prototype, Symbol.asyncDispose, release);
}

function attach(prototype: object, symbol: symbol | undefined, value: () => unknown): void {
  if (symbol === undefined) return;
  Object.defineProperty(prototype, symbol, { value, configurable: true, writable: true });
}
