/** A second `AsyncLocalStorage`, as that of a program which traces its requests, and looks at what is in it. */

import { AsyncLocalStorage } from "node:async_hooks";

/** The store of the program under test: names of contexts. */
export const storage: AsyncLocalStorage<string> = new AsyncLocalStorage();

/** What code that runs now sees in it. */
export function store(): string {
  return storage.getStore() ?? "none";
}

/** Calls `fn` in a context of its own. */
export function within<R>(name: string, fn: () => R): R {
  return storage.run(name, fn);
}

/** A thenable that tells `log` in which context its `then` is called. */
export function thenable<T>(log: string[], value: T): PromiseLike<T> {
  return {
    then(fulfilled) {
      log.push(store());
      return Promise.resolve(value).then(fulfilled);
    },
  };
}
