import { InvalidStateError, Queue, QueueShutDownError, scope, type WaitOptions } from "@weft/async";
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { countedSignal, settle } from "../support.ts";

/** A queue, and calls of it that write into a log what they came to. */
function logged(maxSize?: number) {
  const queue = new Queue<string>(maxSize);
  const log: string[] = [];
  const put = (item: string, options?: WaitOptions) => {
    queue.put(item, options).then(() => log.push(`put ${item}`), (error) => log.push(`put ${item} threw ${error}`));
  };
  const get = (name: string, options?: WaitOptions) => {
    queue.get(options).then(
      (item) => log.push(`${name} got ${item}`),
      (error) => log.push(`${name} threw ${error}`),
    );
  };
  return { queue, log, put, get };
}

/** The items that are in it, in the order in which they leave. */
function drain<T>(queue: Queue<T>): T[] {
  const items: T[] = [];
  for (let next = queue.tryGet(); next !== undefined; next = queue.tryGet()) items.push(next.value);
  return items;
}

Deno.test("Queue.put() and get() pass items on in order", async () => {
  const queue = new Queue<number>();
  for (let i = 0; i < 5; i++) await queue.put(i);
  assertEquals([queue.size, queue.empty, queue.full], [5, false, false]);
  assertEquals([await queue.get(), await queue.get(), await queue.get()], [0, 1, 2]);
  await queue.put(5);
  assertEquals(drain(queue), [3, 4, 5]);
  assertEquals([queue.size, queue.empty], [0, true]);
});

Deno.test("Queue passes undefined on as an item", async () => {
  const queue = new Queue<undefined>();
  await queue.put(undefined);
  await queue.put(undefined);
  assertEquals([queue.tryGet(), await queue.get(), queue.tryGet()], [{ value: undefined }, undefined, undefined]);
});

Deno.test("Queue keeps the order of many items that come and go", () => {
  const queue = new Queue<number>();
  const taken: number[] = [];
  let next = 0;
  for (const [puts, gets] of [[3000, 2900], [10, 100], [5000, 10], [1, 5001]] as const) {
    for (let i = 0; i < puts; i++) queue.tryPut(next++);
    for (let i = 0; i < gets; i++) taken.push(queue.tryGet()!.value);
  }
  assertEquals([queue.size, taken], [0, Array.from({ length: next }, (_, i) => i)]);
});

Deno.test("Queue.get() waits for an item, first come, first served when several come in one turn", async () => {
  const { queue, log, put, get } = logged();
  for (const name of ["a", "b", "c"]) get(name);
  await settle();
  put("1");
  put("2");
  assertEquals([log, queue.getting, queue.size], [[], 1, 0]);
  await settle();
  assertEquals(log, ["a got 1", "put 1", "b got 2", "put 2"]);
});

Deno.test("Queue.put() waits for room, first come, first served when several take in one turn", async () => {
  const { queue, log, put, get } = logged(2);
  for (const item of ["1", "2", "3", "4", "5"]) put(item);
  await settle();
  assertEquals([log, queue.putting, queue.full], [["put 1", "put 2"], 3, true]);
  log.length = 0;
  get("a");
  get("b");
  assertEquals([queue.putting, queue.size], [1, 2]);
  await settle();
  assertEquals(log, ["put 3", "a got 1", "put 4", "b got 2"]);
  assertEquals([queue.tryGet()?.value, drain(queue)], ["3", ["4", "5"]]);
});

Deno.test("Queue.get() and tryGet() cannot take what a put gave to a waiter", async () => {
  const { queue, log, put, get } = logged();
  get("waiter");
  await settle();
  put("1");
  get("newcomer");
  log.push(`tryGet: ${queue.tryGet()}`);
  await settle();
  assertEquals(log, ["tryGet: undefined", "waiter got 1", "put 1"]);
  put("2");
  await settle();
  assertEquals(log.slice(3), ["newcomer got 2", "put 2"]);
});

Deno.test("Queue.put() and tryPut() cannot take the room that a get gave to a waiter", async () => {
  const { queue, log, put, get } = logged(1);
  put("1");
  put("waiter");
  await settle();
  get("a");
  put("newcomer");
  log.push(`tryPut: ${queue.tryPut("thief")}`);
  await settle();
  assertEquals(log, ["put 1", "tryPut: false", "put waiter", "a got 1"]);
  assertEquals(drain(queue), ["waiter", "newcomer"]);
});

