import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  asCompleted,
  createTask,
  currentSignal,
  Future,
  InvalidStateError,
  moveOnAfter,
  scope,
  sleep,
  sleepForever,
  type StragglerError,
  timeout,
} from "@weft/async";
import { countedSignal, logUnhandled, report, settle, steered, unhandledIn } from "../support.ts";

/** Reads to the end, and tells `log` of each value and of the end. */
async function read(log: string[], results: AsyncIterable<unknown>): Promise<void> {
  try {
    for await (const value of results) log.push(`reads ${JSON.stringify(value)}`);
    log.push("end");
  } catch (error) {
    log.push(`throws ${error}`);
  }
}

Deno.test("asCompleted() yields values in order of completion", async () => {
  const log: string[] = [];
  const a = steered<string>(log, "a");
  const b = steered<string>(log, "b");
  const done = read(log, asCompleted([a.work, b.work, Promise.resolve("promise"), () => "at once"]));
  await settle();
  b.succeed("B");
  await settle();
  a.succeed("A");
  await done;
  assertEquals(log, [
    "a starts",
    "b starts",
    `reads "at once"`,
    `reads "promise"`,
    "b ends",
    `reads "B"`,
    "a ends",
    `reads "A"`,
    "end",
  ]);
});

Deno.test("asCompleted() takes any iterable and a record, and of nothing yields nothing", async () => {
  const one = () => 1;
  const two = () => 2;
  assertEquals(await Array.fromAsync(asCompleted(new Set([two, one]))), [2, 1]);
  assertEquals(await Array.fromAsync(asCompleted(new Map([["a", one]]).values())), [1]);
  assertEquals(await Array.fromAsync(asCompleted({ one, two })), [1, 2]);
  assertEquals(await Array.fromAsync(asCompleted([])), []);
  assertEquals(await Array.fromAsync(asCompleted({})), []);
});

Deno.test("asCompleted() starts everything at the call, in order, in one scope, each with a signal of its own", async () => {
  const log: string[] = [];
  const [own, shared] = [new Set<AbortSignal>(), new Set<AbortSignal>()];
  const results = asCompleted(["a", "b"].map((name) => (signal: AbortSignal) => {
    log.push(name);
    own.add(signal);
    shared.add(currentSignal());
  }));
  log.push("called");
  assertEquals(log, ["a", "b", "called"]);
  assertEquals([own.size, shared.size, own.intersection(shared).size], [2, 1, 0]);
  await Array.fromAsync(results);
});

Deno.test("asCompleted() throws the first failure after what completed before was read and the rest has ended", async () => {
  const log: string[] = [];
  const a = steered<string>(log, "a");
  const b = steered(log, "b");
  const c = steered(log, "c");
  const results = asCompleted([a.work, b.work, c.work]);
  a.succeed("A");
  await settle();
  b.fail(new Error("no luck"));
  await settle();
  await read(log, results);
  assertEquals(log, [
    "a starts",
    "b starts",
    "c starts",
    "a ends",
    "b fails",
    "c is cancelled",
    "c has unwound",
    `reads "A"`,
    "throws Error: no luck",
  ]);
  assertEquals(await results.next(), { done: true, value: undefined });
});

Deno.test("asCompleted() makes a reader who waits for the failure wait for the rest to end", async () => {
  const log: string[] = [];
  const a = steered(log, "a");
  const b = steered(log, "b");
  const done = read(log, asCompleted([a.work, b.work]));
  await settle();
  a.fail(new Error("no luck"));
  await done;
  assertEquals(log, [
    "a starts",
    "b starts",
    "a fails",
    "b is cancelled",
    "b has unwound",
    "throws Error: no luck",
  ]);
});

Deno.test("asCompleted() throws an AggregateError when others fail genuinely too, the first one first", async () => {
  const [first, second] = [new Error("first"), new Error("second")];
  const results = asCompleted([
    () =>
      sleepForever().finally(() => {
        throw second;
      }),
    () => Promise.reject(first),
  ]);
  const error = await assertRejects(() => results.next(), AggregateError, "2 failures, the first: first");
  assertEquals(error.errors, [first, second]);
});

Deno.test("asCompleted() starts nothing more after a function that throws synchronously", async () => {
  for (const concurrency of [1, 2, Infinity]) {
    const log: string[] = [];
    const thrower = () => {
      throw new Error("at once");
    };
    await read(log, asCompleted([() => 1, thrower, () => log.push("never")], { concurrency }));
    assertEquals(log, ["reads 1", "throws Error: at once"]);
  }
});

