/**
 * Makes SIGINT and SIGTERM abort runs, with one listener for all open runs.
 *
 * @module
 */

import { runOutside } from "../core/context.ts";
import { arm } from "../core/clock.ts";
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

class SignalHub {
  readonly #process: ProcessLike;
  readonly #names: readonly string[];
  // The scopes of the runs that a signal aborts. Invariant: the listener is on the process ⇒ not empty.
  readonly #runs = new Set<Scope>();
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
    abortAll(this.#runs, reason);
  };

  /**
   * Aborts `scope` on a signal, even on one that was already received: otherwise, a server might never end. Throws what
   * the platform throws; the hub then listens to nothing.
   */
  add(scope: Scope): void {
    if (this.#received !== null) scope.abort(this.#received.reason);
    this.#runs.add(scope);
    if (this.#runs.size > 1 || this.#end !== null) return;
    try {
      runOutside(() => this.#names.forEach((name) => this.#process.on(name, this.#listener)));
    } catch (error) {
      this.#runs.delete(scope);
      this.#unlisten();
      throw error;
    }
  }

  /** Undoes `add`. After the last run that a signal has aborted, raises the signal again and waits for the end. */
  remove(scope: Scope): Promise<void> | undefined {
    if (!this.#runs.delete(scope)) return;
    if (this.#end !== null) return this.#end;
    if (this.#runs.size > 0) return;
    if (this.#received === null) return this.#unlisten();
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
const KEY = Symbol.for("@weft/async/signals@1");

function hub(): SignalHub | undefined {
  const { process } = globalThis as unknown as { process?: Partial<ProcessLike> };
  if (typeof process?.on !== "function" || typeof process.kill !== "function") return undefined;
  const holder = globalThis as { [KEY]?: SignalHub };
  return holder[KEY] ??= new SignalHub(process as ProcessLike);
}

/** Makes SIGINT and SIGTERM abort `scope`. */
export function listenForSignals(scope: Scope): void {
  hub()?.add(scope);
}

/** Undoes {@linkcode listenForSignals}. Its promise does not settle while a signal is about to end the process. */
export function stopListening(scope: Scope): Promise<void> | undefined {
  return hub()?.remove(scope);
}
