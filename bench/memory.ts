/**
 * The bytes of heap that something holds as long as it is parked: a task, a waiter, a timer.
 *
 * ```sh
 * deno run -A tools/deno.ts run -A --v8-flags=--expose-gc bench/memory.ts [--quick] [--json memory.json]
 * ```
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { CancelledError, scope, Semaphore, sleep, sleepForever, TaskGroup } from "@weft/async";
import { parseArgs } from "@std/cli/parse-args";

import { AsyncMutex, Effect, effection, Fiber, PQueue, toolkit } from "./peers.ts";

/** Parks so many, and returns how to end them. */
type Park = (count: number) => (() => unknown) | Promise<() => unknown>;

const LONG = 60_000;
const context = new AsyncLocalStorage<object>();
const never = new Promise<void>(() => {});

/** Runs `fn` for a while in a scope, which is cancelled at the end. */
async function inScope(fn: () => unknown): Promise<() => unknown> {
  const { promise, resolve } = Promise.withResolvers<() => unknown>();
  const ended = scope(async (_signal, self) => {
    fn();
    resolve(() => {
      self.cancel(new CancelledError("measured"));
      return ended;
    });
    await sleepForever();
  });
  return await promise;
}

const times = (count: number, fn: () => unknown) => {
  for (let i = 0; i < count; i++) fn();
};

const PARKED: Readonly<Record<string, Readonly<Record<string, Park>>>> = {
  "a task that waits for ever": {
    "a promise": (count) => {
      const all = Array.from({ length: count }, () => (async () => await never)());
      return () => void all.length;
    },
    "AsyncLocalStorage.run by hand": (count) => {
      const all = Array.from({ length: count }, () => context.run({}, async () => await never));
      return () => void all.length;
    },
    "weft TaskGroup": (count) =>
      inScope(() =>
        TaskGroup.run((group) => times(count, () => group.createTask(() => sleepForever()))).catch(() => {})
      ),
    Effect: (count) => {
      const fiber = Effect.runFork(
        Effect.all(Array.from({ length: count }, () => Effect.never), { concurrency: "unbounded" }),
      );
      return () => Effect.runPromise(Fiber.interrupt(fiber));
    },
    Effection: async (count) => {
      const task = effection.run(() => effection.all(Array.from({ length: count }, () => effection.suspend())));
      task.catch(() => {});
      await Promise.resolve();
      return () => task.halt();
    },
  },
  "a waiter for a permit": {
    "a promise in an array": (count) => {
      const waiters: (() => void)[] = [];
      times(count, () => new Promise<void>((resolve) => waiters.push(resolve)));
      return () => waiters.forEach((resolve) => resolve());
    },
    "weft Semaphore": (count) => {
      const semaphore = new Semaphore(1);
      semaphore.tryAcquire();
      return inScope(() => times(count, () => semaphore.acquire().catch(() => {})));
    },
    "async-mutex": async (count) => {
      const mutex = new AsyncMutex();
      await mutex.acquire();
      times(count, () => mutex.acquire().catch(() => {}));
      return () => mutex.cancel();
    },
    "es-toolkit": async (count) => {
      const mutex = new toolkit.Mutex();
      await mutex.acquire();
      times(count, () => mutex.acquire().then(() => mutex.release()));
      return () => mutex.release();
    },
    "p-queue": (count) => {
      const queue = new PQueue({ concurrency: 1 });
      const { promise, resolve } = Promise.withResolvers<void>();
      queue.add(() => promise);
      times(count, () => queue.add(() => {}).catch(() => {}));
      return () => {
        queue.clear();
        resolve();
      };
    },
  },
  "a sleeper": {
    "setTimeout by hand": (count) => {
      const timers: ReturnType<typeof setTimeout>[] = [];
      times(count, () => new Promise<void>((resolve) => timers.push(setTimeout(resolve, LONG))));
      return () => timers.forEach(clearTimeout);
    },
    "weft sleep": (count) => inScope(() => times(count, () => sleep(LONG).catch(() => {}))),
    "es-toolkit": (count) => {
      const controller = new AbortController();
      times(count, () => toolkit.delay(LONG, { signal: controller.signal }).catch(() => {}));
      return () => controller.abort();
    },
  },
};

/** What a run writes as JSON: the bytes for one, by what is parked. */
export type Bytes = Record<string, Record<string, number>>;

const flags = parseArgs(Deno.args, { boolean: ["quick"], string: ["json"] });
const count = flags.quick ? 100 : 20_000;
const { gc } = globalThis as unknown as { gc?: () => void };
if (gc === undefined) {
  console.error("Start it with --v8-flags=--expose-gc");
  Deno.exit(2);
}

async function heap(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc!();
  }
  return Deno.memoryUsage().heapUsed;
}

const bytes: Bytes = {};
for (const [what, ways] of Object.entries(PARKED)) {
  console.log(what);
  for (const [way, park] of Object.entries(ways)) {
    // The first time, code is compiled.
    await (await park(10))();
    const before = await heap();
    const end = await park(count);
    const held = Math.round((await heap() - before) / count);
    await end();
    (bytes[what] ??= {})[way] = held;
    console.log(`  ${way.padEnd(30)} ${`${held} bytes`.padStart(12)}`);
  }
}
if (flags.json !== undefined) await Deno.writeTextFile(flags.json, `${JSON.stringify(bytes, null, 1)}\n`);
Deno.exit();
