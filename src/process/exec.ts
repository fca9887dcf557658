/**
 * Child processes over `Deno.Command`.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { type Alarm, arm, disarm } from "../core/clock.ts";
import { orReject } from "../core/foreign.ts";
import type { Scope } from "../core/scope.ts";
import { outsideAbort } from "../core/structured_call.ts";
import { checkFlag, checkFunction, checkMs, checkSignal, readOptions, wrongKind } from "../core/validate.ts";
import { asWait } from "../core/wait_queue.ts";
import { shield } from "../task/shield.ts";
import { sleep } from "../time/sleep.ts";

/** Options of {@linkcode exec}. */
export interface ExecOptions {
  /** The arguments. */
  args?: readonly string[] | undefined;
  /** The working directory. */
  cwd?: string | URL | undefined;
  /** Environment variables, in addition to those of this process. */
  env?: Readonly<Record<string, string>> | undefined;
  /**
   * The input: text, bytes, or none.
   *
   * @default {undefined}
   */
  stdin?: string | Uint8Array<ArrayBuffer> | undefined;
  /**
   * Called with each line of output as it comes, and its stream. Then the result has no output.
   */
  onLine?: ((line: string, stream: "stdout" | "stderr") => void) | undefined;
  /** Ends the process when it is aborted, as an abort of the scope of the call does. */
  signal?: AbortSignal | undefined;
  /**
   * The time, in ms, that the processes have to end after SIGTERM. Then they get SIGKILL.
   *
   * @default {5000}
   */
  grace?: number | undefined;
  /**
   * Whether a status other than 0 rejects with an {@linkcode ExecError}.
   *
   * @default {true}
   */
  check?: boolean | undefined;
}

/** How a process has ended. */
export interface ExecResult {
  /** Its status; 128 and more if it was ended by a signal. */
  readonly code: number;
  /** The signal that has ended it, or `null`. */
  readonly signal: string | null;
  /** Its output; empty with `onLine`. */
  readonly stdout: string;
  /** Its error output; with `onLine`, the last lines of it. */
  readonly stderr: string;
}

/**
 * Reports that a process has ended with a status other than 0.
 *
 * @example The error output says why
 * ```ts
 * import { exec, ExecError } from "@weft/async/process";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const args = ["eval", "console.error('no luck'); Deno.exit(3)"];
 * const run = () => exec(Deno.execPath(), { args });
 * const error = await assertRejects(run, ExecError);
 * assertEquals([error.result.code, error.result.stderr], [3, "no luck\n"]);
 * ```
 */
export class ExecError extends Error {
  /** `"ExecError"`. */
  override readonly name = "ExecError";
  /** How the process has ended. */
  readonly result: ExecResult;

  /**
   * Makes the error.
   *
   * @param command The command.
   * @param result How the process has ended.
   */
  constructor(command: string, result: ExecResult) {
    const how = result.signal === null ? `with status ${result.code}` : `by ${result.signal}`;
    const last = result.stderr.trimEnd().split("\n").slice(-LAST_LINES).join("\n");
    super(`${command} ended ${how}${last === "" ? "" : `: ${last}`}`);
    this.result = result;
  }
}

const GRACE = 5000;
/** The lines of error output that a message shows, and that are kept with `onLine`. */
const LAST_LINES = 20;
/** The signal that only asks whether there is a process. */
const PROBE = 0 as never as Deno.Signal;
const hasGroups = Deno.build.os !== "windows";

/** The time, in ms, between two looks at a group whose program has ended. */
const LOOK = 5;

/** A process and, where the system has process groups, all processes that it has started. */
class Tree {
  readonly #child: Deno.ChildProcess;
  readonly #grace: number;
  #alarm: Alarm | null = null;

  constructor(child: Deno.ChildProcess, grace: number) {
    this.#child = child;
    this.#grace = grace;
  }

