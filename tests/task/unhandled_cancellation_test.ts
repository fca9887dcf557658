/** A wait or call that an abort rejects is no unhandled rejection when nobody awaits it. A failure is one. */

import { assertEquals } from "@std/assert";
import {
  asCompleted,
  AsyncEvent,
  Barrier,
  Channel,
  Condition,
  createTask,
  firstSuccess,
  Future,
  gather,
  LifoQueue,
  Lock,
  map,
  moveOnAfter,
  PriorityQueue,
  Queue,
  race,
  RateLimiter,
  run,
  RwLock,
  scope,
  select,
  Semaphore,
  sleep,
  sleepForever,
  sleepUntil,
  TaskGroup,
  timeout,
  timeoutAt,
  wait,
  waitFor,
  yieldNow,
} from "@weft/async";
import { settle, unhandledIn } from "../support.ts";

const LIMIT = { timeout: 10_000 };

interface Options {
  signal?: AbortSignal;
}
type Start = (options?: Options) => PromiseLike<unknown>;

const reason = new Error("enough");
const failure = new Error("no luck");
const HOUR = 3_600_000;
const never = new Promise<never>(() => {});
const rate = { limit: 1, interval: HOUR };

/** A semaphore, lock or limiter of which nothing is left. */
function taken<T>(thing: T, take: (thing: T) => unknown): T {
  take(thing);
  return thing;
}
const noPermit = () => taken(new Semaphore(1), (semaphore) => semaphore.tryAcquire());
const noToken = () => taken(new RateLimiter(rate), (limiter) => limiter.tryAcquire());
const heldLock = () => taken(new Lock(), (lock) => lock.tryAcquire());
const heldForWriting = () => taken(new RwLock(), (lock) => lock.tryAcquireWrite());
const heldCondition = () => new Condition(heldLock());
const fullQueue = () => taken(new Queue<number>(1), (queue) => queue.tryPut(1));

/** Waits that never come to anything, and take the signal that they are given. */
const WAITS: Record<string, Start> = {
  "sleep()": (options) => sleep(HOUR, options),
  "sleepUntil()": (options) => sleepUntil(Date.now() + HOUR, options),
  "sleepForever()": (options) => sleepForever(options),
  "waitFor()": (options) => waitFor(never, options),
  "waitFor() with timeout": (options) => waitFor(never, { ...options, timeout: HOUR }),
  "waitFor() of a Future": (options) => waitFor(new Future<void>(), options),
  "wait()": (options) => wait([never, new Future<void>()], options),
  "AsyncEvent.wait()": (options) => new AsyncEvent().wait(options),
  "Barrier.wait()": (options) => new Barrier(2).wait(options),
  "Condition.wait()": (options) => heldCondition().wait(options),
  "Condition.waitUntil()": (options) => heldCondition().waitUntil(() => false, options),
  "Lock.acquire()": (options) => heldLock().acquire(options),
  "Lock.run()": (options) => heldLock().run(() => {}, options),
  "RwLock.acquireRead()": (options) => heldForWriting().acquireRead(options),
  "RwLock.acquireWrite()": (options) => heldForWriting().acquireWrite(options),
  "RwLock.runRead()": (options) => heldForWriting().runRead(() => {}, options),
  "RwLock.runWrite()": (options) => heldForWriting().runWrite(() => {}, options),
  "Semaphore.acquire()": (options) => noPermit().acquire(options),
  "Semaphore.run()": (options) => noPermit().run(() => {}, options),
  "RateLimiter.acquire()": (options) => noToken().acquire(options),
  "RateLimiter.run()": (options) => noToken().run(() => {}, options),
  "Queue.get()": (options) => new Queue().get(options),
  "LifoQueue.get()": (options) => new LifoQueue().get(options),
  "PriorityQueue.get()": (options) => new PriorityQueue<number>({ compare: (a, b) => a - b }).get(options),
  "Queue.put()": (options) => fullQueue().put(2, options),
  "Queue.join()": (options) => fullQueue().join(options),
  "Sender.send()": (options) => new Channel<number>(0).sender.send(1, options),
  "Receiver.receive()": (options) => new Channel<number>(0).receiver.receive(options),
  "select()": (options) =>
    select([new Channel<number>(0).sender.sending(1), new Channel<number>(0).receiver.receiving()], options),
};

/** Waits that see the scope around them only. */
const AMBIENT_WAITS: Record<string, Start> = {
  "Future.then()": () => new Future<void>().then(() => {}),
  "Future.then() without callbacks": () => new Future<void>().then(),
  "Task.then()": () => createTask(() => settle(3)).then(() => {}),
  "Semaphore.wrap()": () => noPermit().wrap(() => {})(),
  "Queue.next()": () => new Queue()[Symbol.asyncIterator]().next(),
  "Receiver.next()": () => new Channel(0).receiver[Symbol.asyncIterator]().next(),
  "Results.next() of another scope": () => elsewhere.next(),
};

