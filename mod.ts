/**
 * Structured concurrency for Deno: asyncio's vocabulary and trio's guarantees, on plain promises and abort signals.
 *
 * Work is passed as functions. A structured call (`run`, `TaskGroup.run`, `gather`, `timeout`, …) ends only when all
 * the work it started has ended; the first failure aborts the rest. Every wait of this package sees the scope it is
 * called in, so that an abort reaches it without a signal being passed by hand; `signal` options work everywhere.
 *
 * - **Run and start**: {@linkcode run}, {@linkcode createTask}, {@linkcode TaskGroup}, {@linkcode Task}, {@linkcode Future}
 * - **Combine**: {@linkcode gather}, {@linkcode asCompleted}, {@linkcode map}, {@linkcode race},
 *   {@linkcode firstSuccess}, {@linkcode wait}
 * - **Time**: {@linkcode sleep}, {@linkcode sleepUntil}, {@linkcode sleepForever}, {@linkcode yieldNow},
 *   {@linkcode timeout}, {@linkcode timeoutAt}, {@linkcode moveOnAfter}, {@linkcode waitFor},
 *   {@linkcode currentDeadline}
 * - **Cancel**: {@linkcode scope}, {@linkcode shield}, {@linkcode cleanup}, {@linkcode currentSignal},
 *   {@linkcode throwIfCancelled}, {@linkcode isCancellation}
 * - **Limit**: {@linkcode Semaphore}, {@linkcode RateLimiter}
 * - **Pass on**: {@linkcode Queue}, {@linkcode LifoQueue}, {@linkcode PriorityQueue}, {@linkcode Channel},
 *   {@linkcode select}
 * - **Synchronise**: {@linkcode Lock}, {@linkcode RwLock}, {@linkcode AsyncEvent}, {@linkcode Condition},
 *   {@linkcode Barrier}
 *
 * Every function throws a `TypeError`, or rejects with it, if an argument is of the wrong kind, before it has any effect.
 *
 * @example Two requests at once, within a second, or neither
 * ```ts
 * import { gather, sleep, timeout } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const [user, posts] = await timeout(1000, () =>
 *   gather([
 *     () => sleep(2).then(() => "Ada"),
 *     () => sleep(1).then(() => ["first post"]),
 *   ]));
 * assertEquals([user, posts.length], ["Ada", 1]);
 * ```
 *
 * @module
 */

// Run and start
export { LeftoverError, run, type RunOptions } from "./src/task/run.ts";
export { createTask, type CreateTaskOptions, Task, type TaskFunction } from "./src/task/create_task.ts";
export { TaskGroup, TaskGroupError, type TaskGroupOptions } from "./src/task/task_group.ts";
export { type Awaitable, Future } from "./src/task/future.ts";
export { allTasks, currentSignal, currentTask, hasAmbientScope, throwIfCancelled } from "./src/task/current.ts";

// Combine
export { gather, type Gathered, type GatherOptions } from "./src/compose/gather.ts";
export type { DiscardOptions, Entries, EntriesResult, Entry, EntryResult } from "./src/compose/gather.ts";
export { asCompleted, type AsCompletedOptions, type Completed } from "./src/compose/as_completed.ts";
export { map, type MapOptions, type Results } from "./src/compose/map.ts";
export { firstSuccess, race, type RaceOptions } from "./src/compose/race.ts";
export { wait } from "./src/compose/wait.ts";

// Time
export { sleep, sleepForever, type SleepOptions, sleepUntil, type WaitOptions } from "./src/time/sleep.ts";
export { currentDeadline } from "./src/task/current.ts";
export { yieldNow } from "./src/time/yield_now.ts";
export { moveOnAfter, timeout, timeoutAt } from "./src/time/timeout.ts";
export { waitFor } from "./src/time/wait_for.ts";

// Cancel
export { type CancelScope, scope, type ScopeFunction, type StructuredOptions } from "./src/task/scope.ts";
export { cleanup, type Disposes, shield } from "./src/task/shield.ts";
export { CancelledError, InvalidStateError, isCancellation, StragglerError, TimeoutError } from "./src/errors.ts";

// Limit
export { type AcquireOptions, type Permit, Semaphore } from "./src/sync/semaphore.ts";
export { RateLimiter, type RateLimiterOptions } from "./src/flow/rate_limiter.ts";

// Pass on
export { LifoQueue, PriorityQueue, Queue, QueueShutDownError } from "./src/flow/queue.ts";
export { Channel, ChannelClosedError, type ChannelStatistics, Receiver, Sender } from "./src/flow/channel.ts";
export { select, type SelectCase, type Selected, type SelectOptions } from "./src/flow/select.ts";

// Synchronise
export { Lock } from "./src/sync/lock.ts";
export { RwLock } from "./src/sync/rw_lock.ts";
export { AsyncEvent } from "./src/sync/async_event.ts";
export { Condition } from "./src/sync/condition.ts";
export { Barrier, BrokenBarrierError } from "./src/sync/barrier.ts";
