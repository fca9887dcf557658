/**
 * The entry of an asynchronous program.
 *
 * @module
 */

import { currentScope, sharedState } from "../core/ambient.ts";
import { CancelledError, tellFailures } from "../errors.ts";
import { combineFailures } from "../core/failures.ts";
import { cancelledPromise, orReject } from "../core/foreign.ts";
import { checkStructured, outsideAbort, pathsTo, StructuredCall } from "../core/structured_call.ts";
import type { CallKind, StructuredOptions, TaskFunction } from "../core/structured_call.ts";
import { abortAll, Scope } from "../core/scope.ts";
import { asWait } from "../core/wait_queue.ts";
import { checkFlag, checkFunction } from "../core/validate.ts";
import type { Done } from "./awaitable.ts";
import { runBlock } from "./cancel_scope.ts";
import { listenForSignals, stopListening } from "./signals.ts";
import { Task, type TaskOwner } from "./task.ts";

export type { StructuredOptions, TaskFunction };

/**
 * Options of {@linkcode run}.
 *
 * @category Run and start
 */
export interface RunOptions extends StructuredOptions {
  /**
   * Whether SIGINT and SIGTERM (on Windows SIGINT and SIGBREAK) abort it. False for libraries and tests.
   *
   * @default {true}
   */
  signals?: boolean | undefined;
}

/**
 * The main function has succeeded, but tasks that it left behind failed when they were cancelled.
 *
 * @example Read both
 * ```ts
 * import { createTask, LeftoverError, run, sleepForever } from "@weft/async";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(() =>
 *   run(async () => {
 *     createTask(async () => {
 *       await sleepForever().catch(() => {});
 *       throw new Error("not saved");
 *     });
 *     await null;
 *     return 42;
 *   }, { signals: false }), LeftoverError);
 * assertEquals([error.result, error.errors.length], [42, 1]);
 * ```
 *
 * @category Run and start
 */
export class LeftoverError extends AggregateError {
  /** `"LeftoverError"`. */
  override readonly name = "LeftoverError";
  /** The result of the main function. */
  readonly result: unknown;

  /**
   * Makes the error of a run.
   *
   * @param errors The failures, in order of completion.
   * @param result The result of the main function.
   */
  constructor(errors: readonly unknown[], result: unknown) {
    const tasks = errors.length === 1 ? "A task" : `${errors.length} tasks`;
    super(errors, `${tasks} left at the end of run failed: ${tellFailures(errors)}`, { cause: errors[0] });
    this.result = result;
  }
}

const RUN: CallKind = { name: "run", quiet: true };
/** A `run` inside another one. */
const NESTED: CallKind = { name: "run" };

class RunCall<T> extends StructuredCall<T> implements TaskOwner {
  /** The scope of the independent tasks. No abort reaches it before main has ended: cleanup may still need them. */
  readonly tasks: Scope;
  #main: Task<T> | null = null;
  #mainState: Done | null = null;
  #outcome: unknown;

  constructor(outer: Scope, options: RunOptions | undefined) {
    super(RUN, outer, options);
    this.tasks = new Scope(this.scope, "tasks", true);
    this.tasks.keeper = this;
    this.tasks.run = this.scope.run = this.tasks;
  }

  start(main: TaskFunction<T>): void {
    this.begin();
    this.#main = new Task<T>(main, this.scope, this, this.scope.name ?? "main");
    // Puts the tasks behind main, which comes first wherever tasks are listed.
    this.tasks.leave();
    this.scope.adopt(this.tasks);
    this.#main["start"]("now");
  }

  taskDone(state: Done, outcome: unknown, task: object): boolean {
    if (this.#mainState === null && task === this.#main) {
      this.#mainState = state;
      this.#outcome = outcome;
      if (state === "cancelled") this.cancelled = true;
      if (state === "rejected") this.record(outcome, false);
      this.#endWithMain();
      this.end();
      return true;
    }
    // Before main ends, other code may still await it; afterwards only this call can.
    if (state !== "rejected" || this.#mainState === null) return false;
    this.record(outcome, false);
    return true;
  }

  taskUnobserved(error: unknown): boolean {
    if (this.state !== "open") return false;
    this.record(error, true);
    return true;
  }

  /** Cancels the tasks that are left. Not main itself: its signal may be that of a response whose body is not read yet. */
  #endWithMain(): void {
    if (this.#mainState === "fulfilled") {
      for (const child of this.scope.children()) if (child.task === this.#main) child.leave();
    }
    this.#abortTasks();
    this.#endTasks();
  }

  #abortTasks(): void {
    abortAll([this.scope, this.tasks], new CancelledError(`${this.label} has ended`));
  }

