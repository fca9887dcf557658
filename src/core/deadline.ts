/**
 * Structured calls that abort themselves at an instant.
 *
 * @module
 */

import { type Alarm, arm, armAt, disarm, type Sleeper } from "./clock.ts";
import { TimeoutError } from "./errors.ts";
import { giveCause } from "./failures.ts";
import { BodyCall } from "./body_call.ts";
import type { Scope, ScopeKeeper } from "./scope.ts";

/** The engine of a structured call with one function and a deadline. */
export class DeadlineCall<T> extends BodyCall<T> implements Sleeper {
  /** Whether its own deadline passed before it ended. */
  expired = false;
  #ms = Infinity;
  #alarm: Alarm | null = null;
  // When it has passed, if that needed no alarm.
  #at = Infinity;
  #error: TimeoutError | null = null;

  /** Runs the function with a deadline; see {@linkcode DeadlineCall.setDeadline}. */
  runUntil<A, B = undefined>(
    ms: number,
    at: number | undefined,
    fn: (a: A, b: B) => unknown,
    a: A,
    b?: B,
  ): Promise<T> {
    try {
      this.setDeadline(ms, at);
    } catch (error) {
      return this.refuse(error);
    }
    return this.runBody(fn, a, b);
  }

  /**
   * Moves the deadline to `ms` from now; that is `at`, in epoch ms, if it has to be exactly that instant. Throws what a
   * faked `setTimeout` throws; then the deadline stays where it was.
   */
  setDeadline(ms: number, at?: number): void {
    const before = this.#alarm;
    if (ms <= 0) {
      this.#at = at ?? Date.now() + ms;
      this.#alarm = null;
    } else this.#alarm = ms === Infinity ? null : at === undefined ? arm(this, ms) : armAt(this, at);
    if (before !== null) disarm(before);
    this.#ms = ms;
    if (ms <= 0) this.#ringInOrder();
  }

  // Deadlines around that have passed too, and have not rung because nobody let the loop turn, come first, the outermost
  // of all: only that one throws.
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
