/**
 * Limits how often something happens.
 *
 * @module
 */

import { orReject } from "../core/foreign.ts";
import { currentScope } from "../core/ambient.ts";
import { type Alarm, arm, clockNow, disarm, type Sleeper } from "../core/clock.ts";
import { printAsText } from "../core/inspect.ts";
import type { CallKind, TaskFunction } from "../core/structured_call.ts";
import {
  checkCount,
  checkFunction,
  checkInstant,
  checkMs,
  checkOptions,
  checkPriority,
  checkWait,
  outOfRange,
} from "../core/validate.ts";
import { PriorityWaitQueue } from "../core/priority_wait_queue.ts";
import { enqueue, refusal } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { runWith } from "../sync/permit.ts";
import type { AcquireOptions } from "../sync/semaphore.ts";

export type { AcquireOptions, TaskFunction, WaitOptions };

const RUN: CallKind = { name: "RateLimiter.run" };

/**
 * Options of {@linkcode RateLimiter}.
 *
 * @category Limit
 */
export interface RateLimiterOptions {
  /** The number of tokens added in each `interval`: a whole number of at least 1. */
  limit: number;
  /** The length of the interval in ms: finite and more than zero. */
  interval: number;
  /**
   * The number of tokens that can be saved up, and so be taken at once: a whole number of at least 1.
   *
   * @default {limit}
   */
  burst?: number | undefined;
}

/**
 * Limits how often something happens: a bucket of tokens, filled one token at a time at an even pace. It starts full.
 *
 * - **Order**: First come, first served, with weights too: the longest-waiting caller blocks the others.
 * - **Cancellation**: An aborted wait takes no token. A token that was handed over in the same turn counts as taken.
 * - **Cost**: One timer, however many callers wait, and none without waiters. A late timer does not slow the pace down.
 *
 * @example A hundred a second, with bursts of three
 * ```ts
 * import { gather, RateLimiter } from "@weft/async";
 *
 * const limiter = new RateLimiter({ limit: 100, interval: 1000, burst: 3 });
 * const call = () => limiter.run(() => performance.now());
 * const times = await gather(Array.from({ length: 5 }, () => call));
 * // ms after the first call: 0, 0, 0, 10, 20
 * console.log(times.map((at) => Math.round(at - times[0]!)));
 * ```
 *
 * @category Limit
 */
export class RateLimiter {
  static readonly #printed: void = /* @__PURE__ */ printAsText(RateLimiter);
  /** The number of tokens added in each `interval`. */
  readonly limit: number;
  /** The time in ms in which `limit` tokens are added. */
  readonly interval: number;
  /** The number of tokens that can be saved up. */
  readonly burst: number;
  // The time in ms in which one token is added.
  readonly #pace: number;
  // The whole state of the bucket: the instant at which it will be full if no more tokens are taken. A count of tokens
  // that is kept up to date would accumulate rounding errors.
  #fullAt = -Infinity;
  #seenAt = -Infinity;
  readonly #queue = new PriorityWaitQueue<number>(() => this.#admit());
  // Invariant: there are waiters ⇔ an alarm is set to #wakeAt, when there are enough tokens for the first waiter.
  #alarm: Alarm | null = null;
  #wakeAt = 0;
  readonly #sleeper: Sleeper = { ring: () => this.#wake() };

  /**
   * Makes a limiter with a full bucket.
   *
   * @param options The rate, and the size of a burst.
   * @throws {RangeError} If `limit` or `burst` is not a whole number of at least 1, or if `interval` is not finite or
   * not more than zero.
   */
  constructor(options: RateLimiterOptions) {
    const action = "create RateLimiter";
    checkOptions(action, options);
    const { limit, interval, burst = limit } = Object(options) as RateLimiterOptions;
    checkCount(action, "limit", limit, 1, false);
    checkMs(action, "interval", interval);
    if (!(interval > 0 && interval < Infinity)) {
      throw outOfRange(action, "interval", "finite and more than zero", interval);
    }
    checkCount(action, "burst", burst, 1, false);
    this.limit = limit;
    this.interval = interval;
    this.burst = burst;
    this.#pace = interval / limit;
  }