Deno.test("Queue.tryPut() puts while there is room, and hands over to who waits", async () => {
  const { queue, log, get } = logged(1);
  get("a");
  assertEquals([queue.tryPut("1"), queue.size], [true, 0]);
  assertEquals([queue.tryPut("2"), queue.tryPut("3"), queue.size], [true, false, 1]);
  await settle();
  assertEquals([log, drain(queue)], [["a got 1"], ["2"]]);
});

Deno.test("Queue.tryGet() admits who waits to put", async () => {
  const { queue, log, put } = logged(1);
  put("1");
  put("2");
  assertEquals([queue.tryGet(), queue.size, queue.putting], [{ value: "1" }, 1, 0]);
  await settle();
  assertEquals(log, ["put 1", "put 2"]);
});

Deno.test("Queue.get() that was handed an item has it when an abort comes after it in one turn", async () => {
  const { queue, log, put, get } = logged();
  const controller = new AbortController();
  get("a", { signal: controller.signal });
  get("b");
  await settle();
  put("1");
  controller.abort("too late");
  await settle();
  assertEquals([log, queue.getting], [["a got 1", "put 1"], 1]);
});

Deno.test("Queue.get() that is aborted before a put in one turn leaves the item to the next", async () => {
  const { queue, log, put, get } = logged();
  const controller = new AbortController();
  get("a", { signal: controller.signal });
  get("b");
  await settle();
  controller.abort("gone");
  put("1");
  put("2");
  await settle();
  assertEquals(log, ["a threw gone", "b got 1", "put 1", "put 2"]);
  assertEquals(drain(queue), ["2"]);
});

Deno.test("Queue.get() that is aborted leaves the item in its place when nobody else waits", async () => {
  const { queue, log, put, get } = logged();
  const controller = new AbortController();
  get("a", { signal: controller.signal });
  controller.abort("gone");
  put("1");
  put("2");
  await settle();
  assertEquals([log, drain(queue)], [["a threw gone", "put 1", "put 2"], ["1", "2"]]);
});

Deno.test("Queue.put() that is aborted before a get in one turn has put nothing, and its room passes on", async () => {
  const { queue, log, put, get } = logged(1);
  const controller = new AbortController();
  put("1");
  put("2", { signal: controller.signal });
  put("3");
  await settle();
  controller.abort("gone");
  get("a");
  await settle();
  assertEquals(log, ["put 1", "put 2 threw gone", "put 3", "a got 1"]);
  assertEquals([drain(queue), queue.unfinished], [["3"], 2]);
});

Deno.test("Queue.put() that got room has put its item when an abort comes after it in one turn", async () => {
  const { queue, log, put, get } = logged(1);
  const controller = new AbortController();
  put("1");
  put("2", { signal: controller.signal });
  await settle();
  get("a");
  controller.abort("too late");
  await settle();
  assertEquals([log, drain(queue)], [["put 1", "put 2", "a got 1"], ["2"]]);
});

Deno.test("Queue.put() and get() that are aborted while waiting leave no entry and no listener", async () => {
  const { queue, log, put, get } = logged(1);
  const { controller, signal, listeners } = countedSignal();
  get("a", { signal });
  get("b", { signal });
  assertEquals([queue.getting, listeners()], [2, 1]);
  put("1");
  put("2");
  assertEquals([queue.getting, listeners()], [0, 0]);
  put("3");
  put("4", { signal });
  put("5", { signal });
  assertEquals([queue.putting, listeners()], [2, 1]);
  controller.abort("enough");
  assertEquals([queue.putting, listeners()], [0, 0]);
  await settle();
  assertEquals(log.slice(-2), ["put 4 threw enough", "put 5 threw enough"]);
  assertEquals(drain(queue), ["3"]);
});

Deno.test("Queue.put(), get() and join() put no listener on the signal when they need not wait", async () => {
  const queue = new Queue<number>(1);
  const { signal, listeners } = countedSignal();
  const calls = [queue.join({ signal }), queue.put(1, { signal }), queue.get({ signal })];
  assertEquals(listeners(), 0);
  assertEquals(await Promise.all(calls), [undefined, undefined, 1]);
});

Deno.test("Queue.put() and get() with an aborted signal reject and do nothing", async () => {
  const queue = new Queue<number>(2);
  await queue.put(1);
  const signal = AbortSignal.abort("over");
  const outcomes = await Promise.allSettled([queue.put(2, { signal }), queue.get({ signal }), queue.join({ signal })]);
  assertEquals(outcomes, Array(3).fill({ status: "rejected", reason: "over" }));
  assertEquals([queue.size, queue.unfinished], [1, 1]);
});

