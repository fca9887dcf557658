/**
 * Structured calls that abort themselves at an instant.
 *
 * @module
 */

import { type Alarm, arm, disarm, type Sleeper } from "./clock.ts";
import { TimeoutError } from "./errors.ts";
import { giveCause } from "./failures.ts";
import { BodyCall } from "./body_call.ts";

/** The engine of a structured call with one function and a deadline. */
export class DeadlineCall<T> extends BodyCall<T> implements Sleeper {
  /** Whether its own deadline passed before it ended. */
  expired = false;
  #ms = Infinity;
  #alarm: Alarm | null = null;
  #error: TimeoutError | null = null;

  /** Moves the deadline to `ms` from now. */
  setDeadline(ms: number): void {
    if (this.#alarm !== null) disarm(this.#alarm);
    this.#alarm = null;
    this.#ms = ms;
    if (ms <= 0) this.ring();
    else if (ms !== Infinity) this.#alarm = arm(this, ms);
  }

  /** How many ms are left. */
  get remaining(): number {
    if (this.#alarm !== null) return Math.max(0, this.#alarm.remaining);
    return this.expired ? 0 : this.#ms;
  }

  /** The deadline has passed. */
  ring(): void {
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
