/**
 * Gives each test a time limit of its own, so that one which hangs is named instead of stopping the run. `tools/deno.ts`
 * loads it before every `deno test`; a test that needs another limit sets `timeout` itself.
 *
 * @module
 */

/** In ms. The longest test takes a tenth of it on a busy machine. */
const LIMIT = 60_000;

type Definition = Partial<Deno.TestDefinition>;

/** The arguments of `Deno.test`, in any of its forms, with a limit. */
export function withLimit(args: unknown[]): unknown[] {
  const index = args.findIndex((arg) => typeof arg === "object" && arg !== null);
  if (index !== -1) return args.with(index, { timeout: LIMIT, ...args[index] as Definition });
  // Forms without options: a name and a function, or a function with a name.
  return typeof args[0] === "string" ? [args[0], { timeout: LIMIT }, args[1]] : [{ timeout: LIMIT }, args[0]];
}

const test = new Proxy(Deno.test, {
  apply: (test, self, args) => Reflect.apply(test, self, withLimit(args)),
});
Object.assign(Deno, { test });
