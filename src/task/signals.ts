/**
 * SIGINT and SIGTERM as an abort: one listener for all open runs.
 *
 * @module
 */

import { runOutside } from "../core/ambient.ts";
import { CancelledError } from "../core/errors.ts";
import { abortAll, type Scope } from "../core/scope.ts";

interface ProcessLike {
  readonly pid: number;
  readonly platform: string;
  on(signal: string, listener: (signal: string) => void): void;
  off(signal: string, listener: (signal: string) => void): void;
  kill(pid: number, signal: string): void;
  exit(code: number): never;
}

const NUMBERS: Record<string, number> = {
  SIGINT: 2,
  SIGTERM: 15,
  SIGBREAK: 21,
};

// The scopes of the runs that a signal aborts.
const runs = new Set<Scope>();
let received: string | null = null;

function processOf(): ProcessLike | undefined {
  const { process } = globalThis as unknown as {
    process?: Partial<ProcessLike>;
  };
  return typeof process?.on === "function" && typeof process.kill === "function" ? process as ProcessLike : undefined;
}

function names(process: ProcessLike): string[] {
  return process.platform === "win32" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
}

function onSignal(signal: string): void {
  if (received !== null) return raise(signal);
  received = signal;
  abortAll(runs, new CancelledError(`The process received ${signal}`));
}

/** Ends the process as the signal would have without us, so that the shell sees it. */
function raise(signal: string): void {
  const process = processOf()!;
  for (const name of names(process)) process.off(name, onSignal);
  received = null;
  try {
    process.kill(process.pid, signal);
  } catch {
    // Not permitted, or a platform without this signal: the status that a shell would show for it.
    process.exit(128 + (NUMBERS[signal] ?? 0));
  }
}

/** Has SIGINT and SIGTERM abort `scope`. */
export function listenForSignals(scope: Scope): void {
  const process = processOf();
  if (process === undefined) return;
  runs.add(scope);
  if (runs.size === 1) {
    runOutside(() => names(process).forEach((name) => process.on(name, onSignal)));
  }
}

/** Takes that back. After the last run that a signal has aborted, the signal is raised again. */
export function stopListening(scope: Scope): void {
  const process = processOf();
  if (!runs.delete(scope) || runs.size > 0 || process === undefined) return;
  if (received !== null) raise(received);
  else names(process).forEach((name) => process.off(name, onSignal));
}
