/**
 * What all structured calls have in common: they open a scope, end only after all their work has settled,
 * and tell their outcome by the same rules.
 *
 * ```text
 *          begin/ended/failed                    nothing pending, no child scope open
 * open ───────────────────────────► open ───────────────────────────────────────────► ended
 *                                     │ aborted, and `grace` ms later still open
 *                                     └──────────────────────────────────────────────► left (to stragglers)
 * ```
 *
 * @module
 */

import { type AbortLink, attachToSignal } from "./abort_hub.ts";
import { runInScope } from "./ambient.ts";
import { type Alarm, arm, disarm, lookAtClock } from "./clock.ts";
import { CancelledError, StragglerError } from "./errors.ts";
import { combineFailures, isCancellationOf } from "./failures.ts";
import { abortOf, isPlainPromise, mayBeThenable, nothing, observe } from "./foreign.ts";
import { surface } from "./next_turn.ts";
import { Scope, type ScopeKeeper } from "./scope.ts";
import { checkMs, checkSignal, readOptions, wrongKind } from "./validate.ts";

/** Work, as it is passed to a structured call: called with the signal of the scope that it runs in. */
export type TaskFunction<T> = (signal: AbortSignal) => T | PromiseLike<T>;

/** What every structured call takes. */
export interface StructuredOptions {
  /** Aborts the call, as an abort of the scope around it does. */
  signal?: AbortSignal | undefined;
  /** Shown by diagnostics and error messages. */
  name?: string | undefined;
  /**
   * For how long, in ms, work is waited for after an abort. When it is over the call rejects with a
   * `StragglerError` that names what still runs.
   *
   * @default {Infinity}
   */
  grace?: number | undefined;
}

/**
 * Throws what is wrong with the options that every structured call takes. Returns all that the call takes, `more`
 * included, as {@linkcode readOptions} does.
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

/** Whether the outside of a call that is about to begin is aborted: then it may not begin, and this is why. */
export function outsideAbort(
  scope: Scope,
  signal: AbortSignal | undefined,
): { reason: unknown } | null {
  if (scope.aborted) return scope;
  return signal === undefined ? null : abortOf(signal);
}

/** The engine of one structured call. */
export abstract class StructuredCall<T> implements ScopeKeeper {
  readonly scope: Scope;
  /** Whether some of its work ended by cancellation. */
  cancelled = false;
  /** The genuine failures, in order of completion. */
  failures: unknown[] | null = null;
  state: "open" | "ended" | "left" = "open";
  #pending = 0;
  readonly #options: StructuredOptions | undefined;
  #link: AbortLink | null = null;
  #graceAlarm: Alarm | null = null;
  // What it has come to, as soon as that is settled.
  #settled: "not" | "value" | "failure" | "cancellation" = "not";
  #outcome: unknown = undefined;
  // The reaction to the function of `runBody`, if that is what the caller has been given.
  #reaction: Promise<T> | null = null;
  // A promise of the outcome, once somebody has asked for it, and what settles it.
  #promise: Promise<T> | null = null;
  #keep: (() => void) | null = null;

  /**
   * Throws what the signal throws when it is listened to, and has then opened nothing.
   *
   * @param options As `checkStructured` returns them.
   */
  constructor(
    outer: Scope,
    options: StructuredOptions | undefined,
    kind?: { shielded?: boolean; abandonable?: boolean },
  ) {
    lookAtClock();
    this.#options = options;
    this.scope = new Scope(outer, options?.name, kind?.shielded, kind?.abandonable);
    this.scope.keeper = this;
    const signal = this.#options?.signal;
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

  /** What the call returns. */
  get promise(): Promise<T> {
    return this.#promise ??= new Promise<T>((resolve, reject) => {
      this.#keep = () => {
        if (this.#settled === "value") resolve(this.#outcome as T);
        else reject(this.#outcome);
      };
      if (this.#settled !== "not") this.#keep();
    });
  }

  /** The value, when nothing failed and nothing was cancelled that matters. */
  protected abstract value(): T;

  /** The names of the work that has not settled. */
  protected stragglers(): string[] {
    return this.scope.children().map((child) => child.label);
  }

  /** What made it, as its caller wrote it. */
  protected abstract get kind(): string;

  /** What it is called in messages. */
  get label(): string {
    const { name } = this.scope;
    return name === undefined ? this.kind : `${this.kind} ${JSON.stringify(name)}`;
  }

  /** Gives away the values that nobody gets, because the call rejects. */
  protected discard(): void {}

  /** Why the work was aborted. */
  protected get abortReason(): unknown {
    return this.scope.reason;
  }

  /** The error that the genuine failures make. */
  protected failure(failures: readonly unknown[]): unknown {
    return combineFailures(failures);
  }

  /** The outcome when it was its own abort, and nothing from outside, that cut the work short. May throw. */
  protected ownAbort(): T {
    throw this.scope.reason;
  }

  /** How many pieces of work have not settled. */
  get pending(): number {
    return this.#pending;
  }

  /** Counts one more piece of work. */
  begin(): void {
    this.#pending++;
  }

  /** One piece of work has settled. */
  end(): void {
    if (--this.#pending === 0) this.tryEnd();
  }

  /** One piece of work has rejected: a genuine failure aborts the rest. */
  fail(error: unknown): void {
    if (isCancellationOf(error, this.scope)) this.cancelled = true;
    else this.record(error, true);
    this.end();
  }

  /** Notes a genuine failure and, if asked to, aborts what is left because of it. */
  record(error: unknown, abort: boolean): void {
    if (this.state !== "open") return surface(error);
    (this.failures ??= []).push(error);
    if (abort) this.abortBecauseOf(error);
  }

  /**
   * Aborts what is left because of a failure. Also where nothing else runs: what the signal was given to, such as the
   * response to a request, may still be open.
   */
  protected abortBecauseOf(error: unknown): void {
    if (this.scope.aborted) return;
    this.scope.abort(new CancelledError(`${this.label} was aborted by a failure`, { cause: error }));
  }

  /** Ends a call whose work has not begun, because it cannot. */
  refuse(error: unknown): Promise<never> {
    this.state = "ended";
    this.unwatch();
    this.scope.end();
    return Promise.reject(error);
  }

  /**
   * Runs the one function that is all of this call's work, and returns what the call returns.
   *
   * Usually the call ends in the reaction to that function, which then settles the promise returned; one that
   * has to wait for more, or may have to be left to stragglers, needs a promise of its own.
   */
  runBody<A, B = undefined>(fn: (a: A, b: B) => unknown, a: A, b?: B): Promise<T> {
    this.begin();
    let value: unknown;
    try {
      value = runInScope(this.scope, fn, a, b);
    } catch (error) {
      this.fail(error);
      return this.promise;
    }
    if (this.#grace === Infinity && isPlainPromise(value)) {
      try {
        return this.#reaction = value.then((value) => this.#endBody(value), (error) => this.#failBody(error));
      } catch {
        // It only looks like a promise; `observe` says so once more.
      }
    }
    const watch = () =>
      observe(value, (value) => {
        this.bodyDone(value as never);
        this.end();
      }, (error) => this.fail(error));
    // A thenable may be a task or a future, and awaiting it a wait of this scope.
    if (mayBeThenable(value)) runInScope(this.scope, watch);
    else watch();
    return this.promise;
  }

  #endBody(value: unknown): T | Promise<T> {
    this.bodyDone(value as never);
    this.end();
    return this.#comesTo();
  }

  #failBody(error: unknown): T | Promise<T> {
    this.fail(error);
    return this.#comesTo();
  }

