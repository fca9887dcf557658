/**
 * A block of work in a cancel scope: what `scope`, `timeout`, `timeoutAt`, `moveOnAfter`, `shield` and the callbacks of
 * the locks have in common. They differ in three flags: a deadline, a shield, and what their own abort comes to.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { type Alarm, arm, armAt, disarm, type Sleeper } from "../core/clock.ts";
import { CancelledError, InvalidStateError, TimeoutError } from "../core/errors.ts";
import { giveCause } from "../core/failures.ts";
import { cancelledPromise } from "../core/foreign.ts";
import { attachInspect } from "../core/inspect.ts";
import type { Scope, ScopeKeeper } from "../core/scope.ts";
import { checkStructured, outsideAbort, StructuredCall, type StructuredOptions } from "../core/structured_call.ts";
import { checkFunction, checkInstant, checkMs } from "../core/validate.ts";

/**
 * How a block differs from others. `throws`: its own abort rejects the call, with the reason. `quiet`: it does not.
 * `shielded`: as `throws`, and an abort from outside does not reach the block.
 */
export type BlockMode = "throws" | "quiet" | "shielded";

/** The engine of one block. */
export class BlockCall<T> extends StructuredCall<T> implements Sleeper {
  protected override readonly kind: string;
  readonly #quiet: boolean;
  #value: T | undefined = undefined;
  /** Whether its own deadline passed before it ended. */
  expired = false;
  /** Whether its own abort cut its function short. */
  cutShort = false;
  #ms = Infinity;
  #alarm: Alarm | null = null;
  // When the deadline has passed, if that needed no alarm.
  #at = Infinity;
  #timeoutError: TimeoutError | null = null;

  constructor(kind: string, mode: BlockMode, outer: Scope, options: StructuredOptions | undefined) {
    super(outer, options, mode === "shielded" ? SHIELDED : undefined);
    this.kind = kind;
    this.#quiet = mode === "quiet";
  }

  /** When the deadline passes, in epoch ms. */
  get deadlineAt(): number {
    return this.#alarm === null ? this.#at : this.#alarm.dueAt;
  }

  /** How many ms are left. */
  get remaining(): number {
    return Math.max(0, this.#alarm === null ? this.#at - Date.now() : this.#alarm.remaining);
  }

  /**
   * Moves the deadline to `ms` from now; that is `at`, in epoch ms, if it has to be exactly that instant. Throws what a
   * faked `setTimeout` throws; the deadline then stays where it was.
   */
  setDeadline(ms: number, at?: number): void {
    const before = this.#alarm;
    if (ms <= 0) {
      this.#at = at ?? Date.now() + ms;
      this.#alarm = null;
    } else {
      this.#at = Infinity;
      this.#alarm = ms === Infinity ? null : at === undefined ? arm(this, ms) : armAt(this, at);
    }
    if (before !== null) disarm(before);
    this.#ms = ms;
    if (ms <= 0) this.#ringInOrder();
  }

  // Deadlines around the block that have passed as well, but have not rung because nothing let the loop turn, ring first,
  // beginning with the outermost: only that one throws.
  #ringInOrder(): void {
    const around: ScopeKeeper[] = [];
    for (let at: Scope = this.scope; !at.shielded && at.parent !== null; at = at.parent) {
      const keeper = at.parent.keeper;
      if (keeper?.ringIfDue !== undefined) around.push(keeper);
    }
    for (let keeper = around.pop(); keeper !== undefined; keeper = around.pop()) keeper.ringIfDue!();
    this.ring();
  }

