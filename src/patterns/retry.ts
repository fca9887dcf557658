/**
 * Attempts that are repeated until one succeeds.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { isCancellationOf } from "../core/failures.ts";
import { type CallKind, outsideAbort, type TaskFunction } from "../core/structured_call.ts";
import {
  checkCount,
  checkFunction,
  checkMs,
  checkSignal,
  outOfRange,
  readOptions,
  wrongKind,
} from "../core/validate.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { runBlock } from "../task/cancel_scope.ts";
import { currentDeadline } from "../task/current.ts";
import { sleep } from "../time/sleep.ts";

export type { TaskFunction, WaitOptions };

/** Options of {@linkcode RetryBudget}. */
export interface RetryBudgetOptions {
  /**
   * The number of tokens at the start, and the most there can be. Retries stop while no more than half of them are left.
   *
   * @default {10}
   */
  maxTokens?: number | undefined;
  /**
   * The part of a token that a success adds. A failure removes one token.
   *
   * @default {0.1}
   */
  tokenRatio?: number | undefined;
}

/**
 * Limits the retries of many calls together, so that they do not multiply the load of a server that is down.
 *
 * @example One budget for each server
 * ```ts
 * import { retry, RetryBudget } from "@weft/async/patterns";
 * import { assertRejects } from "@std/assert";
 *
 * const budget = new RetryBudget({ maxTokens: 4 });
 * let attempts = 0;
 * const down = () => Promise.reject(new Error(`attempt ${++attempts}`));
 * const call = () => retry(down, { attempts: 10, backoff: 0, budget });
 * await assertRejects(call, Error, "attempt 2");
 * await assertRejects(call, Error, "attempt 3");
 * ```
 *
 * @see retryThrottling of gRPC, proposal A6: the same rule and names.
 */
export class RetryBudget {
  readonly #max: number;
  readonly #ratio: number;
  #tokens: number;

  /**
   * Makes a full budget.
   *
   * @param options The number of tokens, and what a success adds.
   * @throws {RangeError} If `maxTokens` is not a whole number of at least 1, or `tokenRatio` is not more than zero.
   */
  constructor(options?: RetryBudgetOptions) {
    const action = "create RetryBudget";
    const { maxTokens = 10, tokenRatio = 0.1 } = readOptions<RetryBudgetOptions>(action, options, [
      "maxTokens",
      "tokenRatio",
    ]) ?? {};
    checkCount(action, "maxTokens", maxTokens, 1, false);
    if (typeof tokenRatio !== "number") throw wrongKind(action, "tokenRatio", "a number", tokenRatio);
    if (!(tokenRatio > 0)) throw outOfRange(action, "tokenRatio", "more than zero", tokenRatio);
    this.#max = this.#tokens = maxTokens;
    this.#ratio = tokenRatio;
  }

  /** Whether a call may be repeated now. */
  get allowsRetry(): boolean {
    return this.#tokens > this.#max / 2;
  }

  /** Records an attempt that succeeded. */
  succeeded(): void {
    this.#tokens = Math.min(this.#max, this.#tokens + this.#ratio);
  }

  /** Records an attempt that failed. */
  failed(): void {
    this.#tokens = Math.max(0, this.#tokens - 1);
  }
}

/** Options of {@linkcode retry}. */
export interface RetryOptions extends WaitOptions {
  /**
   * The greatest number of calls, the first one included.
   *
   * @default {5}
   */
  attempts?: number | undefined;
  /**
   * The wait before the first retry, in ms. It doubles with each retry, up to `maxBackoff`.
   *
   * @default {100}
   */
  backoff?: number | undefined;
  /**
   * The longest wait, in ms. A wait that the server asks for may be longer.
   *
   * @default {30000}
   */
  maxBackoff?: number | undefined;
  /**
   * The part of each wait that is random, from 0 to 1, so that clients which failed together do not return together.
   *
   * @default {0.5}
   */
  jitter?: number | undefined;
  /** The budget that this call shares with others. */
  budget?: RetryBudget | undefined;
  /**
   * Returns whether the failure of attempt number `attempt` is worth another one.
   *
   * @default {() => true}
   */
  retryIf?: ((error: unknown, attempt: number) => boolean) | undefined;
}