Deno.test("asCompleted() gives what completes after the failure to onDiscard", async () => {
  const log: string[] = [];
  const discarded: unknown[] = [];
  const late = steered<string>(log, "late", { deaf: true });
  const failing = steered(log, "failing");
  const results = asCompleted([late.work, failing.work], { onDiscard: (value) => discarded.push(value) });
  failing.fail(new Error("no luck"));
  await settle();
  late.succeed("late");
  await read(log, results);
  assertEquals(discarded, ["late"]);
  assertEquals(log, ["late starts", "failing starts", "failing fails", "late ends", "throws Error: no luck"]);
});

Deno.test("asCompleted() with settled yields failures too, and says whose each result is by its index", async () => {
  const results = asCompleted([() => 1, () => Promise.reject("no luck"), Promise.resolve(3)], { settled: true });
  assertEquals(await Array.fromAsync(results), [
    { status: "fulfilled", value: 1, index: 0 },
    { status: "rejected", reason: "no luck", index: 1 },
    { status: "fulfilled", value: 3, index: 2 },
  ]);
});

Deno.test("asCompleted() with settled says whose each result is by its key too, when the input was a record", async () => {
  const entries = { slow: async () => await settle(), down: () => Promise.reject("no luck") };
  assertEquals(await Array.fromAsync(asCompleted(entries, { settled: true })), [
    { status: "rejected", reason: "no luck", index: 1, key: "down" },
    { status: "fulfilled", value: undefined, index: 0, key: "slow" },
  ]);
});

Deno.test("asCompleted() with settled and concurrency still names the right index", async () => {
  const results = asCompleted([() => "function", Promise.resolve("promise"), () => "too"], {
    settled: true,
    concurrency: 1,
  });
  const places = new Map<unknown, number>();
  for await (const result of results) places.set(result.status === "fulfilled" && result.value, result.index);
  assertEquals(Object.fromEntries(places), { function: 0, promise: 1, too: 2 });
});

Deno.test("asCompleted() with settled: false is asCompleted() without", async () => {
  const settled: boolean = false;
  assertEquals(await Array.fromAsync(asCompleted([() => 1], { settled })), [1]);
});

Deno.test("asCompleted() with concurrency starts the next in order as one ends, read or not", async () => {
  const log: string[] = [];
  const a = steered<string>(log, "a");
  const b = steered<string>(log, "b");
  const c = steered<string>(log, "c");
  const results = asCompleted([a.work, b.work, c.work], { concurrency: 2 });
  b.succeed("B");
  await settle();
  c.succeed("C");
  a.succeed("A");
  await settle();
  await read(log, results);
  assertEquals(
    log,
    [
      "a starts",
      "b starts",
      "b ends",
      "c starts",
      "c ends",
      "a ends",
      `reads "B"`,
      `reads "C"`,
      `reads "A"`,
      "end",
    ],
  );
});

Deno.test("asCompleted() with concurrency runs 100,000 functions that return no promise", async () => {
  let sum = 0;
  const entries = Array.from({ length: 100_000 }, (_, i) => () => i);
  for await (const value of asCompleted(entries, { concurrency: 2 })) sum += value;
  assertEquals(sum, 4_999_950_000);
});

Deno.test("asCompleted() gives promises no place among its concurrency, because they run already", async () => {
  const log: string[] = [];
  const a = steered<string>(log, "a");
  const done = read(log, asCompleted([a.work, () => "b", Promise.resolve("promise")], { concurrency: 1 }));
  await settle();
  a.succeed("A");
  await done;
  assertEquals(log, ["a starts", `reads "promise"`, "a ends", `reads "A"`, `reads "b"`, "end"]);
});

Deno.test("asCompleted() awaits tasks and futures, and leaves them alone when it is left", async () => {
  const log: string[] = [];
  const inTask = steered<string>(log, "task");
  const task = createTask(inTask.work);
  const future = new Future<string>();
  const results = asCompleted({ task, future });
  future.setResult("future");
  for await (const value of results) {
    log.push(`reads ${value}`);
    break;
  }
  inTask.succeed("alive");
  assertEquals(await task, "alive");
  assertEquals(log, ["task starts", "reads future", "task ends"]);
});

Deno.test("asCompleted() throws when the task that calls it is among its entries", async () => {
  const task = createTask(async (): Promise<void> => {
    for await (const _ of asCompleted([task]));
  }, { name: "selfish" });
  await assertRejects(() => Promise.resolve(task), InvalidStateError, "Cannot await selfish");
});

Deno.test("asCompleted() can be read on after a timeout around next()", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const results = asCompleted([30, 10].map((ms) => () => sleep(ms).then(() => ms)));
  for (let round = 0; round < 5; round++) {
    const done = report(log, moveOnAfter(9, () => results.next()));
    // In steps, because what happens within one tick happens at once.
    for (let step = 0; step < 3; step++) {
      await settle();
      time.tick(3);
    }
    await done;
  }
  assertEquals(log, [
    "returns undefined",
    `returns {"done":false,"value":10}`,
    "returns undefined",
    `returns {"done":false,"value":30}`,
    `returns {"done":true}`,
  ]);
});

