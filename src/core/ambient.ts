/**
 * The scope that the running code belongs to, carried by the platform's async context.
 *
 * @module
 */

import { Scope } from "./scope.ts";

/** The part of Node's `AsyncLocalStorage` that we use. */
interface Storage {
  getStore(): Scope | undefined;
  // deno-lint-ignore no-explicit-any -- the platform's own shape
  run<A extends any[], R>(
    store: Scope | undefined,
    fn: (...args: A) => R,
    ...args: A
  ): R;
  enterWith(store: Scope): void;
}

/** What all copies of the package in one program share. */
interface Shared {
  readonly storage: Storage | null;
  /** Runs `fn` in the context in which the package was first used. */
  readonly runOutside: <R>(fn: () => R) => R;
  /** The parent of whatever is in no scope. Never aborted, never ended. */
  readonly root: Scope;
  /** The scopes of the open `run` calls. */
  readonly runs: Set<Scope>;
}

const KEY = Symbol.for("@weft/async/scope@1");

let shared: Shared | undefined;
let storage: Storage | null | undefined;

function makeShared(): Shared {
  // deno-lint-ignore no-process-global -- looked up, not imported: browsers have no `node:` modules
  const hooks = (globalThis as { process?: NodeJS }).process
    ?.getBuiltinModule?.("node:async_hooks");
  const storage: Storage | null = hooks === undefined ? null : new hooks.AsyncLocalStorage();
  return {
    storage,
    runOutside: hooks === undefined ? (fn) => fn() : hooks.AsyncLocalStorage.snapshot(),
    root: new Scope(null, "root"),
    runs: new Set(),
  };
}

interface NodeJS {
  getBuiltinModule?(name: string): {
    AsyncLocalStorage: { new (): Storage; snapshot(): <R>(fn: () => R) => R };
  } | undefined;
}

/** The state that all copies of the package share, made at first use. */
export function sharedState(): Shared {
  if (shared === undefined) {
    const holder = globalThis as { [KEY]?: Shared };
    shared = holder[KEY] ??= makeShared();
    storage = shared.storage;
  }
  return shared;
}

/** Whether waits see the scope that they are called in. Where false, only explicit signals count. */
export function hasAmbientScope(): boolean {
  return sharedState().storage !== null;
}

/** The innermost open scope around the running code; the root, when there is none. */
export function currentScope(): Scope {
  if (storage === undefined) sharedState();
  const store = storage === null ? undefined : storage!.getStore();
  if (store === undefined) return shared!.root;
  let scope = store;
  // Code that outlives its scope (a pool made lazily inside a timeout) belongs to the nearest open ancestor.
  while (scope.ended) scope = scope.parent!;
  return scope;
}

/** Calls `fn(a, b)` with `scope` as the ambient one. No rest parameters: their arrays would be most of the garbage. */
export function runInScope<R, A = undefined, B = undefined>(scope: Scope, fn: (a: A, b: B) => R, a?: A, b?: B): R {
  if (storage === undefined) sharedState();
  return storage === null ? fn(a as A, b as B) : storage!.run(scope, fn, a as A, b as B);
}

/**
 * Makes `scope` the ambient one for the rest of the running microtask, which has to be one of ours with
 * nothing after it. Cheaper than {@linkcode runInScope}: there is nothing to restore.
 */
export function enterScope(scope: Scope): void {
  if (storage === undefined) sharedState();
  storage?.enterWith(scope);
}

/** Calls `fn` in an empty context: what it arms for the whole process keeps nobody's scope alive. */
export function runOutside<R>(fn: () => R): R {
  return sharedState().runOutside(fn);
}
