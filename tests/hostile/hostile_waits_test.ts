/** Every wait, with foreign things that throw when they are looked at. */

import {
  AsyncEvent,
  Barrier,
  Channel,
  Condition,
  gather,
  isCancellation,
  Lock,
  moveOnAfter,
  PriorityQueue,
  Queue,
  RateLimiter,
  RwLock,
  scope,
  select,
  Semaphore,
  sleep,
  sleepForever,
  sleepUntil,
  timeout,
  wait,
  waitFor,
  yieldNow,
} from "@weft/async";
import { ALONE, hunt, type Scenarios, WITH_SIBLINGS } from "./hunt.ts";

const never = () => new Promise<void>(() => {});

const time: Scenarios = {
  "sleep()": (f) => sleep(1, f.options()),
  "sleepUntil()": (f) => sleepUntil(f.foreign("at", new Date(Date.now() + 1)), f.options()),
  "yieldNow()": (f) => yieldNow(f.options()),
  "yieldNow({ budget })": (f) => yieldNow(f.options({ budget: 0 })),
  "waitFor() a thenable": (f) => waitFor(f.thenable(), f.options({ timeout: 60_000 })),
  "waitFor() a promise with getters": (f) => waitFor(f.promise(), f.options()),
  "waitFor() a proxied promise": (f) => waitFor(f.proxiedPromise(), f.options()),
  "waitFor() that gives up": (f) => waitFor(f.foreign("promise", never()), f.options({ timeout: 1 })),
  "wait()": (f) => wait([f.promise(), f.proxiedPromise(), f.thenable()], f.options({ timeout: 60_000 })),
  "wait() for the first of an iterable": (f) =>
    wait(
      f.foreign("promises", new Set([f.promise(), f.foreign("promise", never())])),
      f.options({ returnWhen: "firstCompleted" as const }),
    ),
};

const sync: Scenarios = {
  "Semaphore.acquire()": (f) => {
    const semaphore = new Semaphore(1);
    const first = semaphore.tryAcquire()!;
    f.later(() => first.release());
    f.looks.push(() => semaphore.waiting === 0, () => semaphore.availablePermits === 1);
    return semaphore.acquire(f.options({ weight: 1 })).then((permit) => permit.release());
  },
  "Semaphore.run()": (f) => {
    const semaphore = new Semaphore(1);
    const first = semaphore.tryAcquire()!;
    f.later(() => first.release());
    f.looks.push(() => semaphore.waiting === 0, () => semaphore.availablePermits === 1);
    return semaphore.run(f.last(), f.options({ weight: 1 }));
  },
  "Semaphore.wrap()": (f) => {
    const semaphore = new Semaphore(1);
    f.looks.push(() => semaphore.waiting === 0, () => semaphore.availablePermits === 1);
    const [work, last] = [semaphore.wrap(f.work()), semaphore.wrap(f.last())];
    return Promise.allSettled([work(), last()]);
  },
  "Lock.acquire()": (f) => {
    const lock = new Lock();
    const first = lock.tryAcquire()!;
    f.later(() => first.release());
    f.looks.push(() => lock.waiting === 0, () => !lock.locked);
    return lock.acquire(f.options()).then((hold) => hold.release());
  },
  "Lock.run()": (f) => {
    const lock = new Lock();
    f.looks.push(() => lock.waiting === 0, () => !lock.locked);
    return lock.run(f.last(), f.options());
  },
  "RwLock.acquireRead()": (f) => {
    const lock = new RwLock();
    const first = lock.tryAcquireWrite()!;
    f.later(() => first.release());
    f.looks.push(() => lock.waiting === 0, () => lock.readers === 0);
    return lock.acquireRead(f.options()).then((hold) => hold.release());
  },
  "RwLock.acquireWrite()": (f) => {
    const lock = new RwLock();
    const first = lock.tryAcquireRead()!;
    f.later(() => first.release());
    f.looks.push(() => lock.waiting === 0, () => !lock.writing);
    return lock.acquireWrite(f.options()).then((hold) => hold.release());
  },
  "RwLock.runRead() and runWrite()": (f) => {
    const lock = new RwLock();
    f.looks.push(() => lock.waiting === 0, () => lock.readers === 0, () => !lock.writing);
    return Promise.allSettled([lock.runRead(f.work(), f.options()), lock.runWrite(f.last(), f.options())]);
  },
  "Condition.wait()": (f) => {
    const condition = new Condition();
    f.later(() => notify(condition));
    f.looks.push(() => condition.waiting === 0, () => !condition.lock.locked);
    return condition.lock.run(() => condition.wait(f.options()));
  },
  "Condition.waitUntil()": (f) => {
    const condition = new Condition();
    let ready = false;
    f.later(() => {
      ready = true;
      notify(condition);
    });
    f.looks.push(() => condition.waiting === 0, () => !condition.lock.locked);
    return condition.lock.run(() => condition.waitUntil(f.foreign("predicate", () => ready), f.options()));
  },
  "Barrier.wait()": (f) => {
    const barrier = new Barrier(2);
    f.later(() => {
      barrier.wait().catch(() => {});
      barrier.reset();
    });
    f.looks.push(() => barrier.waiting === 0);
    return barrier.wait(f.options());
  },
  "AsyncEvent.wait()": (f) => {
    const event = new AsyncEvent();
    f.later(() => event.set());
    f.looks.push(() => event.waiting === 0);
    return event.wait(f.options());
  },
};