Deno.test("Queue.put() and get() reject twice in a row and do nothing in an aborted scope", async () => {
  const queue = new Queue<number>(2);
  await queue.put(1);
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    self.cancel("stop");
    for (let i = 0; i < 2; i++) {
      await queue.put(2).catch((reason) => log.push(`put ${reason}`));
      await queue.get().catch((reason) => log.push(`get ${reason}`));
      await queue.join().catch((reason) => log.push(`join ${reason}`));
    }
  });
  assertEquals(log, ["put stop", "get stop", "join stop", "put stop", "get stop", "join stop"]);
  assertEquals(drain(queue), [1]);
});

Deno.test("Queue.get() delivers before a cancel of its scope, which the next wait sees", async () => {
  const queue = new Queue<string>();
  const log: string[] = [];
  await scope(async (_signal, self) => {
    const wait = queue.get();
    await queue.put("item");
    self.cancel("stop");
    log.push(`got ${await wait}`);
    await queue.get().catch((reason) => log.push(`next wait threw ${reason}`));
  });
  assertEquals([log, queue.getting], [["got item", "next wait threw stop"], 0]);
});

Deno.test("Queue hands nothing to one whose signal is aborted when a listener before ours puts", async () => {
  const { queue, log, put, get } = logged();
  const controller = new AbortController();
  const { signal } = controller;
  signal.addEventListener("abort", () => put("1"));
  get("doomed", { signal });
  get("alive");
  controller.abort("out");
  await settle();
  assertEquals([log, queue.getting], [["doomed threw out", "alive got 1", "put 1"], 0]);
});

Deno.test("Queue takes nothing from one whose signal is aborted when a listener before ours gets", async () => {
  const { queue, log, put, get } = logged(1);
  const controller = new AbortController();
  const { signal } = controller;
  put("1");
  signal.addEventListener("abort", () => get("a"));
  put("doomed", { signal });
  put("alive");
  await settle();
  controller.abort("out");
  await settle();
  assertEquals(log, ["put 1", "put doomed threw out", "put alive", "a got 1"]);
  assertEquals([drain(queue), queue.putting], [["alive"], 0]);
});

Deno.test("Queue hands nothing to others of a scope that is being aborted", async () => {
  const { queue, log, put, get } = logged();
  await scope(async (signal, self) => {
    get("a");
    get("b");
    // The scope's own signal is fired last.
    signal.addEventListener("abort", () => put("1"));
    await settle();
    self.cancel("stop");
    await settle();
  });
  // The put is in the aborted scope too.
  assertEquals(log, ["a threw stop", "b threw stop", "put 1 threw stop"]);
  assertEquals([queue.getting, queue.size], [0, 0]);
});

Deno.test("Queue.get() awaits an item that is a promise, tryGet() and the iterator return it", async () => {
  const queue = new Queue<Promise<number>>();
  const item = Promise.resolve(1);
  for (let i = 0; i < 3; i++) queue.tryPut(item);
  assertEquals(await queue.get(), 1);
  assertStrictEquals(queue.tryGet()?.value, item);
  assertStrictEquals((await queue[Symbol.asyncIterator]().next()).value, item);
});

Deno.test("Queue.join() resolves at once when nothing was put", async () => {
  const queue = new Queue<number>();
  await queue.join();
  await queue.put(1);
  await queue.get();
  queue.taskDone();
  await queue.join();
});

Deno.test("Queue.join() waits until all that was put is done, also what is put meanwhile", async () => {
  const { queue, log, put, get } = logged();
  put("1");
  put("2");
  queue.join().then(() => log.push("joined"));
  get("a");
  get("b");
  queue.taskDone();
  put("3");
  queue.taskDone();
  await settle();
  assertEquals([log.includes("joined"), queue.unfinished], [false, 1]);
  get("c");
  await settle();
  assertEquals(log.includes("joined"), false);
  queue.taskDone();
  await settle();
  assertEquals([log.at(-1), queue.unfinished], ["joined", 0]);
});

Deno.test("Queue.join() counts an item that was handed over, not one that waits for room", async () => {
  const { queue, put, get } = logged(1);
  get("a");
  put("1");
  put("2");
  put("3");
  await settle();
  assertEquals([queue.unfinished, queue.putting], [2, 1]);
});

Deno.test("Queue.join() that is aborted leaves the queue as it was", async () => {
  const queue = new Queue<number>();
  const { controller, signal, listeners } = countedSignal();
  queue.tryPut(1);
  const join = queue.join({ signal });
  controller.abort("enough");
  await assertRejects(() => join.catch((reason) => Promise.reject(new Error(reason))), Error, "enough");
  assertEquals([queue.unfinished, listeners()], [1, 0]);
});

