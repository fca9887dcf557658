/**
 * The engine of a task group.
 *
 * @module
 */

import { InvalidStateError, StragglerError } from "../core/errors.ts";
import { isCancellationOf, markCombined } from "../core/failures.ts";
import { causeOf, isOf, messageOf } from "../core/foreign.ts";
import { Link } from "../core/link.ts";
import { abortAll, type Scope } from "../core/scope.ts";
import { StructuredCall, type StructuredOptions, type TaskFunction } from "../core/structured_call.ts";
import type { AwaitableState } from "./awaitable.ts";
import { type CreateTaskOptions, startTask, Task, type TaskOwner } from "./task.ts";
import { TaskGroupError } from "./task_group_error.ts";

/** Options of `TaskGroup`. */
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

/** Whether a task made by `start` has reported that it is ready. */
export interface StartReport {
  reported: boolean;
}

/** A task whose turn to start has not come. */
class QueuedTask extends Link {
  readonly task: Task<unknown>;
  /** Opens the gate that it waits at. */
  readonly open: () => void;

  constructor(task: Task<unknown>, open: () => void) {
    super();
    this.task = task;
    this.open = open;
  }
}

/** The engine of one group, with its body, its tasks and those whose turn has not come. */
export class GroupCall<T> extends StructuredCall<T> implements TaskOwner {
  /** Whether it is opened and joined by `TaskGroup.run`. */
  readonly selfJoined: boolean;
  readonly #concurrency: number;
  readonly #supervise: boolean;
  // The tasks whose turn to start has not come: in a ring, oldest first, and by task. A map alone would not do: to find
  // its first entry takes time in proportion to those that were deleted before it.
  readonly #queue = new Link();
  readonly #queued = new Map<object, QueuedTask>();
  readonly #starting = new Map<object, StartReport>();
  #running = 0;
  #size = 0;
  // Whether the body, or the block around a group made with `new`, is still at work.
  #inBody = true;
  #forgotten = false;
  // Whether tasks were cancelled because the scope around has ended before the block, and whether the block knows.
  #lost = false;
  #lossTold = false;
  #cancelReason: { reason: unknown } | null = null;
  #body: { value: T } | { error: unknown } | null = null;

  constructor(outer: Scope, options: TaskGroupOptions | undefined, abandonable: boolean) {
    super(outer, options, { abandonable });
    this.selfJoined = !abandonable;
    // The block of a group made with `new` has no value of its own.
    if (abandonable) this.#body = { value: undefined as T };
    this.#concurrency = options?.concurrency ?? Infinity;
    this.#supervise = options?.supervise === true;
  }

  protected override get kind(): string {
    return "TaskGroup";
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
    if (by !== null && this.#forgotten) {
      this.#lossTold = true;
      throw new InvalidStateError(`Cannot ${action}: ${messageOf(this.abandonedError)}`);
    }
    if (by === "end") throw new InvalidStateError(`${cannot} is closed`);
    if (by !== null) {
      throw new InvalidStateError(`${cannot} was aborted`, { cause: by.reason });
    }
  }

  /** How many tasks have not ended. */
  get size(): number {
    return this.#size;
  }

  #isTask(child: Scope): boolean {
    return child.task !== null && child.task !== this.scope.task;
  }

  create<R>(fn: TaskFunction<R>, options: CreateTaskOptions | undefined, report?: StartReport): Task<R> {
    const task = new Task<R>(fn, this.scope, this, options?.name);
    this.begin();
    this.#size++;
    if (report !== undefined) this.#starting.set(task, report);
    if (options?.eager === true || this.#running < this.#concurrency) {
      this.#running++;
      startTask(task, options?.eager === true ? "now" : "soon");
    } else {
      startTask(task, new Promise<void>((open) => this.#enqueue(task as Task<unknown>, open)));
    }
    return task;
  }

  #enqueue(task: Task<unknown>, open: () => void): void {
    const queued = new QueuedTask(task, open);
    queued.insertBefore(this.#queue);
    this.#queued.set(task, queued);
  }

  /** Takes a task out of the queue. False when it is not there. */
  #dequeue(task: object): boolean {
    const queued = this.#queued.size === 0 ? undefined : this.#queued.get(task);
    if (queued === undefined) return false;
    this.#queued.delete(task);
    queued.unlink();
    return true;
  }

  taskDone(state: Exclude<AwaitableState, "pending">, outcome: unknown, task: object): boolean {
    const report = this.#starting.size > 0 ? this.#starting.get(task) : undefined;
    if (report !== undefined) this.#starting.delete(task);
    this.#size--;
    // One that was cancelled while it was queued has no place to give back.
    if (!this.#dequeue(task)) this.#running--;
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
    while (this.#queued.size > 0 && this.#running < this.#concurrency) {
      const { task, open } = this.#queue.next as QueuedTask;
      this.#dequeue(task);
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
    for (const { task } of [...this.#queued.values()]) task.cancel(this.scope.reason);
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
    this.#lost = this.#size > 0;
    super.abandoned();
    this.leaveBlock();
  }

  /** Whether nobody was left to end it: its scope has ended before its block. */
  get forgotten(): boolean {
    return this.#forgotten;
  }

  /** Whether what it has rejected with is more than its cancellation. */
  isFailure(error: unknown): boolean {
    return this.failures !== null || isOf(StragglerError, error);
  }

  /** Whether the block does not know yet that tasks were cancelled because the scope around ended before it. */
  takeLoss(): boolean {
    const untold = this.#lost && !this.#lossTold;
    this.#lossTold = true;
    return untold;
  }

  override bodyDone(value: T): void {
    this.#body = { value };
    this.#leaveBody();
  }

  /** The body has thrown. Failures of tasks come through {@linkcode taskDone}. */
  override fail(error: unknown): void {
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
    const body = this.#body!;
    if ("error" in body) throw body.error;
    return body.value;
  }

  protected override ownAbort(): T {
    // A block that goes on in another scope, as that of an async generator, has lost tasks without having cancelled them.
    if (this.#lost) throw this.scope.reason;
    return this.value();
  }

  protected override failure(failures: readonly unknown[]): unknown {
    // A body that awaits a task which failed throws the same error again.
    return markCombined(new TaskGroupError([...new Set(failures)], this.label));
  }

  protected override get abortReason(): unknown {
    return this.scope.aborted ? super.abortReason : this.#cancelReason?.reason;
  }

  protected override stragglers(): string[] {
    const bodyOnly = this.selfJoined && this.#inBody && this.scope.children().every((child) => this.#isTask(child));
    return bodyOnly ? [...super.stragglers(), "its function"] : super.stragglers();
  }
}
