import { isCancellation, moveOnAfter, scope, sleep, sleepForever, sleepUntil } from "@weft/async";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { countedSignal, Program, report, settle } from "../support.ts";

const never = () => Promise.reject(new Error("It has not been cancelled"));

Deno.test("sleep() waits as long as it is asked to, and the shortest wakes first", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  for (const ms of [30, 10, 20]) sleep(ms).then(() => log.push(`${ms} ms`));
  for (let passed = 5; passed <= 30; passed += 5) {
    await time.tickAsync(5);
    await settle(1);
    log.push(`at ${passed}`);
  }
  assertEquals(log, ["at 5", "10 ms", "at 10", "at 15", "20 ms", "at 20", "at 25", "30 ms", "at 30"]);
});

Deno.test("sleep() of zero or less waits for the next turn of the clock", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  for (const ms of [0, -1, -Infinity]) sleep(ms).then(() => log.push(`${ms} ms`));
  await settle();
  log.push("no time has passed");
  time.tick(0);
  await settle();
  assertEquals(log, ["no time has passed", "0 ms", "-1 ms", "-Infinity ms"]);
});

Deno.test("sleep() of 2³¹ ms or more does not wake at once, but when it is due", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const nap = report(log, sleep(2 ** 31 + 5));
  time.tick(2 ** 31 + 4);
  await settle();
  log.push("a moment before");
  time.tick(1);
  await nap;
  assertEquals(log, ["a moment before", "returns undefined"]);
});

Deno.test("sleep() of Infinity never wakes, and leaves a faked clock nothing to run", async () => {
  using time = new FakeTime();
  const { controller, signal } = countedSignal();
  const log: string[] = [];
  const nap = report(log, sleep(Infinity, { signal }));
  time.runAll();
  time.tick(2 ** 40);
  await settle();
  assertEquals(log, []);
  controller.abort("enough");
  await nap;
  assertEquals(log, ["throws enough"]);
});

Deno.test("sleep() rejects with the reason when it is aborted, and leaves no timer and no listener", async () => {
  using time = new FakeTime();
  const { controller, signal, listeners } = countedSignal();
  const log: string[] = [];
  const naps = [report(log, sleep(10, { signal })), report(log, sleep(20, { signal }))];
  assertEquals(listeners(), 1);
  controller.abort("enough");
  await Promise.all(naps);
  assertEquals([log, listeners(), time.next()], [["throws enough", "throws enough"], 0, false]);
});

Deno.test("sleep() leaves no listener on the signal when it wakes", async () => {
  using time = new FakeTime();
  const { signal, listeners } = countedSignal();
  const nap = sleep(10, { signal });
  time.tick(10);
  await nap;
  assertEquals(listeners(), 0);
});

Deno.test("sleep() has slept when the abort comes after its time in the same turn", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  await scope(async (_signal, self) => {
    const nap = report(log, sleep(10));
    time.tick(10);
    self.cancel("stop");
    await nap;
    await report(log, sleep(10));
  });
  assertEquals(log, ["returns undefined", "throws stop"]);
});

Deno.test("sleep() rejects twice in a row in an aborted scope, and arms nothing", async () => {
  using time = new FakeTime();
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    self.cancel("stop");
    for (let i = 0; i < 2; i++) await sleep(10).catch((reason) => log.push(reason, isCancellation(reason)));
  });
  assertEquals([log, time.next()], [["stop", true, "stop", true], false]);
});

Deno.test("sleep() rejects at once when its signal is aborted already", async () => {
  const reason = new Error("over");
  assertStrictEquals(await assertRejects(() => sleep(10, { signal: AbortSignal.abort(reason) })), reason);
});