  /** The number of tokens that could be taken at once if there were no waiters. */
  get availableTokens(): number {
    const now = this.#now();
    const missing = Math.max(0, this.#fullAt - now) / this.#pace;
    const tokens = Math.max(0, Math.floor(this.burst - missing));
    // The division may round to the wrong side of a whole number.
    return tokens < this.burst && this.#dueAt(tokens + 1) <= now ? tokens + 1 : tokens;
  }

  /** The number of waiters. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Takes a token, and waits for one if necessary.
   *
   * @param options Its weight and signal.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {RangeError} If `weight` is not a whole number of at least 1, or is more than `burst`.
   */
  acquire(options?: AcquireOptions): Promise<void> {
    try {
      const weight = this.#checkAcquire(options);
      return this.#acquire(
        weight,
        checkWait("acquire token", options),
        checkPriority("acquire token", options?.priority),
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #acquire(weight: number, signal: AbortSignal | undefined, priority: number): Promise<void> {
    const scope = currentScope();
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    if (this.#tryTake(weight)) return Promise.resolve();
    const wait = enqueue<void, number>(this.#queue.of(priority), weight, scope, signal);
    // It may be due before the waiter that was first.
    if (this.#alarm === null || priority > 0) this.#admit();
    return wait;
  }

  /**
   * Takes a token if there is one and there are no waiters.
   *
   * @param options Its weight.
   * @returns Whether a token was taken.
   * @throws {RangeError} If `weight` is not a whole number of at least 1, or is more than `burst`.
   */
  tryAcquire(options?: Pick<AcquireOptions, "weight">): boolean {
    return this.#tryTake(this.#checkAcquire(options));
  }

  /**
   * Waits for a token, calls `fn` in a scope of its own, and ends when all work in that scope has ended.
   *
   * - **Cancellation**: After an abort before the call of `fn`, even in the turn of the hand-over, `fn` is not called
   *   and the token can be taken again. `signal` ends only the wait for the token.
   *
   * @typeParam T The result of `fn`.
   * @param fn Called with the signal of its scope.
   * @param options The weight and signal of the acquire.
   * @returns The result of `fn`.
   * @throws The reason of an abort during the wait, or the error of `fn`.
   * @throws {RangeError} If `weight` is out of range.
   */
  run<T>(fn: TaskFunction<T>, options?: AcquireOptions): Promise<T> {
    return orReject(() => {
      checkFunction("run with token", "fn", fn);
      const weight = this.#checkAcquire(options);
      const signal = checkWait("acquire token", options);
      const acquired = this.#acquire(weight, signal, checkPriority("acquire token", options?.priority));
      return runWith(RUN, acquired, signal, (own) => fn(own), {
        ended: (_, called) => {
          if (!called) this.#giveBack(weight);
        },
      });
    });
  }

  /**
   * Rejects all current waiters. Later calls wait as before.
   *
   * @param reason What their waits reject with; a `CancelledError` by default.
   */
  rejectWaiting(reason?: unknown): void {
    this.#queue.rejectAll(reason);
    this.#admit();
  }

  /**
   * Holds back all tokens for a time, because the other side has asked for it. One token is available afterwards, and
   * further ones are added at the usual pace, so that the program does not continue with a burst. A call never makes a
   * token available earlier.
   *
   * @param delay The delay in ms, or a `Date` at which it ends, as in the header `Retry-After` (seconds or a date).
   * @throws {RangeError} If `delay` is NaN, an invalid date, or `Infinity`.
   *
   * @example Obey a 429 response
   * ```ts
   * import { RateLimiter } from "@weft/async";
   *
   * const limiter = new RateLimiter({ limit: 5, interval: 1000 });
   * const headers = { "retry-after": "2" };
   * const response = new Response(null, { status: 429, headers });
   * if (response.status === 429) {
   *   const seconds = Number(response.headers.get("retry-after"));
   *   limiter.retryAfter(seconds * 1000);
   * }
   * console.log(limiter.tryAcquire()); // false
   * ```
   */
  retryAfter(delay: number | Date): void {
    const action = "hold back";
    let ms: number;
    if (delay instanceof Date) ms = checkInstant(action, "delay", delay) - Date.now();
    else checkMs(action, "delay", ms = delay);
    if (ms === Infinity) throw outOfRange(action, "delay", "finite", delay);
    if (ms <= 0) return;
    const until = this.#now() + ms;
    this.#fullAt = Math.max(this.#fullAt, until + (this.burst - 1) * this.#pace);
    this.#admit();
  }

  /** Shows the rate, and the number of available tokens and of waiters. */
  toString(): string {
    const { limit, interval, burst, availableTokens, waiting } = this;
    const rate = `limit: ${limit}, interval: ${interval}, burst: ${burst}`;
    return `RateLimiter { ${rate}, available: ${availableTokens}, waiting: ${waiting} }`;
  }

  #checkAcquire(options: Pick<AcquireOptions, "weight"> | undefined): number {
    checkOptions("acquire token", options);
    const weight = options?.weight === undefined ? 1 : options.weight;
    checkCount("acquire token", "weight", weight, 1, false);
    if (weight > this.burst) {
      throw outOfRange("acquire token", "weight", `at most ${this.burst}, the burst`, weight);
    }
    return weight;
  }

  #now(): number {
    const now = clockNow();
    // Time goes backwards when a test that faked it ends. The remaining wait stays the same.
    if (now < this.#seenAt) this.#fullAt += now - this.#seenAt;
    this.#seenAt = now;
    return now;
  }

  /** The instant, past or future, at which `weight` tokens are available. */
  #dueAt(weight: number): number {
    return this.#fullAt - (this.burst - weight) * this.#pace;
  }

  /** Takes tokens at the instant `at`. Tokens that did not fit into the bucket before are lost. */
  #take(weight: number, at: number): void {
    this.#fullAt = Math.max(this.#fullAt, at) + weight * this.#pace;
  }

  #giveBack(weight: number): void {
    this.#fullAt -= weight * this.#pace;
    this.#admit();
  }

  #tryTake(weight: number): boolean {
    if (this.#queue.size > 0) return false;
    const now = this.#now();
    if (this.#dueAt(weight) > now) return false;
    this.#take(weight, now);
    return true;
  }

  #wake(): void {
    this.#alarm = null;
    this.#admit();
  }

  /** Serves the waiters for which there are enough tokens, and sets the alarm for the next one. */
  #admit(): void {
    const now = this.#now();
    let node = this.#queue.head();
    for (; node !== null && this.#dueAt(node.payload) <= now; node = this.#queue.head()) {
      // If the alarm was late by at most one pace, the token counts as taken on time: with a small burst, such delays
      // would otherwise add up. The allowance is limited, or a program that was busy for a while would continue in one
      // burst.
      this.#take(node.payload, Math.max(this.#dueAt(node.payload), now - this.#pace));
      node.claim.grant(undefined);
    }
    this.#setAlarm(node === null ? null : this.#dueAt(node.payload), now);
  }

  #setAlarm(at: number | null, now: number): void {
    if (this.#alarm !== null) {
      if (at === this.#wakeAt) return;
      disarm(this.#alarm);
      this.#alarm = null;
    }
    if (at === null) return;
    this.#wakeAt = at;
    try {
      this.#alarm = arm(this.#sleeper, at - now);
    } catch (error) {
      // A faked `setTimeout` threw, so nothing would wake the waiters any more.
      this.#queue.rejectAll(error);
    }
  }
}
