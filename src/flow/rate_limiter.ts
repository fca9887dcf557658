/**
 * Limits how often something happens.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { type Alarm, arm, clockNow, disarm, type Sleeper } from "../core/clock.ts";
import { attachInspect } from "../core/inspect.ts";
import type { TaskFunction } from "../core/structured_call.ts";
import {
  checkCount,
  checkFunction,
  checkInstant,
  checkMs,
  checkOptions,
  checkWait,
  outOfRange,
} from "../core/validate.ts";
import { enqueue, refusal, WaitQueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { runWith } from "../sync/run_with.ts";

export type { TaskFunction, WaitOptions };

/** Options of {@linkcode RateLimiter}. */
export interface RateLimiterOptions {
  /** How many tokens come in each `interval`: a whole number of at least 1. */
  limit: number;
  /** How long that is, in ms: more than zero. */
  interval: number;
  /**
   * How many tokens can be saved up, and so be taken at once: a whole number of at least 1.
   *
   * @default {limit}
   */
  burst?: number | undefined;
}

/** Options of {@linkcode RateLimiter.prototype.acquire}. */
export interface RateOptions extends WaitOptions {
  /**
   * How many tokens to take together.
   *
   * @default {1}
   */
  weight?: number | undefined;
}

/**
 * Limits how often something happens: a bucket of tokens, which come one by one at an even pace. It is full at first.
 *
 * **Order**: first come, first served, with weights too: who waits longest blocks the others. **Cancellation**: an aborted
 * wait takes no token; one that was handed over in the same turn counts as taken. **Cost**: one timer, however many wait,
 * and none when nobody does. When it rings late, that costs nobody anything later: the pace is kept.
 *
 * @example A hundred a second, three of them at once
 * ```ts
 * import { gather, RateLimiter } from "@weft/async";
 *
 * const limiter = new RateLimiter({ limit: 100, interval: 1000, burst: 3 });
 * const times = await gather(Array.from({ length: 5 }, () => () => limiter.run(() => performance.now())));
 * console.log(times.map((at) => Math.round(at - times[0]!))); // from the first on: 0, 0, 0, 10, 20
 * ```
 */
export class RateLimiter {
  /** How many tokens come in each `interval`. */
  readonly limit: number;
  /** In how many ms `limit` tokens come. */
  readonly interval: number;
  /** How many tokens can be saved up. */
  readonly burst: number;
  // Ms for one token.
  readonly #pace: number;
  // All the state of the bucket: when it will be full, if nothing more is taken. A count of tokens, kept up to date, would
  // gather errors of rounding.
  #fullAt = -Infinity;
  #seenAt = -Infinity;
  readonly #queue = new WaitQueue<number>(() => this.#admit());
  // Invariant: somebody waits ⇔ an alarm is set, to #wakeAt, when there is enough for the first.
  #alarm: Alarm | null = null;
  #wakeAt = 0;
  readonly #sleeper: Sleeper = { ring: () => this.#wake() };

