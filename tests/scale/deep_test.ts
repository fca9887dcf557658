/** Calls inside of calls, 10,000 and 100,000 deep: they end without overflowing the stack, in steps in proportion. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  asCompleted,
  createTask,
  currentSignal,
  firstSuccess,
  Future,
  gather,
  Lock,
  map,
  moveOnAfter,
  race,
  type Results,
  run,
  RwLock,
  scope,
  Semaphore,
  shield,
  sleepForever,
  TaskGroup,
  type TaskGroupError,
  timeout,
} from "@weft/async";
import { ends, linear, nothing, size } from "./support.ts";

type Fn = () => Promise<unknown>;

async function drained(items: Results<unknown>): Promise<void> {
  for await (const _ of items);
}

/** A call around each of the next. */
const LEVELS: Record<string, (fn: Fn) => PromiseLike<unknown>> = {
  "scope()": (fn) => scope(fn),
  "timeout()": (fn) => timeout(60_000, fn),
  "moveOnAfter()": (fn) => moveOnAfter(60_000, fn),
  "run()": (fn) => run(fn, { signals: false }),
  "gather()": (fn) => gather([fn]),
  "gather() with siblings": (fn) => gather([fn, nothing, () => null]),
  "gather() with concurrency": (fn) => gather([fn, nothing], { concurrency: 1 }),
  "TaskGroup.run()": (fn) => TaskGroup.run(fn),
  "a task of a group": (fn) => TaskGroup.run((group) => void group.createTask(fn)),
  "an awaited task of a group": (fn) => TaskGroup.run(async (group) => void await group.createTask(fn)),
  "Lock.run()": (fn) => new Lock().run(fn),
  "RwLock.runRead()": (fn) => new RwLock().runRead(fn),
  "Semaphore.run()": (fn) => new Semaphore(1).run(fn),
};

/** Calls that end what is begun in them and not awaited, because they hand a value over at once. */
const ENDING: typeof LEVELS = {
  "race()": (fn) => race([fn]),
  "race() with siblings": (fn) => race([fn, () => sleepForever()]),
  "firstSuccess()": (fn) => firstSuccess([fn]),
  "map()": (fn) => drained(map([1], fn)),
  "asCompleted()": (fn) => drained(asCompleted([fn])),
};

/** Calls that no abort from outside reaches. */
const SHIELDED: typeof LEVELS = {
  "shield()": (fn) => shield(fn),
  "an awaited task": (fn) => createTask(fn),
};

const DEEP = [1000, 10_000] as const;
const DEEPEST = [1000, 100_000] as const;

/** Calls `level` in itself, `n` deep, and `bottom` in the innermost. */
async function nest(n: number, level: (fn: Fn) => PromiseLike<unknown>, bottom: Fn): Promise<unknown> {
  // Or the test itself would overflow the stack.
  await null;
  return n === 0 ? await bottom() : await level(() => nest(n - 1, level, bottom));
}

/** As that, in a scope that is aborted when the bottom is reached. */
async function nestAborted(n: number, level: (fn: Fn) => PromiseLike<unknown>, bottom: Fn): Promise<unknown> {
  const reached = new Future<void>();
  return await scope(async (_signal, self) => {
    const ended = nest(n, level, () => {
      reached.setResult();
      return bottom();
    });
    await reached.promise;
    self.cancel("enough");
    return await ended;
  });
}

for (const [name, level] of Object.entries({ ...LEVELS, ...ENDING, ...SHIELDED })) {
  linear(`${name} in itself, 10,000 deep, ends with a value`, DEEP, async (n) => {
    let bottoms = 0;
    await nest(n, level, () => Promise.resolve(bottoms++));
    assertEquals(bottoms, 1);
  });

  linear(`${name} in itself, 10,000 deep, passes a failure up`, DEEP, async (n) => {
    let failed = false;
    await nest(n, level, () => Promise.reject(new Error("no luck"))).catch(() => failed = true);
    assertEquals(failed, true);
  });
}

for (const [name, level] of Object.entries({ ...LEVELS, ...ENDING })) {
  linear(`${name} in itself, 10,000 deep, is aborted from outside`, DEEP, async (n) => {
    assertEquals(await nestAborted(n, level, () => sleepForever()), undefined);
  });

  linear(`${name} in itself, 10,000 deep, passes a wrapped cancellation up`, DEEP, async (n) => {
    const ended = await nestAborted(n, level, () =>
      sleepForever().catch((cause) => {
        throw new Error("connection closed", { cause });
      }));
    assertEquals(ended, undefined);
  });
}

