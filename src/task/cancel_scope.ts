/**
 * A block of work in a cancel scope: what `scope`, `timeout`, `timeoutAt`, `moveOnAfter`, `shield` and the callbacks of
 * the locks have in common. They differ in their kind, and in whether they start with a deadline.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { cancelledPromise, nameOf } from "../core/foreign.ts";
import { printAsText } from "../core/inspect.ts";
import type { Scope } from "../core/scope.ts";
import { type CallKind, checkStructured, ITS_FUNCTION, outsideAbort, StructuredCall } from "../core/structured_call.ts";
import type { StructuredOptions } from "../core/structured_call.ts";
import { checkFunction, checkInstant, checkMs } from "../core/validate.ts";
import { CancelledError, InvalidStateError } from "../errors.ts";

/** The engine of one block. */
export class BlockCall<T> extends StructuredCall<T> {
  // The function while it runs, and then its value: a field more would cost each timeout a twentieth of its time.
  #work: unknown;

  constructor(kind: CallKind, outer: Scope, options: StructuredOptions | undefined, fn: unknown) {
    super(kind, outer, options);
    this.#work = fn;
  }

  // A call without a name has that of its function.
  override get label(): string {
    const name = this.scope.name === undefined && typeof this.#work === "function" ? nameOf(this.#work) : "";
    return name === "" ? super.label : `${super.label} of ${name}`;
  }

  protected override bodyDone(value: T): void {
    this.#work = value;
  }

  protected override bodyFailed(error: unknown): void {
    this.#work = undefined;
    super.bodyFailed(error);
  }

  // Undefined if the function was cut short.
  protected override value(): T {
    return this.#work as T;
  }

  override stragglers(): string[] {
    const nested = super.stragglers();
    return nested.length > 0 ? nested : [ITS_FUNCTION];
  }
}

/**
 * The scope of a block of work. The function of `scope`, `timeout`, `timeoutAt`, `moveOnAfter`, `shield` and `Lock.run` gets
 * it to cancel the block, and to read and move its deadline.
 *
 * @see trio.CancelScope 0.31: cutShort is cancelled_caught there.
 * @category Cancel
 */
export class CancelScope {
  static readonly #printed: void = /* @__PURE__ */ printAsText(CancelScope);
  readonly #call: BlockCall<unknown>;

  /** @internal Use `scope` or `timeout`. */
  constructor(call: object) {
    this.#call = call as BlockCall<unknown>;
  }

  /** The signal of the scope, for `fetch` and `Deno.*`. */
  get signal(): AbortSignal {
    return this.#call.scope.signal;
  }

  /** Whether the scope is aborted: by `cancel`, by the deadline, or from outside. */
  get aborted(): boolean {
    return this.#call.scope.aborted;
  }

  /** When the deadline passes, in epoch ms; `Infinity` if there is none. */
  get deadlineAt(): number {
    return this.#call.deadline?.at ?? Infinity;
  }

  /** The ms left until the deadline; zero if it has passed, `Infinity` if there is none. */
  get remaining(): number {
    return this.#call.deadline?.remaining ?? Infinity;
  }

  /** Whether the deadline passed before the work ended. */
  get expired(): boolean {
    return this.#call.deadline?.expired === true;
  }

  /** Whether the work ended early because of `cancel` or the deadline; false if it returned a value or failed. */
  get cutShort(): boolean {
    return this.#call.cutShort;
  }

  /**
   * Aborts the scope: its waits reject. `scope` and `moveOnAfter` then end quietly; the other calls reject with the reason.
   *
   * @param reason The reason that the waits reject with; a `CancelledError` by default.
   * @returns False if the scope has ended or was aborted before.
   */
  cancel(reason?: unknown): boolean {
    const { scope, label } = this.#call;
    return scope.abort(reason === undefined ? new CancelledError(`The ${label} was cancelled`) : reason);
  }

  /**
   * Moves the deadline, or sets one.
   *
   * @param ms The number of ms from now; `Infinity` for never.
   * @throws {InvalidStateError} If the deadline has passed, or the work has ended.
   * @throws {RangeError} If `ms` is NaN.
   */
  reschedule(ms: number): void {
    checkMs("reschedule deadline", "ms", ms);
    this.#reschedule(ms);
  }

  /**
   * Moves the deadline to an instant, or sets one.
   *
   * @param at Epoch ms, or a `Date`.
   * @throws {InvalidStateError} If the deadline has passed, or the work has ended.
   * @throws {RangeError} If `at` is no valid instant.
   */
  rescheduleAt(at: number | Date): void {
    const until = checkInstant("reschedule deadline", "at", at);
    this.#reschedule(until - Date.now(), until);
  }

  /** Shows the name, the state and the time until the deadline. */
  toString(): string {
    const { label, scope, state } = this.#call;
    const { remaining, expired } = this;
    const shown = state !== "open" ? "ended" : scope.aborted ? "aborted" : "open";
    return `CancelScope { call: ${
      JSON.stringify(label)
    }, state: "${shown}", remaining: ${remaining}, expired: ${expired} }`;
  }

  #reschedule(ms: number, at?: number): void {
    if (this.#call.state !== "open") throw new InvalidStateError("Cannot reschedule deadline: the work has ended");
    if (this.expired) throw new InvalidStateError("Cannot reschedule deadline: it has passed");
    this.#call.setDeadline(ms, at);
  }
}

/**
 * Work in a block: called with the signal of its scope, and the scope.
 *
 * @category Cancel
 */
export type ScopeFunction<T> = (signal: AbortSignal, scope: CancelScope) => T | PromiseLike<T>;

/** Checks the arguments of a block, and returns the options as `readOptions` does. */
export function checkBlock<O extends StructuredOptions>(
  action: string,
  fn: unknown,
  options: O | undefined,
  more: readonly (keyof O)[] = [],
): O | undefined {
  checkFunction(action, "fn", fn);
  return checkStructured(action, options, more);
}

/** Runs `fn` in a block below `outer`. The caller has checked the arguments. */
export function runBlock<T>(
  kind: CallKind,
  fn: ScopeFunction<T>,
  options: StructuredOptions | undefined,
  ms = Infinity,
  at?: number,
  outer = currentScope(),
): Promise<T> {
  if (!kind.shielded) {
    const outside = outsideAbort(outer, options?.signal);
    if (outside !== null) return cancelledPromise(outside.reason);
  }
  const call = new BlockCall<T>(kind, outer, options, fn);
  try {
    if (ms !== Infinity) call.setDeadline(ms, at);
  } catch (error) {
    return call.refuse(error);
  }
  return call.runBody(fn, call.scope.signal, new CancelScope(call));
}
