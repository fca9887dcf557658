/** What the tests share: turns of the event loop instead of real time, and looks at what is left behind. */

import { AsyncLocalStorage } from "node:async_hooks";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { type CancelScope, isCancellation, scope, waitFor } from "@weft/async";

/** Lets the event loop go round until everything that needs no time has happened. */
export async function settle(turns = 3): Promise<void> {
  for (let i = 0; i < turns; i++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Runs `fn` and returns what became an unhandled rejection meanwhile, and in the turns after. */
export async function unhandledIn(fn: () => unknown): Promise<unknown[]> {
  const seen: unknown[] = [];
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    seen.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  try {
    await fn();
    await settle(4);
  } finally {
    globalThis.removeEventListener("unhandledrejection", listener);
  }
  return seen;
}

/** A signal that counts the listeners that are on it. */
export function countedSignal(): {
  controller: AbortController;
  signal: AbortSignal;
  listeners: () => number;
} {
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = function (
    ...args: Parameters<typeof addEventListener>
  ) {
    count++;
    return addEventListener.apply(signal, args);
  } as typeof addEventListener;
  signal.removeEventListener = function (
    ...args: Parameters<typeof removeEventListener>
  ) {
    count--;
    return removeEventListener.apply(signal, args);
  } as typeof removeEventListener;
  return { controller, signal, listeners: () => count };
}

/** A repeatable source of numbers in [0, 1), for interleavings: print the seed where a test fails. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Work that a test ends by hand. */
export interface Steered<T> {
  /** What to pass to the call under test. */
  readonly work: () => Promise<T>;
  readonly succeed: (value: T) => void;
  readonly fail: (error: unknown) => void;
}

/** Work that tells `log` what becomes of it. When it is cancelled it takes a turn to unwind, unless it is deaf. */
export function steered<T = void>(log: string[], name: string, { deaf = false } = {}): Steered<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  promise.catch(() => {});
  const work = async (): Promise<T> => {
    log.push(`${name} starts`);
    try {
      const value = await (deaf ? promise : waitFor(promise));
      log.push(`${name} ends`);
      return value;
    } catch (error) {
      if (isCancellation(error)) await unwind(log, name);
      else log.push(`${name} fails`);
      throw error;
    }
  };
  return { work, succeed: resolve, fail: reject };
}

async function unwind(log: string[], name: string): Promise<void> {
  log.push(`${name} is cancelled`);
  await settle(1);
  log.push(`${name} has unwound`);
}

/** Tells `log` how a call ends. */
export function report(log: string[], call: PromiseLike<unknown>): Promise<void> {
  return Promise.resolve(call).then(
    (value) => void log.push(`returns ${JSON.stringify(value)}`),
    (error) => void log.push(`throws ${error}`),
  );
}

/** Collects garbage, so that a `WeakRef` tells whether something is still held. */
export async function collectGarbage(): Promise<void> {
  await settle();
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}

/**
 * Runs `fn` with that many sources of random numbers, and names the seed of the one that fails. With `SEED` in the
 * environment it runs that one only.
 */
export async function withSeeds(rounds: number, fn: (random: () => number) => Promise<void>): Promise<void> {
  const given = Deno.env.get("SEED");
  const first = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given);
  for (let seed = first; seed < first + (given === undefined ? rounds : 1); seed++) {
    try {
      await fn(seeded(seed));
    } catch (error) {
      throw new Error(`It fails with SEED=${seed}`, { cause: error });
    }
  }
}

/** Tells `log` of unhandled rejections, until the end of the block. */
export function logUnhandled(log: string[]): Disposable {
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    log.push(`surfaces ${event.reason}`);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  return { [Symbol.dispose]: () => globalThis.removeEventListener("unhandledrejection", listener) };
}

/** The output of a program, line by line. */
class Lines {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #unread = "";

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next line, or `undefined` if the output ends before one is complete. */
  async next(): Promise<string | undefined> {
    while (!this.#unread.includes("\n")) {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#unread += value;
    }
    const [line, ...rest] = this.#unread.split("\n");
    this.#unread = rest.join("\n");
    return line!;
  }

