import { moveOnAfter, scope } from "@weft/async";
import { interval } from "@weft/async/patterns";
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { settle } from "../support.ts";

Deno.test("interval() yields at multiples of ms after the call, without drift", async () => {
  using time = new FakeTime();
  const begin = Date.now();
  const log: string[] = [];
  const loop = (async () => {
    for await (const tick of interval(10)) {
      log.push(`${tick} at ${Date.now() - begin}`);
      if (tick === 3) break;
    }
  })();
  for (let i = 0; i < 30; i++) {
    await time.tickAsync(1);
    await settle();
  }
  await loop;
  assertEquals(log, ["1 at 10", "2 at 20", "3 at 30"]);
});

Deno.test("interval() skips the ticks that were due while the body ran", async () => {
  using time = new FakeTime();
  const begin = Date.now();
  const log: string[] = [];
  const ticks = interval(10);
  const next = async () => {
    const { value } = await ticks.next();
    log.push(`${value} at ${Date.now() - begin}`);
  };
  const first = next();
  await time.tickAsync(10);
  await first;
  time.tick(25);
  const second = next();
  await time.tickAsync(5);
  await second;
  assertEquals(log, ["1 at 10", "4 at 40"]);
});

Deno.test("interval() whose loop is aborted rejects with the reason, by scope or by signal", async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  const waiting = interval(60_000, { signal: controller.signal }).next();
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => waiting), reason);
  await scope(async (_signal, self) => {
    const waiting = interval(60_000).next();
    self.cancel(reason);
    assertStrictEquals(await assertRejects(() => waiting), reason);
  });
  const ended = await moveOnAfter(5, async () => {
    for await (const _tick of interval(60_000));
  });
  assertEquals(ended, undefined);
});

Deno.test("interval() refuses bad input", () => {
  assertThrows(() => interval(0), RangeError, '"ms" must be more than zero, received 0');
  assertThrows(() => interval(NaN), RangeError, '"ms" must be a number other than NaN');
  assertThrows(() => interval("5" as never), TypeError, '"ms" must be a number of milliseconds');
  assertThrows(() => interval(5, { signal: {} as AbortSignal }), TypeError, '"signal" must be an AbortSignal');
});
