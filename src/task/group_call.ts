/**
 * The engine of a task group.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { isCancellationOf, markCombined } from "../core/failures.ts";
import { causeOf, messageOf } from "../core/foreign.ts";
import { Link } from "../core/link.ts";
import { surface } from "../core/next_turn.ts";
import { awaitForeign } from "../core/promise_hub.ts";
import { abortAll, isWithin, type Scope } from "../core/scope.ts";
import {
  type CallKind,
  ITS_FUNCTION,
  StructuredCall,
  type StructuredOptions,
  type TaskFunction,
} from "../core/structured_call.ts";
import { Claim } from "../core/wait_queue.ts";
import { InvalidStateError } from "../errors.ts";
import type { Done } from "./awaitable.ts";
import { type CreateTaskOptions, Task, type TaskOwner } from "./task.ts";
import { TaskGroupError } from "./task_group_error.ts";

/**
 * Options of `TaskGroup`.
 *
 * @category Run and start
 */
export interface TaskGroupOptions extends StructuredOptions {
  /**
   * The number of tasks that may run at once; the others start in order as these end.
   *
   * @default {Infinity}
   */
  concurrency?: number | undefined;
  /**
   * Whether the siblings of a task that fails continue, so that all failures are reported at the end. A body that
   * throws still aborts them.
   *
   * @default {false}
   */
  supervise?: boolean | undefined;
  /**
   * The deadline, in ms from now. When it passes, it aborts the tasks and the body, and the group rejects with a
   * `TimeoutError` if that cut work short.
   *
   * @default {Infinity}
   */
  timeout?: number | undefined;
  /**
   * Called with each failure of a task and the task. Then the failure is handled: its siblings continue, and the group
   * keeps nothing of it. If the callback throws, its error is the failure.
   */
  onError?: ((error: unknown, task: Task<unknown>) => void) | undefined;
}

/** The function of a task that reports when it is ready. */
export type StartFunction<T> = (signal: AbortSignal, started: (value: T) => void) => unknown;

/** A group that is opened and joined by `TaskGroup.run`. */
export const RUN_GROUP: CallKind = { name: "TaskGroup", quiet: true };
/** A group around the rest of a block, made with `new`. */
const BLOCK_GROUP: CallKind = { name: "TaskGroup", quiet: true, abandonable: true };

/** Whether a task that was made by `start` has reported that it is ready. */
interface StartReport {
  reported: boolean;
}

/** A task that waits for its turn to start. */
class QueuedTask extends Link {
  readonly task: Task<unknown>;
  /** Opens the gate at which the task waits. */
  readonly open: () => void;

  constructor(task: Task<unknown>, open: () => void) {
    super();
    this.task = task;
    this.open = open;
  }
}

/** Opens the group of a block that has just begun. */
export function openBlockGroup(options: TaskGroupOptions | undefined): GroupCall<void> {
  const call = new GroupCall<void>(BLOCK_GROUP, currentScope(), options);
  // The block itself counts as work, until `join` or its end.
  call.begin();
  // Observed from the start, so that only a failure that nobody is left to receive surfaces.
  call.promise.catch((error) => {
    if (call.abandonedUnjoined && call.isFailure(error)) surface(error);
  });
  return call;
}

/** The engine of one group, with its body, its tasks and the tasks that wait for their turn. */
export class GroupCall<T> extends StructuredCall<T> implements TaskOwner {
  // Whether `TaskGroup.run` joins it.
  readonly #selfJoined: boolean;
  readonly #concurrency: number;
  readonly #supervise: boolean;
  readonly #onError: TaskGroupOptions["onError"];
  // The tasks that wait for their turn: in a ring, oldest first, and by task. A map alone would not do: to find its
  // first entry takes time in proportion to the entries that were deleted before it.
  readonly #queue = new Link();
  readonly #queued = new Map<object, QueuedTask>();
  readonly #starting = new Map<object, StartReport>();
  #running = 0;
  #size = 0;
  // Whether the body, or the block around a group made with `new`, is still at work.
  #inBody = true;
  // Whether a caller of `join`, or the end of the block, receives the outcome.
  #joined = false;
  #isAbandoned = false;
  // Whether tasks were cancelled because the scope around has ended before the block, and whether the block knows.
  #lost = false;
  #lossReported = false;
  #cancelReason: { reason: unknown } | null = null;
  #body: { value: T } | { error: unknown } | null = null;

