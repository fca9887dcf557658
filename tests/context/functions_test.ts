/** Functions passed to this package, and the `then` of foreign thenables, run in the context of whoever passed them. */

import { assertEquals } from "@std/assert";
import {
  asCompleted,
  cleanup,
  Condition,
  createTask,
  firstSuccess,
  Future,
  gather,
  Lock,
  map,
  moveOnAfter,
  race,
  RateLimiter,
  run,
  RwLock,
  scope,
  Semaphore,
  shield,
  sleep,
  TaskGroup,
  timeout,
  timeoutAt,
  wait,
  waitFor,
  yieldNow,
} from "@weft/async";
import { settle } from "../support.ts";
import { store, thenable, within } from "./support.ts";

type Work = () => unknown;

/** Calls with one function each. */
const CALLS: Record<string, (fn: Work) => PromiseLike<unknown>> = {
  "run()": (fn) => run(fn, { signals: false }),
  "scope()": (fn) => scope(fn),
  "timeout()": (fn) => timeout(60_000, fn),
  "timeoutAt()": (fn) => timeoutAt(Date.now() + 60_000, fn),
  "moveOnAfter()": (fn) => moveOnAfter(60_000, fn),
  "shield()": (fn) => shield(fn),
  "cleanup()": (fn) => cleanup(fn)[Symbol.asyncDispose](),
  "createTask()": (fn) => createTask(fn),
  "createTask() with eager": (fn) => createTask(fn, { eager: true }),
  "TaskGroup.run()": (fn) => TaskGroup.run(fn),
  "TaskGroup.createTask()": (fn) => TaskGroup.run(async (group) => void await group.createTask(fn)),
  "TaskGroup.createTask() with eager": (fn) =>
    TaskGroup.run(async (group) => void await group.createTask(fn, { eager: true })),
  "TaskGroup.start()": (fn) =>
    TaskGroup.run((group) =>
      group.start<void>(async (_signal, started) => {
        await fn();
        started();
      })
    ),
  "gather()": (fn) => gather([fn]),
  "gather() with concurrency": (fn) => gather([() => {}, fn], { concurrency: 1 }),
  "gather() of a record": (fn) => gather({ fn }),
  "race()": (fn) => race([fn]),
  "firstSuccess()": (fn) => firstSuccess([fn]),
  "map()": (fn) => map([1], fn).next(),
  "map() with ordered": (fn) => map([1], fn, { ordered: true }).next(),
  "asCompleted()": (fn) => asCompleted([fn]).next(),
  "asCompleted() with concurrency": (fn) => drained(asCompleted([() => {}, fn], { concurrency: 1 })),
  "Lock.run()": (fn) => new Lock().run(fn),
  "RwLock.runRead()": (fn) => new RwLock().runRead(fn),
  "RwLock.runWrite()": (fn) => new RwLock().runWrite(fn),
  "Semaphore.run()": (fn) => new Semaphore(1).run(fn),
  "Semaphore.wrap()": (fn) => new Semaphore(1).wrap(fn)(),
  "RateLimiter.run()": (fn) => new RateLimiter({ limit: 1, interval: 1 }).run(fn),
};

async function drained(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

for (const [name, call] of Object.entries(CALLS)) {
  Deno.test(`${name} calls its function in the context of its caller`, { timeout: 10_000 }, async () => {
    const log: string[] = [];
    await within("first", () => call(() => void log.push(store())));
    const ended = within("caller", () =>
      call(async () => {
        log.push(store());
        await yieldNow();
        log.push(store());
      }));
    within("other", () => void yieldNow());
    await ended;
    assertEquals(log, ["first", "caller", "caller"]);
  });

  Deno.test(`${name} calls the then of what its function returns in the context of its caller`, {
    timeout: 10_000,
  }, async () => {
    const log: string[] = [];
    await within("first", () => call(() => thenable(log, null)));
    const ended = within("caller", () => call(() => thenable(log, null)));
    within("other", () => void yieldNow());
    await ended;
    assertEquals(log, ["first", "caller"]);
  });
}

/** Calls whose function has to wait for its turn, which another context gives it. */
interface Turn {
  call(fn: Work): PromiseLike<unknown>;
  give(): unknown;
}

const TURNS: Record<string, () => Turn | Promise<Turn>> = {
  "Lock.run()": () => {
    const lock = new Lock();
    const hold = lock.tryAcquire()!;
    return { call: (fn) => lock.run(fn), give: () => hold.release() };
  },
  "RwLock.runRead()": () => {
    const lock = new RwLock();
    const hold = lock.tryAcquireWrite()!;
    return { call: (fn) => lock.runRead(fn), give: () => hold.release() };
  },
  "RwLock.runWrite()": () => {
    const lock = new RwLock();
    const hold = lock.tryAcquireRead()!;
    return { call: (fn) => lock.runWrite(fn), give: () => hold.release() };
  },
  "Semaphore.run()": () => {
    const semaphore = new Semaphore(1);
    const permit = semaphore.tryAcquire()!;
    return { call: (fn) => semaphore.run(fn), give: () => permit.release() };
  },
  "Semaphore.wrap()": () => {
    const semaphore = new Semaphore(1);
    const permit = semaphore.tryAcquire()!;
    return { call: (fn) => semaphore.wrap(fn)(), give: () => permit.release() };
  },
  "RateLimiter.run()": () => {
    const limiter = new RateLimiter({ limit: 1, interval: 3 });
    limiter.tryAcquire();
    // The platform timer that ends the wait is started there.
    const other = within("other", () => sleep(1));
    return { call: (fn) => Promise.all([limiter.run(fn), other]), give: () => {} };
  },
  "Condition.waitUntil()": () => {
    const condition = new Condition();
    let notified = false;
    return {
      async call(fn) {
        using _hold = condition.lock.tryAcquire()!;
        await condition.waitUntil(() => notified && (fn(), true));
      },
      give: () =>
        condition.lock.run(() => {
          notified = true;
          condition.notify();
        }),
    };
  },
  "Future.addDoneCallback()": () => {
    const future = new Future<void>();
    return {
      call(fn) {
        future.addDoneCallback(fn);
        return future;
      },
      give: () => future.setResult(),
    };
  },
  "Task.addDoneCallback()": () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const task = within("other", () => createTask(() => promise));
    return {
      call(fn) {
        task.addDoneCallback(fn);
        return task;
      },
      give: resolve,
    };
  },
  "TaskGroup.createTask() with concurrency": async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let group!: TaskGroup;
    const { promise: end, resolve: close } = Promise.withResolvers<void>();
    const ended = within("group", () =>
      TaskGroup.run((inner) => {
        group = inner;
        return end;
      }, { concurrency: 1 }));
    await settle();
    within("other", () => group.createTask(() => promise));
    return {
      async call(fn) {
        await group.createTask(fn);
        close();
        await ended;
      },
      give: resolve,
    };
  },
  "gather() with concurrency": () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    return { call: (fn) => gather([() => promise, fn], { concurrency: 1 }), give: resolve };
  },
  "asCompleted() with concurrency": () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    return { call: (fn) => drained(asCompleted([() => promise, fn], { concurrency: 1 })), give: resolve };
  },
  "map() with concurrency 1": () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const items = (fn: Work) => map([1, 2], (n) => n === 1 ? promise : fn(), { concurrency: 1 });
    return { call: (fn) => drained(items(fn)), give: resolve };
  },
  "map() of a stream": () => {
    let enqueue!: (n: number) => void;
    const stream = new ReadableStream<number>({
      start: (controller) => {
        enqueue = (n) => {
          controller.enqueue(n);
          controller.close();
        };
      },
    });
    return { call: (fn) => drained(map(stream, fn)), give: () => enqueue(1) };
  },
};

