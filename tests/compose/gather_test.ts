import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  createTask,
  currentSignal,
  Future,
  gather,
  InvalidStateError,
  scope,
  sleepForever,
  StragglerError,
} from "@weft/async";
import { countedSignal, report, settle, steered, unhandledIn } from "../support.ts";

Deno.test("gather() returns the results of a tuple in the order of the input, not of completion", async () => {
  const log: string[] = [];
  const a = steered<string>(log, "a");
  const b = steered<number>(log, "b");
  const call = gather([a.work, b.work, Promise.resolve(true), () => null]);
  b.succeed(2);
  await settle();
  a.succeed("one");
  assertEquals(await call, ["one", 2, true, null]);
  assertEquals(log, ["a starts", "b starts", "b ends", "a ends"]);
});

Deno.test("gather() takes any iterable and returns an array", async () => {
  const one = () => 1;
  const two = async () => await Promise.resolve(2);
  assertEquals(await gather([one, two]), [1, 2]);
  assertEquals(await gather(new Set([two, one])), [2, 1]);
  assertEquals(await gather(new Map([["a", one]]).values()), [1]);
  const generated = (function* () {
    yield one;
    yield two;
  })();
  assertEquals(await gather(generated), [1, 2]);
});

Deno.test("gather() takes a record and returns one with the same keys in the same order", async () => {
  const result = await gather({ b: () => 1, a: Promise.resolve("x"), ["__proto__"]: () => 3 });
  assertEquals(Object.entries(result), [["b", 1], ["a", "x"], ["__proto__", 3]]);
});

Deno.test("gather() of nothing returns nothing, in the shape of the input", async () => {
  assertEquals(await gather([]), []);
  assertEquals(await gather({}), {});
  assertEquals(await gather(new Set<() => number>()), []);
  assertEquals(await gather([], { settled: true, concurrency: 1 }), []);
});

Deno.test("gather() starts all functions synchronously and in order", async () => {
  const log: string[] = [];
  const call = gather(["a", "b", "c"].map((name) => () => log.push(name)));
  log.push("called");
  await call;
  assertEquals(log, ["a", "b", "c", "called"]);
});

Deno.test("gather() hands all functions the one signal of its scope", async () => {
  const signals = await gather([(signal) => signal, async (signal) => await signal, () => currentSignal()]);
  assertEquals(new Set(signals).size, 1);
  assertEquals(signals[0].aborted, false);
});

Deno.test("gather() reads its input to the end before it starts anything", async () => {
  const log: string[] = [];
  const entries = (function* () {
    for (const name of ["a", "b"]) {
      log.push(`reads ${name}`);
      yield () => log.push(`runs ${name}`);
    }
  })();
  await gather(entries);
  assertEquals(log, ["reads a", "reads b", "runs a", "runs b"]);
});

Deno.test("gather() rejects with what its input throws and starts nothing", async () => {
  const log: string[] = [];
  const entries = (function* () {
    yield () => log.push("runs");
    throw new RangeError("unreadable");
  })();
  await assertRejects(() => gather(entries), RangeError, "unreadable");
  assertEquals(log, []);
});

Deno.test("gather() rejects with the first failure as it is, after it has aborted and joined the rest", async () => {
  const log: string[] = [];
  const a = steered<number>(log, "a");
  const b = steered<number>(log, "b");
  const c = steered<number>(log, "c");
  const done = report(log, gather([a.work, b.work, c.work]));
  a.succeed(1);
  await settle();
  b.fail(new RangeError("no luck"));
  await done;
  assertEquals(log, [
    "a starts",
    "b starts",
    "c starts",
    "a ends",
    "b fails",
    "c is cancelled",
    "c has unwound",
    "throws RangeError: no luck",
  ]);
});

