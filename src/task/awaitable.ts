import { currentScope } from "../core/ambient.ts";
import { InvalidStateError } from "../errors.ts";
import { isOf } from "../core/foreign.ts";
import { printAsText } from "../core/inspect.ts";
import { surface } from "../core/next_turn.ts";
import { observeForeign } from "../core/promise_hub.ts";
import type { Scope } from "../core/scope.ts";
import { checkFunction } from "../core/validate.ts";
import { asWait, enqueue, refusal, WaitQueue } from "../core/wait_queue.ts";

/** The final states of a `Future` or `Task`. */
export type Done = "fulfilled" | "rejected" | "cancelled";

// Marks a future or task of any copy of the package. A string, because bundlers keep classes with computed keys.
const DEADLOCK = "@weft/async/deadlock@1";

interface Branded {
  readonly done: boolean;
  readonly cancelled: boolean;
  readonly promise: Promise<unknown>;
  [DEADLOCK](scope: Scope): string | null;
}

/** `value` as a future or task, perhaps of another copy of the package. */
function asAwaitable(value: unknown): Branded | null {
  try {
    return typeof (value as Partial<Branded>)[DEADLOCK] === "function" ? value as Branded : null;
  } catch {
    return null;
  }
}

/** Whether `promise` is a future or task that was cancelled, and so has not failed. */
export function wasCancelled(promise: unknown): boolean {
  return asAwaitable(promise)?.cancelled === true;
}

/** Throws if a wait for `promise` in `scope` could never end, because that ends only after the wait. */
export function checkDeadlock(promise: unknown, scope: Scope): void {
  const awaitable = asAwaitable(promise);
  const deadlock = awaitable === null || awaitable.done ? null : awaitable[DEADLOCK](scope);
  if (deadlock !== null) throw new InvalidStateError(deadlock);
}

/**
 * Returns the promise to wait for in place of `promise`. The `then` of a future or task is a wait of the scope that calls
 * it, and all waiters share one reaction: an abort of the first one would reject the others.
 */
export function scopeless<T>(promise: PromiseLike<T>): PromiseLike<T> {
  return (asAwaitable(promise)?.promise ?? promise) as PromiseLike<T>;
}

/**
 * Counts as having waited for `promise`: its failure never becomes an unhandled rejection. Where a wait is refused, that
 * would be the rule: what is made in an aborted scope fails with the abort. Other thenables are left alone, because
 * they may begin their work when they are asked.
 */
export function ignoreFailure(promise: unknown): void {
  const plain = scopeless(promise as PromiseLike<unknown>);
  if (isOf(Promise, plain)) observeForeign(plain);
}

interface DoneCallback {
  // The function that was added. Typed as unknown: its real type would make the class invariant in `T`.
  readonly fn: unknown;
  readonly call: () => void;
}

/**
 * The common base of {@linkcode Future} and {@linkcode Task}: a result that comes later. Any number of callers may wait for
 * it.
 *
 * Awaiting it is a wait in the caller's scope: an abort of that scope ends the wait, and nothing else.
 *
 * @typeParam T The type of the result.
 * @category Run and start
 */
export abstract class Awaitable<T> implements PromiseLike<T> {
  static readonly #printed: void = /* @__PURE__ */ printAsText(Awaitable);
  #state: "pending" | Done = "pending";
  // The value, the error, or the reason of the cancellation, depending on the state.
  #outcome: unknown = undefined;
  // Invariant: not null ⇒ the state is pending.
  #waiters: WaitQueue<null> | null = null;
  // Invariant: none of its members has been called or removed.
  #callbacks: Set<DoneCallback> | null = null;
  #promise: Promise<T> | null = null;
  #settlePromise: (() => void) | null = null;
  // Whether some code has received the failure, or will.
  #observed = false;

  /** Its name, for diagnostics. */
  abstract get name(): string;

  /** The state. */
  get state(): "pending" | "fulfilled" | "rejected" | "cancelled" {
    return this.#state;
  }

  /** Whether it has a result or an exception, or was cancelled. */
  get done(): boolean {
    return this.#state !== "pending";
  }

  /** Whether it was cancelled. */
  get cancelled(): boolean {
    return this.#state === "cancelled";
  }

  /**
   * The plain promise of the result. Awaiting it is not a wait of any scope. An unobserved rejection is reported by the
   * platform, as for every promise.
   */
  get promise(): Promise<T> {
    this.#observed = true;
    if (this.#promise !== null) return this.#promise;
    return this.#promise = new Promise<T>((resolve, reject) => {
      this.#settlePromise = () => {
        if (this.#state === "fulfilled") resolve(this.#outcome as T);
        else reject(this.#outcome);
      };
      if (this.done) this.#settlePromise();
    });
  }