  constructor(kind: CallKind, outer: Scope, options: TaskGroupOptions | undefined) {
    super(kind, outer, options);
    this.#selfJoined = kind === RUN_GROUP;
    // The block of a group made with `new` has no value of its own.
    if (!this.#selfJoined) this.#body = { value: undefined as T };
    this.#concurrency = options?.concurrency ?? Infinity;
    this.#supervise = options?.supervise === true;
    this.#onError = options?.onError;
    if (options?.timeout === undefined || options.timeout === Infinity) return;
    try {
      this.setDeadline(options.timeout);
    } catch (error) {
      // A faked `setTimeout` threw.
      void this.refuse(error).catch(() => {});
      throw error;
    }
  }

  /** Why no task may start any more: its end, or the reason of an abort. */
  get closedBy(): "end" | { reason: unknown } | null {
    if (this.state !== "open") return "end";
    return this.scope.aborted ? this.scope : this.#cancelReason;
  }

  // Throws if no task may start any more. The cause makes the error count as a cancellation where it is one.
  #checkOpen(action: string): void {
    const by = this.closedBy;
    if (by === null) return;
    if (this.#isAbandoned) {
      this.#lossReported = true;
      throw new InvalidStateError(`Cannot ${action}: ${messageOf(this.abandonedError)}`);
    }
    const cannot = `Cannot ${action}: the TaskGroup`;
    if (by === "end") throw new InvalidStateError(`${cannot} is closed`);
    throw new InvalidStateError(`${cannot} was aborted`, { cause: by.reason });
  }

  /** The number of tasks that have not ended. */
  get size(): number {
    return this.#size;
  }

