/**
 * A bare cancel scope.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { CancelledError } from "../core/errors.ts";
import { cancelledPromise } from "../core/foreign.ts";
import type { Scope } from "../core/scope.ts";
import { checkStructured, outsideAbort, type StructuredOptions } from "../core/structured_call.ts";
import { checkFunction } from "../core/validate.ts";
import { BodyCall } from "../core/body_call.ts";

export type { StructuredOptions };

/** What the function of {@linkcode scope} is given to cancel itself with. */
export class CancelScope {
  readonly #scope: Scope;

  /** @internal Use `scope`. */
  constructor(scope: object) {
    this.#scope = scope as Scope;
  }

  /** The signal of the scope. */
  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  /** Whether the scope is aborted, by `cancel` or from outside. */
  get aborted(): boolean {
    return this.#scope.aborted;
  }

  /**
   * Aborts the scope: its waits reject, and `scope` ends quietly.
   *
   * @param reason What the waits reject with; a `CancelledError` by default.
   * @returns False when it has ended or was aborted before.
   */
  cancel(reason?: unknown): boolean {
    return this.#scope.abort(
      reason === undefined ? new CancelledError("The scope was cancelled") : reason,
    );
  }
}

class CancelScopeCall<T> extends BodyCall<T | undefined> {
  protected override ownAbort(): undefined {
    return undefined;
  }
}

/**
 * Runs `fn` in a scope that can be cancelled on its own.
 *
 * **Failure**: what `fn` throws, as it is. **Cancellation**: after `cancel` it ends quietly, with `undefined` unless
 * `fn` returned something all the same; an abort from outside rejects with that reason.
 *
 * @typeParam T What `fn` returns.
 * @param fn Called with the signal of the scope and the scope.
 * @param options Its signal, name and grace.
 * @returns What `fn` returns, or `undefined` when it was cancelled.
 * @throws {TypeError} If an argument is of the wrong kind.
 * @throws {StragglerError} If work still runs `grace` ms after an abort.
 *
 * @example Give up from inside
 * ```ts
 * import { scope, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const value = await scope(async (_signal, self) => {
 *   self.cancel();
 *   await sleep(1000);
 *   return "never";
 * });
 * assertEquals(value, undefined);
 * ```
 *
 * @see trio.CancelScope 0.31: the same, as a call.
 */
export function scope<T>(
  fn: (signal: AbortSignal, scope: CancelScope) => T | PromiseLike<T>,
  options?: StructuredOptions,
): Promise<T | undefined> {
  try {
    checkFunction("open scope", "fn", fn);
    const own = checkStructured("open scope", options);
    const outer = currentScope();
    const outside = outsideAbort(outer, own?.signal);
    if (outside !== null) return cancelledPromise(outside.reason);
    const call = new CancelScopeCall<T>("scope", outer, own);
    return call.runBody(fn, call.scope.signal, new CancelScope(call.scope));
  } catch (error) {
    return Promise.reject(error);
  }
}
