/** A hold waits at a condition once at a time, and never gives away the hold of another. */

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { Condition, createTask, gather, InvalidStateError, sleepForever, TaskGroup } from "@weft/async";
import { report, settle } from "../support.ts";

const LIMIT = { timeout: 10_000 };

/** A condition, and a log of who is inside its lock. */
function watched() {
  const condition = new Condition();
  const log: string[] = [];
  // Apart from the log: how many microtasks a refusal takes is nobody's business.
  const refused: string[] = [];
  let inside = 0;
  const enter = (name: string) => log.push(`${name} enters${++inside > 1 ? `, ${inside} are inside` : ""}`);
  const leave = (name: string) => (inside--, log.push(`${name} leaves`));
  /** Another task, which holds the lock for a few turns. */
  const other = (name: string, turns = 3) => async () => {
    using _hold = await condition.lock.acquire();
    enter(name);
    await settle(turns);
    leave(name);
  };
  /** What the second wait of a hold comes to. */
  const second = (wait: Promise<unknown>) =>
    wait.then(() => refused.push("returns"), (error) => {
      assertInstanceOf(error, InvalidStateError);
      refused.push("is refused");
    });
  /** Whether the lock lets one in at a time, and is free in the end. */
  const excludes = async () => {
    log.length = 0;
    await gather([other("a"), other("b")]);
    assertEquals([log, condition.lock.locked, condition.waiting], [
      ["a enters", "a leaves", "b enters", "b leaves"],
      false,
      0,
    ]);
  };
  return { condition, log, refused, enter, leave, other, second, excludes };
}

/** The ways to hold the lock of a condition while `fn` runs. */
const HOLDS: Record<string, (condition: Condition, fn: () => Promise<unknown>) => Promise<unknown>> = {
  "Lock.acquire()": async ({ lock }, fn) => {
    using _hold = await lock.acquire();
    return await fn();
  },
  "Lock.run()": ({ lock }, fn) => lock.run(fn),
};

for (const [way, hold] of Object.entries(HOLDS)) {
  Deno.test(
    `Condition.wait() called twice at once under one ${way} refuses the second, and takes no hold from another`,
    LIMIT,
    async () => {
      const { condition, log, refused, enter, leave, other, second, excludes } = watched();
      const task = createTask(() =>
        hold(condition, async () => {
          enter("waiter");
          const queued = createTask(other("other"));
          await settle(1);
          leave("waiter");
          const first = condition.wait();
          await second(condition.wait());
          await first;
          enter("waiter");
          leave("waiter");
          await queued;
        })
      );
      await settle(6);
      await condition.lock.run(() => condition.notify());
      await task;
      assertEquals(refused, ["is refused"]);
      assertEquals(log, [
        "waiter enters",
        "waiter leaves",
        "other enters",
        "other leaves",
        "waiter enters",
        "waiter leaves",
      ]);
      await excludes();
    },
  );

  Deno.test(
    `Condition.wait() called a turn later under one ${way} is refused while another task holds the lock`,
    LIMIT,
    async () => {
      const { condition, log, refused, enter, leave, other, second, excludes } = watched();
      const task = createTask(() =>
        hold(condition, async () => {
          enter("waiter");
          const queued = createTask(other("other", 5));
          await settle(1);
          leave("waiter");
          const first = condition.wait();
          await settle(1);
          await second(condition.wait());
          await first;
          enter("waiter");
          leave("waiter");
          await queued;
        })
      );
      await settle(9);
      await condition.lock.run(() => condition.notify());
      await task;
      assertEquals(refused, ["is refused"]);
      assertEquals(log, [
        "waiter enters",
        "waiter leaves",
        "other enters",
        "other leaves",
        "waiter enters",
        "waiter leaves",
      ]);
      await excludes();
    },
  );
}

Deno.test("Condition.wait() refuses a second wait under one hold when nobody else wants the lock", LIMIT, async () => {
  const { condition, excludes } = watched();
  const hold = await condition.lock.acquire();
  const first = condition.wait();
  await assertRejects(() => condition.wait(), InvalidStateError);
  await condition.lock.run(() => condition.notify());
  await first;
  assertEquals([condition.lock.locked, condition.waiting], [true, 0]);
  hold.release();
  await excludes();
});