for (const [name, make] of Object.entries(TURNS)) {
  Deno.test(`${name} calls its function in the context of its caller when another context gives it its turn`, {
    timeout: 10_000,
  }, async () => {
    const log: string[] = [];
    const { call, give } = await make();
    const ended = within("caller", () => call(() => void log.push(store())));
    await settle(1);
    await within("other", give);
    await ended;
    await settle(1);
    assertEquals(log, ["caller"]);
  });
}

Deno.test(
  "map() calls its function in the context of the first read, whoever reads later",
  { timeout: 10_000 },
  async () => {
    const log: string[] = [];
    const items = within("caller", () => map([1, 2, 3, 4], () => void log.push(store()), { concurrency: 1 }));
    for (const reader of ["one", "two", "three", "four"]) await within(reader, () => items.next());
    await items.return();
    assertEquals(log, ["one", "one", "one", "one"]);
  },
);

Deno.test(
  "map() reads its source in the context of the first read, whoever reads the results later",
  { timeout: 10_000 },
  async () => {
    const log: string[] = [];
    const source: AsyncIterable<number> = {
      [Symbol.asyncIterator]() {
        log.push(`opens: ${store()}`);
        let n = 0;
        return {
          next: () => (log.push(`next: ${store()}`), Promise.resolve({ done: n === 2, value: n++ })),
        };
      },
    };
    const items = within("caller", () => map(source, (n) => n, { concurrency: 1 }));
    for (const reader of ["one", "two", "three"]) await within(reader, () => items.next());
    assertEquals(log, ["opens: one", "next: one", "next: one", "next: one"]);
  },
);

/** Waits for a foreign thenable itself. */
const WAITS: Record<string, (promise: PromiseLike<unknown>) => PromiseLike<unknown>> = {
  "waitFor()": (promise) => waitFor(promise),
  "waitFor() with a timeout": (promise) => waitFor(promise, { timeout: 60_000 }),
  "wait()": (promise) => wait([promise]),
  "gather()": (promise) => gather([promise]),
  "gather() with concurrency": (promise) => gather([() => {}, () => {}, promise], { concurrency: 1 }),
  "race()": (promise) => race([promise]),
  "firstSuccess()": (promise) => firstSuccess([promise]),
  "asCompleted()": (promise) => asCompleted([promise]).next(),
};

for (const [name, call] of Object.entries(WAITS)) {
  Deno.test(
    `${name} calls the then of a foreign thenable in the context of its caller`,
    { timeout: 10_000 },
    async () => {
      const log: string[] = [];
      await within("first", () => call(thenable(log, null)));
      const ended = within("caller", () => call(thenable(log, null)));
      within("other", () => void yieldNow());
      await ended;
      assertEquals(log, ["first", "caller"]);
    },
  );
}

Deno.test("waitFor() has the work that a lazy thenable begins in its then be part of the caller's scope", {
  timeout: 10_000,
}, async () => {
  const log: string[] = [];
  const query: PromiseLike<void> = {
    then: (fulfilled, rejected) =>
      sleep(60_000).catch((reason) => {
        log.push(`the query is cancelled: ${reason}`);
        throw reason;
      }).then(fulfilled, rejected),
  };
  await scope(async (_signal, self) => {
    const waiting = waitFor(query).catch((reason) => log.push(`the wait is cancelled: ${reason}`));
    await settle(1);
    self.cancel("enough");
    await waiting;
  });
  assertEquals(log.sort(), ["the query is cancelled: enough", "the wait is cancelled: enough"]);
});
