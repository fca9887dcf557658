/**
 * Waits many times, by default a million, in all ways there are, for one promise and one future that never settle, on one signal that
 * never aborts, and prints how many bytes each way has left on the heap.
 *
 * ```sh
 * deno run --v8-flags=--expose-gc tests/probes/long_lived.ts [count]
 * ```
 *
 * @module
 */

import {
  asCompleted,
  firstSuccess,
  Future,
  gather,
  map,
  race,
  scope,
  TaskGroup,
  timeout,
  wait,
  waitFor,
} from "@weft/async";

const COUNT = Number(Deno.args[0] ?? 1_000_000);
const PARTS = 3;

// Most of the time would go into stack traces.
Error.stackTraceLimit = 0;

const promise = new Promise<void>(() => {});
const future = new Future<void>();
const { signal } = new AbortController();
const value = () => 1;
const failure = new Error("no luck");
const fail = () => {
  throw failure;
};
const ignore = () => {};

/** Waits, and gives up. */
function giveUp(start: () => PromiseLike<unknown>): Promise<unknown> {
  return scope((_signal, self) => {
    const waiting = start();
    self.cancel("enough");
    return waiting;
  }, { signal });
}

const ways: Record<string, () => PromiseLike<unknown>> = {
  "await": () => giveUp(() => future.then()),
  waitFor: () => giveUp(() => waitFor(promise, { signal, timeout: 60_000 })),
  timeout: () => giveUp(() => timeout(60_000, () => waitFor(promise), { signal })),
  gather: () => gather([promise, future, fail], { signal }).catch(ignore),
  "gather with concurrency": () => gather([promise, fail, future], { signal, concurrency: 1 }).catch(ignore),
  "gather with grace": () => gather([promise, fail, future], { signal, grace: 60_000 }).catch(ignore),
  race: () => race([promise, future, value], { signal }),
  firstSuccess: () => firstSuccess([future, promise, fail, value], { signal }),
  wait: () => wait([promise, future, Promise.resolve()], { signal, timeout: 60_000, returnWhen: "firstCompleted" }),
  "asCompleted": async () => {
    for await (const _ of asCompleted([promise, future, value], { signal })) break;
  },
  "asCompleted read late": async () => {
    const results = asCompleted([value], { signal, onDiscard: ignore });
    for (let i = 0; i < 5; i++) await null;
    await results.next();
  },
  "map": async () => {
    for await (const _ of map([future, value], (entry) => entry === value ? undefined : future, { signal })) break;
  },
  "TaskGroup": () =>
    TaskGroup.run((group) => {
      group.createTask(() => future, { eager: true });
      group.cancel("enough");
    }, { signal }),
};

const { gc } = globalThis as unknown as { gc: () => void };

async function heapUsed(): Promise<number> {
  // What was put off to the next turn, and what finalizers free, is not left behind.
  for (let i = 0; i < 4; i++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    gc();
  }
  return Deno.memoryUsage().heapUsed;
}

async function repeat(way: () => PromiseLike<unknown>, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await way();
}

const share = Math.ceil(COUNT / Object.keys(ways).length);

// Until all code is compiled, and all caches are full.
for (const way of Object.values(ways)) await repeat(way, share / 4);

for (const [name, way] of Object.entries(ways)) {
  const left: number[] = [];
  // In parts, of which the best one counts: the engine itself keeps something now and then, a leak grows in all.
  for (let part = 0; part < PARTS; part++) {
    const before = await heapUsed();
    await repeat(way, share / PARTS);
    left.push(await heapUsed() - before);
  }
  console.log(JSON.stringify({ name, left: Math.min(...left) }));
}
