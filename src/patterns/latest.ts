/**
 * Work of which only the latest call counts.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { orReject } from "../core/foreign.ts";
import { printAsText } from "../core/inspect.ts";
import { isWithin, type Scope } from "../core/scope.ts";
import { checkFunction } from "../core/validate.ts";
import { CancelledError, InvalidStateError } from "../errors.ts";
import { Lock } from "../sync/lock.ts";
import { type CancelScope, scope, type ScopeFunction } from "../task/scope.ts";

export type { CancelScope, ScopeFunction };

/**
 * Runs work of which only the latest call counts, such as a search while the user types. A new call cancels the one
 * before it, and starts when that has ended: no two calls ever run at the same time.
 *
 * @example Three searches, one result
 * ```ts
 * import { sleep } from "@weft/async";
 * import { Latest } from "@weft/async/patterns";
 * import { assertEquals } from "@std/assert";
 *
 * const searches = new Latest();
 * const search = (text: string) =>
 *   searches.run(async () => {
 *     await sleep(5);
 *     return `found ${text}`;
 *   });
 * const all = await Promise.all([search("d"), search("de"), search("deno")]);
 * assertEquals(all, [undefined, undefined, "found deno"]);
 * ```
 *
 * @see mapLatest of kotlinx.coroutines 1.10: the same rule.
 */
export class Latest {
  static readonly #printed: void = /* @__PURE__ */ printAsText(Latest);
  // Its holder is the call whose work runs. At most one call waits for it: the newest.
  readonly #turn = new Lock();
  #newest: CancelScope | null = null;
  // The scope in which that work runs.
  #running: Scope | null = null;

  /** Whether work is running. */
  get busy(): boolean {
    return this.#turn.locked;
  }

  /**
   * Cancels the call before this one, waits for its end, and calls `fn` in a scope of its own.
   *
   * - **Failure**: rejects with the error of `fn`, also if a later call has cancelled it.
   * - **Cancellation**: a call that a later one replaces returns `undefined`, unless `fn` still returned a value. If
   *   `fn` had not been called yet, it is not called. An abort of the caller's scope rejects with its reason.
   *
   * @typeParam T The result of `fn`.
   * @param fn Called with the signal of its scope, and the scope.
   * @returns The result of `fn`, or `undefined` if a later call replaced this one.
   * @throws {InvalidStateError} If it is called inside its own callback: it would wait for itself.
   */
  run<T>(fn: ScopeFunction<T>): Promise<T | undefined> {
    return orReject(() => {
      checkFunction("run latest", "fn", fn);
      if (this.#running !== null && isWithin(currentScope(), this.#running)) {
        throw new InvalidStateError("Cannot run latest: the surrounding callback would wait for itself");
      }
      return scope((_signal, self) => this.#replace(fn, self));
    });
  }

  async #replace<T>(fn: ScopeFunction<T>, self: CancelScope): Promise<T> {
    this.#newest?.cancel(new CancelledError("A later call has replaced this one"));
    this.#newest = self;
    let running: Scope | null = null;
    try {
      return await this.#turn.run(() => {
        this.#running = running = currentScope();
        return fn(self.signal, self);
      });
    } finally {
      if (this.#newest === self) this.#newest = null;
      if (this.#running === running) this.#running = null;
    }
  }

  /** Shows whether work is running. */
  toString(): string {
    return `Latest { busy: ${this.busy} }`;
  }
}
