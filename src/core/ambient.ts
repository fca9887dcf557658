/**
 * The scope that the running code belongs to, carried by the platform's async context.
 *
 * @module
 */

import { makeStorage, runOutside, type Storage } from "./context.ts";
import { Scope } from "./scope.ts";

/** The state that all copies of the package in one program share. */
interface Shared {
  readonly storage: Storage<Scope> | null;
  /** For older copies of the package; each copy has its own now. */
  readonly runOutside: typeof runOutside;
  /** The parent of everything outside of scopes. Never aborted, never ended. */
  readonly root: Scope;
  /** The scopes of the open `run` calls. */
  readonly runs: Set<Scope>;
}

const KEY = Symbol.for("@weft/async/scope@1");

let shared: Shared | undefined;
let storage: Storage<Scope> | null | undefined;

function makeShared(): Shared {
  return { storage: makeStorage<Scope>(), runOutside, root: new Scope(null, "root"), runs: new Set() };
}

/** Returns the state that all copies of the package share, and creates it at first use. */
export function sharedState(): Shared {
  if (shared === undefined) {
    const holder = globalThis as { [KEY]?: Shared };
    shared = holder[KEY] ??= makeShared();
    storage = shared.storage;
  }
  return shared;
}

/** Whether waits see the scope that they are called in. If false, only explicit signals count. */
export function hasAmbientScope(): boolean {
  return sharedState().storage !== null;
}

/** Returns `scope`, or the nearest open scope around it, which owns code that outlives its scope. */
export function openScope(scope: Scope): Scope {
  if (!scope.ended) return scope;
  let open = scope.parent!;
  while (open.ended) open = open.parent!;
  // Caches the result: each ended scope is skipped only once, however often this is called.
  scope.parent = open;
  return open;
}

/** Returns the innermost open scope around the running code, or the root if there is none. */
export function currentScope(): Scope {
  if (storage === undefined) sharedState();
  const store = storage === null ? undefined : storage!.getStore();
  if (store === undefined) return shared!.root;
  return store.ended ? openScope(store) : store;
}

/** Calls `fn(a, b)` with `scope` as the ambient scope. Rest parameters would create arrays, and most of the garbage. */
export function runInScope<R, A = undefined, B = undefined>(scope: Scope, fn: (a: A, b: B) => R, a?: A, b?: B): R {
  if (storage === undefined) sharedState();
  return storage === null ? fn(a as A, b as B) : storage!.run(scope, fn, a as A, b as B);
}

/**
 * Makes `scope` the ambient scope for the rest of the running microtask, which must be one of ours with nothing after
 * it. Cheaper than {@linkcode runInScope}, because there is nothing to restore.
 */
export function enterScope(scope: Scope): void {
  if (storage === undefined) sharedState();
  storage?.enterWith(scope);
}
