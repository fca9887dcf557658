/**
 * Tasks that end together.
 *
 * @example The group ends when both tasks have ended
 * ```ts
 * import { sleep, TaskGroup } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const seen: string[] = [];
 * await TaskGroup.run((group) => {
 *   group.createTask(() => sleep(1).then(() => seen.push("one")));
 *   group.createTask(() => sleep(1).then(() => seen.push("two")));
 * });
 * assertEquals(seen, ["one", "two"]);
 * ```
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import type { Disposes } from "../core/dispose.ts";
import { cancelledPromise, orReject } from "../core/foreign.ts";
import { printAsText } from "../core/inspect.ts";
import { checkStructured, outsideAbort, type StructuredOptions, type TaskFunction } from "../core/structured_call.ts";
import { checkCount, checkFlag, checkFunction, checkMs } from "../core/validate.ts";
import { asWait } from "../core/wait_queue.ts";
import { CancelledError } from "../errors.ts";
import type { Awaitable } from "./awaitable.ts";
import { GroupCall, openBlockGroup, RUN_GROUP, type TaskGroupOptions } from "./group_call.ts";
import { checkTask, type CreateTaskOptions, Task } from "./task.ts";
import { TaskGroupError } from "./task_group_error.ts";

export { type Awaitable, type CreateTaskOptions, type Disposes, Task };
export { TaskGroupError, type TaskGroupOptions };
export type { StructuredOptions, TaskFunction };

function checkGroup(options: TaskGroupOptions | undefined): TaskGroupOptions | undefined {
  const action = "open TaskGroup";
  const own = checkStructured(action, options, ["concurrency", "supervise", "onError", "timeout"]);
  if (own?.concurrency !== undefined) checkCount(action, "concurrency", own.concurrency, 1, true);
  checkFlag(action, "supervise", own?.supervise);
  if (own?.onError !== undefined) checkFunction(action, "onError", own.onError);
  if (own?.timeout !== undefined) checkMs(action, "timeout", own.timeout);
  return own;
}

/**
 * A group around the rest of a block ends with `await using`.
 *
 * @category Run and start
 */
export interface TaskGroup extends Disposes<"asyncDispose"> {}

/**
 * Runs tasks that end together: the call returns only when all of them have ended, and the first failure aborts the rest.
 *
 * - **Order**: tasks start on the next microtask, in the order they were created.
 * - **Failure**: the first one aborts siblings and body; the group then rejects with a {@linkcode TaskGroupError}, also
 *   for one failure.
 * - **Cancellation**: an abort from outside aborts the tasks, waits for them, and rejects with that reason, unwrapped.
 * - **Cost**: a task that has ended is released while the group lives on.
 *
 * @see asyncio.TaskGroup of Python 3.14: it has no cancel, and raises an ExceptionGroup.
 * @see trio.Nursery 0.31: start and cancel are modelled on it.
 *
 * @example A failure ends the siblings
 * ```ts
 * import { sleep, TaskGroup, TaskGroupError } from "@weft/async";
 * import { assert, assertRejects } from "@std/assert";
 *
 * let undone = false;
 * await assertRejects(() =>
 *   TaskGroup.run((group) => {
 *     group.createTask(() => sleep(60_000).finally(() => undone = true));
 *     group.createTask(() => Promise.reject(new Error("no luck")));
 *   }), TaskGroupError);
 * assert(undone);
 * ```
 *
 * @example With `await using`
 * ```ts
 * import { sleep, TaskGroup } from "@weft/async";
 *
 * await using group = new TaskGroup();
 * group.createTask(() => sleep(1));
 * await group.join(); // without it the block cancels what still runs
 * ```
 *
 * @category Run and start
 */
export class TaskGroup {
  static readonly #printed: void = /* @__PURE__ */ printAsText(TaskGroup);
  readonly #call: GroupCall<unknown>;

  /**
   * Opens a group around the rest of a block; usually `TaskGroup.run` is the better choice. Only the tasks are in its
   * scope: the block detects a failure through `signal` and `join()`.
   *
   * The group ends with the scope in which it was made. If tasks are still running then, they are cancelled, and later
   * calls of `createTask`, `start` and `join`, or the end of the block, throw. In an async generator, that scope is the
   * one of the first step: step the generator with `waitFor(gen.next(), { timeout })`, not inside `timeout` or in a task
   * of its own.
   *
   * @param options Its signal, name and limits.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options?: TaskGroupOptions);
  /** @internal */
  constructor(options: undefined, call: object);
  constructor(options?: TaskGroupOptions, call?: object) {
    this.#call = call === undefined ? openBlockGroup(checkGroup(options)) : call as GroupCall<unknown>;
  }

