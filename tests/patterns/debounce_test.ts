import { isCancellation, Queue, scope, sleepForever } from "@weft/async";
import { debounce } from "@weft/async/patterns";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { settle } from "../support.ts";

Deno.test("debounce() yields an item when no newer one has come for ms, and the last one at the end", async () => {
  using time = new FakeTime();
  const queue = new Queue<string>();
  const log: string[] = [];
  const reading = (async () => {
    for await (const item of debounce(queue, 10)) log.push(item);
  })();
  const after = async (ms: number, item: string) => {
    await time.tickAsync(ms);
    await settle();
    queue.tryPut(item);
    await settle();
  };
  await after(0, "a");
  await after(9, "b");
  await after(9, "c");
  assertEquals(log, []);
  await after(10, "d");
  assertEquals(log, ["c"]);
  queue.shutdown();
  await reading;
  assertEquals(log, ["c", "d"]);
});

Deno.test("debounce() of a source that never pauses yields its last item only", async () => {
  assertEquals(await Array.fromAsync(debounce([1, 2, 3], 1000)), [3]);
  assertEquals(await Array.fromAsync(debounce([], 1000)), []);
  assertEquals(await Array.fromAsync(debounce([1, undefined], Infinity)), [undefined]);
});

Deno.test("debounce() throws a failure of the source after the item before it", async () => {
  const failure = new Error("no luck");
  const items = debounce(
    (function* () {
      yield* [1, 2];
      throw failure;
    })(),
    1000,
  );
  assertEquals(await items.next(), { value: 2, done: false });
  assertStrictEquals(await assertRejects(() => items.next()), failure);
  assertEquals(await items.next(), { value: undefined, done: true });
});

Deno.test("debounce() whose caller is cancelled keeps the item that has arrived", async () => {
  const queue = new Queue<number>();
  const items = debounce(queue, 60_000);
  queue.tryPut(1);
  await scope(async (_signal, self) => {
    const waiting = items.next();
    await settle();
    self.cancel();
    assert(isCancellation(await assertRejects(() => waiting)));
  });
  queue.shutdown();
  assertEquals([await items.next(), await items.next()], [
    { value: 1, done: false },
    { value: undefined, done: true },
  ]);
});

Deno.test("debounce() with break cancels a source that is still waiting", async () => {
  const log: string[] = [];
  const source = (async function* () {
    try {
      yield 1;
      await sleepForever();
    } finally {
      log.push("source closed");
    }
  })();
  for await (const item of debounce(source, 0)) {
    log.push(`item ${item}`);
    break;
  }
  assertEquals(log, ["item 1", "source closed"]);
});

Deno.test("debounce() refuses bad input", () => {
  assertThrows(() => debounce(5 as never, 1), TypeError, '"source" must be an iterable');
  assertThrows(() => debounce([], -1), RangeError, '"ms" must be zero or more');
  assertThrows(() => debounce([], undefined as never), TypeError, '"ms" must be a number');
});
