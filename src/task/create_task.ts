/**
 * Tasks, and a function that starts one independently of the surrounding scope.
 *
 * @module
 */

import { currentScope, sharedState } from "../core/ambient.ts";
import type { Scope } from "../core/scope.ts";
import type { TaskFunction } from "../core/structured_call.ts";
import type { Awaitable } from "./awaitable.ts";
import { checkTask, type CreateTaskOptions, Task, type TaskOwner } from "./task.ts";

export { type Awaitable, type CreateTaskOptions, Task, type TaskFunction };

/**
 * Schedules `fn` as a task that is independent of the scope it is called in.
 *
 * The task belongs to the ambient `run`, otherwise to the only open `run`, otherwise to none. At its end, `run` cancels
 * and awaits its remaining tasks. Start work that belongs to a block in a `TaskGroup`.
 *
 * - **Order**: tasks start on the next microtask, in the order of the calls.
 * - **Failure**: a failure that no code has awaited or asked for by the next macrotask aborts the `run`, which then
 *   rejects with it. Outside a `run`, it becomes an unhandled rejection.
 * - **Cancellation**: an abort of the calling scope does not reach the task; `task.cancel()` does.
 *
 * @typeParam T What `fn` returns.
 * @param fn The function, called with the task's signal.
 * @param options Its name, and whether to start it at once.
 * @returns The task.
 *
 * @example Run two tasks at once
 * ```ts
 * import { createTask, run, sleep } from "@weft/async";
 *
 * await run(async () => {
 *   const slow = createTask(() => sleep(2).then(() => "slow"));
 *   const fast = createTask(() => sleep(1).then(() => "fast"));
 *   console.log(await fast, await slow);
 * });
 * ```
 *
 * @see asyncio.create_task of Python 3.14: a coroutine object there, a function here.
 * @category Run and start
 */
export function createTask<T>(fn: TaskFunction<T>, options?: CreateTaskOptions): Task<T> {
  const own = checkTask(fn, options);
  const run = ownerOf(currentScope());
  // The keeper of a `run` scope is a task owner as well.
  const owner = run === null ? null : run.keeper as unknown as TaskOwner;
  const task = new Task<T>(fn, run ?? sharedState().root, owner, own?.name);
  task["start"](own?.eager === true ? "now" : "soon");
  return task;
}

function ownerOf(scope: Scope): Scope | null {
  if (scope.run !== null && !scope.run.ended) return scope.run;
  const { runs } = sharedState();
  if (runs.size !== 1) return null;
  const [only] = runs;
  return only!;
}
