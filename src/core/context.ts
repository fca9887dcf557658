/**
 * The async context of the platform, looked up once.
 *
 * @module
 */

/** The part of Node's `AsyncLocalStorage` that we use. */
export interface Storage<S> {
  getStore(): S | undefined;
  // deno-lint-ignore no-explicit-any -- the platform's own signature
  run<A extends any[], R>(store: S | undefined, fn: (...args: A) => R, ...args: A): R;
  enterWith(store: S): void;
}

interface Hooks {
  readonly AsyncLocalStorage: { new <S>(): Storage<S>; snapshot(): <R>(fn: () => R) => R };
}

function findHooks(): Hooks | undefined {
  interface Process {
    getBuiltinModule?(name: string): Hooks | undefined;
  }
  try {
    // deno-lint-ignore no-process-global -- looked up, not imported: browsers have no `node:` modules
    return (globalThis as { process?: Process }).process?.getBuiltinModule?.("node:async_hooks");
  } catch {
    // A substitute for `process`, such as bundlers for browsers insert.
    return undefined;
  }
}

const hooks = findHooks();

/** Creates a storage, or returns `null` if the platform has no async context. */
export function makeStorage<S>(): Storage<S> | null {
  return hooks === undefined ? null : new hooks.AsyncLocalStorage<S>();
}

/**
 * Calls `fn` in the context in which this package was imported, usually an empty one. Timers and listeners that serve
 * the whole process then keep no scope alive, and see no request's values.
 */
export const runOutside: <R>(fn: () => R) => R = hooks === undefined
  ? (fn) => fn()
  // At import, not at first use, which may be inside the first request of a server.
  : hooks.AsyncLocalStorage.snapshot();