  #endTasks(): void {
    if (this.#mainState !== null && this.tasks.settleChildren()) this.tasks.end();
  }

  override childless(scope: Scope): void {
    if (scope === this.tasks) this.#endTasks();
    else super.childless(scope);
  }

  // After the grace, main may still run; its tasks must not.
  protected override discard(): void {
    this.#abortTasks();
  }

  override stragglers(): string[] {
    return pathsTo(this.scope.children().flatMap((child) => child === this.tasks ? child.children() : [child]));
  }

  protected override value(): T {
    if (this.#mainState === "cancelled") throw this.#outcome;
    return this.#outcome as T;
  }

  protected override failure(failures: readonly unknown[]): unknown {
    return this.#mainState === "fulfilled" ? new LeftoverError(failures, this.#outcome) : combineFailures(failures);
  }
}

/**
 * Runs the main function of a program as a task, and ends with it.
 *
 * When `main` has ended, the independent tasks that still run are cancelled and joined. Inside another `run` it is a
 * plain scope.
 *
 * - **Failure**: the error of `main` as it is; if tasks that it left running fail too, an `AggregateError` with the error
 *   of `main` first. An independent task whose failure no code awaits or asks for aborts `main`; when everything has
 *   unwound, `run` rejects with that failure.
 * - **Cancellation**: an abort reaches `main` first. The independent tasks continue, and new ones can start in a `shield`,
 *   until `main` has ended: its cleanup may need them. If `main` does not end within `grace`, they are cancelled then.
 * - **Signals**: SIGINT or SIGTERM aborts the run. When everything has unwound, a failure of the cleanup is printed and
 *   the signal is raised again, so that the shell sees 130 or 143. After two seconds of unwinding, `run` prints the names
 *   of the work that it waits for. A second signal ends the process at once. The program's own signal listeners also
 *   run; they prevent neither.
 *
 * @typeParam T The result of `main`.
 * @param main The function, called with the signal of its task.
 * @param options Its signal, name, grace, and whether to listen for signals of the system.
 * @returns The result of `main`.
 * @throws {LeftoverError} If `main` succeeded and a task that it left failed.
 * @throws {StragglerError} If work still runs `grace` ms after an abort.
 *
 * @example The frame of a program
 * ```ts
 * import { gather, run, sleep } from "@weft/async";
 *
 * await run(async () => {
 *   const [a, b] = await gather([
 *     () => sleep(2).then(() => 1),
 *     () => sleep(1).then(() => 2),
 *   ]);
 *   console.log(a + b); // 3
 * });
 * ```
 *
 * @see asyncio.run of Python 3.14: it makes and closes its loop, while this uses the platform's; it only logs the
 * failure of a task that no code awaits.
 * @category Run and start
 */
export function run<T>(main: TaskFunction<T>, options?: RunOptions): Promise<T> {
  return orReject(() => {
    checkFunction("run", "main", main);
    const own = checkStructured("run", options, ["signals"]);
    checkFlag("run", "signals", own?.signals);
    const outer = currentScope();
    if (outer.run !== null) return runBlock(NESTED, main, own);
    const outside = outsideAbort(outer, own?.signal);
    if (outside !== null) return cancelledPromise(outside.reason);
    const ended = start(new RunCall<T>(outer, own), main, own?.signals !== false);
    return asWait(outer, own?.signal, ended);
  });
}

function start<T>(call: RunCall<T>, main: TaskFunction<T>, signals: boolean): Promise<T> {
  const { scope, tasks, promise } = call;
  const { runs } = sharedState();
  const leave = (failure?: { error: unknown }) => {
    runs.delete(tasks);
    return stopListening(scope, failure);
  };
  const ended = promise.then(async (value) => {
    await leave();
    return value;
  }, async (error) => {
    await leave(call.isFailure(error) ? { error } : undefined);
    throw error;
  });
  try {
    // Last: a listener that stays after an error would keep the first Ctrl-C from ending the program.
    if (signals) listenForSignals(scope, () => call.stragglers());
  } catch (error) {
    tasks.end();
    return call.refuse(error);
  }
  runs.add(tasks);
  call.start(main);
  return ended;
}
