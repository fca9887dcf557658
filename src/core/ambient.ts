/**
 * The scope that the running code belongs to, carried by the platform's async context.
 *
 * @module
 */

import { makeStorage, runOutside, type Storage } from "./context.ts";
import { Scope } from "./scope.ts";

/** What all copies of the package in one program share. */
interface Shared {
  readonly storage: Storage<Scope> | null;
  /** For copies of before: each has one of its own now. */
  readonly runOutside: typeof runOutside;
  /** The parent of whatever is in no scope. Never aborted, never ended. */
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

/** `scope`, or the nearest open one around it: that is who code belongs to which outlives its scope. */
export function openScope(scope: Scope): Scope {
  if (!scope.ended) return scope;
  let open = scope.parent!;
  while (open.ended) open = open.parent!;
  // The way up is walked once, however often it is asked for.
  scope.parent = open;
  return open;
}

/** The innermost open scope around the running code; the root, when there is none. */
export function currentScope(): Scope {
  if (storage === undefined) sharedState();
  const store = storage === null ? undefined : storage!.getStore();
  if (store === undefined) return shared!.root;
  return store.ended ? openScope(store) : store;
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