  /**
   * Returns the result.
   *
   * @returns The result.
   * @throws {InvalidStateError} If it is not done.
   * @throws Its exception, or the reason of its cancellation.
   */
  result(): T {
    this.#checkDone("read the result");
    this.#observed = true;
    if (this.#state === "fulfilled") return this.#outcome as T;
    throw this.#outcome;
  }

  /**
   * Returns the exception.
   *
   * @returns The exception, or `undefined` if it has succeeded.
   * @throws {InvalidStateError} If it is not done.
   * @throws The reason of its cancellation, if it was cancelled.
   */
  exception(): unknown {
    this.#checkDone("read the exception");
    this.#observed = true;
    if (this.#state === "cancelled") throw this.#outcome;
    return this.#state === "rejected" ? this.#outcome : undefined;
  }

  /**
   * Waits for it in the caller's scope.
   *
   * - **Cancellation**: an abort of that scope rejects the wait with its reason, even if the result is there. The awaited
   *   work continues.
   *
   * @typeParam A The result of `onfulfilled`.
   * @typeParam B The result of `onrejected`.
   * @param onfulfilled Called with the result.
   * @param onrejected Called with the exception, or the reason of a cancellation.
   * @returns A promise of the result of the callback.
   * @throws {InvalidStateError} If a task awaits itself, or a task that cannot end before it.
   */
  then<A = T, B = never>(
    onfulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const scope = currentScope();
    const wait = this.#wait(scope);
    // `await` comes with both.
    if (typeof onrejected === "function") return wait.then(onfulfilled, onrejected);
    if (typeof onfulfilled !== "function") return wait as Promise<A | B>;
    return asWait(scope, undefined, wait.then(onfulfilled));
  }

  /**
   * Waits for it as {@linkcode Awaitable.prototype.then} does, and handles its failure.
   *
   * @typeParam B The result of `onrejected`.
   * @param onrejected Called with the exception, or the reason of a cancellation.
   * @returns A promise of the result, or of the result of the callback.
   */
  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, onrejected);
  }

  /**
   * Waits for it as {@linkcode Awaitable.prototype.then} does, and calls `onfinally` in every case.
   *
   * @param onfinally Called without arguments.
   * @returns A promise of the result.
   */
  finally(onfinally?: (() => void) | null): Promise<T> {
    const scope = currentScope();
    return asWait(scope, undefined, this.#wait(scope).finally(onfinally));
  }

  /**
   * Adds a callback, which is called in a microtask when this is done, in the async context of this call. Callbacks are
   * called in the order in which they were added.
   *
   * @param fn Called with this object. If it throws, its error becomes an unhandled rejection.
   */
  addDoneCallback(fn: (self: this) => void): void {
    checkFunction("add done callback", "fn", fn);
    // A promise of its own for each: its reaction keeps the async context of the caller.
    let call!: () => void;
    const gate = new Promise<void>((resolve) => call = resolve);
    const callback: DoneCallback = { fn, call };
    const callbacks = this.#callbacks ??= new Set();
    callbacks.add(callback);
    void gate.then(() => callbacks.delete(callback) ? fn(this) : undefined);
    if (this.done) call();
  }

  /**
   * Removes callbacks, also while callbacks are being called.
   *
   * @param fn The callback that was added.
   * @returns The number of times that it had been added and not been called.
   */
  removeDoneCallback(fn: (self: this) => void): number {
    let count = 0;
    this.#callbacks?.forEach((callback, _, callbacks) => {
      if (callback.fn === fn && callbacks.delete(callback)) count++;
    });
    return count;
  }

  /** Shows the name and the state. */
  toString(): string {
    return `${this.constructor.name} { name: ${JSON.stringify(this.name)}, state: "${this.#state}" }`;
  }

  /**
   * Settles it. If `taken` is true, an owner receives the failure. Otherwise it becomes an unhandled rejection unless some
   * code asks for it before the next macrotask.
   *
   * @internal
   */
  protected settle(state: Done, outcome: unknown, taken = false): void {
    this.#state = state;
    this.#outcome = outcome;
    if (taken) this.#observed = true;
    const waiters = this.#waiters;
    this.#waiters = null;
    if (waiters !== null) {
      if (state === "fulfilled") waiters.grantAll(outcome);
      else waiters.failAll(outcome);
    }
    this.#settlePromise?.();
    if (this.#callbacks !== null) {
      for (const callback of this.#callbacks) callback.call();
    }
    if (state === "rejected" && !this.#observed) {
      surface(outcome, () => this.#observed || this.unobserved(outcome));
    }
  }

  /**
   * Called when no code has asked for the failure by the next macrotask. Returns whether an owner takes it.
   *
   * @internal
   */
  protected unobserved(_error: unknown): boolean {
    return false;
  }

  /**
   * Returns why a wait for it in `scope` could never end, or `null`.
   *
   * @internal
   */
  protected "@weft/async/deadlock@1"(_scope: Scope): string | null {
    return null;
  }

  #wait(scope: Scope): Promise<T> {
    this.#observed = true;
    const refused = refusal(scope, undefined);
    if (refused !== null) return refused;
    if (this.#state === "fulfilled") return Promise.resolve(this.#outcome as T);
    if (this.#state !== "pending") return Promise.reject(this.#outcome);
    const deadlock = this[DEADLOCK](scope);
    if (deadlock !== null) {
      return Promise.reject(new InvalidStateError(deadlock));
    }
    return enqueue(this.#waiters ??= new WaitQueue<null>(), null, scope);
  }

  #checkDone(action: string): void {
    if (this.#state === "pending") {
      throw new InvalidStateError(`Cannot ${action}: ${this.name} is not done`);
    }
  }
}
