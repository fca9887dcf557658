/**
 * What `ratios.ts` measures: ours, what it is compared with, and the target for the ratio of the two.
 *
 * @module
 */

import {
  Channel,
  Future,
  gather,
  Lock,
  map,
  type MapOptions,
  Queue,
  Semaphore,
  sleep,
  TaskGroup,
  timeout,
  yieldNow,
} from "@weft/async";
import { delay } from "@std/async/delay";

import { arm, disarm } from "../src/core/clock.ts";
import * as floors from "./floors.ts";
import type { Load, Work } from "./floors.ts";
import type { Side } from "./measure.ts";

/** One line of the output. */
export interface Ratio {
  readonly ours: Side;
  readonly floor: Side;
  /** How many times the floor is allowed. Absent: measured for information only. */
  readonly target?: number;
  /** Whether the floor does less than ours, or the same for fewer: then they are not checked against each other. */
  readonly bound?: boolean;
}

/** How many operations, where nothing else is said. */
export const N = 50_000;

function side(label: string, run: Side["run"], n = N, rounds?: number): Side {
  return rounds === undefined ? { label, run, n } : { label, run, n, rounds };
}

/** `Promise.all` of what `start` makes, `length` times. */
function all(length: number, start: () => PromiseLike<unknown>): Promise<unknown> {
  return Promise.all(Array.from({ length }, start));
}

const plainCalls = side("Promise.all of plain calls", floors.plainCalls);
const throughArray = side("an array with wake promises", floors.throughArray, 200_000);
const sharedIndex = side("100 loops that share an index", floors.sharedIndex);

async function mapAndRead(load: Load, options?: MapOptions): Promise<number[]> {
  const results: number[] = [];
  const mapped = map(load, (work, signal) => work(signal), { ...options, settled: false, concurrency: 100 });
  for await (const result of mapped) results.push(result);
  return results;
}

async function group(load: Load): Promise<void> {
  await TaskGroup.run((group) => {
    for (const work of load) group.createTask(work);
  });
}

/** A thousand at a time. */
function inThousands(run: (load: Load) => Promise<unknown>): (load: Load) => Promise<void> {
  return async (load) => {
    for (let i = 0; i < load.length; i += 1000) await run(load.slice(i, i + 1000));
  };
}

async function acquireAndRelease({ length }: Load): Promise<void> {
  const semaphore = new Semaphore(1);
  for (let i = 0; i < length; i++) {
    const permit = await semaphore.acquire();
    permit.release();
  }
}

async function usingPermit({ length }: Load): Promise<void> {
  const semaphore = new Semaphore(1);
  for (let i = 0; i < length; i++) {
    using _permit = await semaphore.acquire();
  }
}

async function semaphoreOfTen(load: Load): Promise<number[]> {
  const semaphore = new Semaphore(10);
  const results: number[] = [];
  const one = async (work: Work) => {
    const permit = await semaphore.acquire();
    try {
      return await work();
    } finally {
      permit.release();
    }
  };
  await inThousands(async (load) => {
    results.push(...await Promise.all(load.map(one)));
  })(load);
  return results;
}

async function lockForAll(load: Load): Promise<number[]> {
  const lock = new Lock();
  const results: number[] = [];
  const one = async (work: Work) => {
    const hold = await lock.acquire();
    try {
      return await work();
    } finally {
      hold.release();
    }
  };
  await inThousands(async (load) => {
    results.push(...await Promise.all(load.map(one)));
  })(load);
  return results;
}

/** One puts, another gets. */
async function throughQueue(load: Load): Promise<number> {
  const queue = new Queue<Work>(100);
  const putting = (async () => {
    for (const work of load) await queue.put(work);
  })();
  let count = 0;
  for (; count < load.length; count++) await queue.get();
  await putting;
  return count;
}

/** One puts, another iterates. */
async function iterateQueue(load: Load): Promise<number> {
  const queue = new Queue<Work>(100);
  const putting = (async () => {
    for (const work of load) await queue.put(work);
    queue.shutdown();
  })();
  let count = 0;
  for await (const _work of queue) count++;
  await putting;
  return count;
}

/** One sends, another receives. */
async function throughChannel(load: Load): Promise<number> {
  const { sender, receiver } = new Channel<Work>(100);
  const sending = (async () => {
    for (const work of load) await sender.send(work);
  })();
  let count = 0;
  for (; count < load.length; count++) await receiver.receive();
  await sending;
  return count;
}

/** One sends, another iterates. */
async function iterateChannel(load: Load): Promise<number> {
  const { sender, receiver } = new Channel<Work>(100);
  const sending = (async () => {
    for (const work of load) await sender.send(work);
    sender.close();
  })();
  let count = 0;
  for await (const _work of receiver) count++;
  await sending;
  return count;
}

function alarms({ length }: Load): void {
  const sleeper = { ring() {} };
  const alarms = Array.from({ length }, () => arm(sleeper, 10_000));
  alarms.forEach(disarm);
}

function sleeps({ length }: Load): Promise<unknown> {
  return all(length, () => sleep(1));
}

async function semaphoreWaiters({ length }: Load): Promise<void> {
  const semaphore = new Semaphore(1);
  const first = await semaphore.acquire();
  const others = all(length, () => semaphore.acquire().then((permit) => permit.release()));
  first.release();
  await others;
}

