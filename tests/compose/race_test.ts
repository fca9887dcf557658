import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  createTask,
  currentSignal,
  firstSuccess,
  InvalidStateError,
  race,
  scope,
  sleepForever,
  StragglerError,
} from "@weft/async";
import { countedSignal, report, settle, steered, unhandledIn } from "../support.ts";

const both = { race, firstSuccess };

for (const [name, first] of Object.entries(both)) {
  Deno.test(`${name}() returns the first value after it has aborted and joined the losers`, async () => {
    const log: string[] = [];
    const a = steered<string>(log, "a");
    const b = steered<string>(log, "b");
    const done = report(log, first([a.work, b.work]));
    b.succeed("B");
    await done;
    assertEquals(log, ["a starts", "b starts", "b ends", "a is cancelled", "a has unwound", `returns "B"`]);
  });

  Deno.test(`${name}() takes any iterable and a record`, async () => {
    const entries = [() => "first", () => "second"];
    assertEquals(await first(entries), "first");
    assertEquals(await first(new Set(entries)), "first");
    assertEquals(await first(entries.values()), "first");
    assertEquals(await first({ a: entries[0]!, b: entries[1]! }), "first");
    assertEquals(await first([Promise.resolve("promise")]), "promise");
    assertEquals(await first([createTask(() => "task")]), "task");
  });

  Deno.test(`${name}() of nothing rejects, because it would never end`, async () => {
    const action = first === race ? "race" : "find the first success";
    const message = `Cannot ${action}: "entries" must be at least one function or promise, received`;
    await assertRejects(() => first([]), RangeError, `${message} an array`);
    await assertRejects(() => first({}), RangeError, message);
  });

  Deno.test(`${name}() starts all functions synchronously, in order, with the signal of its scope`, async () => {
    const log: string[] = [];
    const signals = new Set<AbortSignal>();
    const start = (name: string) => async (signal: AbortSignal) => {
      log.push(name);
      signals.add(signal).add(currentSignal());
      await null;
    };
    const call = first([start("a"), start("b")]);
    log.push("called");
    await call;
    assertEquals(log, ["a", "b", "called"]);
    assertEquals(signals.size, 1);
  });

  Deno.test(`${name}() starts nothing more after a function that has won synchronously`, async () => {
    const log: string[] = [];
    const a = steered(log, "a");
    await report(log, first([a.work, () => "at once", () => log.push("never")]));
    assertEquals(log, ["a starts", "a is cancelled", "a has unwound", `returns "at once"`]);
  });

  Deno.test(`${name}() drops what losers fail with, also genuinely`, async () => {
    const log: string[] = [];
    const late = steered(log, "late", { deaf: true });
    const unhandled = await unhandledIn(async () => {
      const call = first([
        () => sleepForever().finally(() => Promise.reject(new Error("while it unwinds"))),
        late.work,
        async () => await Promise.resolve("winner"),
        Promise.reject(new Error("a promise that loses")).finally(settle),
      ]);
      await settle();
      late.fail(new Error("late"));
      assertEquals(await call, "winner");
    });
    assertEquals(unhandled, []);
    assertEquals(log, ["late starts", "late fails"]);
  });

  Deno.test(`${name}() neither aborts nor joins the promises that lose`, async () => {
    const log: string[] = [];
    const inTask = steered<string>(log, "task");
    const task = createTask(inTask.work);
    await settle();
    assertEquals(await first([task, new Promise<string>(() => {}), () => "winner"]), "winner");
    inTask.succeed("alive");
    assertEquals(await task, "alive");
    assertEquals(log, ["task starts", "task ends"]);
  });

  Deno.test(`${name}() gives the values of losers to onDiscard`, async () => {
    const log: string[] = [];
    const late = steered<string>(log, "late", { deaf: true });
    const discarded: unknown[] = [];
    const call = first([
      late.work,
      () => Promise.resolve("winner"),
      () => Promise.resolve("second"),
      Promise.resolve("promise"),
    ], {
      onDiscard: (value) => discarded.push(value),
    });
    await settle();
    late.succeed("late");
    assertEquals(await call, "winner");
    assertEquals(discarded, ["second", "late"]);
  });

  Deno.test(`${name}() aborted from outside aborts and joins, and rejects with that reason`, async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const a = steered(log, "a");
    const done = report(log, first([a.work], { signal: controller.signal }));
    controller.abort("enough");
    await done;
    assertEquals(log, ["a starts", "a is cancelled", "a has unwound", "throws enough"]);
  });

  Deno.test(`${name}() starts nothing more when a function aborts the outside while it is started`, async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const aborter = async () => {
      controller.abort("from inside");
      await sleepForever();
    };
    await report(log, first([aborter, () => log.push("never")], { signal: controller.signal }));
    assertEquals(log, ["throws from inside"]);
  });

  Deno.test(`${name}() returns a value that comes in spite of the abort`, async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const a = steered(log, "a");
    const deaf = steered<string>(log, "deaf", { deaf: true });
    const call = first([a.work, deaf.work], { signal: controller.signal });
    controller.abort("enough");
    await settle();
    deaf.succeed("late");
    assertEquals(await call, "late");
    assertEquals(log, ["a starts", "deaf starts", "a is cancelled", "a has unwound", "deaf ends"]);
  });

  Deno.test(`${name}() rejects when the task that calls it is among its entries`, async () => {
    const task = createTask(async (): Promise<unknown> => await first([task]), { name: "selfish" });
    const error = await Promise.resolve(task).catch((error) => error);
    const [failure] = error instanceof AggregateError ? error.errors : [error];
    assertEquals([failure instanceof InvalidStateError, failure.message], [
      true,
      "Cannot await selfish: it is the task that awaits",
    ]);
  });

  Deno.test(`${name}() rejects when grace is over and names exactly what still runs`, async () => {
    using time = new FakeTime();
    const log: string[] = [];
    const discarded: unknown[] = [];
    const deaf = steered<string>(log, "deaf", { deaf: true });
    const entries = { winner: async () => await "winner", deaf: deaf.work, obedient: () => sleepForever() };
    const call = first(entries, { grace: 30, name: "mirrors", onDiscard: (value) => discarded.push(value) });
    await settle();
    time.tick(30);
    const error = await assertRejects(() => call, StragglerError);
    assertEquals(error.message, `Work in ${name} "mirrors" still runs 30 ms after the abort: deaf`);
    deaf.succeed("late");
    await settle();
    // The winner too, because nobody has got it.
    assertEquals(discarded, ["winner", "late"]);
  });

  Deno.test(`${name}() leaves no listener, no timer, and an abort after its end does nothing`, async () => {
    using time = new FakeTime();
    const { controller, signal, listeners } = countedSignal();
    const call = first([() => sleepForever(), () => Promise.resolve("winner")], { signal, grace: 1000 });
    assertEquals(listeners(), 1);
    assertEquals(await call, "winner");
    assertEquals([listeners(), time.next()], [0, false]);
    controller.abort();
    assertEquals(await call, "winner");
  });
}