  #comesTo(): T | Promise<T> {
    if (this.#settled === "not") return this.promise;
    if (this.#settled !== "value") throw this.#outcome;
    return this.#outcome as T;
  }

  /** Takes what the function of {@linkcode runBody} returned. */
  bodyDone(_value: never): void {}

  aborted(): void {
    this.startGrace();
  }

  /** Bounds the wait for what has been aborted. Doing it twice does nothing. */
  protected startGrace(): void {
    if (
      this.#grace === Infinity || this.state !== "open" ||
      this.#graceAlarm !== null
    ) return;
    this.#graceAlarm = arm({ ring: () => this.#leave() }, this.#grace);
  }

  childless(): void {
    this.tryEnd();
  }

  abandoned(): void {
    this.scope.abort(this.abandonedError);
  }

  /** The error for code that still uses this call after the scope around it has ended. */
  protected get abandonedError(): CancelledError {
    return new CancelledError(`${this.label} was abandoned before its end: the scope it was made in has ended`);
  }

  /** Ends the call if all its work has settled. */
  tryEnd(): void {
    const { scope } = this;
    if (!this.#allSettled()) return;
    if (this.failures !== null && !scope.aborted) {
      this.abortBecauseOf(this.failures[0]);
      // A listener may have begun something in a shield.
      if (!this.#allSettled()) return;
    }
    const left = this.state === "left";
    this.state = "ended";
    this.unwatch();
    scope.end();
    if (!left) this.#conclude();
  }

  // Children that nobody is left to end may end in this turn, and this call with them.
  #allSettled(): boolean {
    return this.#pending === 0 && this.state !== "ended" && this.scope.settleChildren() && !this.scope.ended;
  }

  /** The outcome rules: genuine failures, the outside's reason, its own abort, the value. */
  #conclude(): void {
    const { scope } = this;
    let value: T;
    try {
      if (this.failures !== null) throw this.failure(this.failures);
      // What is shielded was not cut short by the outside, aborted or not.
      const outside = this.cancelled && !scope.shielded ? outsideAbort(scope.parent!, this.#options?.signal) : null;
      if (outside !== null) return this.#settle("cancellation", outside.reason);
      value = this.cancelled ? this.ownAbort() : this.value();
    } catch (error) {
      return this.#settle("failure", error);
    }
    this.#settle("value", value);
  }

  #settle(as: "value" | "failure" | "cancellation", outcome: unknown): void {
    this.#settled = as;
    this.#outcome = outcome;
    if (as !== "value") this.discard();
    this.#keep?.();
    // Cut short from outside it has not failed, and whoever began it may not be awaiting it yet.
    if (as === "cancellation") (this.#reaction ?? this.promise).catch(nothing);
  }

  get #grace(): number {
    return this.#options?.grace ?? Infinity;
  }

  /** Stops listening to what could abort it. */
  protected unwatch(): void {
    this.#link?.detach();
    if (this.#graceAlarm !== null) disarm(this.#graceAlarm);
  }

  /** The grace is over: what still runs leaves the tree, stays cancelled, and nobody waits for it. */
  #leave(): void {
    if (this.state !== "open") return;
    this.state = "left";
    this.unwatch();
    this.scope.leave();
    this.#settle(
      "failure",
      new StragglerError(this.label, this.stragglers(), this.#grace, this.failures ?? [], this.abortReason),
    );
  }
}