  /** Rings now, if the deadline has passed. */
  ringIfDue(): void {
    if (this.#alarm === null || !this.#alarm.armed || this.#alarm.remaining > 0) return;
    disarm(this.#alarm);
    this.ring();
  }

  /** The deadline has passed. */
  ring(): void {
    // If an outer deadline passed in the same turn the abort changes nothing; this one has expired all the same.
    this.expired = true;
    if (this.scope.aborted) return;
    this.#timeoutError = new TimeoutError(`${this.label} took longer than ${this.#ms} ms`);
    this.scope.abort(this.#timeoutError);
  }

  override bodyDone(value: T): void {
    this.#value = value;
  }

  protected override value(): T {
    return this.#value as T;
  }

  protected override ownAbort(): T {
    this.cutShort = true;
    if (this.#quiet) return undefined as T;
    throw this.scope.reason;
  }

  protected override failure(failures: readonly unknown[]): unknown {
    const failure = super.failure(failures);
    if (this.#timeoutError !== null) giveCause(failure, this.#timeoutError);
    return failure;
  }

  protected override stragglers(): string[] {
    const nested = super.stragglers();
    return nested.length > 0 ? nested : ["its function"];
  }

  protected override unwatch(): void {
    super.unwatch();
    if (this.#alarm !== null) disarm(this.#alarm);
  }
}

const SHIELDED = { shielded: true } as const;

/**
 * The scope of a block of work: what the function of `scope`, `timeout`, `timeoutAt`, `moveOnAfter`, `shield` and
 * `Lock.run` gets to cancel the block, and to read and move its deadline.
 *
 * @see trio.CancelScope 0.31: cutShort is cancelled_caught there.
 */
export class CancelScope {
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
    return this.#call.deadlineAt;
  }

  /** How many ms are left until the deadline; zero when it has passed, `Infinity` if there is none. */
  get remaining(): number {
    return this.#call.remaining;
  }

  /** Whether the deadline passed before the work ended. */
  get expired(): boolean {
    return this.#call.expired;
  }

  /** Whether the work ended early because of `cancel` or the deadline; false if it returned a value or failed. */
  get cutShort(): boolean {
    return this.#call.cutShort;
  }

  /**
   * Aborts the scope: its waits reject. `scope` and `moveOnAfter` then end quietly; the other calls reject with the reason.
   *
   * @param reason What the waits reject with; a `CancelledError` by default.
   * @returns False if the scope has ended or was aborted before.
   */
  cancel(reason?: unknown): boolean {
    const { scope, label } = this.#call;
    return scope.abort(reason === undefined ? new CancelledError(`The ${label} was cancelled`) : reason);
  }

  /**
   * Moves the deadline, or sets one.
   *
   * @param ms How many ms from now; `Infinity` for never.
   * @throws {InvalidStateError} If the deadline has passed, or the work has ended.
   * @throws {TypeError} If `ms` is not a number.
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
   * @throws {TypeError} If `at` is neither a number nor a `Date`.
   * @throws {RangeError} If `at` is no valid instant.
   */
  rescheduleAt(at: number | Date): void {
    const until = checkInstant("reschedule deadline", "at", at);
    this.#reschedule(until - Date.now(), until);
  }

  /** Shows the name, the state and what is left until the deadline. */
  toString(): string {
    const { label, scope, state, remaining, expired } = this.#call;
    const shown = state !== "open" ? "ended" : scope.aborted ? "aborted" : "open";
    return `CancelScope { call: ${
      JSON.stringify(label)
    }, state: "${shown}", remaining: ${remaining}, expired: ${expired} }`;
  }

  static {
    attachInspect(CancelScope.prototype);
  }

  #reschedule(ms: number, at?: number): void {
    const { state, expired } = this.#call;
    if (state !== "open") throw new InvalidStateError("Cannot reschedule deadline: the work has ended");
    if (expired) throw new InvalidStateError("Cannot reschedule deadline: it has passed");
    this.#call.setDeadline(ms, at);
  }
}

/** Work in a block: called with the signal of its scope, and the scope. */
export type ScopeFunction<T> = (signal: AbortSignal, scope: CancelScope) => T | PromiseLike<T>;

/** Throws what is wrong with the arguments of a block, and returns the options as `readOptions` does. */
export function checkBlock(
  action: string,
  fn: unknown,
  options: StructuredOptions | undefined,
): StructuredOptions | undefined {
  checkFunction(action, "fn", fn);
  return checkStructured(action, options);
}

/** Runs `fn` in a block. The caller has checked the arguments. */
export function runBlock<T>(
  kind: string,
  mode: BlockMode,
  fn: ScopeFunction<T>,
  options: StructuredOptions | undefined,
  ms = Infinity,
  at?: number,
): Promise<T> {
  const outer = currentScope();
  if (mode !== "shielded") {
    const outside = outsideAbort(outer, options?.signal);
    if (outside !== null) return cancelledPromise(outside.reason);
  }
  const call = new BlockCall<T>(kind, mode, outer, options);
  try {
    if (ms !== Infinity) call.setDeadline(ms, at);
  } catch (error) {
    return call.refuse(error);
  }
  return call.runBody(fn, call.scope.signal, new CancelScope(call));
}
