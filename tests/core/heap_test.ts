// What a million operations leave behind: nothing, also when a signal, a promise or a future lives for ever.

import {
  AsyncEvent,
  Barrier,
  Channel,
  Condition,
  Future,
  Lock,
  PriorityQueue,
  Queue,
  RateLimiter,
  RwLock,
  select,
  Semaphore,
  sleep,
  timeout,
  waitFor,
  yieldNow,
} from "@weft/async";
import { aborted, cancelled, oneByOne, test, together } from "../heap.ts";

const free = new Semaphore(1);
test("Semaphore.acquire() that need not wait", oneByOne(async (signal) => (await free.acquire({ signal })).release()));

const taken = new Semaphore(1);
let held = taken.tryAcquire()!;
test(
  "Semaphore.acquire() that has waited",
  oneByOne(async (signal) => {
    const wait = taken.acquire({ signal });
    held.release();
    held = await wait;
  }),
);
test(
  "Semaphore.acquire() with a signal of its own",
  oneByOne(async () => {
    const wait = taken.acquire({ signal: new AbortController().signal });
    held.release();
    held = await wait;
  }),
);
test("Semaphore.acquire() that was aborted", aborted((signal) => taken.acquire({ signal })));
test("Semaphore.acquire() in a scope that was cancelled", cancelled((signal) => taken.acquire({ signal })));

const lock = new Lock();
let hold = lock.tryAcquire()!;
test(
  "Lock.acquire() that has waited",
  oneByOne(async (signal) => {
    const wait = lock.acquire({ signal });
    hold.release();
    hold = await wait;
  }),
);
test("Lock.acquire() that was aborted", aborted((signal) => lock.acquire({ signal })));
test("Lock.acquire() in a scope that was cancelled", cancelled((signal) => lock.acquire({ signal })));
const rwLock = new RwLock();
test(
  "RwLock.acquireRead() that need not wait",
  oneByOne(async (signal) => (await rwLock.acquireRead({ signal })).release()),
);
const written = new RwLock();
written.tryAcquireWrite();
test("RwLock.acquireRead() that was aborted", aborted((signal) => written.acquireRead({ signal })));
const event = new AsyncEvent();
test("AsyncEvent.wait() that was aborted", aborted((signal) => event.wait({ signal })));
const barrier = new Barrier(Number.MAX_SAFE_INTEGER);
test("Barrier.wait() that was aborted", aborted((signal) => barrier.wait({ signal })));
const condition = new Condition();
test(
  "Condition.wait() in a scope that was cancelled",
  cancelled((signal) => {
    condition.lock.tryAcquire();
    // All of them take the lock again, and leave it to the next.
    return condition.wait({ signal }).catch(() => condition.lock.release());
  }),
);

const queue = new Queue<object>(100);
test("Queue.get() that was aborted", aborted((signal) => queue.get({ signal })));
test(
  "Queue.put() and get() of an item",
  together((signal) => Promise.all([queue.put({}, { signal }), queue.get({ signal })])),
);
const full = new PriorityQueue<object>({ compare: () => 0, maxSize: 1 });
full.tryPut({});
test("PriorityQueue.put() in a scope that was cancelled", cancelled((signal) => full.put({}, { signal })));
const channel = new Channel<object>(0);
test("Receiver.receive() that was aborted", aborted((signal) => channel.receiver.receive({ signal })));
test("Sender.send() in a scope that was cancelled", cancelled((signal) => channel.sender.send({}, { signal })));
test(
  "Receiver.receive() that has waited",
  oneByOne((signal) => {
    const wait = channel.receiver.receive({ signal });
    channel.sender.trySend({});
    return wait;
  }),
);
test("Receiver.clone() that was closed", oneByOne(() => channel.receiver.clone().close()));
const other = new Channel<object>(0);
test(
  "select() that was aborted",
  aborted((signal) => select([channel.receiver.receiving(), other.sender.sending({})], { signal })),
);
const limiter = new RateLimiter({ limit: 1, interval: 60_000 });
limiter.tryAcquire();
test("RateLimiter.acquire() that was aborted", aborted((signal) => limiter.acquire({ signal })));

const pending = new Future<number>();
const done = new Future<number>();
done.setResult(1);
test("Future that was waited for in vain", cancelled(() => pending.then()));
test("Future that has its result", oneByOne(() => done));
test("Future.addDoneCallback() that has called", together(() => new Promise((call) => done.addDoneCallback(call))));
test(
  "Future.removeDoneCallback()",
  oneByOne(() => {
    const callback = () => {};
    pending.addDoneCallback(callback);
    pending.removeDoneCallback(callback);
  }),
);

const never = new Promise<void>(() => {});
test("waitFor() a promise in vain", cancelled((signal) => waitFor(never, { signal, timeout: 60_000 })));
test("waitFor() a promise that settles", together((signal) => waitFor(Promise.resolve(), { signal, timeout: 60_000 })));

test("timeout() that does not pass", together((signal) => timeout(60_000, () => Promise.resolve(), { signal })));
test("sleep() that has slept", together((signal) => sleep(0, { signal })));
test("sleep() that was aborted", aborted((signal) => sleep(60_000, { signal })));
test("yieldNow()", together((signal) => yieldNow({ signal })));
