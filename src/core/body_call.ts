/**
 * Structured calls whose work is one function.
 *
 * @module
 */

import { currentScope } from "./ambient.ts";
import { cancelledPromise } from "./foreign.ts";
import type { Scope } from "./scope.ts";
import { outsideAbort, StructuredCall, type StructuredOptions, type TaskFunction } from "./structured_call.ts";

/** The engine of a structured call whose work is one function. */
export class BodyCall<T> extends StructuredCall<T> {
  readonly #kind: string;
  #value: T | undefined = undefined;

  constructor(
    kind: string,
    outer: Scope,
    options: StructuredOptions | undefined,
    shielded = false,
  ) {
    super(outer, options, shielded ? { shielded } : undefined);
    this.#kind = kind;
  }

  protected override get kind(): string {
    return this.#kind;
  }

  override bodyDone(value: T): void {
    this.#value = value;
  }

  protected override value(): T {
    return this.#value as T;
  }

  protected override stragglers(): string[] {
    const nested = super.stragglers();
    return nested.length > 0 ? nested : ["its function"];
  }
}

/** Runs `fn` in a scope of its own. The caller has checked the arguments. */
export function runBody<T>(
  kind: string,
  fn: TaskFunction<T>,
  options: StructuredOptions | undefined,
): Promise<T> {
  const outer = currentScope();
  const outside = outsideAbort(outer, options?.signal);
  if (outside !== null) return cancelledPromise(outside.reason);
  const call = new BodyCall<T>(kind, outer, options);
  return call.runBody(fn, call.scope.signal);
}
