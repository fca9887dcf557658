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
import { surface } from "./next_turn.ts";
import { Scope, type ScopeKeeper } from "./scope.ts";
import { checkMs, checkOptions, checkSignal, wrongKind } from "./validate.ts";

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

/** Throws what is wrong with the options that every structured call takes. */
export function checkStructured(
  action: string,
  options: StructuredOptions | undefined,
): void {
  checkOptions(action, options);
  if (options === undefined) return;
  const { signal, name, grace } = options;
  checkSignal(action, signal);
  if (name !== undefined && typeof name !== "string") {
    throw wrongKind(action, "name", "a string", name);
  }
  if (grace !== undefined) checkMs(action, "grace", grace, false);
}

/** Whether the outside of a call that is about to begin is aborted: then it may not begin, and this is why. */
export function outsideAbort(
  scope: Scope,
  signal: AbortSignal | undefined,
): { reason: unknown } | null {
  if (scope.aborted) return scope;
  return signal !== undefined && signal.aborted ? signal : null;
}

/** Whether awaiting `value` may mean more than taking it. Asking it for its `then` is left to the platform: that may throw. */
function mayBeThenable(value: unknown): boolean {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** Calls `ok` or `no` with what `value` comes to. Neither may throw. */
export function observe<T>(
  value: T | PromiseLike<T>,
  ok: (value: T) => void,
  no: (error: unknown) => void,
): void {
  if (value instanceof Promise) value.then(ok, no);
  else if (mayBeThenable(value)) new Promise<T>((resolve) => resolve(value)).then(ok, no);
  else ok(value as T);
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
  // Read once: the caller may change its object. Most calls have none.
  readonly #options: { readonly signal: AbortSignal | undefined; readonly grace: number } | null;
  #link: AbortLink | null = null;
  #graceAlarm: Alarm | null = null;
  // What it has come to, and the promise of that, each as soon as there is one.
  #settled: "not" | "value" | "error" = "not";
  #outcome: unknown = undefined;
  #promised: PromiseWithResolvers<T> | null = null;

  constructor(
    outer: Scope,
    options: StructuredOptions | undefined,
    kind?: { shielded?: boolean; abandonable?: boolean },
  ) {
    lookAtClock();
    this.#options = options === undefined ? null : { signal: options.signal, grace: options.grace ?? Infinity };
    this.scope = new Scope(outer, options?.name, kind?.shielded, kind?.abandonable);
    this.scope.keeper = this;
    const signal = options?.signal;
    if (signal === undefined || this.scope.aborted) return;
    if (signal.aborted) this.scope.beginAborted(signal.reason);
    else this.#link = attachToSignal(signal, this.scope);
  }

  /** What the call returns. */
  get promise(): Promise<T> {
    if (this.#promised === null) {
      this.#promised = Promise.withResolvers<T>();
      this.#keep();
    }
    return this.#promised.promise;
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
    const { scope } = this;
    if (
      !abort || scope.aborted || (this.#pending <= 1 && scope.childCount === 0)
    ) return;
    scope.abort(
      new CancelledError(`${this.label} was aborted by a failure`, {
        cause: error,
      }),
    );
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
    if (value instanceof Promise && this.#grace === Infinity) {
      return value.then((value) => this.#endBody(value), (error) => this.#failBody(error));
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
    if (this.#settled === "error") throw this.#outcome;
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
    this.scope.abort(
      new CancelledError(`${this.label} was left before its end`),
    );
  }

  /** Ends the call if all its work has settled. */
  tryEnd(): void {
    const { scope } = this;
    if (this.#pending > 0 || this.state === "ended") return;
    // Children that nobody is left to end may end in this turn, and this call with them.
    if (!scope.settleChildren() || scope.ended) return;
    const left = this.state === "left";
    this.state = "ended";
    this.unwatch();
    scope.end();
    if (!left) this.#conclude();
  }

  /** The outcome rules: genuine failures, the outside's reason, its own abort, the value. */
  #conclude(): void {
    if (this.failures !== null) return this.#settle("error", this.failure(this.failures));
    const { scope } = this;
    // What is shielded was not cut short by the outside, aborted or not.
    const outside = this.cancelled && !scope.shielded ? outsideAbort(scope.parent!, this.#options?.signal) : null;
    if (outside !== null) return this.#settle("error", outside.reason);
    try {
      this.#settle("value", this.cancelled ? this.ownAbort() : this.value());
    } catch (error) {
      this.#settle("error", error);
    }
  }

  #settle(as: "value" | "error", outcome: unknown): void {
    this.#settled = as;
    this.#outcome = outcome;
    if (as === "error") this.discard();
    this.#keep();
  }

  /** Keeps the promise, if there is one and there is something to keep it with. */
  #keep(): void {
    if (this.#promised === null || this.#settled === "not") return;
    if (this.#settled === "error") this.#promised.reject(this.#outcome);
    else this.#promised.resolve(this.#outcome as T);
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
      "error",
      new StragglerError(this.label, this.stragglers(), this.#grace, this.failures ?? [], this.abortReason),
    );
  }
}
