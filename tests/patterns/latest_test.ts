import { InvalidStateError, isCancellation, scope, sleep, sleepForever } from "@weft/async";
import { Latest } from "@weft/async/patterns";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { report, settle, steered } from "../support.ts";

Deno.test("Latest.run() cancels the call before it, and starts when that has unwound", async () => {
  const latest = new Latest();
  const log: string[] = [];
  const [first, second] = [steered<string>(log, "first"), steered<string>(log, "second")];
  const calls = [report(log, latest.run(first.work))];
  await settle();
  calls.push(report(log, latest.run(second.work)));
  await settle();
  assertEquals(log, [
    "first starts",
    "first is cancelled",
    "first has unwound",
    "second starts",
    "returns undefined",
  ]);
  assert(latest.busy);
  second.succeed("found");
  await Promise.all(calls);
  assertEquals(log.slice(5), ["second ends", 'returns "found"']);
  assert(!latest.busy);
});

Deno.test("Latest.run() never starts a call that is replaced while it waits", async () => {
  const latest = new Latest();
  const log: string[] = [];
  const deaf = steered<string>(log, "deaf", { deaf: true });
  const calls = [report(log, latest.run(deaf.work))];
  await settle();
  calls.push(report(log, latest.run(() => void log.push("never"))));
  calls.push(report(log, latest.run(() => "last")));
  await settle();
  assertEquals(log, ["deaf starts", "returns undefined"]);
  // What still returns a value has one.
  deaf.succeed("late");
  await Promise.all(calls);
  assertEquals(log.slice(2).sort(), ["deaf ends", 'returns "last"', 'returns "late"']);
});

Deno.test("Latest.run() waits for all work in the call before it, not only for its function", async () => {
  const latest = new Latest();
  const log: string[] = [];
  const call = latest.run(async () => {
    sleepForever().catch(() => {});
    void scope(async () => {
      try {
        await sleepForever();
      } finally {
        await settle(5);
        log.push("child has unwound");
      }
    });
    await sleepForever();
  });
  await settle();
  await latest.run(() => void log.push("second starts"));
  assertEquals([await call, log], [undefined, ["child has unwound", "second starts"]]);
});

Deno.test("Latest.run() throws what its work throws, also while that unwinds", async () => {
  const latest = new Latest();
  const failure = new Error("no luck");
  const fail = () => Promise.reject(failure);
  assertStrictEquals(await assertRejects(() => latest.run(fail)), failure);
  const call = latest.run(() => sleepForever().finally(fail));
  await settle();
  const next = latest.run(() => "next");
  assertStrictEquals(await assertRejects(() => call), failure);
  assertEquals(await next, "next");
});

Deno.test("Latest.run() whose caller is cancelled rejects with that reason and leaves the turn", async () => {
  const latest = new Latest();
  await scope(async (_signal, self) => {
    const call = latest.run(() => sleepForever());
    await settle();
    self.cancel();
    assert(isCancellation(await assertRejects(() => call)));
    await assertRejects(() => latest.run(() => "never"));
  });
  assertEquals([latest.busy, await latest.run(() => "free")], [false, "free"]);
});

Deno.test("Latest.run() inside its own callback is refused and cancels nothing", async () => {
  const latest = new Latest();
  const value = await latest.run(async () => {
    await assertRejects(() => latest.run(() => {}), InvalidStateError, "would wait for itself");
    await sleep(0);
    return "goes on";
  });
  assertEquals(value, "goes on");
});

Deno.test("Latest.run() refuses what is no function, and cancels nothing", async () => {
  const latest = new Latest();
  const held = steered<string>([], "held");
  const call = latest.run(held.work);
  await assertRejects(() => latest.run(5 as never), TypeError, '"fn" must be a function');
  held.succeed("undisturbed");
  assertEquals([await call, String(latest)], ["undisturbed", "Latest { busy: false }"]);
});

Deno.test("Latest.run() can be ended by its own scope", async () => {
  const latest = new Latest();
  const value = await latest.run(async (_signal, self) => {
    self.cancel();
    await sleepForever();
  });
  assertEquals(value, undefined);
});
