/** Every structured call, with foreign things that throw when they are looked at. */

import { Readable } from "node:stream";
import {
  asCompleted,
  cleanup,
  createTask,
  firstSuccess,
  gather,
  map,
  moveOnAfter,
  race,
  run,
  scope,
  shield,
  sleep,
  TaskGroup,
  timeout,
  timeoutAt,
} from "@weft/async";
import type { Foreign } from "./foreign.ts";
import { hunt, type Scenarios, WITH_SIBLINGS } from "./hunt.ts";

/** Entries of all kinds. */
function entries(foreign: Foreign) {
  return [
    foreign.work(),
    foreign.promise(),
    foreign.thenable(),
    foreign.proxiedPromise(),
    foreign.strangeWork(),
    foreign.last(),
    foreign.work(),
  ];
}

/** Options of a combinator. */
function combining<O extends object>(foreign: Foreign, options?: O) {
  const onDiscard = foreign.foreign("onDiscard", (_value: unknown) => {});
  return foreign.options({ name: "call", onDiscard, ...options });
}

/**
 * Reads up to a count of results. A reader that an abort ends, or that leaves early, does not receive the failures
 * which come after: they are for nobody.
 */
async function read(foreign: Foreign, results: AsyncIterable<unknown>, count = Infinity): Promise<void> {
  foreign.surfaces = count < Infinity || foreign.course.endsWith("is aborted");
  for await (const _ of results) if (--count === 0) break;
}

async function* slowly(): AsyncGenerator<number> {
  for (const item of [1, 2, 3]) {
    await sleep(1);
    yield item;
  }
}

/** Work on an item, which fails where a sibling is to. */
function mapper(foreign: Foreign) {
  const [work, last] = [foreign.work(), foreign.last()];
  return foreign.foreign("fn", (_item: unknown, _signal: AbortSignal, index: number) => index === 1 ? last() : work());
}

const bodies: Scenarios = {
  "scope()": (f) => scope(f.last(), f.options({ name: "call", grace: 60_000 })),
  "scope() of a strange thenable": (f) => scope(f.strangeWork(), f.options()),
  "timeout()": (f) => timeout(60_000, f.last(), f.options({ name: "call" })),
  "timeout() that passes": (f) => timeout(0, f.last(), f.options()),
  "timeoutAt()": (f) => timeoutAt(f.foreign("at", new Date(1e15)), f.last(), f.options()),
  "moveOnAfter()": (f) => moveOnAfter(60_000, f.last(), f.options()),
  "moveOnAfter() that passes": (f) => moveOnAfter(0, f.last(), f.options()),
  "run()": (f) => run(f.last(), f.options({ signals: false })),
  "run() with a task left": (f) => run(() => void createTask(f.last()), f.options({ signals: false })),
  "shield()": (f) => shield(f.last(), f.foreign("options", { timeout: 60_000 })),
  "cleanup()": async (f) => {
    await cleanup(f.last(), f.foreign("options", { timeout: 60_000 }))[Symbol.asyncDispose]();
  },
  "createTask()": async (f) => {
    const task = createTask(f.last(), f.foreign("options", { name: "task", eager: false }));
    if (f.course === "the scope is aborted") setImmediate(() => task.cancel(f.reason));
    await task.promise;
  },
  "createTask() of a strange thenable": async (f) => await createTask(f.strangeWork()).promise,
};

const groups: Scenarios = {
  "TaskGroup.run()": (f) =>
    TaskGroup.run((group) => {
      group.createTask(f.work(), f.foreign("options", { name: "first" }));
      group.createTask(f.strangeWork());
      group.createTask(f.last(), f.foreign("options", { eager: true }));
    }, f.options({ name: "call", supervise: false })),
  "TaskGroup.run({ concurrency })": (f) =>
    TaskGroup.run((group) => {
      for (const fn of [f.work(), f.strangeWork(), f.last(), f.work()]) group.createTask(fn);
    }, f.options({ concurrency: 2 })),
  "TaskGroup.run({ supervise })": (f) =>
    TaskGroup.run((group) => {
      for (const fn of [f.work(), f.strangeWork(), f.last(), f.last()]) group.createTask(fn);
    }, f.options({ supervise: true })),
  "TaskGroup.start()": (f) =>
    TaskGroup.run(async (group) => {
      // No work that is counted: where the promise of it cannot be looked at, nobody can wait for its end.
      const fn = async (_signal: AbortSignal, started: (value: object) => void) => {
        await null;
        started(f.value());
      };
      await group.start(f.foreign("fn", fn));
    }, f.options()),
  "TaskGroup.join()": async (f) => {
    await using group = new TaskGroup(f.options({ name: "call" }));
    group.createTask(f.work());
    group.createTask(f.last());
    await group.join();
  },
};

const combinators: Scenarios = {
  "gather() of a list": (f) => gather(entries(f), combining(f)),
  "gather() of an iterable": (f) => gather(f.foreign("entries", new Set(entries(f))), combining(f)),
  "gather() of a record": (f) => gather(f.foreign("entries", { a: f.work(), b: f.last() }), f.options()),
  "gather({ settled })": (f) => gather(entries(f), combining(f, { settled: true })),
  "gather({ concurrency })": (f) => gather(entries(f), combining(f, { concurrency: 2 })),
  "asCompleted()": async (f) => await read(f, asCompleted(entries(f), combining(f))),
  "asCompleted({ concurrency, settled })": async (f) =>
    await read(f, asCompleted(entries(f), combining(f, { concurrency: 2, settled: true }))),
  "race()": (f) => race([f.work(), f.last(), f.strangeWork(), f.promise()], combining(f)),
  "race() of an iterable": (f) => race(f.foreign("entries", new Set(entries(f))), combining(f)),
  "firstSuccess()": (f) => firstSuccess([f.last(), f.last(), f.work(), f.work()], combining(f)),
};

const maps: Scenarios = {
  "map() over a sync source": async (f) => await read(f, map(f.foreign("source", [1, 2, 3]), mapper(f), combining(f))),
  "map({ ordered, concurrency })": async (f) =>
    await read(f, map(f.foreign("source", [1, 2, 3]), mapper(f), combining(f, { ordered: true, concurrency: 2 }))),
  "map({ settled }) over an async source": async (f) =>
    await read(f, map(f.foreign("source", slowly()), mapper(f), combining(f, { settled: true }))),
  "map() over a ReadableStream": async (f) =>
    await read(f, map(f.foreign("source", ReadableStream.from([1, 2, 3])), mapper(f), f.options())),
  "map() over a Node stream": async (f) =>
    await read(f, map(f.foreign("source", Readable.from([1, 2, 3])), mapper(f), f.options())),
  "map() that is left before its end": async (f) =>
    await read(f, map(f.foreign("source", [1, 2, 3]), mapper(f), combining(f)), 1),
};

for (const scenarios of [bodies, groups, combinators, maps]) hunt(WITH_SIBLINGS, scenarios);
