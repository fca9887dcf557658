/**
 * Makes SIGINT and SIGTERM abort runs, with one listener for all open runs.
 *
 * @module
 */

import { runOutside } from "../core/context.ts";
import { arm } from "../core/clock.ts";
import { inNextTurn } from "../core/next_turn.ts";
import { CancelledError } from "../errors.ts";
import { abortAll, type Scope } from "../core/scope.ts";

interface ProcessLike {
  readonly pid: number;
  readonly platform: string;
  on(signal: string, listener: (signal: string) => void): void;
  off(signal: string, listener: (signal: string) => void): void;
  kill(pid: number, signal: string): void;
  exit(code: number): never;
}

const NUMBERS: Record<string, number> = { SIGINT: 2, SIGTERM: 15, SIGBREAK: 21 };

/** How long our own signal may take to end the process, in ms. It does not end it if the program listens for it. */
const ARRIVAL = 250;

/** How long unwinding may take, in ms, before the hub reports what it waits for. */
const PATIENCE = 2000;

/** Returns the names of the work of a run that has not ended. */
type Stragglers = () => string[];

class SignalHub {
  readonly #process: ProcessLike;
  readonly #names: readonly string[];
  // The runs that a signal aborts. Invariant: the listener is on the process ⇒ not empty.
  readonly #runs = new Map<Scope, Stragglers>();
  #received: { signal: string; reason: CancelledError } | null = null;
  // Not null ⇔ a signal is about to end the process, and this hub no longer listens.
  #end: Promise<never> | null = null;

  constructor(process: ProcessLike) {
    this.#process = process;
    this.#names = process.platform === "win32" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
  }

  readonly #listener = (signal: string): void => {
    if (this.#received !== null) return void (this.#end = this.#raise(signal));
    const reason = new CancelledError(`The process received ${signal}`);
    this.#received = { signal, reason };
    arm({ ring: () => this.#report(signal) }, PATIENCE);
    abortAll(this.#runs.keys(), reason);
  };

  /** Prints what the process still waits for after a signal. */
  #report(signal: string): void {
    if (this.#end !== null) return;
    const names = [...this.#runs.values()].flatMap((stragglers) => stragglers());
    console.error(`${signal}: still waiting for ${names.join(", ")}. A second signal ends the process at once.`);
  }

  /**
   * Aborts `scope` on a signal, even on one that was already received: otherwise, a server might never end. Throws what
   * the platform throws; the hub then listens to nothing.
   */
  add(scope: Scope, stragglers: Stragglers): void {
    if (this.#received !== null) scope.abort(this.#received.reason);
    this.#runs.set(scope, stragglers);
    if (this.#runs.size > 1 || this.#end !== null) return;
    try {
      runOutside(() => this.#names.forEach((name) => this.#process.on(name, this.#listener)));
    } catch (error) {
      this.#runs.delete(scope);
      this.#unlisten();
      throw error;
    }
  }

  /**
   * Undoes `add`. After the last run that a signal has aborted, prints its failure, raises the signal again and waits for
   * the end.
   */
  remove(scope: Scope, failure: { error: unknown } | undefined): Promise<void> | undefined {
    if (!this.#runs.has(scope)) return;
    const isLast = this.#runs.size === 1 && this.#end === null && this.#received === null;
    return isLast ? this.#removeLast(scope, failure) : this.#remove(scope, failure);
  }

  // A signal that arrived while the run computed up to its end reaches its listener only after two turns.
  async #removeLast(scope: Scope, failure: { error: unknown } | undefined): Promise<void> {
    for (let i = 0; i < 2; i++) await new Promise<void>((resolve) => inNextTurn(resolve));
    await this.#remove(scope, failure);
  }

  #remove(scope: Scope, failure: { error: unknown } | undefined): Promise<void> | undefined {
    this.#runs.delete(scope);
    if (this.#end !== null) return this.#end;
    if (this.#runs.size > 0) return;
    if (this.#received === null) return this.#unlisten();
    // The caller of `run` never receives it.
    if (failure !== undefined) console.error("Uncaught", failure.error);
    return this.#end = this.#raise(this.#received.signal);
  }

  /**
   * Ends the process as the signal would have without this package, so that the shell sees the signal. The returned
   * promise never settles: the signal comes from another thread, and until then the program must not end by itself, or
   * fail with the abort.
   */
  #raise(signal: string): Promise<never> {
    const process = this.#process;
    // The status that a shell shows for the signal.
    const exit = () => process.exit(128 + (NUMBERS[signal] ?? 0));
    this.#unlisten();
    // A listener of the program may handle the signal.
    arm({ ring: exit }, ARRIVAL);
    try {
      process.kill(process.pid, signal);
    } catch {
      // Not permitted, or a platform without this signal.
      exit();
    }
    return new Promise(() => {});
  }

  #unlisten(): undefined {
    for (const name of this.#names) this.#process.off(name, this.#listener);
  }
}

/** The key under which all copies of the package find the hub: with two hubs, one signal would count as two. */
const KEY = /* @__PURE__ */ Symbol.for("@weft/async/signals@1");

function hub(): SignalHub | undefined {
  const { process } = globalThis as unknown as { process?: Partial<ProcessLike> };
  if (typeof process?.on !== "function" || typeof process.kill !== "function") return undefined;
  const holder = globalThis as { [KEY]?: SignalHub };
  return holder[KEY] ??= new SignalHub(process as ProcessLike);
}

/** Makes SIGINT and SIGTERM abort `scope`. `stragglers` is asked when unwinding takes long. */
export function listenForSignals(scope: Scope, stragglers: Stragglers): void {
  hub()?.add(scope, stragglers);
}

/**
 * Undoes {@linkcode listenForSignals}. Its promise does not settle while a signal is about to end the process, which
 * would hide `failure`.
 */
export function stopListening(scope: Scope, failure: { error: unknown } | undefined): Promise<void> | undefined {
  return hub()?.remove(scope, failure);
}
