/**
 * The base of all structured calls: they open a scope, end only after all their work has settled, and decide their
 * outcome by the same rules.
 *
 * ```text
 *          begin/ended/failed                    nothing pending, no child scope open
 * open ───────────────────────────► open ───────────────────────────────────────────► ended
 *                                     │ aborted, and `grace` ms later still open
 *                                     └──────────────────────────────────────────────► left (to stragglers)
 *
 * The outcome, of which the first that applies counts:
 *
 * some work failed genuinely            → `failure`: that failure, or an aggregate of all
 * an abort from outside cut work short  → the reason of that abort (not for a shield)
 * its own abort cut work short          → that reason; the value, if its kind is quiet
 * otherwise                             → `value`, even if it is late
 * ```
 *
 * @module
 */

import { type AbortLink, attachToSignal } from "./abort_hub.ts";
import { runInScope } from "./ambient.ts";
import { type Alarm, arm, disarm, lookAtClock } from "./clock.ts";
import { CancelledError, StragglerError } from "../errors.ts";
import { Deadline } from "./deadline.ts";
import { combineFailures, giveCause, isCancellationOf } from "./failures.ts";
import { abortOf, isOf, isPlainPromise, mayBeThenable, nothing, observe } from "./foreign.ts";
import { surface } from "./next_turn.ts";
import { Scope, type ScopeKeeper } from "./scope.ts";
import { checkMs, checkSignal, readOptions, wrongKind } from "./validate.ts";

/**
 * Work that is passed to a structured call. It is called with the signal of the scope that it runs in.
 *
 * @category Run and start
 */
export type TaskFunction<T> = (signal: AbortSignal) => T | PromiseLike<T>;

/**
 * Options of every structured call.
 *
 * @category Cancel
 */
export interface StructuredOptions {
  /** Aborts the call when it is aborted, as an abort of the scope around the call does. */
  signal?: AbortSignal | undefined;
  /** The name in diagnostics and error messages. */
  name?: string | undefined;
  /**
   * The longest time, in ms, that the call waits for its work after an abort. Then it rejects with a `StragglerError`
   * that names the work that still runs.
   *
   * @default {Infinity}
   */
  grace?: number | undefined;
}

/**
 * Checks the options that every structured call takes. Returns them and the options named in `more`, as
 * {@linkcode readOptions} does.
 */
export function checkStructured<O extends StructuredOptions>(
  action: string,
  options: O | undefined,
  more: readonly (keyof O)[] = [],
): O | undefined {
  const own = readOptions<O>(action, options, ["signal", "name", "grace", ...more]);
  if (own === undefined) return undefined;
  const { signal, name, grace } = own;
  checkSignal(action, signal);
  if (name !== undefined && typeof name !== "string") {
    throw wrongKind(action, "name", "a string", name);
  }
  if (grace !== undefined) checkMs(action, "grace", grace, false);
  return own;
}

/** Returns the abort from outside a call that is about to begin, or `null`. An aborted call must not begin. */
export function outsideAbort(scope: Scope, signal: AbortSignal | undefined): { reason: unknown } | null {
  if (scope.aborted) return scope;
  return signal === undefined ? null : abortOf(signal);
}

/** The name of the function of a call among its stragglers. */
export const ITS_FUNCTION = "its function";

// The number of nested calls whose names a path shows.
const DEEPEST = 16;
let depth = 0;

/** Returns the paths to the work that has not ended in `scopes`, such as `gather "load" > db`. */
export function pathsTo(scopes: readonly Scope[]): string[] {
  depth++;
  try {
    return scopes.flatMap((scope) => {
      const name = scope.keeper?.label ?? scope.label;
      const inner = depth > DEEPEST ? [] : scope.keeper?.stragglers?.() ?? pathsTo(scope.children());
      return inner.length === 0 ? [name] : inner.map((path) => path === ITS_FUNCTION ? name : `${name} > ${path}`);
    });
  } finally {
    depth--;
  }
}

/** A kind of structured call. */
export interface CallKind {
  /** The name of the public function or class. */
  readonly name: string;
  /** Whether its own abort ends it with its value, instead of rejecting. */
  readonly quiet?: boolean;
  /** Whether an abort from outside does not reach its work. */
  readonly shielded?: boolean;
  /** Whether the code that uses it may never end it. */
  readonly abandonable?: boolean;
}

