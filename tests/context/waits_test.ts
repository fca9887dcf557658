/** Whoever awaits one of our promises goes on in the context that the wait began in, whoever ends the wait. */

import { assertEquals } from "@std/assert";
import {
  asCompleted,
  AsyncEvent,
  Barrier,
  Channel,
  Condition,
  createTask,
  currentSignal,
  Future,
  gather,
  Lock,
  map,
  moveOnAfter,
  Queue,
  race,
  RateLimiter,
  RwLock,
  scope,
  select,
  Semaphore,
  sleep,
  sleepForever,
  sleepUntil,
  TaskGroup,
  timeout,
  wait,
  waitFor,
  yieldNow,
} from "@weft/async";
import { scopeLane, settle, signalLane } from "../support.ts";
import { store, within } from "./support.ts";

interface Wait {
  /** Begins it, in the context of the caller. */
  begin(options: { signal?: AbortSignal }): PromiseLike<unknown>;
  /** Has it end, in another context. */
  wake(): unknown;
  /** Something else that has to end with the test. */
  readonly other?: Promise<void>;
}

/** A promise, and what settles it. */
function gate(): { promise: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, open: resolve };
}

/** A promise of ours in which a function waits for `gate`. */
function work(start: (fn: () => Promise<void>) => PromiseLike<unknown>): Wait {
  const { promise, open } = gate();
  return { begin: () => start(() => waitFor(promise)), wake: open };
}

/** One that the clock ends: its platform timer has been started in another context, for an earlier alarm. */
function timed(begin: Wait["begin"]): Wait {
  return { begin, wake: () => {}, other: within("clock", () => sleep(1)) };
}

function condition(begin: (condition: Condition, options: { signal?: AbortSignal }) => PromiseLike<unknown>): Wait {
  const condition = new Condition();
  return {
    begin(options) {
      condition.lock.tryAcquire();
      return begin(condition, options);
    },
    wake: () =>
      condition.lock.run(() => {
        woken = true;
        condition.notify();
      }),
  };
}

let woken = false;

/** Nothing but an abort ends it. */
const never = () => {};

/** Those that take a signal. */
const SIGNALLED: Record<string, () => Wait> = {
  "sleep()": () => timed((options) => sleep(3, options)),
  "sleepUntil()": () => timed((options) => sleepUntil(Date.now() + 3, options)),
  "sleepForever()": () => ({ begin: (options) => sleepForever(options), wake: never }),
  "yieldNow()": () => ({ begin: (options) => yieldNow(options), wake: () => yieldNow() }),
  "Semaphore.acquire()": () => {
    const semaphore = new Semaphore(1);
    const permit = semaphore.tryAcquire()!;
    return { begin: (options) => semaphore.acquire(options), wake: () => permit.release() };
  },
  "Lock.acquire()": () => {
    const lock = new Lock();
    const hold = lock.tryAcquire()!;
    return { begin: (options) => lock.acquire(options), wake: () => hold.release() };
  },
  "RwLock.acquireRead()": () => {
    const lock = new RwLock();
    const hold = lock.tryAcquireWrite()!;
    return { begin: (options) => lock.acquireRead(options), wake: () => hold.release() };
  },
  "RwLock.acquireWrite()": () => {
    const lock = new RwLock();
    const hold = lock.tryAcquireRead()!;
    return { begin: (options) => lock.acquireWrite(options), wake: () => hold.release() };
  },
  "AsyncEvent.wait()": () => {
    const event = new AsyncEvent();
    return { begin: (options) => event.wait(options), wake: () => event.set() };
  },
  "Barrier.wait()": () => {
    const barrier = new Barrier(2);
    return { begin: (options) => barrier.wait(options), wake: () => barrier.wait() };
  },
  "Condition.wait()": () => condition((condition, options) => condition.wait(options)),
  "Condition.waitUntil()": () => {
    woken = false;
    return condition((condition, options) => condition.waitUntil(() => woken, options));
  },
  "Queue.get()": () => {
    const queue = new Queue<number>();
    return { begin: (options) => queue.get(options), wake: () => queue.put(1) };
  },
  "Queue.put()": () => {
    const queue = new Queue<number>(1);
    queue.tryPut(1);
    return { begin: (options) => queue.put(2, options), wake: () => queue.get() };
  },
  "Queue.join()": () => {
    const queue = new Queue<number>();
    queue.tryPut(1);
    return { begin: (options) => queue.join(options), wake: () => (queue.tryGet(), queue.taskDone()) };
  },
  "Sender.send()": () => {
    const { sender, receiver } = new Channel<number>(0);
    return { begin: (options) => sender.send(1, options), wake: () => receiver.receive() };
  },
  "Receiver.receive()": () => {
    const { sender, receiver } = new Channel<number>(0);
    return { begin: (options) => receiver.receive(options), wake: () => sender.send(1) };
  },
  "select()": () => {
    const { sender, receiver } = new Channel<number>(0);
    const other = new Channel<number>(0);
    return {
      begin: (options) => select([other.sender.sending(1), receiver.receiving()], options),
      wake: () => sender.send(1),
    };
  },
  "RateLimiter.acquire()": () => {
    const limiter = new RateLimiter({ limit: 1, interval: 3 });
    limiter.tryAcquire();
    return timed((options) => limiter.acquire(options));
  },
  "waitFor()": () => {
    const { promise, open } = gate();
    return { begin: (options) => waitFor(promise, options), wake: open };
  },
  "waitFor() with a timeout": () => timed((options) => waitFor(new Promise(() => {}), { ...options, timeout: 3 })),
  "wait()": () => {
    const { promise, open } = gate();
    return { begin: (options) => wait([promise], options), wake: open };
  },
  "wait() with a timeout": () => timed((options) => wait([new Promise(() => {})], { ...options, timeout: 3 })),
};