Deno.test("race() rejects with the first failure as it is, after it has aborted and joined the losers", async () => {
  const log: string[] = [];
  const a = steered(log, "a");
  const b = steered(log, "b");
  const done = report(log, race([a.work, b.work]));
  b.fail(new RangeError("no luck"));
  await done;
  assertEquals(log, [
    "a starts",
    "b starts",
    "b fails",
    "a is cancelled",
    "a has unwound",
    "throws RangeError: no luck",
  ]);
});

Deno.test("race() starts nothing more after a function that throws synchronously", async () => {
  const log: string[] = [];
  const thrower = () => {
    throw new Error("at once");
  };
  await report(log, race([thrower, () => log.push("never")]));
  assertEquals(log, ["throws Error: at once"]);
});

Deno.test("race() rejects with a failure that comes in spite of the abort", async () => {
  const log: string[] = [];
  const controller = new AbortController();
  const deaf = steered(log, "deaf", { deaf: true });
  const call = race([deaf.work], { signal: controller.signal });
  controller.abort("enough");
  const genuine = new Error("genuine");
  deaf.fail(genuine);
  assertStrictEquals(await call.catch((error) => error), genuine);
});

Deno.test("firstSuccess() goes on after failures, synchronous ones too", async () => {
  const log: string[] = [];
  const a = steered<string>(log, "a");
  const thrower = () => {
    throw new Error("at once");
  };
  const done = report(log, firstSuccess([thrower, () => Promise.reject(new Error("soon")), a.work]));
  await settle();
  a.succeed("A");
  await done;
  assertEquals(log, ["a starts", "a ends", `returns "A"`]);
});

Deno.test("firstSuccess() rejects with all failures, in order of completion, when none has succeeded", async () => {
  const log: string[] = [];
  const a = steered(log, "a");
  const b = steered(log, "b");
  const call = firstSuccess([a.work, b.work]);
  b.fail("B");
  await settle();
  a.fail("A");
  const error = await assertRejects(() => call, AggregateError, "None of 2 has succeeded");
  assertEquals(error.errors, ["B", "A"]);
});

Deno.test("firstSuccess() rejects with the reason of the abort rather than with the failures before it", async () => {
  const log: string[] = [];
  await report(
    log,
    scope(async (_signal, self) => {
      const call = firstSuccess([() => Promise.reject(new Error("failed before")), () => sleepForever()]);
      await settle();
      self.cancel("enough");
      await report(log, call);
    }),
  );
  assertEquals(log, ["throws enough", "returns undefined"]);
});

Deno.test("firstSuccess() rejects with the reason of the abort when that kept entries from starting", async () => {
  const controller = new AbortController();
  const aborter = () => {
    controller.abort("from inside");
    throw new Error("failed");
  };
  const call = firstSuccess([aborter, () => "never"], { signal: controller.signal });
  assertEquals(await call.catch((reason) => reason), "from inside");
});

Deno.test("firstSuccess() takes an AbortError of an entry's own for a failure", async () => {
  const own = new DOMException("mine", "AbortError");
  assertEquals(await firstSuccess([() => Promise.reject(own), async () => await "value"]), "value");
});
