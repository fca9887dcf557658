/**
 * What `console.log` shows of an object of ours.
 *
 * @module
 */

const DENO = Symbol.for("Deno.customInspect");
const NODE = Symbol.for("nodejs.util.inspect.custom");

/** Has Deno and Node print what `toString` returns. */
export function attachInspect(prototype: object): void {
  const value = function (this: object): string {
    return String(this);
  };
  for (const symbol of [DENO, NODE]) {
    Object.defineProperty(prototype, symbol, { value });
  }
}