Deno.test("Condition.waitUntil() refuses to wait while a wait under the same hold is pending", LIMIT, async () => {
  const { condition, other, second, log, refused, excludes } = watched();
  const hold = await condition.lock.acquire();
  const queued = createTask(other("other"));
  await settle(1);
  const first = condition.wait();
  await second(condition.waitUntil(() => false));
  await queued;
  await condition.lock.run(() => condition.notify());
  await first;
  hold.release();
  assertEquals([refused, log], [["is refused"], ["other enters", "other leaves"]]);
  await excludes();
});

Deno.test("Condition.wait() refuses a second wait at another condition of the same lock", LIMIT, async () => {
  const { condition, other, second, log, refused, excludes } = watched();
  const empty = new Condition(condition.lock);
  const hold = await condition.lock.acquire();
  const queued = createTask(other("other"));
  await settle(1);
  const first = condition.wait();
  await second(empty.wait());
  await queued;
  await condition.lock.run(() => condition.notify());
  await first;
  hold.release();
  assertEquals([refused, log, empty.waiting], [["is refused"], ["other enters", "other leaves"], 0]);
  await excludes();
});

Deno.test("Condition.wait() can be called again under one hold once the wait before has ended", LIMIT, async () => {
  const { condition, log, excludes } = watched();
  const task = createTask(() =>
    condition.lock.run(async () => {
      for (const round of ["first", "second"]) {
        await condition.wait();
        log.push(round);
      }
    })
  );
  for (let i = 0; i < 2; i++) {
    await settle(2);
    await condition.lock.run(() => condition.notify());
  }
  await task;
  assertEquals(log, ["first", "second"]);
  await excludes();
});

Deno.test("Condition.wait() can be called again under one hold once the wait before was cancelled", LIMIT, async () => {
  const { condition, log, excludes } = watched();
  const task = createTask(() =>
    condition.lock.run(async () => {
      await report(log, condition.wait({ signal: AbortSignal.timeout(1) }).catch(({ name }) => Promise.reject(name)));
      await report(log, condition.wait());
    })
  );
  while (log.length === 0) await settle(1);
  await settle(2);
  await condition.lock.run(() => condition.notify());
  await task;
  assertEquals(log, ["throws TimeoutError", "returns undefined"]);
  await excludes();
});

Deno.test("Condition.wait() of many tasks, each under a hold of its own, refuses none", LIMIT, async () => {
  const { condition, log, enter, leave, excludes } = watched();
  const waiter = (name: string) => async () => {
    using _hold = await condition.lock.acquire();
    await condition.wait();
    enter(name);
    await settle(1);
    leave(name);
  };
  await TaskGroup.run(async (group) => {
    for (const name of ["a", "b", "c"]) group.createTask(waiter(name));
    await settle(3);
    await condition.lock.run(() => condition.notifyAll());
  });
  assertEquals(log, ["a enters", "a leaves", "b enters", "b leaves", "c enters", "c leaves"]);
  await excludes();
});

Deno.test(
  "Condition.wait() of children of one gather(), each under a hold of its own, refuses none",
  LIMIT,
  async () => {
    const { condition, log, excludes } = watched();
    const waiter = (name: string) => async () => {
      using _hold = await condition.lock.acquire();
      await condition.wait();
      log.push(`${name} woke`);
    };
    await gather([
      waiter("a"),
      waiter("b"),
      waiter("c"),
      () => settle(3).then(() => condition.lock.run(() => condition.notifyAll())),
    ]);
    assertEquals(log, ["a woke", "b woke", "c woke"]);
    await excludes();
  },
);

Deno.test(
  "Condition.wait() that was refused leaves the cancellation of the first to take the lock again",
  LIMIT,
  async () => {
    const { condition, other, second, log, refused, excludes } = watched();
    const task = createTask(() =>
      condition.lock.run(async () => {
        const queued = createTask(other("other"));
        await settle(1);
        const first = report(log, condition.wait());
        await second(condition.wait());
        await queued;
        await first;
        await sleepForever();
      })
    );
    await settle(8);
    task.cancel(new Error("enough"));
    await task.promise.catch(() => {});
    assertEquals([refused, log], [["is refused"], ["other enters", "other leaves", "throws Error: enough"]]);
    await excludes();
  },
);
