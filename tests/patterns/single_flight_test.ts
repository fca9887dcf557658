import { createTask, moveOnAfter, run, scope, sleep, sleepForever, timeout, TimeoutError } from "@weft/async";
import { KeyedLock, SingleFlight } from "@weft/async/patterns";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { settle, steered, unhandledIn } from "../support.ts";

Deno.test("SingleFlight.run() runs the work once for all callers of a key", async () => {
  const flights = new SingleFlight<string, string>();
  const log: string[] = [];
  const load = (key: string) =>
    flights.run(key, async () => {
      log.push(key);
      await settle();
      return key.toUpperCase();
    });
  const all = [load("a"), load("b"), load("a"), load("a")];
  assertEquals(flights.size, 2);
  assertEquals(await Promise.all(all), ["A", "B", "A", "A"]);
  assertEquals([log, flights.size], [["a", "b"], 0]);
  assertEquals([await load("a"), log.length], ["A", 3]);
});

Deno.test("SingleFlight.run() gives a failure to all callers, and the next call starts anew", async () => {
  const flights = new SingleFlight<string, string>();
  const failure = new Error("no luck");
  const unhandled = await unhandledIn(async () => {
    const fail = () => flights.run("a", () => settle().then(() => Promise.reject(failure)));
    const results = await Promise.allSettled([fail(), fail()]);
    assertEquals(results.map((result) => result.status === "rejected" && result.reason), [failure, failure]);
  });
  assertEquals([unhandled, await flights.run("a", () => "fine")], [[], "fine"]);
});

Deno.test("SingleFlight.run() is not poisoned by the deadline of the first caller", async () => {
  const flights = new SingleFlight<string, string>();
  const work = steered<string>([], "load");
  const first = assertRejects(() => timeout(1, () => flights.run("a", work.work)), TimeoutError);
  const second = scope(() => flights.run("a", () => "never"));
  await first;
  work.succeed("loaded");
  assertEquals(await second, "loaded");
});

Deno.test("SingleFlight.run() cancels the work when the last caller leaves, who waits for its end", async () => {
  const flights = new SingleFlight<string, void>();
  const log: string[] = [];
  const reason = new Error("enough");
  const controllers: ((reason: unknown) => void)[] = [];
  const callers = ["first", "second"].map((name) =>
    scope(async (_signal, self) => {
      controllers.push((reason) => self.cancel(reason));
      await flights.run("a", async () => {
        try {
          await sleepForever();
        } finally {
          log.push("work is cancelled");
          await settle(3);
          log.push("work has unwound");
        }
      }).finally(() => log.push(`${name} leaves`));
    })
  );
  await settle();
  controllers[0]!(reason);
  await callers[0];
  assertEquals(log, ["first leaves"]);
  controllers[1]!(reason);
  await callers[1];
  assertEquals(log.slice(1), ["work is cancelled", "work has unwound", "second leaves"]);
  assertEquals(flights.size, 0);
});

Deno.test("SingleFlight.run() that comes while abandoned work unwinds starts anew", async () => {
  const flights = new SingleFlight<string, string>();
  const deaf = steered<string>([], "deaf", { deaf: true });
  const leaving = moveOnAfter(1, () => flights.run("a", deaf.work));
  await sleep(5);
  assertEquals(await flights.run("a", () => "fresh"), "fresh");
  deaf.succeed("late");
  assertEquals(await leaving, undefined);
});

Deno.test("SingleFlight.forget() lets the callers have the result, and the next call start anew", async () => {
  const flights = new SingleFlight<string, string>();
  const old = flights.run("a", () => settle().then(() => "old"));
  flights.forget("a");
  const fresh = flights.run("a", () => settle().then(() => "fresh"));
  assertEquals([await old, flights.size, await fresh, flights.size], ["old", 1, "fresh", 0]);
});

Deno.test("SingleFlight.run() refuses an aborted scope and what is no function, and starts nothing", async () => {
  const flights = new SingleFlight<string, void>();
  const reason = new Error("enough");
  const log: string[] = [];
  await scope(async (_signal, self) => {
    self.cancel(reason);
    assertStrictEquals(await assertRejects(() => flights.run("a", () => void log.push("never"))), reason);
  });
  await assertRejects(() => flights.run("a", "load" as never), TypeError, '"fn" must be a function');
  assertEquals([log, flights.size], [[], 0]);
});

Deno.test("SingleFlight's work belongs to the run around it", async () => {
  const flights = new SingleFlight<string, void>();
  const log: string[] = [];
  await run(async () => {
    createTask(() => flights.run("a", () => sleepForever().finally(() => log.push("cancelled"))));
    await settle();
  }, { signals: false });
  assertEquals([log, flights.size], [["cancelled"], 0]);
});

Deno.test("KeyedLock.run() makes callers of one key take turns, and keeps no key", async () => {
  const locks = new KeyedLock<string>();
  const log: string[] = [];
  const work = (key: string, name: string) =>
    locks.run(key, async () => {
      log.push(`${name} begins`);
      await settle();
      log.push(`${name} ends`);
    });
  const all = [work("a", "a1"), work("a", "a2"), work("b", "b1")];
  assertEquals(locks.size, 2);
  await Promise.all(all);
  assertEquals(log, ["a1 begins", "b1 begins", "a1 ends", "a2 begins", "b1 ends", "a2 ends"]);
  assertEquals(locks.size, 0);
});

Deno.test("KeyedLock.run() whose wait is cancelled or refused keeps no key", async () => {
  const locks = new KeyedLock<string>();
  const controller = new AbortController();
  const held = steered([], "held");
  const holding = locks.run("a", held.work);
  const waiting = locks.run("a", () => {}, { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  await assertRejects(() => locks.run("b", 5 as never), TypeError, '"fn" must be a function');
  assertEquals(locks.size, 1);
  held.succeed();
  await holding;
  assertEquals(locks.size, 0);
});