  /** All that has not been read, up to the end. */
  async rest(): Promise<string> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return this.#unread;
      this.#unread += value;
    }
  }
}

/** A program in a process of its own, which tells by lines on its output how far it has come. */
export class Program {
  readonly #child: Deno.ChildProcess;
  readonly #stdout: Lines;
  readonly #stderr: Lines;

  /** Starts the module at `url`, in the folder `cwd` or here, with `env` besides the environment of the test. */
  constructor(
    url: URL,
    { args = [], flags = ["-A"], cwd, env = {} }: {
      args?: string[];
      flags?: string[];
      cwd?: string;
      env?: Record<string, string>;
    } = {},
  ) {
    const config = fileURLToPath(new URL("../deno.json", import.meta.url));
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--config", config, ...flags, url.href, ...args],
      ...(cwd === undefined ? {} : { cwd }),
      stdin: "null",
      env: { NO_COLOR: "1", ...env },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdout = new Lines(this.#child.stdout);
    this.#stderr = new Lines(this.#child.stderr);
  }

  /** Waits for its next line. */
  async line(): Promise<string> {
    const line = await this.#stdout.next();
    if (line === undefined) throw new Error(`The program has ended: ${await this.#stderr.rest()}`);
    return line;
  }

  /** Waits for its next line on standard error. */
  async errorLine(): Promise<string> {
    const line = await this.#stderr.next();
    if (line === undefined) throw new Error("The program has ended without this line");
    return line;
  }

  /** Sends it a signal. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for its end, and tells how that came about and what it has written since the last line read. */
  async end(): Promise<{ code: number; signal: Deno.Signal | null; stdout: string; stderr: string }> {
    const [stdout, stderr] = await Promise.all([this.#stdout.rest(), this.#stderr.rest()]);
    const { code, signal } = await this.#child.status;
    return { code, signal, stdout, stderr };
  }
}

/** Copies the package into a folder of its own, as a second version of it in one program would lie. */
export async function copyOfPackage(): Promise<{ url: string; remove: () => Promise<void> }> {
  const root = new URL("../", import.meta.url);
  const folder = new URL(`file://${await Deno.makeTempDir()}/`);
  const copy = async (path: string): Promise<void> => {
    if (!path.endsWith("/")) return await Deno.copyFile(new URL(path, root), new URL(path, folder));
    await Deno.mkdir(new URL(path, folder));
    for await (const { name, isDirectory } of Deno.readDir(new URL(path, root))) {
      await copy(`${path}${name}${isDirectory ? "/" : ""}`);
    }
  };
  await copy("mod.ts");
  await copy("src/");
  return { url: new URL("mod.ts", folder).href, remove: () => Deno.remove(folder, { recursive: true }) };
}

/** Waits that are aborted together. */
export interface Lane {
  readonly aborted: boolean;
  /** Begins a wait in it, with the options that it needs. */
  begin<R>(start: (options: { signal?: AbortSignal }) => R): R;
  abort(reason: unknown): void;
  /** Ends it; returns how many listeners it has left behind. */
  close(): Promise<number>;
}

/** One whose waits are given a signal. */
export function signalLane(): Lane {
  const { controller, signal, listeners } = countedSignal();
  return {
    get aborted() {
      return signal.aborted;
    },
    begin: (start) => start({ signal }),
    abort: (reason) => controller.abort(reason),
    close: () => Promise.resolve(listeners()),
  };
}

/** One whose waits are in a scope. */
export function scopeLane(): Lane {
  const { promise: end, resolve: close } = Promise.withResolvers<void>();
  let enter!: <R>(fn: () => R) => R;
  let self!: CancelScope;
  const ended = scope(async (_signal, inner) => {
    enter = AsyncLocalStorage.snapshot();
    self = inner;
    await end;
  });
  return {
    get aborted() {
      return self.aborted;
    },
    begin: (start) => enter(() => start({})),
    abort: (reason) => self.cancel(reason),
    close: () => (close(), ended.then(() => 0)),
  };
}