/** The engine of one structured call. */
export abstract class StructuredCall<T> implements ScopeKeeper {
  readonly scope: Scope;
  state: "open" | "ended" | "left" = "open";
  /** Whether some of the work ended by cancellation. */
  cancelled = false;
  /** Whether its own abort, and not one from outside, cut its work short. */
  cutShort = false;
  /** The genuine failures, in order of completion. */
  failures: unknown[] | null = null;
  /** The deadline, if it ever had one. */
  deadline: Deadline | null = null;
  readonly #kind: CallKind;
  readonly #options: StructuredOptions | undefined;
  #pending = 0;
  #link: AbortLink | null = null;
  #graceAlarm: Alarm | null = null;
  // The kind of the outcome, once it is decided.
  #settled: "not" | "value" | "failure" | "cancellation" = "not";
  #outcome: unknown = undefined;
  // The reaction to the function of `runBody`, if the caller got that as the promise of the call.
  #reaction: Promise<T> | null = null;
  // The promise of the outcome, made at first use, and the function that settles it.
  #promise: Promise<T> | null = null;
  #keep: (() => void) | null = null;

  /**
   * Opens the scope. Throws what the signal throws when a listener is added; then no scope stays open.
   *
   * @param options As `checkStructured` returns them.
   */
  constructor(kind: CallKind, outer: Scope, options: StructuredOptions | undefined) {
    lookAtClock();
    this.#kind = kind;
    this.#options = options;
    this.scope = new Scope(outer, options?.name, kind.shielded, kind.abandonable);
    this.scope.keeper = this;
    const signal = options?.signal;
    if (signal === undefined || this.scope.aborted) return;
    try {
      const abort = abortOf(signal);
      if (abort !== null) this.scope.beginAborted(abort.reason);
      else this.#link = attachToSignal(signal, this.scope);
    } catch (error) {
      this.scope.end();
      throw error;
    }
  }

  /** The name in messages. */
  get label(): string {
    const { name } = this.scope;
    return name === undefined ? this.#kind.name : `${this.#kind.name} ${JSON.stringify(name)}`;
  }

  // How a call differs from others.

  /** Returns the value of a call that neither failed nor was cut short. May throw instead. */
  protected abstract value(): T;

  /** Returns the error made of the genuine failures. */
  protected failure(failures: readonly unknown[]): unknown {
    return combineFailures(failures);
  }

  /** Discards the values that the caller does not receive, because the call rejects. */
  protected discard(): void {}

  /** Returns the names of the work that has not settled, with the path to it. */
  stragglers(): string[] {
    return pathsTo(this.scope.children());
  }

  /** Whether the error with which it has rejected is more than its cancellation. */
  isFailure(error: unknown): boolean {
    return this.failures !== null || isOf(StragglerError, error);
  }

  // The work.

  /** The number of pieces of work that have not settled. */
  get pending(): number {
    return this.#pending;
  }

  /** Counts one more piece of work. */
  begin(): void {
    this.#pending++;
  }

  /** Called when one piece of work has settled. */
  end(): void {
    if (--this.#pending === 0) this.tryEnd();
  }

  /** Called when one piece of work has rejected. A genuine failure aborts the rest. */
  fail(error: unknown): void {
    if (isCancellationOf(error, this.scope)) this.cancelled = true;
    else this.record(error, true);
    this.end();
  }

  /** Records a genuine failure and, if `abort` is true, aborts the rest because of it. */
  record(error: unknown, abort: boolean): void {
    if (this.state !== "open") return surface(error);
    (this.failures ??= []).push(error);
    if (abort) this.abortBecauseOf(error);
  }

  /**
   * Aborts the rest because of a failure. It does so even if nothing else runs, because an object that was given the
   * signal, such as the response to a request, may still be open.
   */
  protected abortBecauseOf(error: unknown): void {
    if (this.scope.aborted) return;
    this.scope.abort(new CancelledError(`${this.label} was aborted by a failure`, { cause: error }));
  }

  /** Ends a call whose work cannot begin. */
  refuse(error: unknown): Promise<never> {
    this.state = "ended";
    this.#unwatch();
    this.scope.end();
    return Promise.reject(error);
  }

  /**
   * Runs the one function that is all of this call's work, and returns what the call returns.
   *
   * Usually the call ends in the reaction to that function, whose promise is then the promise returned. A call that
   * has to wait for more, or that may leave stragglers behind, needs a promise of its own.
   */
  runBody<A, B = undefined>(fn: (a: A, b: B) => unknown, a: A, b?: B): Promise<T> {
    this.begin();
    let value: unknown;
    try {
      value = runInScope(this.scope, fn, a, b);
    } catch (error) {
      this.bodyFailed(error);
      return this.promise;
    }
    if (this.#grace === Infinity && isPlainPromise(value)) {
      try {
        return this.#reaction = value.then((value) => this.#endBody(value), (error) => this.#failBody(error));
      } catch {
        // The value only looks like a promise; `observe` handles that below.
      }
    }
    const watch = () =>
      observe(value, (value) => {
        this.bodyDone(value as never);
        this.end();
      }, (error) => this.bodyFailed(error));
    // A thenable may be a task or a future; awaiting it must be a wait of this scope.
    if (mayBeThenable(value)) runInScope(this.scope, watch);
    else watch();
    return this.promise;
  }

  /** Called with the result of the function of {@linkcode runBody}. */
  protected bodyDone(_value: never): void {}

  /** Called with the error of the function of {@linkcode runBody}. */
  protected bodyFailed(error: unknown): void {
    this.fail(error);
  }

  #endBody(value: unknown): T | Promise<T> {
    this.bodyDone(value as never);
    this.end();
    return this.#comesTo();
  }