Deno.test("Queue.taskDone() throws when it is called more often than items were put", () => {
  const queue = new Queue<number>();
  const message = "Cannot count a task as done: all items that were put are done";
  assertThrows(() => queue.taskDone(), InvalidStateError, message);
  queue.tryPut(1);
  queue.taskDone();
  assertThrows(() => queue.taskDone(), InvalidStateError, message);
  assertEquals(queue.unfinished, 0);
});

Deno.test("Queue.shutdown() refuses who waits to put, lets the rest be taken, then refuses who gets", async () => {
  const { queue, log, put, get } = logged(2);
  for (const item of ["1", "2", "3", "4"]) put(item);
  await settle();
  queue.shutdown();
  put("5");
  get("a");
  get("b");
  get("c");
  await settle();
  const refused = "QueueShutDownError: Cannot put item: the queue is shut down";
  assertEquals(log, [
    "put 1",
    "put 2",
    `put 3 threw ${refused}`,
    `put 4 threw ${refused}`,
    `put 5 threw ${refused}`,
    "a got 1",
    "b got 2",
    "c threw QueueShutDownError: Cannot get item: the queue is shut down and empty",
  ]);
  assertEquals([queue.size, queue.putting, queue.isShutDown], [0, 0, true]);
});

Deno.test("Queue.shutdown() refuses who waits to get", async () => {
  const { queue, log, get } = logged();
  get("a");
  get("b");
  queue.shutdown();
  await settle();
  const refused = "QueueShutDownError: Cannot get item: the queue is shut down and empty";
  assertEquals([log, queue.getting], [[`a threw ${refused}`, `b threw ${refused}`], 0]);
});

Deno.test("Queue.tryPut() and tryGet() throw when there can be nothing any more", () => {
  const queue = new Queue<number>();
  queue.tryPut(1);
  queue.shutdown();
  assertThrows(() => queue.tryPut(2), QueueShutDownError, "Cannot put item: the queue is shut down");
  assertEquals(queue.tryGet(), { value: 1 });
  assertThrows(() => queue.tryGet(), QueueShutDownError, "Cannot get item: the queue is shut down and empty");
});

Deno.test("Queue.shutdown() lets join() wait for what is taken and done after it", async () => {
  const { queue, log } = logged();
  queue.tryPut("1");
  queue.tryPut("2");
  queue.join().then(() => log.push("joined"));
  queue.shutdown();
  for (const item of ["1", "2"]) {
    assertEquals(await queue.get(), item);
    log.push(`done ${item}`);
    queue.taskDone();
  }
  await settle();
  assertEquals(log, ["done 1", "done 2", "joined"]);
});

Deno.test("Queue.shutdown() with immediate drops what is there, and join() waits for what was taken", async () => {
  const { queue, log } = logged(3);
  for (const item of ["1", "2", "3"]) queue.tryPut(item);
  assertEquals(await queue.get(), "1");
  queue.join().then(() => log.push("joined"));
  queue.shutdown({ immediate: true });
  assertEquals([queue.size, queue.unfinished], [0, 1]);
  await assertRejects(() => queue.get(), QueueShutDownError);
  log.push("done 1");
  queue.taskDone();
  await settle();
  assertEquals(log, ["done 1", "joined"]);
});

Deno.test("Queue.shutdown() with immediate ends join() when nothing was taken", async () => {
  const { queue, log, put } = logged(1);
  put("1");
  put("2");
  queue.join().then(() => log.push("joined"));
  await settle();
  queue.shutdown({ immediate: true });
  await settle();
  const refused = "put 2 threw QueueShutDownError: Cannot put item: the queue is shut down";
  assertEquals(log, ["put 1", refused, "joined"]);
});

Deno.test("Queue.shutdown() twice does nothing more, and the second time may be immediate", async () => {
  const { queue, log } = logged();
  queue.tryPut("1");
  queue.tryPut("2");
  queue.shutdown();
  queue.shutdown();
  queue.shutdown({ immediate: false });
  assertEquals([queue.size, queue.unfinished], [2, 2]);
  queue.join().then(() => log.push("joined"));
  queue.shutdown({ immediate: true });
  queue.shutdown({ immediate: true });
  assertEquals([queue.size, queue.unfinished], [0, 0]);
  await settle();
  assertEquals(log, ["joined"]);
});

