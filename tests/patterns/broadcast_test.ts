import { ChannelClosedError, InvalidStateError, scope } from "@weft/async";
import { Broadcast, BroadcastOverflowError } from "@weft/async/patterns";
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { settle } from "../support.ts";

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of source) list.push(item);
  return list;
}

Deno.test("Broadcast sends every value to all subscribers, from their subscription on, in one order", async () => {
  const news = new Broadcast<number>();
  const early = all(news.subscribe());
  await news.send(1);
  const late = all(news.subscribe());
  await Promise.all([2, 3, 4].map((n) => news.send(n)));
  news.close();
  assertEquals([await early, await late, news.subscribers], [[1, 2, 3, 4], [2, 3, 4], 0]);
  await new Broadcast<number>().send(1);
});

Deno.test('Broadcast with "wait" holds back the sender for the slowest, and sends to all or to none', async () => {
  const news = new Broadcast<number>({ capacity: 1 });
  const [fast, slow] = [news.subscribe(), news.subscribe()];
  const log: string[] = [];
  await news.send(1);
  const controller = new AbortController();
  const second = news.send(2, { signal: controller.signal });
  const third = news.send(3).then(() => log.push("third is sent"));
  assertEquals(await fast.receive(), 1);
  await settle();
  assertEquals(log, []);
  controller.abort(new Error("enough"));
  await assertRejects(() => second, Error, "enough");
  await settle();
  assertEquals(log, []);
  assertEquals(await slow.receive(), 1);
  await third;
  assertEquals([await fast.receive(), await slow.receive()], [3, 3]);
});

Deno.test('Broadcast with "wait" goes on when the slow subscriber leaves', async () => {
  const news = new Broadcast<number>({ capacity: 1 });
  {
    using _slow = news.subscribe();
    await news.send(1);
    const waiting = news.send(2);
    await settle();
    setTimeout(() => _slow.close());
    await waiting;
  }
  assertEquals(news.subscribers, 0);
});

Deno.test('Broadcast with "dropOldest" never waits, and counts what it has dropped', async () => {
  const news = new Broadcast<number>({ capacity: 2, overflow: "dropOldest" });
  const slow = news.subscribe();
  for (let n = 1; n <= 5; n++) await news.send(n);
  news.close();
  assertEquals([slow.dropped, await all(slow)], [3, [4, 5]]);
});

Deno.test('Broadcast with "fail" ends the slow subscription, and goes on with the others', async () => {
  const news = new Broadcast<number>({ capacity: 1, overflow: "fail" });
  const [slow, fast] = [news.subscribe(), news.subscribe()];
  await news.send(1);
  assertEquals(await fast.receive(), 1);
  await news.send(2);
  assertEquals([await slow.receive(), await fast.receive(), news.subscribers], [1, 2, 1]);
  await assertRejects(() => slow.receive(), BroadcastOverflowError, "more than 1 values behind");
});

Deno.test("Broadcast that is closed with a reason gives it to all after the values, and refuses to send", async () => {
  const news = new Broadcast<number>({ capacity: 1 });
  const reason = new Error("feed is gone");
  const reader = news.subscribe();
  await news.send(1);
  const waiting = news.send(2);
  await settle();
  news.close(reason);
  news.close();
  await assertRejects(() => waiting, InvalidStateError, "Cannot send: the Broadcast is closed");
  await assertRejects(() => news.send(3), InvalidStateError);
  assertEquals([await reader.receive(), news.closed], [1, true]);
  assertStrictEquals(await assertRejects(() => reader.receive()), reason);
  assertStrictEquals(await assertRejects(() => news.subscribe().receive()), reason);
});

Deno.test("A subscription whose loop ends or is cancelled has received nothing more, and break closes it", async () => {
  const news = new Broadcast<number>();
  const reader = news.subscribe();
  await scope(async (_signal, self) => {
    const waiting = reader.receive();
    self.cancel();
    await waiting.catch(() => {});
  });
  await news.send(1);
  for await (const value of reader) {
    assertEquals(value, 1);
    break;
  }
  assertEquals(news.subscribers, 0);
  await assertRejects(() => reader.receive(), ChannelClosedError);
});

Deno.test("Broadcast refuses bad input", async () => {
  assertThrows(() => new Broadcast({ capacity: 0 }), RangeError, '"capacity" must be a whole number of at least 1');
  assertThrows(() => new Broadcast({ overflow: "drop" as "fail" }), TypeError, '"overflow" must be "wait"');
  await assertRejects(() => new Broadcast().send(1, { signal: {} as AbortSignal }), TypeError, '"signal" must be');
});
