/** 100,000 who wait for one thing: to let one wait begin or end takes as many steps as with 1,000. */

import {
  AsyncEvent,
  Barrier,
  Channel,
  Condition,
  createTask,
  Future,
  Lock,
  map,
  Queue,
  RateLimiter,
  RwLock,
  scope,
  select,
  Semaphore,
  sleep,
  sleepForever,
  sleepUntil,
  TaskGroup,
  wait,
  waitFor,
  yieldNow,
} from "@weft/async";
import { linear } from "./support.ts";

const SIZES = [1000, 100_000] as const;

/** Returns what begins a wait that nothing but an abort ends. */
type Make = () => (options: { signal?: AbortSignal }) => PromiseLike<unknown>;

const WAITS: Record<string, Make> = {
  "sleep()": () => (options) => sleep(60_000, options),
  "sleepUntil()": () => (options) => sleepUntil(Date.now() + 60_000, options),
  "sleepForever()": () => sleepForever,
  "yieldNow()": () => yieldNow,
  "Semaphore.acquire()"() {
    const semaphore = new Semaphore(0);
    return (options) => semaphore.acquire(options);
  },
  "Lock.acquire()"() {
    const lock = new Lock();
    lock.tryAcquire();
    return (options) => lock.acquire(options);
  },
  "RwLock.acquireRead()"() {
    const lock = new RwLock();
    lock.tryAcquireWrite();
    return (options) => lock.acquireRead(options);
  },
  "RwLock.acquireWrite()"() {
    const lock = new RwLock();
    lock.tryAcquireRead();
    return (options) => lock.acquireWrite(options);
  },
  "RwLock, readers and writers by turns"() {
    const lock = new RwLock();
    lock.tryAcquireRead();
    let count = 0;
    return (options) => ++count % 2 === 0 ? lock.acquireRead(options) : lock.acquireWrite(options);
  },
  "AsyncEvent.wait()"() {
    const event = new AsyncEvent();
    return (options) => event.wait(options);
  },
  "Barrier.wait()"() {
    const barrier = new Barrier(1_000_000);
    return (options) => barrier.wait(options);
  },
  "Condition.wait()"() {
    const condition = new Condition();
    return async (options) => {
      using _hold = condition.lock.tryAcquire()!;
      await condition.wait(options);
    };
  },
  "Queue.get()"() {
    const queue = new Queue();
    return (options) => queue.get(options);
  },
  "Queue.put()"() {
    const queue = new Queue(1);
    queue.tryPut(0);
    return (options) => queue.put(1, options);
  },
  "Queue.join()"() {
    const queue = new Queue();
    queue.tryPut(0);
    return (options) => queue.join(options);
  },
  "Sender.send()"() {
    const { sender } = new Channel(0);
    return (options) => sender.send(1, options);
  },
  "Receiver.receive()"() {
    const { receiver } = new Channel(0);
    return (options) => receiver.receive(options);
  },
  "select()"() {
    const [first, second] = [new Channel(0), new Channel(0)];
    return (options) => select([first.receiver.receiving(), second.sender.sending(1)], options);
  },
  "RateLimiter.acquire()"() {
    const limiter = new RateLimiter({ limit: 1, interval: 60_000 });
    limiter.tryAcquire();
    return (options) => limiter.acquire(options);
  },
  "waitFor()"() {
    const promise = new Promise(() => {});
    return (options) => waitFor(promise, options);
  },
  "waitFor() with a timeout"() {
    const promise = new Promise(() => {});
    return (options) => waitFor(promise, { ...options, timeout: 60_000 });
  },
  "wait()"() {
    const promise = new Promise(() => {});
    return (options) => wait([promise], options);
  },
};

/** Those that take no signal. */
const UNSIGNALLED: Record<string, Make> = {
  "the await of a Future"() {
    const future = new Future();
    return () => future.then();
  },
  "the await of a Task"() {
    const task = createTask(() => sleepForever());
    aftermath.push(() => task.cancel());
    return () => task.then();
  },
  "the next() of map()"() {
    const items = map([1], () => sleepForever());
    return () => items.next();
  },
  "TaskGroup.start()"() {
    const group = new TaskGroup();
    return () => group.start(() => sleepForever());
  },
};

/** What has to be done after a test. */
const aftermath: (() => void)[] = [];