Deno.test("Queue.put() that was aborted before a shutdown in one turn rejects with its reason, else it is refused", async () => {
  const { queue, log, put } = logged(1);
  const first = new AbortController();
  const second = new AbortController();
  queue.tryPut("0");
  put("1", { signal: first.signal });
  put("2", { signal: second.signal });
  first.abort("gone");
  queue.shutdown();
  second.abort("too late");
  await settle();
  assertEquals(log, [
    "put 1 threw gone",
    "put 2 threw QueueShutDownError: Cannot put item: the queue is shut down",
  ]);
});

Deno.test("Queue iterates until it is shut down and empty", async () => {
  const queue = new Queue<number>();
  for (const item of [1, 2, 3]) queue.tryPut(item);
  queue.shutdown();
  assertEquals(await Array.fromAsync(queue), [1, 2, 3]);
  const iterator = queue[Symbol.asyncIterator]();
  assertEquals(await iterator.next(), { value: undefined, done: true });
  assertEquals(await iterator.next(), { value: undefined, done: true });
});

Deno.test("Queue ends the iterators that wait when it is shut down, and gives each item to one of them", async () => {
  const queue = new Queue<number>();
  const log: string[] = [];
  const read = async (name: string) => {
    for await (const item of queue) log.push(`${name} ${item}`);
    log.push(`${name} ended`);
  };
  const readers = Promise.all([read("a"), read("b")]);
  for (let i = 1; i <= 4; i++) {
    await queue.put(i);
    await settle(1);
  }
  queue.shutdown();
  await readers;
  assertEquals(log, ["a 1", "b 2", "a 3", "b 4", "a ended", "b ended"]);
});

Deno.test("Queue goes on after a loop that was left", async () => {
  const queue = new Queue<number>();
  for (const item of [1, 2, 3]) queue.tryPut(item);
  for await (const item of queue) if (item === 2) break;
  assertEquals([await queue.get(), queue.getting], [3, 0]);
});

Deno.test("Queue's iterator rejects in an aborted scope, and goes on outside", async () => {
  const queue = new Queue<number>();
  const iterator = queue[Symbol.asyncIterator]();
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    const waiting = iterator.next().catch((reason) => log.push(`waiting: ${reason}`));
    self.cancel("stop");
    await waiting;
    await queue.put(1).catch((reason) => log.push(`put: ${reason}`));
    await iterator.next().catch((reason) => log.push(`at once: ${reason}`));
  });
  queue.tryPut(2);
  log.push(await iterator.next());
  assertEquals(log, ["waiting: stop", "put: stop", "at once: stop", { value: 2, done: false }]);
  assertEquals(queue.getting, 0);
});

Deno.test("Queue refuses a size that is no whole number of at least 1", () => {
  for (const maxSize of [0, -1, 0.5, NaN, 2 ** 53]) {
    assertThrows(() => new Queue(maxSize), RangeError, `Cannot create Queue: "maxSize" must be`);
  }
  assertEquals(new Queue(undefined).maxSize, Infinity);
});

Deno.test("Queue.put() and get() refuse wrong options before they do anything", async () => {
  const queue = new Queue<number>();
  queue.tryPut(1);
  for (const options of [null, 1, { signal: null }, { signal: {} }] as unknown[] as WaitOptions[]) {
    await assertRejects(() => queue.put(2, options), TypeError, "Cannot put item");
    await assertRejects(() => queue.get(options), TypeError, "Cannot get item");
    await assertRejects(() => queue.join(options), TypeError, "Cannot join queue");
  }
  assertThrows(() => queue.shutdown({ immediate: 1 as never }), TypeError, "Cannot shut down queue");
  assertEquals([queue.size, queue.isShutDown], [1, false]);
});

Deno.test("Queue shows how many items there are and how many wait", () => {
  const { queue, put, get } = logged(2);
  for (const item of ["1", "2", "3"]) put(item);
  assertEquals(String(queue), "Queue { size: 2, maxSize: 2, unfinished: 2, putting: 1, getting: 0 }");
  assertEquals(Deno.inspect(queue), String(queue));
  for (const name of ["a", "b", "c", "d"]) get(name);
  assertEquals(String(queue), "Queue { size: 0, maxSize: 2, unfinished: 3, putting: 0, getting: 1 }");
});

Deno.test("Queue.values() with a signal ends a wait with its reason, and takes nothing", async () => {
  const queue = new Queue<number>();
  const controller = new AbortController();
  const reason = new Error("client is gone");
  const log: unknown[] = [];
  const read = (async () => {
    for await (const item of queue.values({ signal: controller.signal })) log.push(item);
  })().catch((error) => log.push(error));
  queue.tryPut(1);
  await settle();
  controller.abort(reason);
  queue.tryPut(2);
  await read;
  assertEquals([log, queue.tryGet()], [[1, reason], { value: 2 }]);
});
