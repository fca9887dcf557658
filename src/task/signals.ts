/**
 * SIGINT and SIGTERM as an abort: one listener for all open runs.
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

/** How long a signal to oneself may take to end the process, in ms. It never does when the program listens for it. */
const ARRIVAL = 250;

class SignalHub {
  readonly #process: ProcessLike;
  readonly #names: readonly string[];
  // The scopes of the runs that a signal aborts. Invariant: the listener is on the process ⇒ not empty.
  readonly #runs = new Set<Scope>();
  #received: { signal: string; reason: CancelledError } | null = null;
  // Not null ⇔ a signal is about to end the process. Then nothing listens any more.
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
   * Aborts `scope` on a signal, also on one that has come already: otherwise a server might never end. Throws what the
   * platform throws, and listens to nothing then.
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

  /** Takes that back. After the last run that a signal has aborted, raises it again and waits for the end. */
  remove(scope: Scope): Promise<void> | undefined {
    if (!this.#runs.delete(scope)) return;
    if (this.#end !== null) return this.#end;
    if (this.#runs.size > 0) return;
    if (this.#received === null) return this.#unlisten();
    return this.#end = this.#raise(this.#received.signal);
  }

  /**
   * Ends the process as the signal would have without us, so that the shell sees it. What it returns never settles:
   * the signal comes from another thread, and meanwhile the program must not end, or fail with the abort, for itself.
   */
  #raise(signal: string): Promise<never> {
    const process = this.#process;
    // The status that a shell shows for the signal.
    const exit = () => process.exit(128 + (NUMBERS[signal] ?? 0));
    this.#unlisten();
    // A listener of the program may take the signal.
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

/** Where all copies of the package in one program find the hub: two of them would take one signal for two. */
const KEY = Symbol.for("@weft/async/signals@1");

function hub(): SignalHub | undefined {
  const { process } = globalThis as unknown as { process?: Partial<ProcessLike> };
  if (typeof process?.on !== "function" || typeof process.kill !== "function") return undefined;
  const holder = globalThis as { [KEY]?: SignalHub };
  return holder[KEY] ??= new SignalHub(process as ProcessLike);
}

/** Has SIGINT and SIGTERM abort `scope`. */
export function listenForSignals(scope: Scope): void {
  hub()?.add(scope);
}

/** Takes that back. What it returns does not settle while a signal is about to end the process. */
export function stopListening(scope: Scope): Promise<void> | undefined {
  return hub()?.remove(scope);
}