Deno.test("gather() rejects with an AggregateError, the first failure first, when siblings fail genuinely too", async () => {
  const [first, second, third] = [new Error("first"), new RangeError("second"), new TypeError("third")];
  const thrownInCleanup = (error: unknown) => async () => {
    try {
      await sleepForever();
    } finally {
      // deno-lint-ignore no-unsafe-finally -- a clean-up that fails is what is tested
      throw error;
    }
  };
  const call = gather([thrownInCleanup(second), () => Promise.reject(first), thrownInCleanup(third)]);
  const error = await assertRejects(() => call, AggregateError, "3 failures, the first: first");
  assertEquals(error.errors, [first, second, third]);
  assertStrictEquals(error.cause, first);
});

Deno.test("gather() rejects with the error as it is when siblings fail with the same one", async () => {
  const same = new Error("same");
  const rejected = Promise.reject(same);
  const error = await assertRejects(() => gather([() => rejected, rejected, () => rejected]));
  assertStrictEquals(error, same);
});

Deno.test("gather() takes a sibling that rejects because of the abort for cancelled, not for failed", async () => {
  const first = new Error("first");
  const wrapping = (signal: AbortSignal) =>
    sleepForever().catch(() => {
      throw new Error("closed early", { cause: signal.reason });
    });
  const own = () =>
    sleepForever().catch(() => {
      throw new DOMException("stopped", "AbortError");
    });
  const error = await assertRejects(() => gather([wrapping, own, () => Promise.reject(first)]));
  assertStrictEquals(error, first);
});

Deno.test("gather() starts nothing more after a function that throws synchronously", async () => {
  const log: string[] = [];
  const a = steered(log, "a");
  const thrower = () => {
    throw new Error("at once");
  };
  await report(log, gather([a.work, thrower, () => log.push("never")]));
  assertEquals(log, ["a starts", "a is cancelled", "a has unwound", "throws Error: at once"]);
});

Deno.test("gather() with concurrency starts the next in order as one ends", async () => {
  const log: string[] = [];
  const a = steered<string>(log, "a");
  const b = steered<string>(log, "b");
  const c = steered<string>(log, "c");
  const d = steered<string>(log, "d");
  const done = report(log, gather([a.work, b.work, c.work, d.work], { concurrency: 2 }));
  b.succeed("B");
  await settle();
  d.succeed("D");
  a.succeed("A");
  await settle();
  c.succeed("C");
  await done;
  assertEquals(log, [
    "a starts",
    "b starts",
    "b ends",
    "c starts",
    "a ends",
    "d starts",
    "d ends",
    "c ends",
    `returns ["A","B","C","D"]`,
  ]);
});

Deno.test("gather() with concurrency starts nothing more after a failure", async () => {
  for (const concurrency of [1, 2]) {
    const log: string[] = [];
    const a = steered(log, "a");
    const b = steered(log, "b");
    const c = steered(log, "c");
    const done = report(log, gather([a.work, b.work, c.work, c.work], { concurrency }));
    a.fail(new Error("no luck"));
    await done;
    assertEquals(
      log,
      concurrency === 1
        ? ["a starts", "a fails", "throws Error: no luck"]
        : ["a starts", "b starts", "a fails", "b is cancelled", "b has unwound", "throws Error: no luck"],
    );
  }
});

Deno.test("gather() with concurrency starts nothing more after a function that throws synchronously", async () => {
  const log: string[] = [];
  const thrower = () => {
    throw new Error("at once");
  };
  await report(log, gather([thrower, () => log.push("never"), () => log.push("never")], { concurrency: 2 }));
  assertEquals(log, ["throws Error: at once"]);
});

Deno.test("gather() with concurrency runs 100,000 functions that return no promise", async () => {
  const results = await gather(Array.from({ length: 100_000 }, (_, i) => () => i), { concurrency: 3 });
  assertEquals(results.length, 100_000);
  assertEquals(results[99_999], 99_999);
});

