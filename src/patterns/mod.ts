/**
 * Parts that services are made of: retries, tickers, shared loads, locks by key, and bridges to foreign APIs.
 *
 * @example Load a page once for all callers, and try again if that fails
 * ```ts
 * import { retry, SingleFlight } from "@weft/async/patterns";
 * import { assertEquals } from "@std/assert";
 *
 * const pages = new SingleFlight<string, string>();
 * let loads = 0;
 * const load = () => {
 *   if (++loads === 1) throw new Error("busy");
 *   return "page";
 * };
 * const page = (url: string) =>
 *   pages.run(url, () => retry(load, { backoff: 1 }));
 * assertEquals(await Promise.all([page("/a"), page("/a")]), ["page", "page"]);
 * assertEquals(loads, 2);
 * ```
 *
 * @module
 */

export { retry, RetryBudget, type RetryBudgetOptions, type RetryOptions } from "./retry.ts";
export { batch, type BatchOptions } from "./batch.ts";
export { Broadcast, type BroadcastOptions, BroadcastOverflowError, type Subscription } from "./broadcast.ts";
export { debounce } from "./debounce.ts";
export { interval } from "./interval.ts";
export { onCancel, untilCancelled } from "./on_cancel.ts";
export { SingleFlight } from "./single_flight.ts";
export { KeyedLock } from "./keyed_lock.ts";
export { Latest } from "./latest.ts";
export type { Results } from "../compose/results.ts";
export type { CancelScope, Disposes, ScopeFunction } from "../task/shield.ts";
export type { TaskFunction } from "../task/create_task.ts";
export type { WaitOptions } from "../time/sleep.ts";
