import { firstSuccess, race, scope, sleep, sleepForever } from "@weft/async";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { AsyncLocalStorage } from "node:async_hooks";
import { settle } from "../support.ts";

/** Entries that log their start and end: `[name, ms, outcome]`. */
function entries(log: string[], ...works: [name: string, ms: number, fails?: boolean][]) {
  return works.map(([name, ms, fails]) => async () => {
    log.push(`${name} starts`);
    try {
      await sleep(ms);
    } catch (error) {
      log.push(`${name} is cancelled`);
      throw error;
    }
    log.push(`${name} ${fails ? "fails" : "succeeds"}`);
    if (fails) throw new Error(name);
    return name;
  });
}

Deno.test("firstSuccess() with a delay starts the next when the delay has passed, and cancels the losers", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const first = firstSuccess(entries(log, ["a", 1000], ["b", 100], ["c", 1000], ["d", 1000]), { delay: 60 });
  await time.tickAsync(59);
  assertEquals(log, ["a starts"]);
  await time.tickAsync(1);
  assertEquals(log, ["a starts", "b starts"]);
  await time.tickAsync(60);
  await time.tickAsync(40);
  assertEquals(await first, "b");
  assertEquals(log.slice(2), ["c starts", "b succeeds", "a is cancelled", "c is cancelled"]);
  assertEquals(await time.tickAsync(10_000).then(() => log.length), 6);
});

Deno.test("firstSuccess() with a delay starts the next at once when the one before has failed", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const first = firstSuccess(entries(log, ["a", 10, true], ["b", 30], ["c", 1]), { delay: 25 });
  await time.tickAsync(10);
  await settle();
  assertEquals(log, ["a starts", "a fails", "b starts"]);
  await time.tickAsync(24);
  assertEquals(log.length, 3);
  await time.tickAsync(1);
  assertEquals(log.slice(3), ["c starts"]);
  await time.tickAsync(1);
  assertEquals(await first, "c");
});

Deno.test("firstSuccess() with concurrency runs so many at once, and lists the failures in the order of the entries", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const all = entries(log, ["a", 30, true], ["b", 10, true], ["c", 10, true], ["d", 1, true]);
  const failed = assertRejects(() => firstSuccess(all, { concurrency: 2 }), AggregateError, "All 4 entries failed");
  await settle();
  assertEquals(log, ["a starts", "b starts"]);
  await time.tickAsync(30);
  await time.tickAsync(30);
  const { errors } = await failed;
  assertEquals(errors.map((error) => error.message), ["a", "b", "c", "d"]);
  assertEquals(log.filter((line) => line.endsWith("starts")), ["a starts", "b starts", "c starts", "d starts"]);
});

Deno.test("race() with concurrency never starts what comes after the first outcome", async () => {
  const log: string[] = [];
  const won = await race([
    async () => {
      log.push("first");
      await settle();
      return 1;
    },
    () => log.push("second"),
  ], { concurrency: 1 });
  assertEquals([won, log], [1, ["first"]]);
});

for (const options of [{ delay: 60_000 }, { concurrency: 1 }]) {
  const shown = JSON.stringify(options);
  Deno.test(`firstSuccess() with ${shown} that is aborted starts nothing more, and rejects with the reason`, async () => {
    const log: string[] = [];
    const reason = new Error("enough");
    const error = await assertRejects(() =>
      scope((_signal, self) => {
        setTimeout(() => self.cancel(reason));
        return firstSuccess([
          () => sleepForever().finally(() => log.push("first is cancelled")),
          () => log.push("never"),
        ], options);
      }).then(() => Promise.reject(reason))
    );
    await settle();
    assertStrictEquals(error, reason);
    assertEquals(log, ["first is cancelled"]);
  });

  Deno.test(`firstSuccess() with ${shown} starts the later ones in the context of the call`, async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await storage.run("call", () =>
      firstSuccess([
        async () => {
          storage.enterWith("inside");
          await null;
          throw new Error("no");
        },
        () => seen.push(storage.getStore()),
      ], options));
    assertEquals(seen, ["call"]);
  });
}

Deno.test("firstSuccess() with a delay watches its promises from the start", async () => {
  const log: string[] = [];
  const won = await firstSuccess([
    () => sleepForever(),
    settle().then(() => "promise"),
    () => log.push("never"),
  ], { delay: 60_000 });
  assertEquals([won, log], ["promise", []]);
});
