import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  createTask,
  currentSignal,
  currentTask,
  firstSuccess,
  Future,
  InvalidStateError,
  map,
  race,
  scope,
  shield,
  sleepForever,
  StragglerError,
  waitFor,
} from "@weft/async";
import { countedSignal, report, settle, steered, unhandledIn } from "../support.ts";

const both = { race, firstSuccess };

/** What `fetch` comes to: its head is there, and its body lives as long as the signal is not aborted. */
class Answer {
  readonly signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  text(): string {
    this.signal.throwIfAborted();
    return "body";
  }
}

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

  Deno.test(`${name}() starts all functions synchronously, in order, each with a signal of its own`, async () => {
    const log: string[] = [];
    const signals = new Set<AbortSignal>();
    const start = (name: string) => async (signal: AbortSignal) => {
      log.push(name);
      signals.add(signal).add(currentSignal());
      await null;
      signals.add(currentSignal());
    };
    const call = first([start("a"), start("b")]);
    log.push("called");
    await call;
    assertEquals(log, ["a", "b", "called"]);
    assertEquals(signals.size, 2);
  });

  Deno.test(`${name}() makes no tasks: its functions are part of the one that calls it`, async () => {
    const name = async (): Promise<string | undefined> => {
      await null;
      return currentTask()?.name;
    };
    assertEquals(await createTask(() => first([name, name]), { name: "caller" }), "caller");
  });

  Deno.test(`${name}() aborts the signals of the losers only, so that the winner's body can be read`, async () => {
    const losers: AbortSignal[] = [];
    const lose = async (signal: AbortSignal): Promise<never> => {
      losers.push(signal);
      return await sleepForever();
    };
    const answer = await first([lose, (signal) => settle(1).then(() => new Answer(signal)), lose]);
    assertEquals(answer.text(), "body");
    assertEquals(losers.map((signal) => [signal.aborted, String(signal.reason)]), [
      [true, `AbortError: The ${name} has been won`],
      [true, `AbortError: The ${name} has been won`],
    ]);
  });

  Deno.test(`${name}() does not abort the signal of a function that has won synchronously`, async () => {
    const log: string[] = [];
    const signals: AbortSignal[] = [];
    const a = steered<never>(log, "a");
    const never = new Promise<never>(() => {});
    const winner = (signal: AbortSignal) => (signals.push(signal), "at once");
    assertEquals(await first([a.work, winner, never]), "at once");
    assertEquals(signals.map(({ aborted }) => aborted), [false]);
    assertEquals(log, ["a starts", "a is cancelled", "a has unwound"]);
  });

  Deno.test(`${name}() of fetches lets the rest of the first response be read`, async () => {
    const rest = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
      if (url.endsWith("/slow")) {
        await released.promise;
        return new Response();
      }
      const body = new ReadableStream({
        async start(controller) {
          controller.enqueue("hello");
          await rest.promise;
          controller.enqueue(", world");
          controller.close();
        },
      });
      return new Response(body.pipeThrough(new TextEncoderStream()));
    });
    const get = (path: string) => (signal: AbortSignal) =>
      fetch(`http://127.0.0.1:${server.addr.port}/${path}`, { signal });
    try {
      const response = await first([get("slow"), get("fast")]);
      rest.resolve();
      assertEquals(await response.text(), "hello, world");
    } finally {
      rest.resolve();
      released.resolve();
      await server.shutdown();
    }
  });

  Deno.test(`${name}() aborts all functions when a promise wins`, async () => {
    const log: string[] = [];
    const signals: AbortSignal[] = [];
    const a = steered<string>(log, "a");
    const run = (signal: AbortSignal) => (signals.push(signal), a.work());
    assertEquals(await first([run, Promise.resolve("promise")]), "promise");
    assertEquals(log, ["a starts", "a is cancelled", "a has unwound"]);
    assertEquals(signals.map(({ aborted }) => aborted), [true]);
  });

  Deno.test(`${name}() ends the wait of a loser that awaits a future it has returned`, async () => {
    const future = new Future<string>();
    assertEquals(await first([() => future, async () => await "winner"]), "winner");
    assertEquals(future.state, "pending");
  });

  Deno.test(`${name}() cancels the calls that the winner has not awaited, and joins them`, async () => {
    for (const others of [[], [() => sleepForever()]]) {
      const log: string[] = [];
      const left = steered(log, "left");
      const winner = async (signal: AbortSignal) => {
        report(log, scope(left.work));
        await null;
        return new Answer(signal);
      };
      const answer = await first([...others, winner]);
      log.push(answer.text());
      await settle();
      assertEquals(log, [
        "left starts",
        "left is cancelled",
        "left has unwound",
        "body",
        `throws AbortError: The ${name} has been won`,
      ]);
    }
  });

  Deno.test(`${name}() joins a shield that the winner has not awaited, and does not cut it short`, async () => {
    const log: string[] = [];
    const shielded = steered(log, "shielded");
    const winner = async (signal: AbortSignal) => {
      void shield(shielded.work);
      await null;
      return new Answer(signal);
    };
    const done = first([winner, () => sleepForever()]).then((answer) => log.push(answer.text()));
    await settle();
    shielded.succeed();
    await done;
    assertEquals(log, ["shielded starts", "shielded ends", "body"]);
  });

  Deno.test(`${name}() ends the iterators that the winner has opened, and their readers hear of it`, async () => {
    const log: string[] = [];
    const left = steered(log, "left");
    const results = await first([() => Promise.resolve(map([1], left.work)), () => sleepForever()]);
    await report(log, results.next());
    await first([
      async () => {
        report(log, map([1], left.work).next());
        return await "winner";
      },
      () => sleepForever(),
    ]);
    await settle();
    assertEquals(log, [
      `throws AbortError: The ${name} has been won`,
      "left starts",
      "left is cancelled",
      "left has unwound",
      `throws AbortError: The ${name} has been won`,
    ]);
  });

  Deno.test(`${name}() leaves to the scope around it the waits that the winner has not awaited`, async () => {
    const log: string[] = [];
    const later = Promise.withResolvers<string>();
    await scope(async (_signal, self) => {
      const winner = async () => {
        report(log, waitFor(later.promise));
        report(log, sleepForever());
        return await "winner";
      };
      await report(log, first([winner, () => sleepForever()]));
      later.resolve("later");
      await settle();
      self.cancel("enough");
      await settle();
    });
    assertEquals(log, [`returns "winner"`, `returns "later"`, "throws enough"]);
  });

  Deno.test(`${name}() is aborted as a whole from outside, its winner too while losers are joined`, async () => {
    const controller = new AbortController();
    const signals: AbortSignal[] = [];
    const deaf = steered<never>([], "deaf", { deaf: true });
    const call = first([
      (signal) => (signals.push(signal), deaf.work()),
      (signal) => (signals.push(signal), Promise.resolve("winner")),
    ], { signal: controller.signal });
    await settle();
    assertEquals(signals.map(({ aborted }) => aborted), [true, false]);
    controller.abort("enough");
    assertEquals(signals.map(({ aborted }) => aborted), [true, true]);
    assertEquals(signals[1]!.reason, "enough");
    deaf.fail(new Error("late"));
    // It has won before.
    assertEquals(await call, "winner");
  });

  Deno.test(`${name}() aborts its functions with a scope around it`, async () => {
    const log: string[] = [];
    const a = steered(log, "a");
    const signals: AbortSignal[] = [];
    await scope(async (_signal, self) => {
      const done = report(log, first([(signal) => (signals.push(signal), a.work())]));
      self.cancel("enough");
      await done;
    });
    assertEquals(log, ["a starts", "a is cancelled", "a has unwound", "throws enough"]);
    assertEquals(signals.map(({ reason }) => reason), ["enough"]);
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
    const never = new Promise<string>(() => {});
    assertEquals(await first([task, never, () => "winner"]), "winner");
    assertEquals(await first([() => "winner", task, never]), "winner");
    assertEquals(await first([task, Promise.resolve("promise"), never]), "promise");
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
    assertEquals(String(error.cause), `AbortError: The ${name} has been won`);
    deaf.succeed("late");
    await settle();
    // The winner too, because nobody has got it.
    assertEquals(discarded, ["winner", "late"]);
  });

  Deno.test(`${name}() aborts the winner too when nobody gets it, because grace is over`, async () => {
    using time = new FakeTime();
    const deaf = steered<never>([], "deaf", { deaf: true });
    const discarded: unknown[] = [];
    const signals: AbortSignal[] = [];
    const winner = (signal: AbortSignal) => (signals.push(signal), Promise.resolve("winner"));
    const onDiscard = (value: unknown) => discarded.push(value, signals[0]!.aborted);
    const call = first([winner, deaf.work], { grace: 30, onDiscard });
    await settle();
    assertEquals(signals[0]!.aborted, false);
    time.tick(30);
    await assertRejects(() => call, StragglerError);
    assertEquals(discarded, ["winner", true]);
    deaf.fail(new Error("late"));
    await settle();
  });

  Deno.test(`${name}() waits for what the winner has not awaited no longer than grace`, async () => {
    using time = new FakeTime();
    const deaf = steered([], "deaf", { deaf: true });
    const winner = async () => {
      scope(deaf.work).catch(() => {});
      return await "winner";
    };
    const call = first([winner], { grace: 30 });
    await settle();
    time.tick(30);
    const error = await assertRejects(() => call, StragglerError);
    assertEquals(String(error.cause), `AbortError: The ${name} has been won`);
    deaf.succeed();
    await settle();
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

Deno.test("race() that rejects aborts the signal of the first failure too, because of that", async () => {
  const signals: AbortSignal[] = [];
  const failure = new Error("404");
  const fail = async (signal: AbortSignal): Promise<never> => {
    signals.push(signal);
    await settle(1);
    throw failure;
  };
  assertStrictEquals(await race([fail, () => sleepForever()]).catch((error) => error), failure);
  assertEquals(signals.map(({ aborted, reason }) => [aborted, reason.cause]), [[true, failure]]);
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

Deno.test("firstSuccess() rejects with all failures, in order of the entries, when none has succeeded", async () => {
  const log: string[] = [];
  const a = steered(log, "a");
  const b = steered(log, "b");
  const call = firstSuccess([a.work, b.work]);
  b.fail("B");
  await settle();
  a.fail("A");
  const error = await assertRejects(() => call, AggregateError, "All 2 entries failed");
  assertEquals(error.errors, ["A", "B"]);
});

Deno.test("firstSuccess() aborts what has failed before, once another one has won", async () => {
  const signals: AbortSignal[] = [];
  const log: string[] = [];
  const left = steered(log, "left");
  const fail = (signal: AbortSignal): never => {
    signals.push(signal);
    scope(left.work).catch(() => {});
    throw new Error("at once");
  };
  const { promise, resolve } = Promise.withResolvers<string>();
  const done = report(log, firstSuccess([fail, () => promise]));
  await settle();
  assertEquals([signals[0]!.aborted, log], [false, ["left starts"]]);
  resolve("winner");
  await done;
  assertEquals(signals[0]!.aborted, true);
  assertEquals(log, ["left starts", "left is cancelled", "left has unwound", `returns "winner"`]);
});

Deno.test("firstSuccess() aborts what the failures have left running when none has succeeded, and joins it", async () => {
  const log: string[] = [];
  const signals: AbortSignal[] = [];
  const left = steered(log, "left");
  const fail = async (signal: AbortSignal): Promise<never> => {
    signals.push(signal);
    scope(left.work).catch(() => {});
    await settle(1);
    throw new Error("404");
  };
  const error = await firstSuccess([fail, fail]).catch((error) => error);
  assertEquals(error.errors.map(String), ["Error: 404", "Error: 404"]);
  assertEquals(signals.map(({ aborted }) => aborted), [true, true]);
  const each = (text: string) => [`left ${text}`, `left ${text}`];
  assertEquals(log, [...each("starts"), ...each("is cancelled"), ...each("has unwound")]);
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
