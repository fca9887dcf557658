import { isCancellation, moveOnAfter, Queue, scope, sleep, sleepForever } from "@weft/async";
import { batch } from "@weft/async/patterns";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { settle, unhandledIn } from "../support.ts";

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of source) list.push(item);
  return list;
}

Deno.test("batch() fills batches in order, and the last one with what is left", async () => {
  assertEquals(await all(batch([1, 2, 3, 4, 5], { size: 2 })), [[1, 2], [3, 4], [5]]);
  assertEquals(await all(batch([], { size: 2 })), []);
  assertEquals(await all(batch(ReadableStream.from(["a", "b", "c"]), { size: 2 })), [["a", "b"], ["c"]]);
});

Deno.test("batch() completes a batch ms after its first item, and never yields an empty one", async () => {
  using time = new FakeTime();
  const queue = new Queue<number>();
  const log: unknown[] = [];
  const reading = (async () => {
    for await (const items of batch(queue, { size: 3, ms: 10 })) log.push(items);
  })();
  await time.tickAsync(100);
  assertEquals(log, []);
  queue.tryPut(1);
  await time.tickAsync(9);
  queue.tryPut(2);
  await settle();
  assertEquals(log, []);
  await time.tickAsync(1);
  await settle();
  assertEquals(log, [[1, 2]]);
  for (const n of [3, 4, 5, 6]) queue.tryPut(n);
  await settle(6);
  assertEquals(log, [[1, 2], [3, 4, 5]]);
  queue.shutdown();
  await reading;
  assertEquals(log, [[1, 2], [3, 4, 5], [6]]);
});

Deno.test("batch() throws a failure of the source after the batch before it", async () => {
  const failure = new Error("no luck");
  const batches = batch(
    (async function* () {
      yield 1;
      await null;
      throw failure;
    })(),
    { size: 5 },
  );
  assertEquals(await batches.next(), { value: [1], done: false });
  assertStrictEquals(await assertRejects(() => batches.next()), failure);
  assertEquals(await batches.next(), { value: undefined, done: true });
});

Deno.test("batch() whose caller is cancelled keeps the items that have arrived", async () => {
  const queue = new Queue<number>();
  const batches = batch(queue, { size: 3 });
  queue.tryPut(1);
  await scope(async (_signal, self) => {
    const waiting = batches.next();
    await settle();
    self.cancel();
    const error = await assertRejects(() => waiting);
    assert(isCancellation(error));
  });
  assertEquals(queue.size, 0);
  queue.tryPut(2);
  queue.tryPut(3);
  assertEquals(await moveOnAfter(60_000, () => batches.next()), { value: [1, 2, 3], done: false });
});

Deno.test("batch() closes its source with break", async () => {
  let closed = false;
  const source = (function* () {
    try {
      for (let n = 1;; n++) yield n;
    } finally {
      closed = true;
    }
  })();
  for await (const items of batch(source, { size: 2 })) {
    assertEquals(items, [1, 2]);
    break;
  }
  assert(closed);
});

Deno.test("batch() with break takes no item that it does not yield", async () => {
  const queue = new Queue<number>();
  for (const n of [1, 2, 3, 4, 5]) queue.tryPut(n);
  for await (const items of batch(queue, { size: 2, ms: 60_000 })) {
    assertEquals(items, [1, 2]);
    await settle();
    break;
  }
  assertEquals(queue.size, 3);
});

Deno.test("batch() with break cancels a source that is still waiting", async () => {
  const log: string[] = [];
  const source = (async function* () {
    try {
      yield 1;
      await sleepForever();
    } finally {
      log.push("source closed");
    }
  })();
  for await (const items of batch(source, { size: 2, ms: 0 })) {
    log.push(`items ${items}`);
    break;
  }
  assertEquals(log, ["items 1", "source closed"]);
});

Deno.test("batch() that ends its reads by their time does not cancel the source", async () => {
  const batches = batch(
    (async function* () {
      yield 1;
      await sleep(5);
      yield 2;
    })(),
    { size: 2, ms: 0 },
  );
  assertEquals(await moveOnAfter(60_000, () => batches.next()), { value: [1], done: false });
  assertEquals(await moveOnAfter(0, () => batches.next()), undefined);
  assertEquals(await batches.next(), { value: [2], done: false });
  assertEquals(await batches.next(), { value: undefined, done: true });
});

Deno.test("batch() ends with the scope in which it was called", async () => {
  const log: string[] = [];
  const batches = await scope(async () => {
    const batches = batch(
      (async function* () {
        try {
          yield 1;
          await sleepForever();
        } finally {
          log.push("source closed");
        }
      })(),
      { size: 1 },
    );
    await batches.next();
    batches.next().catch((error) => log.push(error.name));
    return batches;
  });
  await settle();
  assertEquals(log.sort(), ["AbortError", "source closed"]);
  assertEquals(await batches!.next(), { value: undefined, done: true });
});

Deno.test("batch() left with await using throws a failure that nobody has received", async () => {
  const failure = new Error("no luck");
  const thrown = await assertRejects(async () => {
    await using batches = batch(
      (function* () {
        yield 1;
        throw failure;
      })(),
      { size: 5 },
    );
    await batches.next();
  });
  assertStrictEquals(thrown, failure);
});

Deno.test("batch() left with break lets a failure surface that nobody has received", async () => {
  const failure = new Error("no luck");
  const surfaced = await unhandledIn(async () => {
    const source = (function* () {
      yield 1;
      throw failure;
    })();
    for await (const _ of batch(source, { size: 5 })) break;
  });
  assertEquals(surfaced, [failure]);
});

Deno.test("batch() refuses bad input", () => {
  assertThrows(() => batch(5 as never, { size: 1 }), TypeError, '"source" must be an iterable');
  assertThrows(() => batch([], { size: 0 }), RangeError, '"size" must be a whole number of at least 1');
  assertThrows(() => batch([], undefined as never), TypeError, '"size" must be a number');
  assertThrows(() => batch([], { size: 1, ms: -1 }), RangeError, '"ms" must be zero or more');
});
