// What the other queues do differently, and what all of them do alike under random use.

import { LifoQueue, PriorityQueue, Queue, QueueShutDownError } from "@weft/async";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { type Lane, scopeLane, settle, signalLane, withSeeds } from "../support.ts";

interface Item {
  readonly key: number;
  readonly id: number;
}

const byKey = { compare: (a: Item, b: Item) => a.key - b.key };

function drain<T>(queue: Queue<T>): T[] {
  const items: T[] = [];
  for (let next = queue.tryGet(); next !== undefined; next = queue.tryGet()) items.push(next.value);
  return items;
}

Deno.test("LifoQueue gives what was put last first", async () => {
  const queue = new LifoQueue<number | undefined>(3);
  for (const item of [1, undefined, 3]) await queue.put(item);
  const waiting = queue.put(4);
  assertEquals([queue.maxSize, queue.full], [3, true]);
  assertEquals(await queue.get(), 3);
  await waiting;
  assertEquals(drain(queue), [4, undefined, 1]);
});

Deno.test("LifoQueue hands items over to those who wait in order of arrival", async () => {
  const queue = new LifoQueue<number>();
  const waits = Promise.all([queue.get(), queue.get()]);
  queue.tryPut(1);
  queue.tryPut(2);
  assertEquals(await waits, [1, 2]);
});

Deno.test("PriorityQueue gives the least first, and equals in order of arrival", async () => {
  const queue = new PriorityQueue<Item>(byKey);
  const keys = [3, 1, 2, 1, 3, 1, 2, 0, 2];
  for (const [id, key] of keys.entries()) await queue.put({ key, id });
  assertEquals(drain(queue).map(({ key, id }) => `${key}:${id}`), [
    ...["0:7", "1:1", "1:3", "1:5"],
    ...["2:2", "2:6", "2:8", "3:0", "3:4"],
  ]);
});

Deno.test("PriorityQueue keeps the order under random puts and gets", async () => {
  await withSeeds(50, (random) => {
    const queue = new PriorityQueue<Item>(byKey);
    const model: Item[] = [];
    for (let id = 0; id < 400; id++) {
      if (random() < 0.55) {
        const item = { key: Math.floor(random() * 20), id };
        queue.tryPut(item);
        model.push(item);
        model.sort((a, b) => a.key - b.key || a.id - b.id);
      } else assertEquals(queue.tryGet()?.value, model.shift());
    }
    assertEquals(drain(queue), model);
    return Promise.resolve();
  });
});

Deno.test("PriorityQueue admits who waits for room in order of arrival, whatever the item", async () => {
  const queue = new PriorityQueue<Item>({ ...byKey, maxSize: 1 });
  const log: string[] = [];
  queue.tryPut({ key: 5, id: 0 });
  for (const [id, key] of [[1, 9], [2, 1]] as const) queue.put({ key, id }).then(() => log.push(`put ${id}`));
  log.push(`got ${(await queue.get()).id}`);
  await settle();
  log.push(`got ${(await queue.get()).id}`);
  assertEquals(log, ["put 1", "got 0", "put 2", "got 1"]);
});

Deno.test("PriorityQueue asks compare for nothing when an item goes straight to who waits", async () => {
  const queue = new PriorityQueue<number>({
    compare: () => {
      throw new Error("asked");
    },
  });
  const waiting = queue.get();
  queue.tryPut(1);
  assertEquals([await waiting, queue.tryPut(2), queue.tryGet()], [1, true, { value: 2 }]);
});

Deno.test("PriorityQueue.put() throws what compare throws, and nothing has changed", async () => {
  const { queue, forbid } = picky();
  for (const item of ["d", "b", "c", "a"]) queue.tryPut(item);
  forbid("!");
  await assertRejects(() => queue.put("!"), Error, "No !");
  assertThrows(() => queue.tryPut("!"), Error, "No !");
  assertEquals([queue.size, queue.unfinished, drain(queue)], [4, 4, ["a", "b", "c", "d"]]);
});