function notify(condition: Condition): void {
  const hold = condition.lock.tryAcquire();
  condition.notifyAll();
  hold?.release();
}

const flow: Scenarios = {
  "Queue.put()": (f) => {
    const queue = new Queue<object>(1);
    queue.tryPut({});
    f.later(() => queue.tryGet());
    f.looks.push(() => queue.putting === 0, () => queue.unfinished === queue.size + 1);
    return queue.put(f.value(), f.options());
  },
  "Queue.get()": (f) => {
    const queue = new Queue<object>();
    f.later(() => queue.tryPut(f.value()));
    f.looks.push(() => queue.getting === 0);
    return queue.get(f.options());
  },
  "Queue.join()": (f) => {
    const queue = new Queue<object>();
    queue.tryPut({});
    f.later(() => queue.taskDone());
    f.looks.push(() => queue.unfinished === 0);
    return queue.join(f.options());
  },
  "PriorityQueue.put() and get()": async (f) => {
    const compare = f.foreign("compare", (a: number, b: number) => a - b);
    const queue = new PriorityQueue<number>(f.foreign("options", { compare, maxSize: 3 }));
    let held = 0;
    f.looks.push(() => queue.putting === 0 && queue.getting === 0, () => queue.size === held);
    const put = (item: number) => queue.put(item, f.options()).then(() => held++);
    const get = () => queue.get(f.options()).then(() => held--);
    await gather([4, 2, 3, 1].map((item) => () => put(item)).concat([get, get, get]));
  },
  "Sender.send()": (f) => {
    const { sender, receiver } = new Channel<object>(0);
    f.later(() => receiver.tryReceive());

    f.looks.push(() => sender.statistics().waitingSenders === 0);
    return sender.send(f.value(), f.options());
  },
  "Receiver.receive()": (f) => {
    const { sender, receiver } = new Channel<object>(0);
    f.later(() => sender.trySend(f.value()));

    f.looks.push(() => receiver.statistics().waitingReceivers === 0);
    return receiver.receive(f.options());
  },
  "select()": (f) => {
    const one = new Channel<object>(0);
    const two = new Channel<object>(0);
    f.later(() => one.sender.trySend(f.value()));

    f.looks.push(() => one.sender.statistics().waitingReceivers === 0);
    f.looks.push(() => two.sender.statistics().waitingSenders === 0);
    const cases = [f.keep(one.receiver.receiving()), f.keep(two.sender.sending(f.value()))];
    return select(f.foreign("cases", cases), f.options({ fair: false, settled: true as const }));
  },
  "RateLimiter.acquire()": async (f) => {
    const limiter = new RateLimiter(f.foreign("options", { limit: 1, interval: 1 }));
    f.looks.push(() => limiter.waiting === 0);
    limiter.tryAcquire();
    await limiter.acquire(f.options({ weight: 1 }));
  },
  "RateLimiter.run()": (f) => {
    const limiter = new RateLimiter({ limit: 1, interval: 1 });
    f.looks.push(() => limiter.waiting === 0);
    limiter.tryAcquire();
    return limiter.run(f.last(), f.options({ weight: 1 }));
  },
};

hunt(ALONE, time);
hunt(WITH_SIBLINGS, sync);
hunt(WITH_SIBLINGS, flow);
hunt(["the scope is aborted", "the signal is aborted"], { "sleepForever()": (f) => sleepForever(f.options()) });

hunt(["calm"], {
  "isCancellation()": (f) =>
    scope((_signal, self) => {
      self.cancel(f.reason);
      const judged = [f.error(f.reason), f.error(f.reason), f.error(f.reason)].map((error) => isCancellation(error));
      f.looks.push(() => judged.length === 3);
    }),
});

hunt(["timers fail"], {
  "sleep() on foreign timers": () => sleep(1),
  "sleep() that is cancelled on foreign timers": () =>
    scope(async (_signal, self) => {
      setImmediate(() => self.cancel());
      await gather([() => sleep(60_000), () => sleep(60_000)]);
    }),
  "timeout() on foreign timers": (f) => timeout(60_000, f.work()),
  "timeout() that passes on foreign timers": () =>
    timeout(1, () => gather([() => sleep(60_000), () => sleepForever()])),
  "moveOnAfter() on foreign timers": () => moveOnAfter(1, () => sleep(60_000)),
  "waitFor() on foreign timers": () => waitFor(never(), { timeout: 1 }),
  "wait() on foreign timers": () => wait([never()], { timeout: 1 }),
  "RateLimiter.acquire() on foreign timers": async () => {
    const limiter = new RateLimiter({ limit: 1, interval: 1 });
    await Promise.all([limiter.acquire(), limiter.acquire(), limiter.acquire()]);
  },
  "gather({ grace }) on foreign timers": (f) =>
    scope(async (_signal, self) => {
      setImmediate(() => self.cancel(f.reason));
      await gather([() => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))], { grace: 60_000 });
    }),
});