// Made outside of the scopes of the tests: an abort of those ends a read of it only.
const elsewhere = asCompleted([() => never]);

/** Structured calls around one function. */
const CALLS: Record<string, (work: () => unknown, options?: Options) => PromiseLike<unknown>> = {
  "run()": (work, options) => run(work, { ...options, signals: false }),
  "run() in a run()": (work, options) => run(() => run(work), { ...options, signals: false }),
  "scope()": (work, options) => scope(work, options),
  "timeout()": (work, options) => timeout(HOUR, work, options),
  "timeoutAt()": (work, options) => timeoutAt(Date.now() + HOUR, work, options),
  "moveOnAfter()": (work, options) => moveOnAfter(HOUR, work, options),
  "TaskGroup.run()": (work, options) => TaskGroup.run(work, options),
  "TaskGroup.run() with a task": (work, options) =>
    TaskGroup.run((group) => void group.createTask(() => work()), options),
  "gather()": (work, options) => gather([work], options),
  "gather() with settled and concurrency": (work, options) =>
    gather([work, never], { ...options, settled: true, concurrency: 1 }),
  "race()": (work, options) => race([work], options),
  "firstSuccess()": (work, options) => firstSuccess([work], options),
  "asCompleted().next()": (work, options) => asCompleted([work], options).next(),
  "map().next()": (work, options) => map([0], work, options).next(),
  "map().next() with ordered": (work, options) => map([0], work, { ...options, ordered: true }).next(),
};

/** Combinators around a promise. */
const AWAITERS: Record<string, Start> = {
  "gather() of a promise": (options) => gather([never], options),
  "race() of promises": (options) => race([never, new Future<void>()], options),
  "firstSuccess() of a promise": (options) => firstSuccess([never], options),
  "asCompleted().next() of a promise": (options) => asCompleted([never], options).next(),
};

const CALLED = Object.entries(CALLS).map(([name, call]): [string, Start] => [
  name,
  (options) => call(() => sleepForever(), options),
]);
const WITH_SIGNAL = [...Object.entries(WAITS), ...CALLED, ...Object.entries(AWAITERS)];
const ALL = [...WITH_SIGNAL, ...Object.entries(AMBIENT_WAITS)];

/** What `left` rejects with, asked late. */
function lateError(left: PromiseLike<unknown>): Promise<unknown> {
  return Promise.resolve(left).then((value) => `returns ${value}`, (error) => error);
}

for (const [name, start] of ALL) {
  Deno.test(`${name} that nobody awaits is no unhandled rejection when its scope is aborted`, LIMIT, async () => {
    let left!: PromiseLike<unknown>;
    const unhandled = await unhandledIn(() =>
      scope(async (_signal, self) => {
        left = start();
        await settle(1);
        self.cancel(reason);
      })
    );
    assertEquals([unhandled, await lateError(left)], [[], reason]);
  });

  Deno.test(
    `${name} that nobody awaits is no unhandled rejection when its scope was aborted before`,
    LIMIT,
    async () => {
      let left!: PromiseLike<unknown>;
      const unhandled = await unhandledIn(() =>
        scope((_signal, self) => {
          self.cancel(reason);
          left = start();
        })
      );
      assertEquals([unhandled, await lateError(left)], [[], reason]);
    },
  );
}

for (const [name, start] of WITH_SIGNAL) {
  Deno.test(`${name} that nobody awaits is no unhandled rejection when its signal is aborted`, LIMIT, async () => {
    const controller = new AbortController();
    let left!: PromiseLike<unknown>;
    const unhandled = await unhandledIn(async () => {
      left = start({ signal: controller.signal });
      await settle(1);
      controller.abort(reason);
    });
    assertEquals([unhandled, await lateError(left)], [[], reason]);
  });

  Deno.test(
    `${name} that nobody awaits is no unhandled rejection when its signal was aborted before`,
    LIMIT,
    async () => {
      let left!: PromiseLike<unknown>;
      const unhandled = await unhandledIn(() => {
        left = start({ signal: AbortSignal.abort(reason) });
      });
      assertEquals([unhandled, await lateError(left)], [[], reason]);
    },
  );
}