Deno.test("gather() gives promises no place among its concurrency, because they run already", async () => {
  const log: string[] = [];
  const a = steered(log, "a");
  const b = steered(log, "b");
  const late = Promise.withResolvers<never>();
  const done = report(log, gather([a.work, b.work, late.promise], { concurrency: 1 }));
  late.reject(new Error("a promise fails"));
  await done;
  assertEquals(log, ["a starts", "a is cancelled", "a has unwound", "throws Error: a promise fails"]);
});

Deno.test("gather() with settled returns failures as results and spares the siblings", async () => {
  const log: string[] = [];
  const a = steered<number>(log, "a");
  const b = steered<number>(log, "b");
  const call = gather({ a: a.work, b: b.work }, { settled: true });
  b.fail("no luck");
  await settle();
  a.succeed(1);
  assertEquals(await call, { a: { status: "fulfilled", value: 1 }, b: { status: "rejected", reason: "no luck" } });
  assertEquals(log, ["a starts", "b starts", "b fails", "a ends"]);
});

Deno.test("gather() with settled goes on after a function that throws synchronously", async () => {
  const error = new Error("at once");
  const thrower = () => {
    throw error;
  };
  for (const concurrency of [1, Infinity]) {
    const results = await gather([thrower, () => 2], { settled: true, concurrency });
    assertEquals(results, [{ status: "rejected", reason: error }, { status: "fulfilled", value: 2 }]);
  }
});

Deno.test("gather() with settled takes an AbortError of its own making for a failure", async () => {
  const reason = new DOMException("mine", "AbortError");
  const results = await gather([() => Promise.reject(reason)], { settled: true });
  assertEquals(results, [{ status: "rejected", reason }]);
});

Deno.test("gather() with settled: false is gather() without", async () => {
  const settled: boolean = false;
  assertEquals(await gather([() => 1], { settled }), [1]);
});

Deno.test("gather() awaits the same promise once and returns it in each place", async () => {
  let asked = 0;
  const thenable: PromiseLike<string> = {
    then(ok) {
      asked++;
      return Promise.resolve("once").then(ok);
    },
  };
  assertEquals(await gather([thenable, thenable, () => thenable]), ["once", "once", "once"]);
  // The last one is what a function returned: the call awaits that as `await` does.
  assertEquals(asked, 2);
});

Deno.test("gather() awaits tasks and futures", async () => {
  const future = new Future<number>();
  const task = createTask(async () => await future + 1);
  const call = gather({ future, task, plain: Promise.resolve(0) });
  future.setResult(1);
  assertEquals(await call, { future: 1, task: 2, plain: 0 });
});

Deno.test("gather() neither aborts nor joins the promises and tasks it was given", async () => {
  const log: string[] = [];
  const inTask = steered<string>(log, "task");
  const task = createTask(inTask.work);
  const forever = new Promise(() => {});
  await settle();
  await report(log, gather([task, forever, () => Promise.reject(new Error("no luck"))]));
  inTask.succeed("alive");
  assertEquals(await task, "alive");
  assertEquals(log, ["task starts", "throws Error: no luck", "task ends"]);
});

Deno.test("gather() rejects when the task that calls it is among its entries", async () => {
  const task = createTask(async (): Promise<unknown> => await gather([task]), { name: "selfish" });
  await assertRejects(() => Promise.resolve(task), InvalidStateError, "Cannot await selfish");
});

Deno.test("gather() aborted from outside aborts and joins its functions and rejects with that reason", async () => {
  for (const settled of [false, true]) {
    for (const concurrency of [1, Infinity]) {
      const log: string[] = [];
      const controller = new AbortController();
      const a = steered(log, "a");
      const reason = new Error("from outside");
      const { signal } = controller;
      const done = report(log, gather([a.work, () => null], { signal, settled, concurrency }));
      controller.abort(reason);
      await done;
      assertEquals(log, ["a starts", "a is cancelled", "a has unwound", "throws Error: from outside"]);
    }
  }
});