Deno.test("PriorityQueue.get() throws what compare throws, and nothing has changed", async () => {
  const { queue, forbid } = picky();
  for (const item of ["d", "b", "c", "a"]) queue.tryPut(item);
  forbid("c");
  await assertRejects(() => queue.get(), Error, "No c");
  await assertRejects(() => queue[Symbol.asyncIterator]().next(), Error, "No c");
  assertThrows(() => queue.tryGet(), Error, "No c");
  assertEquals(queue.size, 4);
  forbid("");
  assertEquals(drain(queue), ["a", "b", "c", "d"]);
});

Deno.test("PriorityQueue.put() that waits for room rejects with what compare throws, and the room passes on", async () => {
  const { queue, forbid } = picky(2);
  const log: string[] = [];
  for (const item of ["b", "a"]) queue.tryPut(item);
  for (const item of ["!", "c"]) {
    queue.put(item).then(() => log.push(`put ${item}`), (error) => log.push(`put ${item} threw ${error.message}`));
  }
  forbid("!");
  assertEquals(await queue.get(), "a");
  await settle();
  assertEquals([log, queue.unfinished, drain(queue)], [["put ! threw No !", "put c"], 3, ["b", "c"]]);
});

/** A queue whose compare throws when it is asked for what is forbidden. */
function picky(maxSize?: number) {
  let forbidden = "";
  const check = (item: string) => {
    if (item === forbidden) throw new Error(`No ${item}`);
    return item;
  };
  const queue = new PriorityQueue<string>({ compare: (a, b) => check(a) < check(b) ? -1 : 1, maxSize });
  return { queue, forbid: (item: string) => forbidden = item };
}

Deno.test("PriorityQueue.shutdown() with immediate drops what is there without asking compare", async () => {
  const { queue, forbid } = picky();
  for (const item of ["c", "b", "a"]) queue.tryPut(item);
  forbid("a");
  queue.shutdown({ immediate: true });
  assertEquals([queue.size, queue.unfinished], [0, 0]);
  await queue.join();
  await assertRejects(() => queue.get(), QueueShutDownError);
});

Deno.test("LifoQueue.shutdown() with immediate drops what is there", async () => {
  const queue = new LifoQueue<number>();
  queue.tryPut(1);
  queue.shutdown({ immediate: true });
  assertEquals(await Array.fromAsync(queue), []);
});

Deno.test("PriorityQueue refuses to be made without compare", () => {
  for (const options of [undefined, {}, { compare: undefined }, { compare: "<" }] as never[]) {
    assertThrows(() => new PriorityQueue(options), TypeError, `Cannot create PriorityQueue: "compare" must be`);
  }
  assertThrows(() => new PriorityQueue({ ...byKey, maxSize: 0 }), RangeError, "Cannot create PriorityQueue");
});

Deno.test("LifoQueue and PriorityQueue are Queues and show their own name", () => {
  const lifo = new LifoQueue<number>();
  const byPriority = new PriorityQueue<Item>({ ...byKey, maxSize: 2 });
  byPriority.tryPut({ key: 1, id: 1 });
  for (const queue of [lifo, byPriority]) assertInstanceOf(queue, Queue);
  const state = "putting: 0, getting: 0 }";
  assertEquals(String(lifo), `LifoQueue { size: 0, maxSize: Infinity, unfinished: 0, ${state}`);
  assertEquals(Deno.inspect(byPriority), `PriorityQueue { size: 1, maxSize: 2, unfinished: 1, ${state}`);
});

/** What a queue is, said without promises: every question is answered anew from plain arrays. */
class Model {
  readonly maxSize: number;
  /** Where in `items` the next one to leave is. */
  readonly #first: (items: readonly Item[]) => number;
  items: Item[] = [];
  putters: { id: number; item: Item; lane: Lane }[] = [];
  getters: { id: number; lane: Lane; iterating: boolean }[] = [];
  joiners: { id: number; lane: Lane }[] = [];
  unfinished = 0;
  isShutDown = false;
  readonly log: string[] = [];

