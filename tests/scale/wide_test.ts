/** 20,000 and 100,000 side by side: tasks, groups, iterators, entries of a combinator. */

import { assertEquals } from "@std/assert";
import {
  allTasks,
  asCompleted,
  createTask,
  firstSuccess,
  gather,
  map,
  race,
  type Results,
  scope,
  shield,
  sleepForever,
  TaskGroup,
  timeout,
  wait,
  yieldNow,
} from "@weft/async";
import { aborted, ends, fail, linear as linearIn, nothing, size } from "./support.ts";

const SIZES: readonly [number, number] = [500, 20_000];
// For what is easily that many; the rest would take the memory and the time of all other tests.
const LARGE: readonly [number, number] = [1000, 100_000];

function linear(name: string, work: (n: number) => unknown, sizes = SIZES): void {
  linearIn(`${name}: the steps are in proportion`, sizes, work);
}

function createMany(group: TaskGroup, n: number, fn: () => unknown): void {
  for (let i = 0; i < n; i++) group.createTask(fn);
}

const never = () => sleepForever();
const later = () => yieldNow();

for (const concurrency of [1, 10, Infinity]) {
  const named = (what: string) => `TaskGroup with concurrency ${concurrency}, ${what}`;

  linear(
    named("run to its end"),
    (n) => TaskGroup.run((group) => createMany(group, n, nothing), { concurrency }),
  );

  linear(
    named("aborted by its scope"),
    (n) => aborted(() => TaskGroup.run((group) => createMany(group, n, never), { concurrency })),
  );

  linear(named("aborted by a failure"), (n) =>
    TaskGroup.run((group) => {
      group.createTask(fail);
      createMany(group, n, never);
    }, { concurrency }).catch(nothing));

  linear(named("aborted by a failure behind all others"), (n) =>
    TaskGroup.run((group) => {
      createMany(group, n, nothing);
      group.createTask(fail);
    }, { concurrency }).catch(nothing));

  linear(named("cancelled"), (n) =>
    TaskGroup.run(async (group) => {
      createMany(group, n, never);
      await yieldNow();
      group.cancel();
    }, { concurrency }));

  linear(named("whose tasks are cancelled one by one"), (n) =>
    TaskGroup.run((group) => {
      const tasks = Array.from({ length: n }, () => group.createTask(never));
      for (const task of tasks) task.cancel();
    }, { concurrency }));

  linear(named("made with new, joined"), async (n) => {
    await using group = new TaskGroup({ concurrency });
    createMany(group, n, nothing);
    await group.join();
  });
}

linear(
  "TaskGroup with supervise, all of whose tasks fail",
  (n) => TaskGroup.run((group) => createMany(group, n, fail), { supervise: true }).catch(nothing),
);

linear("TaskGroup.size, read once for each open task", (n) =>
  TaskGroup.run(async (group) => {
    for (let i = 0; i < n; i++) {
      group.createTask(never);
      if (group.size !== i + 1) throw new Error(`The size is ${group.size}`);
    }
    await yieldNow();
    group.cancel();
  }));

linear(
  "TaskGroup.size, read at the end of each task",
  (n) => TaskGroup.run((group) => createMany(group, n, () => group.size)),
);

linear(
  "TaskGroup.start()",
  (n) =>
    TaskGroup.run((group) =>
      gather(Array.from({ length: n }, () => () => group.start<void>((_signal, started) => started())))
    ),
);

/** What a scope leaves behind without an end. */
const ABANDONED: Record<string, () => unknown> = {
  "map(), never read": () => map([1], nothing),
  "map() of an async source, left after one result": () => map(ReadableStream.from([1, 2, 3]), nothing).next(),
  "asCompleted(), never read": () => asCompleted([never]),
  "asCompleted(), never read and complete": () => asCompleted([nothing]),
  "asCompleted() with onDiscard, never read": () => asCompleted([nothing], { onDiscard: nothing }),
  "new TaskGroup()": () => new TaskGroup(),
  "new TaskGroup() with a task": () => new TaskGroup().createTask(never),
  "scope()": () => void scope(() => yieldNow()),
};

for (const [name, leave] of Object.entries(ABANDONED)) {
  linear(`${name}, left behind in one scope`, (n) =>
    scope(() => {
      for (let i = 0; i < n; i++) leave();
    }));

  linear(`${name}, left behind in one task`, (n) =>
    createTask(() => {
      for (let i = 0; i < n; i++) leave();
    }));

  linear(`${name}, left behind in a group`, (n) =>
    TaskGroup.run(() => {
      for (let i = 0; i < n; i++) leave();
    }));

  linear(`${name}, left behind in one scope while other work ends`, (n) =>
    scope(() => {
      for (let i = 0; i < n; i++) {
        leave();
        if (i % 10 === 0) void shield(() => yieldNow());
      }
    }));

  linear(`${name}, in an aborted scope`, (n) =>
    aborted(async () => {
      for (let i = 0; i < n; i++) leave();
      await sleepForever();
    }));
}

linear("map(), each ended by its reader", (n) =>
  scope(async () => {
    const all = Array.from({ length: n }, () => map([1, 2], nothing));
    for (const items of all) await items.next();
    for (const items of all) await items.return();
  }));

