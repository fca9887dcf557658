/** What comes late: after stragglers have let the call reject, and after an abort. And keys that are symbols. */

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  asCompleted,
  firstSuccess,
  gather,
  map,
  moveOnAfter,
  race,
  scope,
  sleepForever,
  StragglerError,
  TaskGroup,
  timeout,
} from "@weft/async";
import { logUnhandled, settle, steered, unhandledIn } from "../support.ts";

const LIMIT = { timeout: 10_000 };

const failure = new Error("no luck");
const reason = new Error("enough");

const RACES = { race, firstSuccess };

for (const [name, start] of Object.entries(RACES)) {
  Deno.test(`${name}() drops the failure of a loser that comes after its StragglerError`, LIMIT, async () => {
    const deaf = Promise.withResolvers<void>();
    const unhandled = await unhandledIn(async () => {
      await assertRejects(() => start([() => deaf.promise, () => "winner"], { grace: 0 }), StragglerError);
      deaf.reject(failure);
    });
    assertEquals(unhandled, []);
  });

  Deno.test(
    `${name}() that nobody has won surfaces each failure that comes after its StragglerError`,
    LIMIT,
    async () => {
      const deaf = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const second = new Error("nor here");
      const controller = new AbortController();
      const unhandled = await unhandledIn(async () => {
        const call = start(deaf.map(({ promise }) => () => promise), { grace: 0, signal: controller.signal });
        controller.abort(reason);
        await assertRejects(() => call, StragglerError);
        deaf[0]!.reject(failure);
        await settle(1);
        deaf[1]!.reject(second);
      });
      assertEquals(unhandled, [failure, second]);
    },
  );

  Deno.test(`${name}() surfaces no cancellation and no value that comes after its StragglerError`, LIMIT, async () => {
    const deaf = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    const discarded: unknown[] = [];
    const controller = new AbortController();
    const unhandled = await unhandledIn(async () => {
      const call = start(deaf.map(({ promise }) => () => promise), {
        grace: 0,
        signal: controller.signal,
        onDiscard: (value) => discarded.push(value),
      });
      controller.abort(reason);
      await assertRejects(() => call, StragglerError);
      deaf[0]!.reject(reason);
      deaf[1]!.resolve("late");
    });
    assertEquals([unhandled, discarded], [[], ["late"]]);
  });

  Deno.test(`${name}() drops the failure of a loser that ends before the grace is over`, LIMIT, async () => {
    const unhandled = await unhandledIn(async () => {
      const loser = () => sleepForever().catch(() => settle(1).then(() => Promise.reject(failure)));
      assertEquals(await start([() => settle(1).then(() => "winner"), loser], { grace: 3_600_000 }), "winner");
    });
    assertEquals(unhandled, []);
  });
}

type Work = () => Promise<unknown>;
interface Options {
  readonly signal: AbortSignal;
}

/** Calls of one function that ends with a value although they are aborted. */
const CALLS: Record<string, (work: Work, options: Options) => Promise<unknown>> = {
  "scope()": (work, options) => scope(work, options),
  "timeout()": (work, options) => timeout(3_600_000, work, options),
  "moveOnAfter()": (work, options) => moveOnAfter(3_600_000, work, options),
  "TaskGroup.run()": (work, options) => TaskGroup.run(work, options),
  "TaskGroup.createTask()": (work, options) => TaskGroup.run((group) => group.createTask(work).promise, options),
  "gather()": async (work, options) => (await gather([work], options))[0],
  "gather() with concurrency": async (work, options) =>
    (await gather([() => null, work], { ...options, concurrency: 1 }))[1],
  "gather() of a record": async (work, options) => (await gather({ work }, options)).work,
  "gather() with settled": async (work, options) => {
    const [result] = await gather([work], { ...options, settled: true });
    return result.status === "fulfilled" ? result.value : result;
  },
  "race()": (work, options) => race([work], options),
  "race() with one that is cancelled": (work, options) => race([() => sleepForever(), work], options),
  "firstSuccess()": (work, options) => firstSuccess([work], options),
  "firstSuccess() with one that is cancelled": (work, options) => firstSuccess([() => sleepForever(), work], options),
  "asCompleted()": async (work, options) => (await Array.fromAsync(asCompleted([work], options)))[0],
  "map()": async (work, options) => (await map([0], work, options).next()).value,
};

for (const [name, call] of Object.entries(CALLS)) {
  Deno.test(`${name} comes to the value of work that ends after an abort from outside`, LIMIT, async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const { work, succeed } = steered<string>(log, "work", { deaf: true });
    const outcome = call(work, controller);
    await settle(1);
    controller.abort(reason);
    await settle(1);
    log.push("late");
    succeed("value");
    assertEquals([await outcome, log], ["value", ["work starts", "late", "work ends"]]);
  });

  Deno.test(`${name} comes to the value of work that ends in the turn of an abort from outside`, LIMIT, async () => {
    for (const abortFirst of [true, false]) {
      const controller = new AbortController();
      const { work, succeed } = steered<string>([], "work", { deaf: true });
      const outcome = call(work, controller);
      await settle(1);
      if (abortFirst) controller.abort(reason);
      succeed("value");
      if (!abortFirst) controller.abort(reason);
      assertEquals(await outcome, "value");
    }
  });
}

Deno.test("gather() rejects with the reason when one has a value and another is cut short", LIMIT, async () => {
  const controller = new AbortController();
  const discarded: unknown[] = [];
  const call = gather([() => "value", () => sleepForever()], {
    signal: controller.signal,
    onDiscard: (value) => discarded.push(value),
  });
  controller.abort(reason);
  assertEquals([await assertRejects(() => call), discarded], [reason, ["value"]]);
});

for (const [name, start] of Object.entries(RACES)) {
  Deno.test(`${name}() keeps the winner when an abort from outside comes while losers unwind`, LIMIT, async () => {
    const log: string[] = [];
    using _unhandled = logUnhandled(log);
    const controller = new AbortController();
    const loser = steered(log, "loser", { deaf: true });
    const call = start([() => settle(1).then(() => "winner"), loser.work], { signal: controller.signal });
    await settle(2);
    controller.abort(reason);
    loser.fail(failure);
    assertEquals([await call, log], ["winner", ["loser starts", "loser fails"]]);
  });
}

/** Calls that take a record. */
const RECORDS: Record<string, (entries: Record<PropertyKey, () => unknown>) => unknown> = {
  "gather()": (entries) => gather(entries),
  "gather() with settled": (entries) => gather(entries, { settled: true }),
  "race()": (entries) => race(entries),
  "firstSuccess()": (entries) => firstSuccess(entries),
  "asCompleted()": (entries) => asCompleted(entries),
};

for (const [name, start] of Object.entries(RECORDS)) {
  Deno.test(`${name} refuses a record with a key that is a symbol, and starts nothing`, LIMIT, async () => {
    let started = 0;
    const fn = () => ++started;
    const records: Record<PropertyKey, () => unknown>[] = [
      { [Symbol("key")]: fn },
      { a: fn, [Symbol("key")]: fn },
      { a: fn, [Symbol.for("key")]: fn, b: fn },
    ];
    for (const record of records) {
      const error = await Promise.resolve().then(() => start(record)).then(() => null, (error) => error);
      assertInstanceOf(error, TypeError);
    }
    await settle(1);
    assertEquals(started, 0);
  });
}
