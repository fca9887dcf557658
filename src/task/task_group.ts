/**
 * Tasks that live and end together.
 *
 * @example Two requests, one fate
 * ```ts
 * import { sleep, TaskGroup } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const seen: string[] = [];
 * await TaskGroup.run((group) => {
 *   group.createTask(() => sleep(2).then(() => seen.push("slow")));
 *   group.createTask(() => sleep(1).then(() => seen.push("fast")));
 * });
 * assertEquals(seen, ["fast", "slow"]);
 * ```
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { attachAsyncDispose } from "../core/dispose.ts";
import { attachInspect } from "../core/inspect.ts";
import { CancelledError, InvalidStateError, StragglerError } from "../core/errors.ts";
import { isCancellationOf, messageOf } from "../core/failures.ts";
import { surface } from "../core/next_turn.ts";
import { awaitForeign } from "../core/promise_hub.ts";
import { abortAll, type Scope } from "../core/scope.ts";
import { checkStructured, outsideAbort, StructuredCall, type StructuredOptions } from "../core/structured_call.ts";
import type { TaskFunction } from "../core/structured_call.ts";
import { checkCount, checkFlag, checkFunction } from "../core/validate.ts";
import { Claim } from "../core/wait_queue.ts";
import { Awaitable, type AwaitableState } from "./awaitable.ts";
import { checkTask, type CreateTaskOptions, startTask, Task, type TaskOwner } from "./task.ts";

export { Awaitable, type AwaitableState, type CreateTaskOptions, Task };
export type { StructuredOptions, TaskFunction };

/** Options of {@linkcode TaskGroup}. */
export interface TaskGroupOptions extends StructuredOptions {
  /**
   * How many tasks may run at once; the others start in order as these end.
   *
   * @default {Infinity}
   */
  concurrency?: number | undefined;
  /**
   * Keeps the siblings of a task that fails alive, and reports all failures at the end. A body that throws
   * still aborts them.
   *
   * @default {false}
   */
  supervise?: boolean | undefined;
}

/**
 * What a {@linkcode TaskGroup} fails with, also for one failure.
 *
 * @example Find a failure by its class
 * ```ts
 * import { TaskGroup, TaskGroupError } from "@weft/async";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(() =>
 *   TaskGroup.run((group) => {
 *     group.createTask(() => { throw new RangeError("too much"); });
 *   }), TaskGroupError);
 * assertEquals(error.find(RangeError)?.message, "too much");
 * ```
 */
export class TaskGroupError extends AggregateError {
  /** `"TaskGroupError"`. */
  override readonly name = "TaskGroupError";

  /**
   * Makes the error of a group.
   *
   * @param errors The failures in order of completion, the body's in its place.
   * @param label What the group is called.
   */
  constructor(errors: readonly unknown[], label = "TaskGroup") {
    const count = errors.length === 1 ? "1 failure" : `${errors.length} failures`;
    super(errors, `${count} in ${label}: ${errors.map(messageOf).join("; ")}`, {
      cause: errors[0],
    });
  }

  /**
   * Finds the first failure of a class, also inside errors that are made of others.
   *
   * @typeParam E The class.
   * @param type The class.
   * @returns The failure, or `undefined`.
   * @throws {TypeError} If `type` is not a function.
   */
  find<E>(type: abstract new (...args: never[]) => E): E | undefined {
    checkFunction("find failure", "type", type);
    return findIn(this.errors, type);
  }
}