Deno.test("asCompleted() hands out what had completed before its own abort, then throws the reason", async () => {
  const log: string[] = [];
  const controller = new AbortController();
  const results = asCompleted([() => 1, () => sleepForever(), () => 2], { signal: controller.signal });
  controller.abort("enough");
  await read(log, results);
  assertEquals(log, ["reads 1", "reads 2", "throws enough"]);
});

Deno.test("asCompleted() hands out values that come in spite of the abort, and then ends", async () => {
  const log: string[] = [];
  const controller = new AbortController();
  const a = steered<string>(log, "a", { deaf: true });
  const b = steered<string>(log, "b", { deaf: true });
  const results = asCompleted([a.work, b.work], { signal: controller.signal });
  controller.abort();
  b.succeed("B");
  await settle();
  a.succeed("A");
  await read(log, results);
  assertEquals(log, ["a starts", "b starts", "b ends", "a ends", `reads "B"`, `reads "A"`, "end"]);
});

Deno.test("asCompleted() takes nothing for a reader whose scope is aborted", async () => {
  const log: string[] = [];
  const results = asCompleted([() => "ready"]);
  await report(
    log,
    scope(async (_signal, self) => {
      self.cancel("stop reading");
      await report(log, results.next());
    }),
  );
  await read(log, results);
  assertEquals(log, ["throws stop reading", "returns undefined", `reads "ready"`, "end"]);
});

Deno.test("asCompleted() aborted together with its reader ends with the reason of the outside", async () => {
  const log: string[] = [];
  using time = new FakeTime();
  const done = report(
    log,
    timeout(10, async () => {
      for await (const _ of asCompleted([steered(log, "a").work]));
    }, { name: "outside" }),
  );
  await settle();
  time.tick(10);
  await done;
  assertEquals(log, [
    "a starts",
    "a is cancelled",
    "a has unwound",
    `throws TimeoutError: timeout "outside" took longer than 10 ms`,
  ]);
});

Deno.test("asCompleted() left with break aborts the rest, waits for it and discards what was not read", async () => {
  const log: string[] = [];
  const discarded: unknown[] = [];
  const a = steered(log, "a");
  const results = asCompleted([() => "first", () => "unread", a.work], { onDiscard: (v) => discarded.push(v) });
  for await (const value of results) {
    log.push(`reads ${value}`);
    break;
  }
  log.push("left");
  assertEquals(log, ["a starts", "reads first", "a is cancelled", "a has unwound", "left"]);
  assertEquals(discarded, ["unread"]);
  assertEquals(await results.next(), { done: true, value: undefined });
});

Deno.test("asCompleted() that nobody reads to its end is aborted and joined by the scope around", async () => {
  const log: string[] = [];
  const discarded: unknown[] = [];
  const a = steered(log, "a");
  await report(
    log,
    scope(async () => {
      const results = asCompleted([() => "first", a.work, () => "unread"], {
        onDiscard: (value) => discarded.push(value),
      });
      log.push(`reads ${(await results.next()).value}`);
    }),
  );
  assertEquals(log, ["a starts", "reads first", "a is cancelled", "a has unwound", "returns undefined"]);
  assertEquals(discarded, ["unread"]);
});

Deno.test("asCompleted() that has ended gives what is unread to onDiscard when the scope around ends", async () => {
  const log: string[] = [];
  await scope(async () => {
    const results = asCompleted([() => "first", () => "unread"], { onDiscard: (v) => log.push(`discards ${v}`) });
    log.push(`reads ${(await results.next()).value}`);
    await settle();
    log.push("scope ends");
  });
  assertEquals(log, ["reads first", "scope ends", "discards unread"]);
});

Deno.test("asCompleted() whose scope ends before it throws to whoever reads on, after what had completed", async () => {
  const log: string[] = [];
  const results = await timeout(60_000, () => asCompleted([() => "first", () => sleepForever()]));
  for (let i = 0; i < 3; i++) await report(log, results.next());
  assertEquals(log, [
    `returns {"done":false,"value":"first"}`,
    "throws AbortError: asCompleted was abandoned before its end: the scope it was made in has ended",
    `returns {"done":true}`,
  ]);
});

Deno.test("asCompleted() that has ended before its scope can be read to its end outside", async () => {
  const results = await timeout(60_000, () => asCompleted([() => "first", () => "second"]));
  assertEquals(await Array.fromAsync(results), ["first", "second"]);
});

