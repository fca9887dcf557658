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
  /** Shown by diagnostics. */
  name?: string | undefined;
  /**
   * Starts the function at once, inside the call, instead of on the next microtask: then it owns what it was
   * given before anything can cancel it.
   *
   * @default {false}
   */
  eager?: boolean | undefined;
}

/** Throws what is wrong with the arguments, and returns the options as `readOptions` does. */
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

/** Who hears that a task is done, and may take its failure. */
export interface TaskOwner {
  /** Returns whether it takes the failure, if it is one. Called before whoever awaits the task goes on. */
  taskDone(state: Done, outcome: unknown, task: object): boolean;
  /** Called when no code has asked for its failure by the next macrotask. Returns whether the owner takes it. */
  taskUnobserved?(error: unknown): boolean;
}

const READY = Promise.resolve();

let tasks = 0;

/**
 * An async function scheduled on the event loop, with a scope of its own. Made by `createTask` and
 * `TaskGroup.createTask`.
 *
 * **Cancellation**: `cancel` aborts the task's scope, so that its waits reject; the task is done when its
 * function has ended. A function that catches that and returns has succeeded. **Failure**: what nobody receives
 * of a task outside a group surfaces as an unhandled rejection at the next macrotask.
 *
 * @typeParam T What its function returns.
 *
 * @example Start, go on, and wait
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
 * @see asyncio.Task of Python 3.14: here a cancellation is not an exception thrown in once, but a state of the
 * task's scope; every wait in it rejects.
 *
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

  /** The name it was given, or one with a number. */
  get name(): string {
    return this.#name ?? `Task-${this.#id}`;
  }

  /**
   * Asks the task to end: aborts its scope. Before it has started, it never runs.
   *
   * @param reason What its waits reject with; a `CancelledError` by default.
   * @returns False when it is done already.
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
      // The async context of the platform may be in other hands: then the function has not begun.
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
    // What its signal was given to may still be open, and structured calls that it did not await.
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
    // Before the scope ends: the owner may end with its last child, and has to know of a failure by then.
    const taken = this.#owner !== null && this.#owner.taskDone(state, outcome, this);
    scope.end();
    this.settle(state, outcome, taken);
  }

  // For a function that ended while structured calls it did not await, or iterators, are still open.
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