Deno.test(
  "yieldNow() that nobody awaits is no unhandled rejection when its scope or signal is aborted",
  LIMIT,
  async () => {
    const controller = new AbortController();
    const left: Promise<unknown>[] = [];
    const unhandled = await unhandledIn(() =>
      scope(async (_signal, self) => {
        left.push(yieldNow({ signal: controller.signal }));
        controller.abort(reason);
        left.push(yieldNow());
        self.cancel(reason);
        left.push(yieldNow({ budget: HOUR }));
        await null;
      })
    );
    assertEquals([unhandled, await Promise.all(left.map(lateError))], [[], [reason, reason, reason]]);
  },
);

Deno.test(
  "TaskGroup.start() and join() that nobody awaits are no unhandled rejection when their scope is aborted",
  LIMIT,
  async () => {
    const left: Promise<unknown>[] = [];
    const unhandled = await unhandledIn(() =>
      scope(async (_signal, self) => {
        const group = new TaskGroup();
        left.push(group.start(() => sleepForever()));
        left.push(group.join());
        await settle(1);
        self.cancel(reason);
      })
    );
    assertEquals([unhandled, await Promise.all(left.map(lateError))], [[], [reason, reason]]);
  },
);

/** The failure that a call rejects with: what it was thrown, or the first of those it has put together. */
function failureOf(error: unknown): unknown {
  return error instanceof AggregateError ? error.errors[0] : error;
}

for (const [name, call] of Object.entries(CALLS)) {
  if (name.includes("settled")) continue;

  Deno.test(`${name} that nobody awaits is one unhandled rejection when its function fails`, LIMIT, async () => {
    const unhandled = await unhandledIn(() => void call(() => Promise.reject(failure)));
    assertEquals(unhandled.map(failureOf), [failure]);
  });

  Deno.test(
    `${name} that nobody awaits is one unhandled rejection when its function fails after an abort`,
    LIMIT,
    async () => {
      const unhandled = await unhandledIn(() =>
        scope(async (_signal, self) => {
          void call(() => sleepForever().catch(() => Promise.reject(failure)));
          await settle(1);
          self.cancel(reason);
        })
      );
      assertEquals(unhandled.map(failureOf), [failure]);
    },
  );
}

/** What waits fail with when nothing is aborted. */
const FAILING_WAITS: Record<string, () => PromiseLike<unknown>> = {
  "waitFor()": () => waitFor(Promise.reject(failure)),
  "gather() of a promise": () => gather([Promise.reject(failure)]),
  "Future.then()": () => {
    const future = new Future<void>();
    const left = future.then(() => {});
    future.setException(failure);
    return left;
  },
  "Lock.run()": () => new Lock().run(() => Promise.reject(failure)),
  "RwLock.runRead()": () => new RwLock().runRead(() => Promise.reject(failure)),
  "Semaphore.run()": () => new Semaphore(1).run(() => Promise.reject(failure)),
  "Semaphore.wrap()": () => new Semaphore(1).wrap(() => Promise.reject(failure))(),
  "RateLimiter.run()": () => new RateLimiter(rate).run(() => Promise.reject(failure)),
  "Condition.waitUntil()": () =>
    heldCondition().waitUntil(() => {
      throw failure;
    }),
};

for (const [name, start] of Object.entries(FAILING_WAITS)) {
  Deno.test(`${name} that nobody awaits is one unhandled rejection when it fails`, LIMIT, async () => {
    assertEquals(await unhandledIn(() => void start()), [failure]);
  });
}

/** Waits that fail with an error of their own. */
const REFUSED_WAITS: Record<string, () => PromiseLike<unknown>> = {
  "Barrier.wait() at a barrier that is reset": () => {
    const barrier = new Barrier(2);
    const left = barrier.wait();
    barrier.reset();
    return left;
  },
  "Queue.get() of a queue that is shut down": () => {
    const queue = new Queue();
    const left = queue.get();
    queue.shutdown();
    return left;
  },
  "Receiver.receive() of a channel that is closed": () => {
    const { sender, receiver } = new Channel<number>(0);
    const left = receiver.receive();
    sender.close();
    return left;
  },
  "waitFor() that takes too long": () => waitFor(never, { timeout: 0 }),
  "timeout() that takes too long": () => timeout(0, () => sleepForever()),
  "Condition.wait() without the lock": () => new Condition().wait(),
  "Semaphore.acquire() of too much": () => new Semaphore(1).acquire({ weight: 2 }),
};

for (const [name, start] of Object.entries(REFUSED_WAITS)) {
  Deno.test(`${name} and that nobody awaits is one unhandled rejection`, LIMIT, async () => {
    let left!: PromiseLike<unknown>;
    const unhandled = await unhandledIn(async () => {
      left = start();
      // A timer of zero ms rings in a turn of its own, which may come after a few others.
      await sleep(2);
    });
    assertEquals(unhandled, [await lateError(left)]);
  });
}