Deno.test("asCompleted() that has ended throws to whoever reads what its scope has given to onDiscard", async () => {
  for (const turns of [0, 1]) {
    const log: string[] = [];
    const results = await timeout(60_000, async () => {
      const results = asCompleted([() => "first"], { onDiscard: (value) => log.push(`discards ${value}`) });
      await settle(turns);
      return results;
    });
    for (let i = 0; i < 2; i++) await report(log, results.next());
    assertEquals(log, [
      "discards first",
      "throws AbortError: asCompleted was abandoned before its end: the scope it was made in has ended",
      `returns {"done":true}`,
    ]);
  }
});

Deno.test("asCompleted() surfaces a failure that was never read when the scope around ends", async () => {
  const log: string[] = [];
  using _ = logUnhandled(log);
  await scope(async () => {
    asCompleted([() => Promise.reject(new Error("never read"))]);
    await settle();
    log.push("scope ends");
  });
  await settle();
  assertEquals(log, ["scope ends", "surfaces Error: never read"]);
});

Deno.test("asCompleted() surfaces no failure that is read late, nor one in the turn in which its scope ends", async () => {
  const failure = new Error("read late");
  const unhandled = await unhandledIn(async () => {
    await scope(async () => {
      const results = asCompleted([() => Promise.reject(failure)]);
      await settle(5);
      assertStrictEquals(await results.next().catch((error) => error), failure);
    });
  });
  assertEquals(unhandled, []);
});

Deno.test("asCompleted() surfaces a failure that comes as the scope around ends", async () => {
  for (let microtasks = 0; microtasks < 8; microtasks++) {
    const failure = new Error(`after ${microtasks} microtasks`);
    const unhandled = await unhandledIn(() =>
      scope(async () => {
        asCompleted([() => Promise.reject(failure)]);
        for (let i = 0; i < microtasks; i++) await null;
      })
    );
    assertEquals(unhandled, [failure]);
  }
});

Deno.test("asCompleted() throws to `await using` what failed while it was left", async () => {
  const failure = new Error("while it unwinds");
  const unhandled = await unhandledIn(() =>
    assertRejects(
      async () => {
        await using results = asCompleted([
          () => "first",
          () =>
            sleepForever().finally(() => {
              throw failure;
            }),
        ]);
        await results.next();
      },
      Error,
      "while it unwinds",
    )
  );
  assertEquals(unhandled, []);
});

Deno.test("asCompleted() leaves no listener, neither at its end nor when left", async () => {
  const { signal, listeners } = countedSignal();
  await Array.fromAsync(asCompleted([() => 1], { signal }));
  assertEquals(listeners(), 0);
  for await (const _ of asCompleted([() => 1, () => sleepForever()], { signal })) {
    assertEquals(listeners(), 1);
    break;
  }
  assertEquals(listeners(), 0);
});

Deno.test("asCompleted() throws when grace is over and names exactly what still runs", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const discarded: unknown[] = [];
  const controller = new AbortController();
  const deaf = steered<string>(log, "deaf", { deaf: true });
  const results = asCompleted({ early: () => "early", deaf: deaf.work, obedient: () => sleepForever() }, {
    signal: controller.signal,
    grace: 50,
    name: "batch",
    onDiscard: (value) => discarded.push(value),
  });
  controller.abort("enough");
  await settle();
  time.tick(50);
  await settle();
  const done = read(log, results);
  await done;
  const message = `Work in asCompleted "batch" still runs 50 ms after the abort: deaf`;
  assertEquals(log, ["deaf starts", `reads "early"`, `throws StragglerError: ${message}`]);
  deaf.succeed("late");
  await settle();
  assertEquals(discarded, ["late"]);
});

Deno.test("asCompleted() left with break surfaces that stragglers were left behind", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const deaf = steered<string>(log, "deaf", { deaf: true });
  const unhandled = await unhandledIn(async () => {
    const results = asCompleted([() => 1, deaf.work], { grace: 5 });
    await results.next();
    const left = results.return();
    await settle();
    time.tick(5);
    assertEquals(await left, { done: true, value: undefined });
    deaf.succeed("late");
  });
  assertEquals(unhandled.map((error) => (error as StragglerError).stragglers), [["work"]]);
});

Deno.test("asCompleted() gives several readers at once one result each, in order, then the failure to one", async () => {
  const log: string[] = [];
  const a = steered<string>(log, "a");
  const b = steered<string>(log, "b");
  const results = asCompleted([a.work, b.work]);
  const readers = Array.from({ length: 3 }, () => report(log, results.next()));
  a.succeed("A");
  await settle();
  b.fail(new Error("no luck"));
  await Promise.all(readers);
  assertEquals(log, [
    "a starts",
    "b starts",
    "a ends",
    `returns {"done":false,"value":"A"}`,
    "b fails",
    "throws Error: no luck",
    `returns {"done":true}`,
  ]);
});