  /**
   * Makes a limiter whose bucket is full.
   *
   * @param options The rate, and how much may come at once.
   * @throws {TypeError} If an option is of the wrong kind.
   * @throws {RangeError} If `limit` or `burst` is not a whole number of at least 1, or `interval` not finite and more
   * than zero.
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

  /** How many tokens could be taken at once, if nobody waited. */
  get availableTokens(): number {
    const now = this.#now();
    const missing = Math.max(0, this.#fullAt - now) / this.#pace;
    const tokens = Math.max(0, Math.floor(this.burst - missing));
    // The division may have been rounded to the wrong side of a whole number.
    return tokens < this.burst && this.#dueAt(tokens + 1) <= now ? tokens + 1 : tokens;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Takes a token, and waits for one if need be.
   *
   * @param options Its weight and signal.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {TypeError} If an option is of the wrong kind.
   * @throws {RangeError} If `weight` is not a whole number of at least 1, or more than `burst`.
   */
  acquire(options?: RateOptions): Promise<void> {
    try {
      return this.#acquire(this.#checkAcquire(options), checkWait("acquire token", options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #acquire(weight: number, signal: AbortSignal | undefined): Promise<void> {
    const scope = currentScope();
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    if (this.#tryTake(weight)) return Promise.resolve();
    const wait = enqueue<void, number>(this.#queue, weight, scope, signal);
    if (this.#alarm === null) this.#admit();
    return wait;
  }

  /**
   * Takes a token if there is one and nobody waits.
   *
   * @param options Its weight.
   * @returns Whether it was taken.
   * @throws {TypeError} If an option is of the wrong kind.
   * @throws {RangeError} If `weight` is not a whole number of at least 1, or more than `burst`.
   */
  tryAcquire(options?: Pick<RateOptions, "weight">): boolean {
    return this.#tryTake(this.#checkAcquire(options));
  }

  /**
   * Calls `fn` in a scope of its own once it has a token, and ends when all work in that scope has ended.
   *
   * **Cancellation**: aborted before `fn` is called, also in the turn of the hand-over, it never is, and the token can be
   * taken again; `signal` ends the wait for the token only.
   *
   * @typeParam T What `fn` returns.
   * @param fn Called with the signal of its scope.
   * @param options Weight and signal of the acquire.
   * @returns What `fn` returns.
   * @throws The reason of an abort while it waits, or what `fn` throws.
   * @throws {TypeError} If an argument is of the wrong kind.
   * @throws {RangeError} If `weight` is out of range.
   */
  run<T>(fn: TaskFunction<T>, options?: RateOptions): Promise<T> {
    try {
      checkFunction("run with token", "fn", fn);
      const weight = this.#checkAcquire(options);
      const signal = checkWait("acquire token", options);
      return runWith("RateLimiter.run", this.#acquire(weight, signal), signal, (own) => fn(own), {
        ended: (_, called) => {
          if (!called) this.#giveBack(weight);
        },
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Holds everything back, because the other side has said so: nobody gets a token before. There is one then, and the
   * others come at the usual pace: who has just been told off does not begin with a burst. It never lets anyone go
   * sooner than without it.
   *
   * @param delay For how many ms, or a `Date` until when: what `Retry-After` says, in seconds or as a date.
   * @throws {TypeError} If `delay` is of the wrong kind.
   * @throws {RangeError} If it is NaN, an invalid date, or `Infinity`.
   *
   * @example Listen to a server that says 429
   * ```ts
   * import { RateLimiter } from "@weft/async";
   *
   * const limiter = new RateLimiter({ limit: 5, interval: 1000 });
   * const response = new Response(null, { status: 429, headers: { "retry-after": "2" } });
   * if (response.status === 429) limiter.retryAfter(Number(response.headers.get("retry-after")) * 1000);
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

  /** Shows the rate, how many tokens there are and how many wait. */
  toString(): string {
    const { limit, interval, burst, availableTokens, waiting } = this;
    const rate = `limit: ${limit}, interval: ${interval}, burst: ${burst}`;
    return `RateLimiter { ${rate}, available: ${availableTokens}, waiting: ${waiting} }`;
  }

  static {
    attachInspect(RateLimiter.prototype);
  }

  #checkAcquire(options: Pick<RateOptions, "weight"> | undefined): number {
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
    // Time goes backwards when a test has ended that had faked it. What is left to wait stays the same.
    if (now < this.#seenAt) this.#fullAt += now - this.#seenAt;
    this.#seenAt = now;
    return now;
  }

  /** When `weight` tokens are, or were, there. */
  #dueAt(weight: number): number {
    return this.#fullAt - (this.burst - weight) * this.#pace;
  }

  /** Takes tokens at `at`; what has come before it and did not fit into the bucket is lost. */
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

  /** Serves those who wait, as far as there is enough, and sets the alarm for the next one. */
  #admit(): void {
    const now = this.#now();
    let node = this.#queue.head();
    for (; node !== null && this.#dueAt(node.payload) <= now; node = this.#queue.head()) {
      // As if it had been served in time, if the alarm was late by no more than the pace: else each delay would add up,
      // where there is little room to save. Not more, or a program that was busy for a while would go off in one burst.
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
      // A faked `setTimeout`: nobody would be woken any more.
      this.#queue.failAll(error);
    }
  }
}