/** Begins `n` waits, and returns how each has ended. */
function begin(n: number, wait: () => PromiseLike<unknown>): Promise<unknown> {
  return Promise.allSettled(Array.from({ length: n }, wait));
}

for (const [name, make] of Object.entries({ ...WAITS, ...UNSIGNALLED })) {
  linear(
    `${name} takes steps in proportion to those who wait when one scope aborts them all`,
    SIZES,
    (n) =>
      scope(async (_signal, self) => {
        const wait = make();
        const ended = begin(n, () => wait({}));
        self.cancel("enough");
        await ended;
        aftermath.splice(0).forEach((fn) => fn());
      }),
  );
}

for (const [name, make] of Object.entries(WAITS)) {
  linear(`${name} takes steps in proportion to those who wait when one signal aborts them all`, SIZES, async (n) => {
    const controller = new AbortController();
    const wait = make();
    const ended = begin(n, () => wait({ signal: controller.signal }));
    controller.abort("enough");
    await ended;
  });
}

/** Each of `n` gets what it waits for, one after the other or together. */
const SERVED: Record<string, (n: number) => Promise<unknown>> = {
  "Semaphore.acquire()": (n) => {
    const semaphore = new Semaphore(1);
    return begin(n, () => semaphore.acquire().then((permit) => permit.release()));
  },
  "Semaphore.run()": (n) => {
    const semaphore = new Semaphore(10);
    return begin(n, () => semaphore.run(() => {}));
  },
  "Lock.acquire()": (n) => {
    const lock = new Lock();
    return begin(n, () => lock.acquire().then((hold) => hold.release()));
  },
  "Lock.run()": (n) => {
    const lock = new Lock();
    return begin(n, () => lock.run(() => {}));
  },
  "RwLock.runRead() and runWrite()": (n) => {
    const lock = new RwLock();
    let count = 0;
    return begin(n, () => ++count % 2 === 0 ? lock.runRead(() => {}) : lock.runWrite(() => {}));
  },
  "AsyncEvent.wait()": (n) => {
    const event = new AsyncEvent();
    const ended = begin(n, () => event.wait());
    event.set();
    return ended;
  },
  "Barrier.wait()": (n) => {
    const barrier = new Barrier(n);
    return begin(n, () => barrier.wait());
  },
  "Condition.wait()": async (n) => {
    const condition = new Condition();
    const ended = begin(n, async () => {
      using _hold = condition.lock.tryAcquire()!;
      await condition.wait();
    });
    await condition.lock.run(() => condition.notifyAll());
    await ended;
  },
  "Queue.put() and get()": (n) => {
    const queue = new Queue<number>(1);
    return Promise.all([begin(n, () => queue.put(1)), begin(n, () => queue.get())]);
  },
  "Queue.get() before put()": (n) => {
    const queue = new Queue<number>();
    return Promise.all([begin(n, () => queue.get()), begin(n, () => queue.put(1))]);
  },
  "Sender.send() and Receiver.receive()": (n) => {
    const { sender, receiver } = new Channel<number>(0);
    return Promise.all([begin(n, () => sender.send(1)), begin(n, () => receiver.receive())]);
  },
  "select()": (n) => {
    const [first, second] = [new Channel<number>(0), new Channel<number>(0)];
    return Promise.all([
      begin(n, () => select([first.receiver.receiving(), second.receiver.receiving()])),
      begin(n, () => second.sender.send(1)),
    ]);
  },
  "the await of a Future": (n) => {
    const future = new Future<number>();
    const ended = begin(n, () => future.then());
    future.setResult(1);
    return ended;
  },
  "Future.addDoneCallback()": async (n) => {
    const future = new Future<number>();
    for (let i = 0; i < n; i++) future.addDoneCallback(() => {});
    future.setResult(1);
    await future;
  },
  "waitFor()": (n) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const ended = begin(n, () => waitFor(promise));
    resolve();
    return ended;
  },
  "yieldNow()": (n) => begin(n, () => yieldNow()),
  "sleep()": (n) => begin(n, () => sleep(1)),
};

for (const [name, serve] of Object.entries(SERVED)) {
  linear(`${name} takes steps in proportion to those who wait when all get what they wait for`, [500, 20_000], serve);
}