  constructor(maxSize: number, first: (items: readonly Item[]) => number) {
    this.maxSize = maxSize;
    this.#first = first;
  }

  get full(): boolean {
    return this.items.length >= this.maxSize;
  }

  tryPut(item: Item): boolean | "refused" {
    if (this.isShutDown) return "refused";
    const getter = this.getters.shift();
    if (getter !== undefined) this.log.push(`${getter.id} got ${item.id}`);
    else if (this.full) return false;
    else this.items.push(item);
    this.unfinished++;
    return true;
  }

  put(id: number, item: Item, lane: Lane): void {
    const put = this.tryPut(item);
    if (put === false) this.putters.push({ id, item, lane });
    else this.log.push(put === true ? `${id} put` : `${id} refused`);
  }

  tryGet(): Item | undefined | "refused" {
    if (this.items.length === 0) return this.isShutDown ? "refused" : undefined;
    const [item] = this.items.splice(this.#first(this.items), 1);
    const putter = this.putters.shift();
    if (putter !== undefined) {
      this.items.push(putter.item);
      this.unfinished++;
      this.log.push(`${putter.id} put`);
    }
    return item;
  }

  get(id: number, lane: Lane, iterating: boolean): void {
    const item = this.tryGet();
    if (item === undefined) this.getters.push({ id, lane, iterating });
    else if (item === "refused") this.refuse({ id, iterating });
    else this.log.push(`${id} got ${item.id}`);
  }

  refuse({ id, iterating }: { id: number; iterating: boolean }): void {
    this.log.push(iterating ? `${id} ended` : `${id} refused`);
  }

  join(id: number, lane: Lane): void {
    if (this.unfinished === 0) this.log.push(`${id} joined`);
    else this.joiners.push({ id, lane });
  }

  finish(count: number): void {
    this.unfinished -= count;
    if (this.unfinished > 0) return;
    for (const { id } of this.joiners.splice(0)) this.log.push(`${id} joined`);
  }

  shutdown(immediate: boolean): void {
    this.isShutDown = true;
    for (const { id } of this.putters.splice(0)) this.log.push(`${id} refused`);
    if (immediate) this.finish(this.items.splice(0).length);
    for (const getter of this.getters.splice(0)) this.refuse(getter);
  }

  abort(lane: Lane): void {
    const leaving = [...this.putters, ...this.getters, ...this.joiners].filter((waiter) => waiter.lane === lane);
    for (const { id } of leaving.toSorted((a, b) => a.id - b.id)) this.log.push(`${id} aborted`);
    const stays = (waiter: { lane: Lane }) => waiter.lane !== lane;
    this.putters = this.putters.filter(stays);
    this.getters = this.getters.filter(stays);
    this.joiners = this.joiners.filter(stays);
  }
}

function indexOfLeast(items: readonly Item[]): number {
  const least = items.reduce((a, b) => b.key < a.key ? b : a);
  return items.indexOf(least);
}

const KINDS = {
  Queue: { make: (maxSize: number): Queue<Item> => new Queue<Item>(maxSize), first: () => 0 },
  LifoQueue: {
    make: (maxSize: number): Queue<Item> => new LifoQueue<Item>(maxSize),
    first: (items: readonly Item[]) => items.length - 1,
  },
  PriorityQueue: {
    make: (maxSize: number): Queue<Item> => new PriorityQueue<Item>({ ...byKey, maxSize }),
    first: indexOfLeast,
  },
};

for (const [name, { make, first }] of Object.entries(KINDS)) {
  Deno.test(`${name} does what a simple model does under random calls, aborts and shutdowns`, async () => {
    await withSeeds(200, async (random) => {
      const below = (n: number) => Math.floor(random() * n);
      const maxSize = [1, 2, 3, Infinity][below(4)]!;
      const model = new Model(maxSize, first);
      const queue = make(maxSize);
      const log: string[] = [];
      const newLane = () => below(2) === 0 ? signalLane() : scopeLane();
      const lanes = [newLane(), newLane(), newLane()];
      const closed: Lane[] = [];
      let ids = 0;

      const newItem = () => ({ key: below(3), id: ids++ });
      const failed = (id: number) => (error: unknown) =>
        void log.push(error instanceof QueueShutDownError ? `${id} refused` : `${id} ${error}`);
      const refusable = <R>(call: () => R): R | "refused" => {
        try {
          return call();
        } catch (error) {
          assertInstanceOf(error, QueueShutDownError);
          return "refused";
        }
      };

      function put(): void {
        const item = newItem();
        const lane = lanes[below(3)]!;
        model.put(item.id, item, lane);
        lane.begin((options) => queue.put(item, options)).then(() => log.push(`${item.id} put`), failed(item.id));
      }
      function get(): void {
        const id = ids++;
        const lane = lanes[below(3)]!;
        model.get(id, lane, false);
        lane.begin((options) => queue.get(options)).then((item) => log.push(`${id} got ${item.id}`), failed(id));
      }
      function iterate(): void {
        const id = ids++;
        // A signal would not reach it: it takes none.
        const lane = lanes.find((lane) => lane.begin(({ signal }) => signal === undefined));
        if (lane === undefined) return;
        model.get(id, lane, true);
        lane.begin(() => queue[Symbol.asyncIterator]().next()).then(
          ({ done, value }) => log.push(done ? `${id} ended` : `${id} got ${value.id}`),
          failed(id),
        );
      }
      function tryPut(): void {
        const item = newItem();
        assertEquals(refusable(() => queue.tryPut(item)), model.tryPut(item));
      }
      function tryGet(): void {
        const actual = refusable(() => queue.tryGet());
        const item = model.tryGet();
        assertEquals(actual, typeof item === "object" ? { value: item } : item);
      }
      function join(): void {
        const id = ids++;
        const lane = lanes[below(3)]!;
        model.join(id, lane);
        lane.begin((options) => queue.join(options)).then(() => log.push(`${id} joined`), failed(id));
      }
      function taskDone(): void {
        if (model.unfinished === 0) return void assertThrows(() => queue.taskDone());
        // What is still in the queue is not done, if everybody behaves.
        if (model.unfinished === model.items.length) return;
        model.finish(1);
        queue.taskDone();
      }
      function abort(): void {
        const [lane] = lanes.splice(below(3), 1, newLane());
        model.abort(lane!);
        lane!.abort("aborted");
        closed.push(lane!);
      }
      function shutdown(): void {
        // Not often, or little else would happen.
        if (below(4) > 0) return;
        const immediate = below(2) === 0;
        model.shutdown(immediate);
        queue.shutdown({ immediate });
      }
      async function compare(): Promise<void> {
        await settle(1);
        assertEquals(log, model.log);
      }

      const often = [put, put, put, get, get, iterate, tryPut, tryGet, join, taskDone, taskDone, abort];
      const operations = [...often, ...often, ...often, shutdown, compare];
      for (let i = 0; i < 80; i++) {
        await operations[below(operations.length)]!();
        assertEquals(
          [queue.size, queue.putting, queue.getting, queue.unfinished],
          [model.items.length, model.putters.length, model.getters.length, model.unfinished],
        );
        assert(queue.size <= maxSize);
      }
      await compare();
      for (const lane of [...lanes]) {
        model.abort(lane);
        lane.abort("aborted");
      }
      await compare();
      assertEquals([queue.putting, queue.getting], [0, 0]);
      for (const lane of [...lanes, ...closed]) assertEquals(await lane.close(), 0);
    });
  });
}