  /**
   * Runs `fn` in a new group, and ends when it and all tasks have ended.
   *
   * @typeParam T The result of `fn`.
   * @param fn Called with the group and the signal of its scope, in which both `fn` and the tasks run.
   * @param options Signal, name, grace, limits and deadline.
   * @returns The result of `fn`.
   * @throws {TaskGroupError} If a task or `fn` failed.
   * @throws {RangeError} If a number is out of range.
   * @throws {StragglerError} If work still runs `grace` ms after an abort.
   */
  static run<T>(
    fn: (group: TaskGroup, signal: AbortSignal) => T | PromiseLike<T>,
    options?: TaskGroupOptions,
  ): Promise<T> {
    return orReject(() => {
      checkFunction("run TaskGroup", "fn", fn);
      const own = checkGroup(options);
      const outer = currentScope();
      const outside = outsideAbort(outer, own?.signal);
      if (outside !== null) return cancelledPromise(outside.reason);
      const call = new GroupCall<T>(RUN_GROUP, outer, own);
      return call.runBody(fn, new TaskGroup(undefined, call), call.scope.signal);
    });
  }

  /** The given name. */
  get name(): string | undefined {
    return this.#call.scope.name;
  }

  /** The signal of the group: aborted if a task or the body fails, or from outside, but not by `cancel`. */
  get signal(): AbortSignal {
    return this.#call.scope.signal;
  }

  /** The number of tasks that have not ended. */
  get size(): number {
    return this.#call.size;
  }

  /** Whether no further task can start. */
  get closed(): boolean {
    return this.#call.closedBy !== null;
  }

  /**
   * Starts a task of this group. Its scope is in the group's scope; its other async-local values are those of the caller.
   *
   * @typeParam T The result of `fn`.
   * @param fn The function, called with the signal of the task's own scope.
   * @param options Its name, and whether to start it at once.
   * @returns The task. The group reports its failure, so it need not be awaited.
   * @throws {InvalidStateError} If the group has ended, failed, or was aborted or cancelled; `fn` then never runs.
   */
  createTask<T>(fn: TaskFunction<T>, options?: CreateTaskOptions): Task<T> {
    return this.#call.create(fn, checkTask(fn, options));
  }

  /**
   * Starts a task and waits until it reports that it is ready.
   *
   * - **Failure**: a failure before the report rejects this call only, and does not affect the group.
   * - **Cancellation**: an abort of the caller before the report cancels the task and waits for it.
   *
   * @typeParam T The reported value.
   * @param fn Called with the task's signal and the function that reports.
   * @param options Its name, and whether to start it at once.
   * @returns The reported value, and the task.
   * @throws {InvalidStateError} If it ends without a report, or the group is closed.
   *
   * @example A server that reports its port
   * ```ts
   * import { sleepForever, TaskGroup } from "@weft/async";
   * import { assertEquals } from "@std/assert";
   *
   * await TaskGroup.run(async (group) => {
   *   const server = await group.start<number>(async (_signal, started) => {
   *     started(8080);
   *     await sleepForever();
   *   });
   *   assertEquals(server.value, 8080);
   *   server.task.cancel();
   * });
   * ```
   */
  start<T>(
    fn: (signal: AbortSignal, started: (value: T) => void) => unknown,
    options?: CreateTaskOptions,
  ): Promise<{ value: T; task: Task<unknown> }> {
    const scope = currentScope();
    return orReject(() => {
      const own = checkTask(fn, options);
      if (scope.aborted) return cancelledPromise(scope.reason);
      return asWait(scope, undefined, this.#call.start(fn, scope, own));
    });
  }

  /**
   * Cancels the tasks of the group. The body continues to its end, and the group ends quietly. A second call does
   * nothing.
   *
   * @param reason The reason that the waits of the tasks reject with; a `CancelledError` by default.
   */
  cancel(reason?: unknown): void {
    this.#call.cancel(reason === undefined ? this.#cancelled() : reason);
  }

  #cancelled(): CancelledError {
    return new CancelledError(`${this.#call.label} was cancelled`);
  }

  /**
   * Waits until all tasks have ended, including those that start meanwhile. For groups made with `new`.
   *
   * - **Cancellation**: an abort of the scope in which the group was made, or of one around it, aborts the tasks, waits
   *   for them, and rejects with that reason. Any other abort, such as that of a timeout around this call, ends only
   *   the wait; the end of the block then cancels the tasks.
   *
   * @throws {TaskGroupError} If a task failed.
   * @throws {InvalidStateError} If the group was opened by `TaskGroup.run`, which joins it, or if one of its tasks calls this.
   * @throws {StragglerError} If tasks still run `grace` ms after an abort.
   */
  join(): Promise<void> {
    const scope = currentScope();
    return asWait(scope, undefined, this.#call.join(scope));
  }

  /** Shows the name and the number of tasks. */
  toString(): string {
    return `${this.#call.label} { size: ${this.size}, closed: ${this.closed} }`;
  }

  /**
   * Ends the group with the block, for `await using`: cancels the tasks and waits for them, unless `join()` was called.
   * Throws their failures.
   */
  [Symbol.asyncDispose as never](): Promise<void> {
    return this.#call.endBlock(this.#cancelled());
  }
}
