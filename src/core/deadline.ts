/**
 * The deadline of a structured call.
 *
 * @module
 */

import { TimeoutError } from "../errors.ts";
import { type Alarm, arm, armAt, disarm, type Sleeper } from "./clock.ts";
import type { Scope, ScopeKeeper } from "./scope.ts";

/** A deadline, which aborts the scope of its call when it passes. */
export class Deadline implements Sleeper {
  /** Whether it passed before the call ended. */
  expired = false;
  /** The reason for which it aborted the scope, if it did. */
  error: TimeoutError | null = null;
  readonly #call: { readonly scope: Scope; readonly label: string };
  #ms = Infinity;
  #alarm: Alarm | null = null;
  // The instant at which it passed, if that needed no alarm.
  #at = Infinity;

  constructor(call: { readonly scope: Scope; readonly label: string }) {
    this.#call = call;
  }

  /** The instant at which it passes, in epoch ms. */
  get at(): number {
    return this.#alarm === null ? this.#at : this.#alarm.dueAt;
  }

  /** The time left, in ms. */
  get remaining(): number {
    return Math.max(0, this.#alarm === null ? this.#at - Date.now() : this.#alarm.remaining);
  }

  /**
   * Moves it to `ms` from now; that is `at`, in epoch ms, if it has to be exactly that instant. Throws what a faked
   * `setTimeout` throws; the deadline then stays where it was.
   */
  move(ms: number, at?: number): void {
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

  // Outer deadlines that have passed too, but have not rung because nothing let the loop turn, ring first, beginning
  // with the outermost: only that one throws.
  #ringInOrder(): void {
    const around: ScopeKeeper[] = [];
    for (let at: Scope = this.#call.scope; !at.shielded && at.parent !== null; at = at.parent) {
      if (at.parent.keeper?.ringIfDue !== undefined) around.push(at.parent.keeper);
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
    const { scope, label } = this.#call;
    // If an outer deadline passed in the same turn, the abort changes nothing, but this one has expired too.
    this.expired = true;
    if (scope.aborted) return;
    this.error = new TimeoutError(`${label} took longer than ${this.#ms} ms`);
    scope.abort(this.error);
  }

  /** Disarms it, because the call has ended. */
  stop(): void {
    if (this.#alarm !== null) disarm(this.#alarm);
  }
}