async function channelWaiters({ length }: Load): Promise<void> {
  const { sender, receiver } = new Channel<null>(0);
  const waiters = all(length, () => receiver.receive());
  for (let i = 0; i < length; i++) sender.trySend(null);
  await waiters;
}

async function futureWaiters({ length }: Load): Promise<void> {
  const future = new Future<void>();
  const waiters = all(length, () => future.then());
  future.setResult();
  await waiters;
}

/** The same for ten times as many waiters, which should take ten times as long. */
function growth(label: string, run: Side["run"]): Omit<Ratio, "target"> {
  return { ours: side(`100,000 waiters: ${label}`, run, 100_000), floor: side("10,000", run, 10_000), bound: true };
}

/** All cases, by the name that picks them on the command line. */
export const CASES: Readonly<Record<string, readonly Ratio[]>> = {
  gather: [
    {
      ours: side("gather", (load) => gather(load)),
      floor: plainCalls,
      target: 2,
    },
    {
      ours: side("gather, concurrency 100", (load) => gather(load, { concurrency: 100 })),
      floor: sharedIndex,
      target: 1.5,
    },
  ],
  map: [
    {
      ours: side("map, concurrency 100, for await", (load) => mapAndRead(load)),
      floor: sharedIndex,
      target: 3,
    },
    {
      ours: side("map, the same, ordered", (load) => mapAndRead(load, { ordered: true })),
      floor: sharedIndex,
      target: 3,
    },
  ],
  group: [
    {
      ours: side("TaskGroup", group),
      floor: plainCalls,
      target: 8,
    },
    {
      ours: side("TaskGroup, 1,000 tasks at a time", inThousands(group)),
      floor: side("Promise.all, 1,000 at a time", inThousands(floors.plainCalls)),
    },
    {
      ours: side("AsyncLocalStorage.run for each, by hand", floors.callsInContext),
      floor: plainCalls,
    },
  ],
  semaphore: [
    {
      ours: side("acquire + release, uncontended", acquireAndRelease),
      floor: side("await of a resolved promise", floors.resolvedAwaits),
      target: 3.5,
      bound: true,
    },
    {
      ours: side("using a permit, uncontended", usingPermit),
      floor: side("using an empty disposable", floors.emptyUsings),
      bound: true,
    },
    {
      ours: side("1,000 waiters on 10 permits", semaphoreOfTen),
      floor: side("a FIFO by hand", (load) => floors.fifoOf(10, load)),
      target: 1.6,
    },
  ],
  lock: [
    {
      ours: side("1,000 waiters on a Lock", lockForAll),
      floor: side("a FIFO by hand", (load) => floors.fifoOf(1, load)),
      target: 1.6,
    },
  ],
  queue: [
    {
      ours: side("200,000 items through a Queue of 100", throughQueue, 200_000),
      floor: throughArray,
      target: 2,
    },
    {
      ours: side("the same, for await", iterateQueue, 200_000),
      floor: throughArray,
      target: 2,
    },
  ],
  channel: [
    {
      ours: side("200,000 items through a Channel of 100", throughChannel, 200_000),
      floor: throughArray,
      target: 2,
    },
    {
      ours: side("the same, for await", iterateChannel, 200_000),
      floor: throughArray,
      target: 2,
    },
  ],
  timeout: [
    {
      ours: side("20,000 timeouts at a time", (load) => Promise.all(load.map((work) => timeout(10_000, work))), 20_000),
      floor: side("setTimeout, clearTimeout, AbortController", floors.timeoutForEach, 20_000),
      target: 0.5,
    },
    {
      ours: side("the clock alone: arm + disarm", alarms, 20_000),
      floor: side("setTimeout + clearTimeout", floors.timers, 20_000),
      bound: true,
    },
  ],
  yield: [
    {
      ours: side("yieldNow", async ({ length }) => {
        for (let i = 0; i < length; i++) await yieldNow();
      }, 20_000),
      floor: side("a turn by setImmediate", floors.turns, 20_000),
      bound: true,
    },
    {
      ours: side("steps of a computation, budget of 10 ms", (load) => {
        return floors.steps(load, () => yieldNow({ budget: 10 }));
      }, 20_000),
      floor: side("the same, which yields to nobody", (load) => floors.steps(load), 20_000),
    },
  ],
  sleep: [
    {
      ours: side("sleep, one shared signal", ({ length }) => {
        const { signal } = new AbortController();
        return all(length, () => sleep(1, { signal }));
      }),
      floor: side("sleep without", sleeps),
      target: 1.3,
      bound: true,
    },
    {
      ours: side(
        "delay of @std/async, one shared signal",
        ({ length }) => {
          const { signal } = new AbortController();
          return all(length, () => delay(1, { signal }));
        },
        N,
        1,
      ),
      floor: side("delay without", ({ length }) => all(length, () => delay(1))),
      bound: true,
    },
  ],
  growth: [
    { ...growth("Semaphore", semaphoreWaiters), target: 12 },
    { ...growth("Channel", channelWaiters), target: 12 },
    { ...growth("Future", futureWaiters), target: 12 },
    { ...growth("sleep", sleeps), target: 12 },
    // More live objects cost the collector more, each of them: so much that bare promises grow faster than linearly.
    growth("a FIFO by hand", floors.fifoWaiters),
    growth("bare promises", floors.barePromises),
  ],
};
