/**
 * Structured calls that abort themselves at an instant.
 *
 * @module
 */

import { Alarm, arm, disarm, remaining } from "./clock.ts";
import { TimeoutError } from "./errors.ts";
import { giveCause } from "./failures.ts";
import { BodyCall } from "./body_call.ts";

class CallAlarm extends Alarm {
  readonly #call: DeadlineCall<unknown>;

  constructor(call: DeadlineCall<unknown>) {
    super();
    this.#call = call;
  }

  override ring(): void {
    this.#call.expire();
  }
}

/** The engine of a structured call with one function and a deadline. */
export class DeadlineCall<T> extends BodyCall<T> {
  /** Whether its own deadline passed before it ended. */
  expired = false;
  #ms = Infinity;
  #alarm: CallAlarm | null = null;
  #error: TimeoutError | null = null;

  /** Runs `fn(arg)` with the deadline `ms` from now. */
  startWithin<A>(
    ms: number,
    fn: (arg: A) => T | PromiseLike<T>,
    arg: A,
  ): Promise<T> {
    this.setDeadline(ms);
    return this.start(fn, arg);
  }

  /** Moves the deadline to `ms` from now. */
  setDeadline(ms: number): void {
    if (this.#alarm !== null) disarm(this.#alarm);
    this.#alarm = null;
    this.#ms = ms;
    if (ms <= 0) return this.expire();
    if (ms === Infinity) return;
    this.#alarm = new CallAlarm(this as DeadlineCall<unknown>);
    arm(this.#alarm, ms);
  }

  /** How many ms are left. */
  get remaining(): number {
    if (this.#alarm !== null) return Math.max(0, remaining(this.#alarm));
    return this.expired ? 0 : this.#ms;
  }

  /** The deadline has passed. */
  expire(): void {
    // When an outer deadline passed in the same turn the abort changes nothing; this one has expired all the same.
    this.expired = true;
    if (this.scope.aborted) return;
    this.#error = new TimeoutError(
      `${this.label} took longer than ${this.#ms} ms`,
    );
    this.scope.abort(this.#error);
  }

  protected override unwatch(): void {
    super.unwatch();
    if (this.#alarm !== null) disarm(this.#alarm);
  }

  protected override failure(failures: readonly unknown[]): unknown {
    const failure = super.failure(failures);
    if (this.#error !== null) giveCause(failure, this.#error);
    return failure;
  }
}
