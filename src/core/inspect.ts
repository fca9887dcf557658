/**
 * Defines how `console.log` shows the objects of this package.
 *
 * @module
 */

const DENO = Symbol.for("Deno.customInspect");
const NODE = Symbol.for("nodejs.util.inspect.custom");

/** Makes Deno and Node print the result of `toString`. */
export function attachInspect(prototype: object): void {
  const value = function (this: object): string {
    return String(this);
  };
  for (const symbol of [DENO, NODE]) {
    Object.defineProperty(prototype, symbol, { value });
  }
}
