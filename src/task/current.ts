/**
 * The task, scope and signal that the running code belongs to.
 *
 * @module
 */

import { currentScope, hasAmbientScope as isAmbient, sharedState } from "../core/ambient.ts";
import type { Scope } from "../core/scope.ts";
import type { Awaitable } from "./awaitable.ts";
import { ambientTask, type Task } from "./task.ts";

export type { Awaitable, Task };

/**
 * Returns whether waits see the scope that they are called in. This needs the platform's async context (Deno, Node,
 * Bun); in browsers, only explicit signals count.
 *
 * @returns True where scopes are ambient.
 *
 * @example Check for ambient scopes
 * ```ts
 * import { hasAmbientScope } from "@weft/async";
 * import { assert } from "@std/assert";
 *
 * assert(hasAmbientScope());
 * ```
 *
 * @category Run and start
 */
export function hasAmbientScope(): boolean {
  return isAmbient();
}

/**
 * Returns the task that the caller is part of. Children of `gather` and the other combinators are not tasks: inside
 * them, it returns the task that called the combinator.
 *
 * @returns The task, or `undefined` outside every task.
 *
 * @example Name the task in a log line
 * ```ts
 * import { createTask, currentTask } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const task = createTask(() => currentTask()?.name, { name: "worker" });
 * assertEquals(await task, "worker");
 * ```
 *
 * @see asyncio.current_task of Python 3.14.
 * @category Run and start
 */
export function currentTask(): Task<unknown> | undefined {
  return ambientTask();
}

/**
 * Returns the signal of the scope that the caller runs in, for `fetch` and `Deno.*`.
 *
 * - **Cancellation**: a signal ends with its scope. An outer abort does not reach work that continues afterwards, such
 *   as reading the body of a response that an inner `timeout` or `gather` has returned: read it in the same scope, or
 *   pass `AbortSignal.any([outer, inner])` to `fetch`. In an item of `map` or `asCompleted`, it is the signal of the
 *   whole call, which `break` aborts; the signal that the item's function receives is the item's own.
 *
 * @returns The signal; outside every scope, one that never aborts.
 *
 * @example Read a file that a timeout can cut short
 * ```ts
 * import { currentSignal, timeout } from "@weft/async";
 *
 * const text = await timeout(5000, () => {
 *   return Deno.readTextFile("deno.json", { signal: currentSignal() });
 * });
 * console.log(text.length > 0);
 * ```
 *
 * @category Run and start
 */
export function currentSignal(): AbortSignal {
  const scope = currentScope();
  // A new signal for each call: on a shared one that never aborts, listeners would accumulate.
  return scope.parent === null ? new AbortController().signal : scope.signal;
}

/**
 * Throws the reason if the scope that the caller runs in is aborted. Use it in loops that compute without waiting.
 *
 * @throws The reason of the abort.
 *
 * @example A loop that can be cancelled
 * ```ts
 * import { throwIfCancelled, yieldNow } from "@weft/async";
 *
 * for (let i = 0; i < 100; i++) {
 *   throwIfCancelled();
 *   await yieldNow({ budget: 10 });
 * }
 * ```
 *
 * @category Run and start
 */
export function throwIfCancelled(): void {
  const scope = currentScope();
  if (scope.aborted) throw scope.reason;
}

/**
 * Returns all tasks that have not ended, including those of groups, parents before children.
 *
 * - **Cost**: proportional to the number of open scopes.
 *
 * @returns A new set.
 *
 * @example Count the tasks
 * ```ts
 * import { allTasks, createTask } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const before = allTasks().size;
 * const task = createTask(() => null);
 * assertEquals(allTasks().size, before + 1);
 * await task;
 * ```
 *
 * @see asyncio.all_tasks of Python 3.14.
 * @category Run and start
 */
export function allTasks(): Set<Task<unknown>> {
  const found = new Set<Task<unknown>>();
  const scopes: Scope[] = [sharedState().root];
  for (let at = scopes.pop(); at !== undefined; at = scopes.pop()) {
    if (at.task !== null) found.add(at.task as Task<unknown>);
    const children = at.children();
    for (let i = children.length - 1; i >= 0; i--) scopes.push(children[i]!);
  }
  return found;
}

/**
 * Returns how much time the caller has until the nearest deadline around it.
 *
 * @returns The ms left; `Infinity` if there is no deadline, zero if it has passed or the scope is aborted.
 *
 * @example Give a request the time that is left
 * ```ts
 * import { currentDeadline, timeout } from "@weft/async";
 * import { assert } from "@std/assert";
 *
 * await timeout(1000, () => {
 *   assert(currentDeadline() <= 1000);
 * });
 * ```
 *
 * @see trio.current_effective_deadline of trio 0.31: an instant there, a duration here.
 * @category Time
 */
export function currentDeadline(): number {
  const scope = currentScope();
  if (scope.aborted) return 0;
  let least = Infinity;
  for (let at: Scope | null = scope; at !== null; at = at.shielded ? null : at.parent) {
    least = Math.min(least, at.keeper?.deadline?.remaining ?? Infinity);
  }
  return least;
}