function findIn<E>(
  errors: readonly unknown[],
  type: abstract new (...args: never[]) => E,
): E | undefined {
  for (const error of errors) {
    if (error instanceof type) return error;
    const inner = error instanceof AggregateError ? findIn(error.errors, type) : undefined;
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** Whether a task made by `start` has reported that it is ready. */
interface StartReport {
  reported: boolean;
}

class GroupCall<T> extends StructuredCall<T> implements TaskOwner {
  /** Whether it is opened and joined by `TaskGroup.run`. */
  readonly selfJoined: boolean;
  readonly #concurrency: number;
  readonly #supervise: boolean;
  // The tasks whose turn to start has not come, oldest first, each with what opens its gate.
  readonly #queued = new Map<object, () => void>();
  readonly #starting = new Map<object, StartReport>();
  #running = 0;
  // Whether the body, or the block around a group made with `new`, is still at work.
  #inBody = true;
  #forgotten = false;
  #cancelReason: { reason: unknown } | null = null;
  #body: { value: T } | { error: unknown } | null = null;

  constructor(
    outer: Scope,
    options: TaskGroupOptions | undefined,
    abandonable: boolean,
  ) {
    super(outer, options, { abandonable });
    this.selfJoined = !abandonable;
    // The block of a group made with `new` has no value of its own.
    if (abandonable) this.#body = { value: undefined as T };
    this.#concurrency = options?.concurrency ?? Infinity;
    this.#supervise = options?.supervise === true;
  }

  override get label(): string {
    return this.scope.name === undefined ? "TaskGroup" : `TaskGroup ${JSON.stringify(this.scope.name)}`;
  }

  /** Why no task may start any more: its end, or the reason of an abort. */
  get closedBy(): "end" | { reason: unknown } | null {
    if (this.state !== "open") return "end";
    return this.scope.aborted ? this.scope : this.#cancelReason;
  }

  /** Throws when no task may start any more. The cause makes it count as cancellation where it is one. */
  checkOpen(action: string): void {
    const cannot = `Cannot ${action}: the TaskGroup`;
    const by = this.closedBy;
    if (by === "end") throw new InvalidStateError(`${cannot} is closed`);
    if (by !== null) {
      throw new InvalidStateError(`${cannot} was aborted`, {
        cause: by.reason,
      });
    }
  }

  /** How many tasks have not ended. */
  get size(): number {
    return this.scope.children().filter((child) => this.#isTask(child)).length;
  }

  #isTask(child: Scope): boolean {
    return child.task !== null && child.task !== this.scope.task;
  }

  create<R>(
    fn: TaskFunction<R>,
    options: CreateTaskOptions | undefined,
    report?: StartReport,
  ): Task<R> {
    const task = new Task<R>(fn, this.scope, this, options?.name);
    this.begin();
    if (report !== undefined) this.#starting.set(task, report);
    if (options?.eager === true || this.#running < this.#concurrency) {
      this.#running++;
      startTask(task, options?.eager === true ? "now" : "soon");
    } else {
      startTask(task, new Promise<void>((open) => this.#queued.set(task, open)));
    }
    return task;
  }

  taskDone(
    state: Exclude<AwaitableState, "pending">,
    outcome: unknown,
    task: object,
  ): boolean {
    const report = this.#starting.size > 0 ? this.#starting.get(task) : undefined;
    if (report !== undefined) this.#starting.delete(task);
    // One that was cancelled while it was queued has no place to give back.
    if (this.#queued.size === 0 || !this.#queued.delete(task)) this.#running--;
    if (state === "cancelled" && this.scope.aborted) this.cancelled = true;
    // A crash before `started()` comes from `start()` only.
    if (state === "rejected" && report?.reported !== false) {
      this.record(outcome, !this.#supervise);
    }
    if (this.#queued.size > 0) this.#startNext();
    this.end();
    return true;
  }

  #startNext(): void {
    for (const [task, open] of this.#queued) {
      if (this.#running >= this.#concurrency) return;
      this.#queued.delete(task);
      this.#running++;
      open();
    }
  }

  cancel(reason: unknown): void {
    if (this.#cancelReason !== null || this.state !== "open") return;
    this.#cancelReason = { reason };
    const scopes = this.scope.children().filter((child) => this.#isTask(child));
    const tasks = scopes.map((scope) => scope.task as Task<unknown>);
    abortAll(scopes, reason);
    // One that has not started ends at once.
    for (const task of tasks) task.cancel(reason);
    this.#boundWait();
  }

  override aborted(): void {
    this.#boundWait();
    // Nobody opens the gates of the queued any more.
    for (const task of [...this.#queued.keys()]) {
      (task as Task<unknown>).cancel(this.scope.reason);
    }
  }

  /** Starts the grace once all that is left to wait for has been aborted. */
  #boundWait(): void {
    const bodyToo = this.selfJoined && this.scope.aborted;
    if (this.closedBy !== null && (bodyToo || !this.#inBody)) this.startGrace();
  }

  #leaveBody(): void {
    this.#inBody = false;
    this.#boundWait();
  }

  /** The block of a group made with `new` has called `join`, or has ended. */
  leaveBlock(): void {
    if (!this.#inBody) return;
    this.#leaveBody();
    this.end();
  }

  override abandoned(): void {
    this.#forgotten = true;
    super.abandoned();
    this.leaveBlock();
  }

  /** Whether nobody was left to end it: its scope has ended before its block. */
  get forgotten(): boolean {
    return this.#forgotten;
  }

  /** Whether what it has rejected with is more than its cancellation. */
  isFailure(error: unknown): boolean {
    return this.failures !== null || error instanceof StragglerError;
  }

  override bodyDone(value: T): void {
    this.#body = { value };
    this.#leaveBody();
  }

  /** The body has thrown. Failures of tasks come through {@linkcode taskDone}. */
  override fail(error: unknown): void {
    const reason = this.#cancelReason?.reason;
    if (isCancellationOf(error, this.scope)) this.cancelled = true;
    // It was told by a task, or a refused one, that `cancel` has been called: no failure, but no value either.
    else if (reason !== undefined && (error === reason || (error as Error | null)?.cause === reason)) {
      this.#body = { error };
    } else this.record(error, true);
    this.#leaveBody();
    this.end();
  }

  protected override value(): T {
    const body = this.#body!;
    if ("error" in body) throw body.error;
    return body.value;
  }

  protected override ownAbort(): T {
    return this.#body === null ? super.ownAbort() : this.value();
  }

  protected override failure(failures: readonly unknown[]): unknown {
    // A body that awaits a task which failed throws the same error again.
    return new TaskGroupError([...new Set(failures)], this.label);
  }

  protected override get abortReason(): unknown {
    return this.scope.aborted ? super.abortReason : this.#cancelReason?.reason;
  }

  protected override stragglers(): string[] {
    const bodyOnly = this.selfJoined && this.#inBody && this.scope.children().every((child) => this.#isTask(child));
    return bodyOnly ? [...super.stragglers(), "its function"] : super.stragglers();
  }
}

function isWithin(inner: Scope | null, outer: Scope): boolean {
  for (; inner !== null; inner = inner.parent) {
    if (inner === outer) return true;
  }
  return false;
}

function checkGroup(options: TaskGroupOptions | undefined): void {
  const action = "open TaskGroup";
  checkStructured(action, options);
  if (options?.concurrency !== undefined) {
    checkCount(action, "concurrency", options.concurrency, 1, true);
  }
  checkFlag(action, "supervise", options?.supervise);
}

/**
 * Runs tasks that live and end together: the call returns only when all of them have ended, and the first
 * failure aborts the rest.
 *
 * **Order**: tasks start on the next microtask, in the order they were created. **Failure**: the first one
 * aborts siblings and body; the group then rejects with a {@linkcode TaskGroupError}, also for one failure.
 * **Cancellation**: an abort from outside aborts the tasks, waits for them, and rejects with that reason
 * unwrapped. **Cost**: a task that has ended is released while the group lives on.
 *
 * @see asyncio.TaskGroup of Python 3.14: there is no `cancel` there, and `ExceptionGroup` is this error.
 * @see trio.Nursery 0.31: `start` and `cancel` are modelled on it.
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
 */
export class TaskGroup {
  readonly #call: GroupCall<unknown>;
  #joined = false;

  /**
   * Ends the group with the block, for `await using`: cancels the tasks and waits for them, unless `join()` has been
   * called. What they fail with while they unwind is thrown.
   */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  /**
   * Opens a group around the rest of a block; `TaskGroup.run` is what one usually wants. Only the tasks are in its
   * scope: the block sees a failure through `signal` and `join()`.
   *
   * @param options Its signal, name and limits.
   * @throws {TypeError} If an option is of the wrong kind.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options?: TaskGroupOptions) {
    // `run` hands over the call that it has opened.
    if (options instanceof GroupCall) {
      this.#call = options;
      this.#joined = true;
      return;
    }
    checkGroup(options);
    const call = new GroupCall<unknown>(currentScope(), options, true);
    this.#call = call;
    // The block itself, until `join` or the end of it.
    call.begin();
    // Observed from the start: only what nobody is left to receive surfaces.
    call.promise.catch((error) => {
      if (call.forgotten && !this.#joined && call.isFailure(error)) surface(error);
    });
  }

  /**
   * Runs `fn` in a new group, and ends when it and all tasks have ended.
   *
   * @typeParam T What `fn` returns.
   * @param fn Called with the group and the signal of its scope; both it and the tasks are in the scope.
   * @param options Its signal, name and limits.
   * @returns What `fn` returns.
   * @throws {TaskGroupError} If a task or `fn` failed.
   * @throws {TypeError} If an argument is of the wrong kind.
   * @throws {RangeError} If a number is out of range.
   * @throws {StragglerError} If work still runs `grace` ms after an abort.
   */
  static run<T>(
    fn: (group: TaskGroup, signal: AbortSignal) => T | PromiseLike<T>,
    options?: TaskGroupOptions,
  ): Promise<T> {
    try {
      checkFunction("run TaskGroup", "fn", fn);
      checkGroup(options);
    } catch (error) {
      return Promise.reject(error);
    }
    const outer = currentScope();
    const outside = outsideAbort(outer, options?.signal);
    if (outside !== null) return Promise.reject(outside.reason);
    const call = new GroupCall<T>(outer, options, false);
    const group = new TaskGroup(call as unknown as TaskGroupOptions);
    return call.runBody(fn, group, call.scope.signal);
  }

  /** The name it was given. */
  get name(): string | undefined {
    return this.#call.scope.name;
  }

  /** Aborted when a task fails, when the body does, or from outside; not by `cancel`, which the body survives. */
  get signal(): AbortSignal {
    return this.#call.scope.signal;
  }

  /** How many tasks have not ended. */
  get size(): number {
    return this.#call.size;
  }

  /** Whether no task can be started any more. */
  get closed(): boolean {
    return this.#call.closedBy !== null;
  }

  /**
   * Starts a task of this group. Its scope is the group's, its other async-local values are the caller's.
   *
   * @typeParam T What `fn` returns.
   * @param fn The function, called with the signal of the task's own scope.
   * @param options Its name, and whether to start it at once.
   * @returns The task. Its failure is the group's; nobody has to await it.
   * @throws {InvalidStateError} If the group has ended, failed, or was aborted or cancelled; `fn` then never runs.
   * @throws {TypeError} If an argument is of the wrong kind.
   */
  createTask<T>(fn: TaskFunction<T>, options?: CreateTaskOptions): Task<T> {
    checkTask(fn, options);
    this.#call.checkOpen("create task");
    return this.#call.create(fn, options);
  }

  /**
   * Starts a task and waits until it reports that it is ready.
   *
   * **Failure**: what it throws before that comes from this call only, and leaves the group alone.
   * **Cancellation**: an abort of the caller before that cancels the task and waits for it.
   *
   * @typeParam T What it reports.
   * @param fn Called with the task's signal and the function that reports.
   * @param options Its name, and whether to start it at once.
   * @returns What was reported.
   * @throws {InvalidStateError} If it ends without a report, or the group is closed.
   * @throws {TypeError} If an argument is of the wrong kind.
   *
   * @example A server that tells its port
   * ```ts
   * import { sleepForever, TaskGroup } from "@weft/async";
   * import { assertEquals } from "@std/assert";
   *
   * await TaskGroup.run(async (group) => {
   *   const port = await group.start<number>(async (_signal, started) => {
   *     started(8080);
   *     await sleepForever();
   *   });
   *   assertEquals(port, 8080);
   *   group.cancel();
   * });
   * ```
   */
  async start<T>(
    fn: (signal: AbortSignal, started: (value: T) => void) => unknown,
    options?: CreateTaskOptions,
  ): Promise<T> {
    checkTask(fn, options);
    const scope = currentScope();
    if (scope.aborted) throw scope.reason;
    this.#call.checkOpen("start task");
    const claim = new Claim<T>(scope);
    const report: StartReport = { reported: false };
    const task = this.#call.create<unknown>(
      (signal) =>
        fn(signal, (value) => {
          if (report.reported) {
            throw new InvalidStateError(
              "Cannot report the start: it was reported before",
            );
          }
          report.reported = true;
          claim.grant(value);
        }),
      options,
      report,
    );
    task.addDoneCallback(() => {
      if (report.reported) return;
      if (task.state === "fulfilled") {
        claim.fail(
          new InvalidStateError(
            `Cannot start task: ${task.name} ended without a report`,
          ),
        );
      } else {
        // `.promise` throws the reason of a cancellation too.
        task.promise.catch((error) => claim.fail(error));
      }
    });
    try {
      return await claim.promise;
    } catch (error) {
      // A caller that is cancelled takes the half-started task with it, and hears if that fails.
      if (claim.state === "cancelled" && !report.reported) {
        task.cancel(error);
        await task.promise.catch(() => {});
        if (task.state === "rejected") throw task.exception();
      }
      throw error;
    }
  }

  /**
   * Cancels the tasks of the group. The body goes on to its end, and the group ends quietly. Doing it twice does
   * nothing more.
   *
   * @param reason What the tasks' waits reject with; a `CancelledError` by default.
   */
  cancel(reason?: unknown): void {
    this.#call.cancel(
      reason === undefined ? new CancelledError(`${this.#call.label} was cancelled`) : reason,
    );
  }

  /**
   * Waits until all tasks have ended, those included that are started meanwhile. For groups made with `new`.
   *
   * @throws {TaskGroupError} If a task failed.
   * @throws {InvalidStateError} If the group was opened by `TaskGroup.run`, which joins by itself.
   */
  async join(): Promise<void> {
    const call = this.#call;
    if (call.selfJoined) {
      throw new InvalidStateError(
        "Cannot join TaskGroup: TaskGroup.run joins it by itself",
      );
    }
    const scope = currentScope();
    if (isWithin(scope, call.scope)) {
      throw new InvalidStateError("Cannot join TaskGroup: it ends only after the task that joins it");
    }
    // An abort of such a scope reaches the group, and comes back as its outcome when the tasks have ended.
    if (isWithin(call.scope, scope)) {
      this.#joined = true;
      // This wait is the block's, and was cancelled with the group.
      if (call.scope.aborted) call.cancelled = true;
      call.leaveBlock();
      await call.promise;
      return;
    }
    if (scope.aborted) throw scope.reason;
    call.leaveBlock();
    const claim = awaitForeign(call.promise, scope);
    await claim.promise.finally(() => this.#joined = claim.state === "granted");
  }

  /** Shows the name and what runs. */
  toString(): string {
    return `${this.#call.label} { size: ${this.size}, closed: ${this.closed} }`;
  }

  static {
    attachInspect(TaskGroup.prototype);
    attachAsyncDispose(
      TaskGroup.prototype,
      async function (this: TaskGroup): Promise<void> {
        // After a `join` its caller has the outcome.
        if (this.#joined) return void await this.#call.promise.catch(() => {});
        this.#joined = true;
        this.cancel();
        this.#call.leaveBlock();
        await this.#call.promise.catch((error) => {
          // A cancellation is seen at the next wait of the block; thrown here it would suppress the block's error.
          if (this.#call.isFailure(error)) throw error;
        });
      },
    );
  }
}