Deno.test("gather() in an aborted scope rejects with the scope's reason rather than its signal's", async () => {
  const controller = new AbortController();
  await scope(async (_signal, self) => {
    const call = gather([() => sleepForever()], { signal: controller.signal });
    self.cancel("the scope's");
    controller.abort("the signal's");
    assertEquals(await call.catch((reason) => reason), "the scope's");
  });
});

Deno.test("gather() returns its values when all its functions return one in spite of the abort", async () => {
  const log: string[] = [];
  const controller = new AbortController();
  const a = steered<string>(log, "a", { deaf: true });
  const call = gather([a.work], { signal: controller.signal });
  controller.abort();
  a.succeed("late");
  assertEquals(await call, ["late"]);
});

Deno.test("gather() rejects with a failure rather than with the reason of the abort", async () => {
  const log: string[] = [];
  const controller = new AbortController();
  const a = steered(log, "a", { deaf: true });
  const b = steered(log, "b");
  const done = report(log, gather([a.work, b.work], { signal: controller.signal }));
  controller.abort("from outside");
  a.fail(new Error("genuine"));
  await done;
  assertEquals(log, [
    "a starts",
    "b starts",
    "b is cancelled",
    "a fails",
    "b has unwound",
    "throws Error: genuine",
  ]);
});

Deno.test("gather() starts nothing more when a function aborts the outside while it is started", async () => {
  for (const concurrency of [2, Infinity]) {
    const log: string[] = [];
    const controller = new AbortController();
    const aborter = () => controller.abort("from inside");
    const entries = [aborter, () => log.push("never"), () => log.push("never")];
    await report(log, gather(entries, { signal: controller.signal, concurrency }));
    assertEquals(log, ["throws from inside"]);
  }
});

Deno.test("gather() leaves no listener, and an abort after its end does nothing", async () => {
  const { controller, signal, listeners } = countedSignal();
  const call = gather([() => 1, () => Promise.resolve(2)], { signal });
  assertEquals(listeners(), 1);
  assertEquals(await call, [1, 2]);
  assertEquals(listeners(), 0);
  controller.abort();
  assertEquals(await call, [1, 2]);
});

Deno.test("gather() joins the structured calls that its functions have left open", async () => {
  const log: string[] = [];
  const inner = steered(log, "inner");
  const done = report(log, gather([() => void gather([inner.work])]));
  await settle();
  inner.succeed();
  await done;
  assertEquals(log, ["inner starts", "inner ends", "returns [null]"]);
});

Deno.test("gather() gives the values of a failed call to onDiscard, those that come late too", async () => {
  const log: string[] = [];
  const discarded: unknown[] = [];
  const late = steered<string>(log, "late", { deaf: true });
  const call = gather([() => "early", late.work, () => Promise.reject(new Error("no luck"))], {
    onDiscard: (value) => discarded.push(value),
  });
  await settle();
  late.succeed("late");
  await assertRejects(() => call, Error, "no luck");
  assertEquals(discarded, ["early", "late"]);
});

Deno.test("gather() with settled gives the values of an aborted call to onDiscard, and no failures", async () => {
  const discarded: unknown[] = [];
  const controller = new AbortController();
  const call = gather([() => "value", () => Promise.reject("failure"), () => sleepForever()], {
    settled: true,
    signal: controller.signal,
    onDiscard: (value) => discarded.push(value),
  });
  await settle();
  controller.abort("from outside");
  assertEquals(await call.catch((reason) => reason), "from outside");
  assertEquals(discarded, ["value"]);
});

Deno.test("gather() gives nothing to onDiscard when it returns", async () => {
  const onDiscard = () => assert(false, "nothing to discard");
  assertEquals(await gather([() => 1, () => 2], { onDiscard, concurrency: 1 }), [1, 2]);
});