const ATTEMPT: CallKind = { name: "retry" };

/**
 * Calls `fn` until it succeeds. Each attempt has a scope of its own, and has ended before the next one starts.
 *
 * - **Failure**: rejects with the failure of the last attempt, unchanged: after `attempts`, if `retryIf` or the budget
 *   refuses, or if the nearest deadline would pass before the next attempt.
 * - **Cancellation**: a cancellation is never retried. An abort ends the attempt or the wait, and rejects with its reason.
 * - **Waits**: exponential, with jitter. If the failure carries a header `Retry-After` (it is a `Response`, or has one as
 *   `response`), the wait is at least that long.
 *
 * @typeParam T The result of `fn`.
 * @param fn Called with the signal of the attempt and its number, from 1.
 * @param options Attempts, waits, budget, condition and signal.
 * @returns The result of the first attempt that succeeds.
 * @throws {RangeError} If a number is out of range.
 *
 * @example Ask a server until it answers
 * ```ts
 * import { retry } from "@weft/async/patterns";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = await retry((_signal, attempt) => {
 *   if (attempt < 3) throw new Error("busy");
 *   return `answer ${attempt}`;
 * }, { backoff: 1 });
 * assertEquals(answer, "answer 3");
 * ```
 *
 * @see retry of @std/async 1: it wraps the last error and retries cancellations.
 */
export async function retry<T>(
  fn: (signal: AbortSignal, attempt: number) => T | PromiseLike<T>,
  options?: RetryOptions,
): Promise<T> {
  const { attempts, backoff, maxBackoff, jitter, budget, retryIf, signal } = check(fn, options);
  for (let attempt = 1;; attempt++) {
    const outside = outsideAbort(currentScope(), signal);
    if (outside !== null) throw outside.reason;
    try {
      const value = await runBlock(ATTEMPT, (own) => fn(own, attempt), signal && { signal });
      budget?.succeeded();
      return value;
    } catch (error) {
      if (isCancellationOf(error, currentScope()) || (signal !== undefined && isCancellationOf(error, signal))) {
        throw error;
      }
      budget?.failed();
      if (attempt >= attempts || budget?.allowsRetry === false || !retryIf(error, attempt)) throw error;
      const growing = Math.min(maxBackoff, backoff * 2 ** (attempt - 1));
      const wait = Math.max(growing * (1 - jitter * Math.random()), retryAfter(error));
      if (wait >= currentDeadline()) throw error;
      await sleep(wait, signal && { signal });
    }
  }
}

function check(fn: unknown, options: RetryOptions | undefined) {
  const action = "retry";
  checkFunction(action, "fn", fn);
  const {
    attempts = 5,
    backoff = 100,
    maxBackoff = 30_000,
    jitter = 0.5,
    budget,
    retryIf = () => true,
    signal,
  } = readOptions<RetryOptions>(action, options, [
    "attempts",
    "backoff",
    "maxBackoff",
    "jitter",
    "budget",
    "retryIf",
    "signal",
  ]) ?? {};
  checkCount(action, "attempts", attempts, 1, true);
  checkMs(action, "backoff", backoff, false);
  checkMs(action, "maxBackoff", maxBackoff, false);
  if (typeof jitter !== "number") throw wrongKind(action, "jitter", "a number", jitter);
  if (!(jitter >= 0 && jitter <= 1)) throw outOfRange(action, "jitter", "from 0 to 1", jitter);
  if (budget !== undefined && !(budget instanceof RetryBudget)) {
    throw wrongKind(action, "budget", "a RetryBudget", budget);
  }
  checkFunction(action, "retryIf", retryIf);
  checkSignal(action, signal);
  return { attempts, backoff, maxBackoff, jitter, budget, retryIf, signal };
}

/** Returns the ms that the header `Retry-After` of a failure asks for, or 0. */
function retryAfter(error: unknown): number {
  try {
    const response = error instanceof Response ? error : (error as { response?: unknown }).response;
    const value = response instanceof Response ? response.headers.get("retry-after") : null;
    if (value === null) return 0;
    const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
    return ms > 0 ? ms : 0;
  } catch {
    // The failure cannot be examined.
    return 0;
  }
}