for (const [name, level] of Object.entries(LEVELS)) {
  linear(`${name} in itself, 10,000 deep, passes a failure up in the abort`, DEEP, async (n) => {
    let failed = false;
    await nestAborted(n, level, () =>
      sleepForever().catch(() => {
        throw new TypeError("cannot clean up");
      })).catch(() => failed = true);
    assertEquals(failed, true);
  });

  linear(`${name} in itself, 10,000 deep and not awaited, ends`, DEEP, async (n) => {
    const log: string[] = [];
    const forget = (fn: Fn) => Promise.resolve(void Promise.resolve(level(fn)).catch(nothing));
    await scope(() => nest(n, forget, () => Promise.resolve(log.push("bottom"))));
    log.push("end");
    assertEquals(log, ["bottom", "end"]);
  });

  linear(`${name} in itself, 10,000 deep and not awaited, is aborted from outside`, DEEP, async (n) => {
    const log: string[] = [];
    const forget = (fn: Fn) => Promise.resolve(void Promise.resolve(level(fn)).catch(nothing));
    await nestAborted(n, forget, () => sleepForever().finally(() => log.push("bottom")));
    log.push("end");
    assertEquals(log, ["bottom", "end"]);
  });
}

linear("scope() in itself, 100,000 deep and not awaited, ends", DEEPEST, async (n) => {
  const log: string[] = [];
  async function nest(n: number): Promise<void> {
    await null;
    if (n > 0) void scope(() => nest(n - 1));
    else log.push("bottom");
  }
  await scope(() => nest(n));
  log.push("end");
  assertEquals(log, ["bottom", "end"]);
});

linear("scope() in itself, 100,000 deep, ends with the value of the innermost", DEEPEST, async (n) => {
  assertEquals(await nest(n, scope, () => Promise.resolve("value")), "value");
});

linear("scope() in itself, 100,000 deep, is aborted from outside", DEEPEST, async (n) => {
  assertEquals(await nestAborted(n, scope, () => sleepForever()), undefined);
});

linear("scope() in itself, 100,000 deep, is aborted by a signal", DEEPEST, async (n) => {
  const controller = new AbortController();
  const reached = new Future<void>();
  const ended = scope(() =>
    nest(n, scope, () => {
      reached.setResult();
      return sleepForever();
    }), { signal: controller.signal });
  await reached.promise;
  controller.abort("enough");
  assertEquals(await ended.catch((reason) => reason), "enough");
});

linear("scope() in itself, 100,000 deep and not awaited, is aborted from outside", DEEPEST, async (n) => {
  const log: string[] = [];
  const forget = (fn: Fn) => Promise.resolve(void scope(fn).catch(nothing));
  await nestAborted(n, forget, () => sleepForever().finally(() => log.push("bottom")));
  log.push("end");
  assertEquals(log, ["bottom", "end"]);
});

linear("scope() in itself, 100,000 deep, passes a failure up as it is", DEEPEST, async (n) => {
  const failure = new Error("no luck");
  assertStrictEquals(await nest(n, scope, () => Promise.reject(failure)).catch((error) => error), failure);
});

linear("scope() in itself, 100,000 deep, passes a failure up as it is in the abort", DEEPEST, async (n) => {
  const failure = new TypeError("cannot clean up");
  const ended = nestAborted(n, scope, () =>
    sleepForever().catch(() => {
      throw failure;
    }));
  assertStrictEquals(await ended.catch((error) => error), failure);
});

linear("currentSignal() of all levels of a scope() in itself, 100,000 deep, fires", DEEPEST, async (n) => {
  let fired = 0;
  const listening = (fn: Fn) =>
    scope(() => {
      currentSignal().addEventListener("abort", () => fired++);
      return fn();
    });
  await nestAborted(n, listening, () => sleepForever());
  assertEquals(fired, n);
});

/** Two calls beside each other in each level, of which one goes deeper. */
linear(
  "gather() and scope() by turns, 10,000 deep, with a sibling in each, are aborted by a failure",
  DEEP,
  async (n) => {
    const unwound: number[] = [];
    const level = (fn: Fn) => gather([fn, () => sleepForever().finally(() => unwound.push(1))]);
    const failure = new Error("no luck");
    const error = await nest(n, level, () => Promise.reject(failure)).catch((error) => error);
    assertStrictEquals(error, failure);
    assertEquals(unwound.length, n);
  },
);

ends("TaskGroupError.find() finds the failure of the innermost of 10,000 groups", async () => {
  const error = await nest(size(10_000), (fn) => TaskGroup.run(fn), () => Promise.reject(new RangeError("too much")))
    .catch((error) => error);
  assertStrictEquals((error as TaskGroupError).find(RangeError)?.message, "too much");
});

ends("the message of 10,000 groups in each other, each with a name, does not grow with their number", async () => {
  let level = 0;
  const error = await nest(
    size(10_000),
    (fn) => TaskGroup.run(fn, { name: `level ${level++}` }),
    () => Promise.reject(new RangeError("too much")),
  ).catch((error) => error);
  const { message } = error as TaskGroupError;
  assertEquals(message.length < 1_000 ? "short" : `${message.length} characters`, "short");
});