  #failBody(error: unknown): T | Promise<T> {
    this.bodyFailed(error);
    return this.#comesTo();
  }

  #comesTo(): T | Promise<T> {
    if (this.#settled === "not") return this.promise;
    if (this.#settled !== "value") throw this.#outcome;
    return this.#outcome as T;
  }

  // What bounds it: the deadline, and the grace after an abort.

  /** Moves the deadline as {@linkcode Deadline.move} does, or sets one. */
  setDeadline(ms: number, at?: number): void {
    (this.deadline ??= new Deadline(this)).move(ms, at);
  }

  ringIfDue(): void {
    this.deadline?.ringIfDue();
  }

  aborted(scope: Scope): void {
    this.startGrace(scope.reason);
  }

  /** Starts the grace, which bounds the wait for aborted work. A second call has no effect. */
  protected startGrace(reason: unknown): void {
    if (this.#grace === Infinity || this.state !== "open" || this.#graceAlarm !== null) return;
    this.#graceAlarm = arm({ ring: () => this.#leave(reason) }, this.#grace);
  }

  get #grace(): number {
    return this.#options?.grace ?? Infinity;
  }

  /**
   * Ends the grace: the work that still runs leaves the tree and stays cancelled, but nothing waits for it any more.
   */
  #leave(reason: unknown): void {
    if (this.state !== "open") return;
    this.state = "left";
    this.#unwatch();
    this.scope.leave();
    const stragglers = this.stragglers();
    this.#settle("failure", new StragglerError(this.label, stragglers, this.#grace, this.failures ?? [], reason));
  }

  /** Detaches the call from the signal, and disarms the deadline and the grace. */
  #unwatch(): void {
    this.#link?.detach();
    this.deadline?.stop();
    if (this.#graceAlarm !== null) disarm(this.#graceAlarm);
  }

  abandoned(): void {
    this.scope.abort(this.abandonedError);
  }

  /** The error for code that still uses this call after the scope around it has ended. */
  protected get abandonedError(): CancelledError {
    return new CancelledError(`${this.label} was abandoned before its end: the scope it was made in has ended`);
  }

  // The end.

  childless(_scope: Scope): void {
    this.tryEnd();
  }

  /** Ends the call if all its work has settled. */
  tryEnd(): void {
    const { scope } = this;
    if (!this.#allSettled()) return;
    if (this.failures !== null && !scope.aborted) {
      this.abortBecauseOf(this.failures[0]);
      // A listener of the signal may have begun work in a shield.
      if (!this.#allSettled()) return;
    }
    const left = this.state === "left";
    this.state = "ended";
    this.#unwatch();
    scope.end();
    if (!left) this.#conclude();
  }

  // Abandoned children may end in this turn, and this call with them, so `ended` is read after `settleChildren`.
  #allSettled(): boolean {
    return this.#pending === 0 && this.state !== "ended" && this.scope.settleChildren() && !this.scope.ended;
  }

  /** Decides the outcome by the rules above. */
  #conclude(): void {
    const { parent } = this.scope;
    let value: T;
    try {
      if (this.failures !== null) throw this.#failure(this.failures);
      const outside = this.cancelled && !this.#kind.shielded ? outsideAbort(parent!, this.#options?.signal) : null;
      if (outside !== null) return this.#settle("cancellation", outside.reason);
      this.cutShort = this.cancelled;
      if (this.cancelled && !this.#kind.quiet) throw this.scope.reason;
      value = this.value();
    } catch (error) {
      return this.#settle("failure", error);
    }
    this.#settle("value", value);
  }

  #failure(failures: readonly unknown[]): unknown {
    const failure = this.failure(failures);
    // A deadline that has passed is probably why the work failed.
    const error = this.deadline?.error;
    if (error !== undefined && error !== null) giveCause(failure, error);
    return failure;
  }

  #settle(as: "value" | "failure" | "cancellation", outcome: unknown): void {
    this.#settled = as;
    this.#outcome = outcome;
    if (as !== "value") this.discard();
    this.#keep?.();
    // A call that was cut short from outside has not failed, and its caller may not be awaiting it yet.
    if (as === "cancellation") (this.#reaction ?? this.promise).catch(nothing);
  }

  /** The promise that the call returns. */
  get promise(): Promise<T> {
    return this.#promise ??= new Promise<T>((resolve, reject) => {
      this.#keep = () => {
        if (this.#settled === "value") resolve(this.#outcome as T);
        else reject(this.#outcome);
      };
      if (this.#settled !== "not") this.#keep();
    });
  }
}