/** Those that take none, or pass it on to a scope of their own. */
const UNSIGNALLED: Record<string, () => Wait> = {
  "the next() of a Queue": () => {
    const queue = new Queue<number>();
    return { begin: () => queue[Symbol.asyncIterator]().next(), wake: () => queue.put(1) };
  },
  "the next() of a Receiver": () => {
    const { sender, receiver } = new Channel<number>(0);
    return { begin: () => receiver[Symbol.asyncIterator]().next(), wake: () => sender.send(1) };
  },
  "the await of a Future": () => {
    const future = new Future<number>();
    return { begin: () => future, wake: () => future.setResult(1) };
  },
  "the await of a Task": () => {
    const { promise, open } = gate();
    const task = within("task", () => createTask(() => promise));
    return { begin: () => task, wake: open };
  },
  "the next() of map()": () => {
    const { promise, open } = gate();
    return { begin: () => map([1], () => waitFor(promise)).next(), wake: open };
  },
  "the next() of asCompleted()": () => {
    const { promise, open } = gate();
    return { begin: () => asCompleted([promise]).next(), wake: open };
  },
  "TaskGroup.start()": () => {
    const { promise, open } = gate();
    let group!: TaskGroup;
    const start = () => group.start<void>((_signal, started) => promise.then(() => started()));
    return {
      begin: () => {
        group = new TaskGroup();
        return start();
      },
      wake: open,
    };
  },
  "TaskGroup.join()": () => {
    const { promise, open } = gate();
    return {
      begin: () => {
        const group = new TaskGroup();
        group.createTask(() => waitFor(promise));
        return group.join();
      },
      wake: open,
    };
  },
  "scope()": () => work((fn) => scope(fn)),
  "timeout()": () => work((fn) => timeout(60_000, fn)),
  "timeout() that passes": () => timed(() => timeout(3, () => sleepForever())),
  "moveOnAfter() that passes": () => timed(() => moveOnAfter(3, () => sleepForever())),
  "gather()": () => work((fn) => gather([fn, () => {}])),
  "gather() with concurrency": () => work((fn) => gather([fn, fn], { concurrency: 1 })),
  "race()": () => work((fn) => race([fn, () => sleepForever()])),
  "TaskGroup.run()": () => work((fn) => TaskGroup.run((group) => void group.createTask(fn))),
};

/** Begins a wait in a scope of the context "caller", and tells where its caller is before and after. */
function begun({ begin }: Wait, signal?: AbortSignal): { log: string[]; ended: Promise<void> } {
  const log: string[] = [];
  const ended = within("caller", async () => {
    const own = currentSignal();
    const note = (when: string) => log.push(`${when}: ${store()}${isSame(own) ? "" : ", in another scope"}`);
    const waiting = begin(signal === undefined ? {} : { signal });
    note("begins");
    try {
      await waiting;
    } catch {
      // Where it goes on after a rejection is what is asked here.
    }
    note("goes on");
  });
  return { log, ended };
}

/** Whether `signal` is that of the scope around. Outside of all scopes each call makes a new one. */
function isSame(signal: AbortSignal): boolean {
  return currentSignal() === signal;
}

/** Ends a wait in the context "other", in a scope of its own. */
async function elsewhere(log: string[], fn: () => unknown): Promise<void> {
  await within("other", () =>
    scope(async () => {
      const own = currentSignal();
      const done = fn();
      log.push(`the other one: ${store()}${isSame(own) ? "" : ", in another scope"}`);
      await done;
    }));
}

const EXPECTED = ["begins: caller", "the other one: other", "goes on: caller"];

for (const [name, make] of Object.entries({ ...SIGNALLED, ...UNSIGNALLED })) {
  if (name !== "sleepForever()") {
    Deno.test(
      `${name} goes on in the context of its caller when another context ends it`,
      { timeout: 10_000 },
      async () => {
        const lane = scopeLane();
        const made = make();
        const { log, ended } = lane.begin(() => begun(made));
        await elsewhere(log, () => made.wake());
        await Promise.all([ended, made.other]);
        await lane.close();
        assertEquals(log, EXPECTED);
      },
    );
  }

  Deno.test(
    `${name} goes on in the context of its caller when another context aborts its scope`,
    { timeout: 10_000 },
    async () => {
      const lane = scopeLane();
      const made = make();
      const { log, ended } = lane.begin(() => begun(made));
      await elsewhere(log, () => lane.abort("enough"));
      await Promise.all([ended, made.other]);
      await lane.close();
      assertEquals(log, EXPECTED);
    },
  );
}

for (const [name, make] of Object.entries(SIGNALLED)) {
  Deno.test(
    `${name} goes on in the context of its caller when another context aborts its signal`,
    { timeout: 10_000 },
    async () => {
      const lane = signalLane();
      const around = scopeLane();
      const made = make();
      const { log, ended } = lane.begin(({ signal }) => around.begin(() => begun(made, signal)));
      await elsewhere(log, () => lane.abort("enough"));
      await Promise.all([ended, made.other]);
      await around.close();
      await settle();
      assertEquals(log, EXPECTED);
    },
  );
}