Deno.test("gather() goes on when onDiscard throws, and the error becomes an unhandled rejection", async () => {
  const broken = new Error("broken onDiscard");
  const discarded: unknown[] = [];
  const unhandled = await unhandledIn(() =>
    assertRejects(
      () =>
        gather([() => 1, () => 2, () => Promise.reject(new Error("no luck"))], {
          onDiscard(value) {
            discarded.push(value);
            if (value === 1) throw broken;
          },
        }),
      Error,
      "no luck",
    )
  );
  assertEquals(discarded, [1, 2]);
  assertEquals(unhandled, [broken]);
});

Deno.test("gather() rejects when grace is over and names exactly what still runs", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const controller = new AbortController();
  const deaf = steered<string>(log, "deaf", { deaf: true });
  const failing = steered(log, "failing", { deaf: true });
  const discarded: unknown[] = [];
  const call = gather({
    deaf: deaf.work,
    early: () => "early",
    obedient: () => sleepForever(),
    failing: failing.work,
    never: new Promise(() => {}),
    unstarted: () => log.push("unstarted starts"),
    too: () => log.push("too starts"),
  }, {
    signal: controller.signal,
    name: "batch",
    grace: 50,
    concurrency: 3,
    onDiscard: (value) => discarded.push(value),
  });
  await settle();
  controller.abort("enough");
  failing.fail(new Error("while it unwinds"));
  await settle();
  time.tick(49);
  await settle();
  log.push("49 ms");
  time.tick(1);
  const error = await assertRejects(
    () => call,
    StragglerError,
    `Work in gather "batch" still runs 50 ms after the abort: deaf`,
  );
  assertEquals(error.stragglers, ["deaf"]);
  assertEquals(error.errors.map(String), ["Error: while it unwinds"]);
  assertEquals(error.cause, "enough");
  assertEquals(discarded, ["early"]);
  deaf.succeed("late");
  await settle();
  assertEquals(discarded, ["early", "late"]);
  assertEquals(log, ["deaf starts", "failing starts", "failing fails", "49 ms", "deaf ends"]);
});

Deno.test("gather() has no straggler left when all unwind within grace", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const call = gather([() => sleepForever()], { signal: controller.signal, grace: 50 });
  controller.abort("enough");
  assertEquals(await call.catch((reason) => reason), "enough");
  assertEquals(time.next(), false, "the timer of grace is gone");
});

Deno.test("gather() surfaces the failure of a straggler, which nobody can receive", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const deaf = steered(log, "deaf", { deaf: true });
  const late = new Error("late");
  const unhandled = await unhandledIn(async () => {
    const call = gather([deaf.work, () => Promise.reject(new Error("no luck"))], { grace: 10 });
    await settle();
    time.tick(10);
    const error = await assertRejects(() => call, StragglerError, "still runs 10 ms after the abort: work");
    assertEquals(error.errors.map(String), ["Error: no luck"]);
    deaf.fail(late);
  });
  assertEquals(unhandled, [late]);
});

Deno.test("gather() awaits what a function returns as `await` does, be it thenable, task or future", async () => {
  const thenable = { then: (ok: (value: string) => void) => ok("thenable") } as unknown as PromiseLike<string>;
  const future = new Future<string>();
  const call = gather([() => thenable, () => createTask(() => "task"), () => future]);
  future.setResult("future");
  assertEquals(await call, ["thenable", "task", "future"]);
});

Deno.test("gather() keeps none of the waits it made on a promise that outlives it", async () => {
  let reactions = 0;
  const promise = new Promise<never>(() => {});
  const { then } = promise;
  promise.then = ((...args: Parameters<typeof then>) => {
    reactions++;
    return then.apply(promise, args);
  }) as typeof then;
  for (let i = 0; i < 100; i++) {
    await assertRejects(() => gather([promise, () => Promise.reject(new Error("no luck"))]), Error, "no luck");
  }
  assertEquals(reactions, 1);
});