  /** Asks all to end, and ends them after the grace. A second call does nothing. */
  readonly stop = (): void => {
    if (this.#alarm !== null) return;
    this.#kill("SIGTERM");
    this.#alarm = arm({ ring: () => this.#kill("SIGKILL") }, this.#grace);
  };

  /**
   * After `stop`, waits until all have ended, or have got SIGKILL. A look at the group is needed for the processes that
   * have sent their output elsewhere. It also finds a process that has ended, until its parent has read its status.
   */
  async ended(): Promise<void> {
    const alarm = this.#alarm!;
    while (hasGroups && alarm.armed && this.#kill(PROBE)) await sleep(LOOK);
    disarm(alarm);
  }

  /** Whether there was a process to send it to. */
  #kill(signal: Deno.Signal): boolean {
    return hasGroups && succeeds(() => Deno.kill(-this.#child.pid, signal)) ||
      // With `--allow-run=program`, Deno lets a program end its child, but no group.
      succeeds(() => this.#child.kill(signal));
  }
}

/** Whether `fn` returns. */
function succeeds(fn: () => void): boolean {
  try {
    fn();
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs a program to its end, and ends it, with all processes that it has started, if the call is cancelled.
 *
 * The program has a process group of its own, so Ctrl-C in a terminal reaches it through this call only. Processes that it
 * leaves running when it ends are ended too. On Windows, and with `--allow-run=program` instead of `--allow-run`, only the
 * program itself is ended.
 *
 * - **Failure**: rejects with an {@linkcode ExecError} if the status is not 0, and if `onLine` throws, with its error once
 *   the processes have ended.
 * - **Cancellation**: an abort sends SIGTERM to the group and, `grace` ms later, SIGKILL. The call rejects with the reason
 *   once all have ended.
 *
 * @param command The program: a name that is looked up in `PATH`, or a path.
 * @param options Arguments, directory, environment, input, and what becomes of the output.
 * @returns How it has ended.
 * @throws {Deno.errors.NotFound} If there is no such program.
 * @throws {RangeError} If `grace` is NaN or negative.
 *
 * @example A program that takes too long
 * ```ts
 * import { moveOnAfter } from "@weft/async";
 * import { exec } from "@weft/async/process";
 *
 * const args = ["eval", "setInterval(() => {}, 1000)"];
 * await moveOnAfter(20, () => exec(Deno.execPath(), { args }));
 * ```
 *
 * @see trio.run_process of trio 0.31: it ends the process, but not its children.
 */
export function exec(command: string | URL, options?: ExecOptions): Promise<ExecResult> {
  return orReject(() => {
    const own = check(command, options);
    const scope = currentScope();
    return asWait(scope, own.signal, start(command, own, scope));
  });
}

async function start(command: string | URL, options: ExecOptions, outer: Scope): Promise<ExecResult> {
  const { signal, grace = GRACE } = options;
  const before = outsideAbort(outer, signal);
  if (before !== null) throw before.reason;
  const signals = signal === undefined ? [outer.signal] : [outer.signal, signal];
  const result = await shield(async () => {
    const child = spawn(command, options);
    const tree = new Tree(child, grace);
    for (const signal of signals) signal.addEventListener("abort", tree.stop);
    try {
      return await finish(child, tree, options);
    } finally {
      await tree.ended();
      for (const signal of signals) signal.removeEventListener("abort", tree.stop);
    }
  });
  const outside = outsideAbort(outer, signal);
  if (outside !== null) throw outside.reason;
  if (options.check !== false && result.code !== 0) throw new ExecError(String(command), result);
  return result;
}

function spawn(command: string | URL, { args = [], cwd, env, stdin }: ExecOptions): Deno.ChildProcess {
  return new Deno.Command(command, {
    args: [...args],
    ...cwd !== undefined && { cwd },
    ...env !== undefined && { env },
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    ...hasGroups && { detached: true },
  }).spawn();
}

/** Waits for the end of the process, and for the end of its output, which its children may keep open. */
async function finish(child: Deno.ChildProcess, tree: Tree, options: ExecOptions): Promise<ExecResult> {
  const { onLine, stdin } = options;
  const stdout = new Output(onLine === undefined ? null : (line) => onLine(line, "stdout"), tree.stop);
  const stderr = new Output(onLine === undefined ? null : (line) => onLine(line, "stderr"), tree.stop);
  const ends = [
    child.status.finally(tree.stop),
    stdout.read(child.stdout),
    stderr.read(child.stderr),
    stdin === undefined ? Promise.resolve() : write(child.stdin, stdin),
  ] as const;
  const [status, ...others] = await Promise.allSettled(ends);
  for (const other of others) if (other.status === "rejected") throw other.reason;
  const { code, signal } = (status as PromiseFulfilledResult<Deno.CommandStatus>).value;
  return { code, signal, stdout: stdout.text, stderr: stderr.text };
}

async function write(stream: WritableStream<Uint8Array<ArrayBuffer>>, input: string | Uint8Array<ArrayBuffer>) {
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  try {
    await new Blob([bytes]).stream().pipeTo(stream);
  } catch {
    // The process has ended, or closed its input, before it has read everything.
  }
}

/** One stream of output. */
class Output {
  /** The output, or its last lines if it is passed on line by line. */
  text = "";
  readonly #onLine: ((line: string) => void) | null;
  // Ends the processes when `onLine` has failed.
  readonly #stop: () => void;
  #rest = "";
  #last: string[] = [];

  constructor(onLine: ((line: string) => void) | null, stop: () => void) {
    this.#onLine = onLine;
    this.#stop = stop;
  }

  async read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let failure: { error: unknown } | null = null;
    const chunks: string[] = [];
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      if (this.#onLine === null) chunks.push(chunk);
      // After a failure, the output is read on, so that the process can end.
      else if (failure === null) failure = this.#pass(chunk);
    }
    if (failure === null && this.#rest !== "") failure = this.#pass("\n");
    this.text = this.#onLine === null ? chunks.join("") : this.#last.map((line) => `${line}\n`).join("");
    if (failure !== null) throw failure.error;
  }

  #pass(chunk: string): { error: unknown } | null {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines.map((line) => line.endsWith("\r") ? line.slice(0, -1) : line)) {
      this.#last = [...this.#last.slice(1 - LAST_LINES), line];
      try {
        this.#onLine!(line);
      } catch (error) {
        this.#stop();
        return { error };
      }
    }
    return null;
  }
}

function check(command: unknown, options: ExecOptions | undefined): ExecOptions {
  const action = "execute";
  if (typeof command !== "string" && !(command instanceof URL)) {
    throw wrongKind(action, "command", "a string or URL", command);
  }
  const own = readOptions<ExecOptions>(action, options, [
    "args",
    "cwd",
    "env",
    "stdin",
    "onLine",
    "signal",
    "grace",
    "check",
  ]) ?? {};
  if (own.args !== undefined && !(Array.isArray(own.args) && own.args.every((arg) => typeof arg === "string"))) {
    throw wrongKind(action, "args", "an array of strings", own.args);
  }
  if (own.stdin !== undefined && typeof own.stdin !== "string" && !(own.stdin instanceof Uint8Array)) {
    throw wrongKind(action, "stdin", "a string or Uint8Array", own.stdin);
  }
  if (own.onLine !== undefined) checkFunction(action, "onLine", own.onLine);
  checkSignal(action, own.signal);
  if (own.grace !== undefined) checkMs(action, "grace", own.grace, false);
  checkFlag(action, "check", own.check);
  return own;
}