  #isTask(child: Scope): boolean {
    return child.task !== null && child.task !== this.scope.task;
  }

  /** Creates a task of the group. */
  create<R>(fn: TaskFunction<R>, options: CreateTaskOptions | undefined, report?: StartReport): Task<R> {
    this.#checkOpen("create task");
    const task = new Task<R>(fn, this.scope, this, options?.name);
    this.begin();
    this.#size++;
    if (report !== undefined) this.#starting.set(task, report);
    if (options?.eager === true || this.#running < this.#concurrency) {
      this.#running++;
      task["start"](options?.eager === true ? "now" : "soon");
    } else {
      task["start"](new Promise<void>((open) => this.#enqueue(task as Task<unknown>, open)));
    }
    return task;
  }

  /** Creates a task, and waits in `scope` until it reports that it is ready. */
  async start<R>(
    fn: StartFunction<R>,
    scope: Scope,
    options: CreateTaskOptions | undefined,
  ): Promise<{ value: R; task: Task<unknown> }> {
    this.#checkOpen("start task");
    const claim = new Claim<R>(scope);
    const report: StartReport = { reported: false };
    const started = (value: R) => {
      if (report.reported) throw new InvalidStateError("Cannot report the start: it was reported before");
      report.reported = true;
      claim.grant(value);
    };
    const task = this.create<unknown>((signal) => fn(signal, started), options, report);
    task.addDoneCallback(() => {
      if (report.reported) return;
      if (task.state === "fulfilled") {
        claim.fail(new InvalidStateError(`Cannot start task: ${task.name} ended without a report`));
      } else {
        // `.promise` throws the reason of a cancellation too.
        task.promise.catch((error) => claim.fail(error));
      }
    });
    try {
      return { value: await claim.promise, task };
    } catch (error) {
      // The half-started task is cancelled with its caller, who receives its failure.
      if (claim.state === "cancelled" && !report.reported) {
        task.cancel(error);
        await task.promise.catch(() => {});
        if (task.state === "rejected") throw task.exception();
      }
      throw error;
    }
  }

  #enqueue(task: Task<unknown>, open: () => void): void {
    const queued = new QueuedTask(task, open);
    queued.insertBefore(this.#queue);
    this.#queued.set(task, queued);
  }

  /** Removes a task from the queue. Returns false if it is not there. */
  #dequeue(task: object): boolean {
    const queued = this.#queued.size === 0 ? undefined : this.#queued.get(task);
    if (queued === undefined) return false;
    this.#queued.delete(task);
    queued.unlink();
    return true;
  }

  taskDone(state: Done, outcome: unknown, task: object): boolean {
    const report = this.#starting.size > 0 ? this.#starting.get(task) : undefined;
    if (report !== undefined) this.#starting.delete(task);
    this.#size--;
    // A task that was cancelled while it was queued has not taken a place.
    if (!this.#dequeue(task)) this.#running--;
    if (state === "cancelled" && this.scope.aborted) this.cancelled = true;
    // A failure before `started()` comes from `start()` only.
    if (state === "rejected" && report?.reported !== false) this.#failed(outcome, task as Task<unknown>);
    if (this.#queued.size > 0) this.#startNext();
    this.end();
    return true;
  }

  #failed(error: unknown, task: Task<unknown>): void {
    if (this.#onError === undefined) return this.record(error, !this.#supervise);
    try {
      this.#onError(error, task);
    } catch (error) {
      this.record(error, !this.#supervise);
    }
  }

  #startNext(): void {
    while (this.#queued.size > 0 && this.#running < this.#concurrency) {
      const { task, open } = this.#queue.next as QueuedTask;
      this.#dequeue(task);
      this.#running++;
      open();
    }
  }

  /** Cancels the tasks, but not the body. */
  cancel(reason: unknown): void {
    if (this.#cancelReason !== null || this.state !== "open") return;
    this.#cancelReason = { reason };
    const scopes = this.scope.children().filter((child) => this.#isTask(child));
    const tasks = scopes.map((scope) => scope.task as Task<unknown>);
    abortAll(scopes, reason);
    // A task that has not started ends at once.
    for (const task of tasks) task.cancel(reason);
    this.#boundWait();
  }

  override aborted(): void {
    this.#boundWait();
    // Nobody opens the gates of the queued tasks any more.
    for (const { task } of [...this.#queued.values()]) task.cancel(this.scope.reason);
  }

  /** Starts the grace once everything that is left to wait for has been aborted. */
  #boundWait(): void {
    const bodyToo = this.#selfJoined && this.scope.aborted;
    const by = this.closedBy;
    if (by !== null && by !== "end" && (bodyToo || !this.#inBody)) this.startGrace(by.reason);
  }

  #leaveBody(): void {
    this.#inBody = false;
    this.#boundWait();
  }

  #leaveBlock(): void {
    if (!this.#inBody) return;
    this.#leaveBody();
    this.end();
  }

  /** The block of a group made with `new` waits, in `scope`, for all tasks. */
  async join(scope: Scope): Promise<void> {
    if (this.#selfJoined) throw new InvalidStateError("Cannot join TaskGroup: TaskGroup.run joins it by itself");
    this.#lossReported = true;
    if (isWithin(scope, this.scope)) {
      throw new InvalidStateError("Cannot join TaskGroup: it ends only after the task that joins it");
    }
    // An abort of such a scope reaches the group, and comes back as its outcome when the tasks have ended.
    if (isWithin(this.scope, scope)) {
      this.#joined = true;
      // This wait is the block's, and was cancelled with the group.
      if (this.scope.aborted) this.cancelled = true;
      this.#leaveBlock();
      await this.promise;
      return;
    }
    if (scope.aborted) throw scope.reason;
    this.#leaveBlock();
    const claim = awaitForeign(this.promise, scope);
    await claim.promise.finally(() => this.#joined = claim.state === "granted");
  }

  /** The block has ended. Cancels the tasks for `reason` unless they were joined, and waits for them. */
  async endBlock(reason: unknown): Promise<void> {
    // The caller of `join` has received the outcome.
    if (this.#joined) return void await this.promise.catch(() => {});
    this.#joined = true;
    this.cancel(reason);
    this.#leaveBlock();
    try {
      await this.promise;
    } catch (error) {
      const lost = this.#lost && !this.#lossReported;
      this.#lossReported = true;
      // A cancellation reaches the block at its next wait; thrown here, it would suppress the block's own error.
      if (this.isFailure(error) || lost) throw error;
    }
  }

  override abandoned(): void {
    this.#isAbandoned = true;
    this.#lost = this.#size > 0;
    super.abandoned();
    this.#leaveBlock();
  }

  /** Whether its scope has ended before its block, which has not joined it. */
  get abandonedUnjoined(): boolean {
    return this.#isAbandoned && !this.#joined;
  }

  protected override bodyDone(value: T): void {
    this.#body = { value };
    this.#leaveBody();
  }

  protected override bodyFailed(error: unknown): void {
    const reason = this.#cancelReason?.reason;
    if (isCancellationOf(error, this.scope)) this.cancelled = true;
    // The error of a cancelled or refused task: `cancel` was called, so it is no failure, but there is no value either.
    else if (reason !== undefined && (error === reason || causeOf(error) === reason)) {
      this.#body = { error };
      this.scope.abort(reason);
    } else this.record(error, true);
    this.#leaveBody();
    this.end();
  }

  protected override value(): T {
    // The block continues in another scope, as that of an async generator does: it has lost tasks that it did not cancel.
    if (this.cancelled && this.#lost) throw this.scope.reason;
    const late = this.deadline?.error ?? null;
    if (this.cancelled && late !== null) throw late;
    const body = this.#body!;
    if ("error" in body) throw body.error;
    return body.value;
  }

  protected override failure(failures: readonly unknown[]): unknown {
    // A body that awaits a failed task throws the same error again.
    return markCombined(new TaskGroupError([...new Set(failures)], this.label));
  }

  override stragglers(): string[] {
    const bodyOnly = this.#selfJoined && this.#inBody && this.scope.children().every((child) => this.#isTask(child));
    return bodyOnly ? [...super.stragglers(), ITS_FUNCTION] : super.stragglers();
  }
}
