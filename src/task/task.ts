/**
 * An async function scheduled on the event loop.
 *
 * @module
 */

import { currentScope, enterScope, runInScope } from "../core/ambient.ts";
import { CancelledError } from "../errors.ts";
import { isCancellationOf } from "../core/failures.ts";
import { isWithin, Scope, type ScopeKeeper } from "../core/scope.ts";
import { observe } from "../core/foreign.ts";
import type { TaskFunction } from "../core/structured_call.ts";
import { checkFlag, checkFunction, readOptions, wrongKind } from "../core/validate.ts";
import { Awaitable, type Done } from "./awaitable.ts";

/**
 * Options of `createTask` and `TaskGroup.createTask`.
 *
 * @category Run and start
 */
export interface CreateTaskOptions {
  /** The name in diagnostics. */
  name?: string | undefined;
  /**
   * Starts the function synchronously, inside the call, instead of on the next microtask: it then owns its resources
   * before anything can cancel it.
   *
   * @default {false}
   */
  eager?: boolean | undefined;
}

/** Checks the arguments, and returns the options as `readOptions` does. */
export function checkTask(fn: unknown, options: CreateTaskOptions | undefined): CreateTaskOptions | undefined {
  checkFunction("create task", "fn", fn);
  const own = readOptions("create task", options, ["name", "eager"]);
  if (own === undefined) return undefined;
  const { name, eager } = own;
  if (name !== undefined && typeof name !== "string") {
    throw wrongKind("create task", "name", "a string", name);
  }
  checkFlag("create task", "eager", eager);
  return own;
}

/** The owner of a task, which is notified of its end and may take its failure. */
export interface TaskOwner {
  /** Returns whether it takes the failure, if it is one. Called before the waiters of the task resume. */
  taskDone(state: Done, outcome: unknown, task: object): boolean;
  /** Called when no code has asked for its failure by the next macrotask. Returns whether the owner takes it. */
  taskUnobserved?(error: unknown): boolean;
}

const READY = /* @__PURE__ */ Promise.resolve();

let tasks = 0;

/**
 * An async function scheduled on the event loop, with a scope of its own. `createTask` and `TaskGroup.createTask` make it.
 *
 * - **Failure**: the group of the task receives it. An independent task whose failure no code has awaited or asked for
 *   by the next macrotask aborts its `run`; outside a `run`, the failure becomes an unhandled rejection.
 * - **Cancellation**: `cancel` aborts the task's scope, so that its waits reject; the task is done when its function has
 *   ended. A function that catches the cancellation and returns has succeeded.
 *
 * @typeParam T The result of its function.
 *
 * @example Start, continue, and wait
 * ```ts
 * import { createTask, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const task = createTask(async () => {
 *   await sleep(1);
 *   return "done";
 * });
 * assertEquals(task.done, false);
 * assertEquals(await task, "done");
 * ```
 *
 * @see asyncio.Task of Python 3.14: there, a cancellation is an exception that is thrown once; here, it is a state of the
 * task's scope, and every wait in it rejects.
 * @category Run and start
 */
export class Task<T> extends Awaitable<T> {
  readonly #id = ++tasks;
  readonly #name: string | undefined;
  readonly #scope: Scope;
  readonly #owner: TaskOwner | null;
  #fn: TaskFunction<T> | null;
  #ending: { state: Done; outcome: unknown } | null = null;

  /** @internal Use `createTask`. */
  constructor(fn: TaskFunction<T>, parent: Scope, owner: TaskOwner | null, name: string | undefined) {
    super();
    this.#fn = fn;
    this.#name = name;
    this.#owner = owner;
    this.#scope = new Scope(parent);
    this.#scope.task = this;
  }

  /** The given name, or one with a number. */
  get name(): string {
    return this.#name ?? `Task-${this.#id}`;
  }

  /**
   * Aborts the scope of the task. A task that has not started never runs.
   *
   * @param reason The reason that its waits reject with; a `CancelledError` by default.
   * @returns False if it is done already.
   */
  cancel(reason?: unknown): boolean {
    if (this.done) return false;
    const scope = this.#scope;
    if (!scope.aborted) {
      scope.abort(reason === undefined ? new CancelledError(`${this.name} was cancelled`) : reason);
    }
    if (this.#fn !== null) this.#finish("cancelled", scope.reason);
    return true;
  }

  /** @internal */
  protected override unobserved(error: unknown): boolean {
    return this.#owner?.taskUnobserved?.(error) === true;
  }

  /** @internal */
  protected override "@weft/async/deadlock@1"(scope: Scope): string | null {
    if (!isWithin(scope, this.#scope)) return null;
    return scope.task === this
      ? `Cannot await ${this.name}: it is the task that awaits`
      : `Cannot await ${this.name}: it ends only after the task that awaits`;
  }

  /** Starts the function. For the other modules of this layer, which call `task["start"](when)`. */
  private start(when: "now" | "soon" | Promise<void>): void {
    try {
      if (when === "now") return runInScope(this.#scope, () => this.#run());
    } catch (error) {
      // Foreign code may have replaced the platform's async context; the function has not begun then.
      return this.#fail(error);
    }
    // The reaction runs in the caller's async context; only the scope in it is replaced.
    (when === "soon" ? READY : when).then(() => {
      if (this.#fn === null) return;
      try {
        enterScope(this.#scope);
      } catch (error) {
        return this.#fail(error);
      }
      this.#run();
    });
  }

  #run(): void {
    const fn = this.#fn!;
    const scope = this.#scope;
    this.#fn = null;
    if (scope.aborted) return this.#finish("cancelled", scope.reason);
    let value: T | PromiseLike<T>;
    try {
      value = fn(scope.signal);
    } catch (error) {
      return this.#fail(error);
    }
    observe(value, (value) => this.#finish("fulfilled", value), (error) => this.#fail(error));
  }

  #fail(error: unknown): void {
    const scope = this.#scope;
    if (isCancellationOf(error, scope)) return this.#finish("cancelled", scope.reason);
    this.#fn = null;
    // Objects that were given its signal may still be open, and structured calls that it did not await.
    if (!scope.aborted) scope.abort(new CancelledError(`${this.name} was aborted by its failure`, { cause: error }));
    this.#finish("rejected", error);
  }

  #finish(state: Done, outcome: unknown): void {
    this.#fn = null;
    const scope = this.#scope;
    if (scope.childCount > 0) {
      this.#ending = { state, outcome };
      scope.keeper = Task.#keeper;
      return Task.#keeper.childless(scope);
    }
    // Before the scope ends: the owner may end with its last child, and must know of a failure by then.
    const taken = this.#owner !== null && this.#owner.taskDone(state, outcome, this);
    scope.end();
    this.settle(state, outcome, taken);
  }

  // For a function that has ended while iterators, or structured calls that it did not await, are still open.
  static readonly #keeper: ScopeKeeper = {
    aborted: () => {},
    abandoned: () => {},
    childless(scope) {
      if (!scope.settleChildren() || scope.ended) return;
      const task = scope.task as Task<unknown>;
      const { state, outcome } = task.#ending!;
      task.#ending = null;
      task.#finish(state, outcome);
    },
  };
}

/** The task that the running code is part of. */
export function ambientTask(): Task<unknown> | undefined {
  return (currentScope().task ?? undefined) as Task<unknown> | undefined;
}
