/**
 * Structured calls that abort themselves at an instant.
 *
 * @module
 */

import { type Alarm, arm, armAt, disarm, type Sleeper } from "./clock.ts";
import { TimeoutError } from "./errors.ts";
import { giveCause } from "./failures.ts";
import { BodyCall } from "./body_call.ts";

/** The engine of a structured call with one function and a deadline. */
export class DeadlineCall<T> extends BodyCall<T> implements Sleeper {
  /** Whether its own deadline passed before it ended. */
  expired = false;
  #ms = Infinity;
  #alarm: Alarm | null = null;
  // When it has passed, if that needed no alarm.
  #at = Infinity;
  #error: TimeoutError | null = null;

  /** Moves the deadline to `ms` from now; that is `at`, in epoch ms, if it has to be exactly that instant. */
  setDeadline(ms: number, at?: number): void {
    if (this.#alarm !== null) disarm(this.#alarm);
    this.#alarm = null;
    this.#ms = ms;
    if (ms <= 0) {
      this.#at = at ?? Date.now() + ms;
      this.ring();
    } else if (ms !== Infinity) this.#alarm = at === undefined ? arm(this, ms) : armAt(this, at);
  }

  /** When it passes, in epoch ms. */
  get deadlineAt(): number {
    return this.#alarm === null ? this.#at : this.#alarm.dueAt;
  }

  /** How many ms are left. */
  get remaining(): number {
    return Math.max(0, this.#alarm === null ? this.#at - Date.now() : this.#alarm.remaining);
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