Deno.test("sleep(), sleepUntil() and sleepForever() reject wrong arguments", async () => {
  await assertRejects(() => sleep(NaN), RangeError, '"ms" must be a number other than NaN');
  for (const ms of ["5", null, undefined, 5n, new Date()] as never[]) {
    await assertRejects(() => sleep(ms), TypeError, '"ms" must be a number of milliseconds');
  }
  for (const at of [NaN, new Date("never")]) {
    await assertRejects(() => sleepUntil(at), RangeError, '"at" must be a valid instant');
  }
  for (const at of ["5", null, undefined, {}] as never[]) {
    await assertRejects(() => sleepUntil(at), TypeError, '"at" must be epoch milliseconds or a Date');
  }
  for (const options of [{ signal: null }, { signal: {} }, null, 5] as never[]) {
    await assertRejects(() => sleep(0, options), TypeError, "Cannot sleep");
    await assertRejects(() => sleepUntil(0, options), TypeError, "Cannot sleep");
    await assertRejects(() => sleepForever(options), TypeError, "Cannot sleep");
  }
});

Deno.test("sleepUntil() waits until an instant, given as a number or a Date", async () => {
  using time = new FakeTime(1000);
  const log: string[] = [];
  sleepUntil(1020).then(() => log.push("number"));
  sleepUntil(new Date(1010)).then(() => log.push("date"));
  for (let now = 1005; now <= 1020; now += 5) {
    time.now = now;
    await settle();
    log.push(`at ${now}`);
  }
  assertEquals(log, ["at 1005", "date", "at 1010", "at 1015", "number", "at 1020"]);
});

Deno.test("sleepUntil() an instant that has passed waits for the next turn of the clock", async () => {
  using time = new FakeTime(1000);
  const log: string[] = [];
  const nap = report(log, sleepUntil(500));
  await settle();
  log.push("no time has passed");
  time.tick(0);
  await nap;
  assertEquals(log, ["no time has passed", "returns undefined"]);
});

Deno.test("sleepUntil() rejects with the reason when it is cancelled, and leaves no timer", async () => {
  using time = new FakeTime(1000);
  const { controller, signal, listeners } = countedSignal();
  const nap = sleepUntil(5000, { signal }).then(never, (reason) => reason);
  await settle();
  controller.abort("enough");
  assertEquals([await nap, listeners(), time.next()], ["enough", 0, false]);
});

Deno.test("sleepForever() waits until it is cancelled", async () => {
  const log: string[] = [];
  await scope(async (_signal, self) => {
    const nap = report(log, sleepForever());
    await settle();
    log.push("still asleep");
    self.cancel("stop");
    await nap;
  });
  assertEquals(log, ["still asleep", "throws stop"]);
});

Deno.test("sleepForever() ends with its signal and leaves no listener", async () => {
  const { controller, signal, listeners } = countedSignal();
  const nap = sleepForever({ signal }).then(never, (reason) => reason);
  await settle();
  controller.abort("enough");
  assertEquals([await nap, listeners()], ["enough", 0]);
});

Deno.test("sleepForever() keeps a program alive that has nothing else to do", async () => {
  // The timer that wakes it does not count as something to do.
  const code = `
    import { sleepForever } from "${import.meta.resolve("../../mod.ts")}";
    const controller = new AbortController();
    Deno.unrefTimer(setTimeout(() => controller.abort(), 1));
    await sleepForever({ signal: controller.signal }).catch(() => console.log("woken"));
  `;
  const command = new Deno.Command(Deno.execPath(), { args: ["eval", "--no-lock", code] });
  const { stdout, stderr, success } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals([text(stdout), success], ["woken\n", true], text(stderr));
});

Deno.test("sleep() started in a scope that then ends belongs to the scope around it", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  await scope(async (_signal, outer) => {
    let nap: Promise<void> | undefined;
    await moveOnAfter(1000, () => void (nap = report(log, sleep(10))));
    await settle();
    log.push("the inner scope has ended");
    outer.cancel("stop");
    await nap;
  });
  assertEquals([log, time.next()], [["the inner scope has ended", "throws stop"], false]);
});

Deno.test("sleep({ ref: false }) does not keep the program alive, and wakes while something else does", async () => {
  const program = new Program(new URL("./testdata/unref.ts", import.meta.url));
  const { code, stdout, stderr } = await program.end();
  assertEquals([code, stdout, stderr], [0, "awaited at the top\nmain ends\n", ""]);
});

Deno.test("sleep({ ref: false }) is cancelled as any other", async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  const sleeping = sleep(60_000, { ref: false, signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => sleeping), reason);
});
