/**
 * Defines how `console.log` shows the objects of this package.
 *
 * @module
 */

/**
 * Makes Deno and Node print objects of `type` with its `toString`. Call it in a static field, marked as pure: a static
 * block would keep the class in every bundle, also where it is not used.
 */
export function printAsText(type: { readonly prototype: object }): void {
  const value = function (this: object): string {
    return String(this);
  };
  for (const name of ["Deno.customInspect", "nodejs.util.inspect.custom"]) {
    Object.defineProperty(type.prototype, Symbol.for(name), { value });
  }
}