async function drained(items: Results<unknown>): Promise<void> {
  for await (const _ of items);
}

type Fn = () => unknown;
interface Options {
  signal?: AbortSignal;
  concurrency?: number;
}

/** Calls with many functions. */
const COMBINATORS: Record<string, (fns: Fn[], options: Options) => Promise<unknown>> = {
  "gather()": (fns, options) => gather(fns, options),
  "gather() with grace": (fns, options) => gather(fns, { ...options, grace: 60_000 }),
  "gather() with settled": (fns, options) => gather(fns, { ...options, settled: true }),
  "gather() with onDiscard": (fns, options) => gather(fns, { ...options, onDiscard: nothing }),
  "gather() of a record": (fns, options) => gather(Object.fromEntries(fns.map((fn, i) => [`key ${i}`, fn])), options),
  "gather() with concurrency": (fns, options) => gather(fns, { ...options, concurrency: 10 }),
  "race()": (fns, options) => race(fns, options),
  "firstSuccess()": (fns, options) => firstSuccess(fns, options),
  "asCompleted()": (fns, options) => drained(asCompleted(fns, options)),
  "asCompleted() with concurrency": (fns, options) => drained(asCompleted(fns, { ...options, concurrency: 10 })),
  "map()": (fns, options) => drained(map(fns, (fn) => fn(), { ...options, concurrency: fns.length })),
  "map() with ordered": (fns, options) =>
    drained(map(fns, (fn) => fn(), { ...options, concurrency: fns.length, ordered: true })),
};

const many = (n: number, fn: Fn) => Array.from({ length: n }, () => fn);

for (const [name, combine] of Object.entries(COMBINATORS)) {
  linear(`${name} of functions that succeed`, (n) => combine(many(n, later), {}));
  linear(`${name} of functions that return at once`, (n) => combine(many(n, nothing), {}));
  linear(`${name} of functions that fail`, (n) => combine(many(n, fail), {}).catch(nothing));
  linear(
    `${name} of functions of which the first fails`,
    (n) => combine([fail, ...many(n, later)], {}).catch(nothing),
  );
  linear(`${name} of functions, aborted by its scope`, (n) => aborted(() => combine(many(n, never), {})), LARGE);
  linear(`${name} of functions, aborted by its signal`, async (n) => {
    const controller = new AbortController();
    const ended = combine(many(n, never), { signal: controller.signal }).catch(nothing);
    await yieldNow();
    controller.abort("enough");
    await ended;
  });
}

/** Calls with many promises. */
const WAITERS: Record<string, (promises: Promise<unknown>[], options: { signal?: AbortSignal }) => Promise<unknown>> = {
  "gather()": (promises, options) => gather(promises, options),
  "race()": (promises, options) => race(promises, options),
  "firstSuccess()": (promises, options) => firstSuccess(promises, options),
  "asCompleted()": (promises, options) => drained(asCompleted(promises, options)),
  "wait()": (promises, options) => wait(promises, options),
  'wait() for the "firstCompleted"': (promises, options) =>
    wait(promises, { ...options, returnWhen: "firstCompleted" }),
};

for (const [name, combine] of Object.entries(WAITERS)) {
  const pending = (n: number) => Array.from({ length: n }, () => new Promise<void>(nothing));
  linear(`${name} of promises that settle`, (n) => combine(Array.from({ length: n }, () => Promise.resolve()), {}));
  linear(`${name} of promises, aborted by its scope`, (n) => aborted(() => combine(pending(n), {})), LARGE);
  linear(`${name} of one promise, many times`, (n) => aborted(() => combine(Array(n).fill(pending(1)[0]), {})));
  linear(`${name} of promises, aborted by its signal`, async (n) => {
    const controller = new AbortController();
    const ended = combine(pending(n), { signal: controller.signal }).catch(nothing);
    await yieldNow();
    controller.abort("enough");
    await ended;
  });
}

linear("asCompleted(), left after the first of many results", async (n) => {
  for await (const _ of asCompleted(many(n, nothing))) break;
});

linear("createTask(), independent", (n) => gather(Array.from({ length: n }, () => createTask(nothing))));

linear("createTask(), cancelled one by one before they begin", (n) => {
  for (const task of Array.from({ length: n }, () => createTask(nothing))) task.cancel();
});

linear("timeout(), side by side", (n) => gather(many(n, () => timeout(60_000, () => yieldNow()))));

linear("timeout(), side by side, aborted", (n) => aborted(() => gather(many(n, () => timeout(60_000, never)))));

linear("scope(), each with a signal of all", (n) => {
  const { signal } = new AbortController();
  return gather(many(n, () => scope(() => yieldNow(), { signal })));
});

// A call with that many arguments would overflow the stack.
ends("allTasks() finds 150,000 tasks side by side", async () => {
  const before = allTasks().size;
  await TaskGroup.run(async (group) => {
    createMany(group, size(150_000), never);
    assertEquals(allTasks().size - before, size(150_000));
    await yieldNow();
    group.cancel();
  });
  assertEquals(allTasks().size, before);
});

linear("allTasks()", (n) =>
  TaskGroup.run(async (group) => {
    createMany(group, n, never);
    await yieldNow();
    allTasks();
    group.cancel();
  }));
