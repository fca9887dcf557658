/** Deadlines that have passed when a call begins: those around it ring first. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  type CancelScope,
  gather,
  moveOnAfter,
  race,
  scope,
  shield,
  sleepForever,
  TaskGroup,
  timeout,
  timeoutAt,
} from "@weft/async";

const LIMIT = { timeout: 10_000 };

/** Computes until `at` has passed, so that no timer can ring. */
function compute(at: number): void {
  while (Date.now() <= at);
}

/** What a call rejects with. */
function thrownBy(call: Promise<unknown>): Promise<unknown> {
  return call.then((value) => {
    throw new Error(`It has returned ${value}`);
  }, (error) => error);
}

type Timed = (at: number, fn: (signal: AbortSignal, deadline: CancelScope) => unknown) => Promise<unknown>;

/** Calls with a deadline that has passed when they begin inside of another that has passed too. */
const INNER: Record<string, (at: number, fn: () => Promise<unknown>) => Promise<unknown>> = {
  "timeoutAt() with the same instant": (at, fn) => timeoutAt(at, fn),
  "timeoutAt() with an earlier instant": (at, fn) => timeoutAt(at - 1000, fn),
  "timeoutAt() with a Date": (at, fn) => timeoutAt(new Date(at), fn),
  "timeout() with zero": (_at, fn) => timeout(0, fn),
  "timeout() with less than zero": (_at, fn) => timeout(-5, fn),
  "moveOnAfter() with zero": (_at, fn) => moveOnAfter(0, fn),
};

const OUTER: Record<string, Timed> = {
  "timeoutAt()": (at, fn) => timeoutAt(at, fn, { name: "outer" }),
  "timeout()": (at, fn) => timeout(at - Date.now(), fn, { name: "outer" }),
};

for (const [inside, inner] of Object.entries(INNER)) {
  for (const [around, outer] of Object.entries(OUTER)) {
    Deno.test(`${inside} throws the error of a ${around} around it that is due as well`, LIMIT, async () => {
      const at = Date.now() + 2;
      let signal!: AbortSignal;
      let expired: boolean | undefined;
      let innerError: unknown;
      const outerError = await thrownBy(outer(at, async (given, deadline) => {
        signal = given;
        // Two more: a duration counts from a part of a millisecond.
        compute(at + 2);
        innerError = await thrownBy(inner(at, () => sleepForever()));
        expired = deadline.expired;
        throw innerError;
      }));
      assertStrictEquals(outerError, signal.reason);
      assertStrictEquals(innerError, outerError);
      assertEquals([(outerError as Error).name, expired], ["TimeoutError", true]);
      assertEquals((outerError as Error).message.startsWith('timeout "outer" took longer than '), true);
    });
  }
}

Deno.test(
  "timeoutAt() nested three deep with one instant that has passed throws the error of the outermost",
  LIMIT,
  async () => {
    const at = Date.now() + 2;
    const log: unknown[] = [];
    const levels = (names: string[]): Promise<unknown> => {
      const [name, ...rest] = names;
      if (name === undefined) return sleepForever();
      return timeoutAt(at, (_signal, deadline) => {
        if (rest.length === 0) compute(at);
        return levels(rest).finally(() => log.push([name, deadline.expired]));
      }, { name });
    };
    const error = await thrownBy(levels(["a", "b", "c"]));
    assertEquals([(error as Error).message.split(" ").slice(0, 2), log.filter((entry) => !(entry as unknown[])[1])], [
      ["timeout", '"a"'],
      [],
    ]);
  },
);

/** What may stand between two deadlines. */
const BETWEEN: Record<string, (fn: () => Promise<unknown>) => Promise<unknown>> = {
  "scope()": (fn) => scope(fn),
  "gather()": (fn) => gather([fn]),
  "race()": (fn) => race([fn]),
  "a task of a TaskGroup": (fn) => TaskGroup.run(async (group) => await group.createTask(fn, { eager: true })),
};

for (const [name, between] of Object.entries(BETWEEN)) {
  Deno.test(`timeout() in ${name} throws the error of a timeout() around that when both are due`, LIMIT, async () => {
    const at = Date.now() + 2;
    let signal!: AbortSignal;
    const error = await thrownBy(timeout(2, (given) => {
      signal = given;
      return between(() => {
        compute(at + 2);
        return timeout(0, () => sleepForever());
      });
    }));
    assertStrictEquals(error, signal.reason);
  });
}

Deno.test("timeout() that is not due leaves an inner one that is to throw its own error", LIMIT, async () => {
  const log: unknown[] = [];
  await timeout(3_600_000, async (signal, outer) => {
    const error = await thrownBy(timeout(0, () => sleepForever(), { name: "inner" }));
    log.push((error as Error).message, signal.aborted, outer.expired);
  });
  assertEquals(log, ['timeout "inner" took longer than 0 ms', false, false]);
});

Deno.test("shield() that is due throws its own error inside of a timeout() that is due as well", LIMIT, async () => {
  const at = Date.now() + 2;
  let innerError: unknown;
  await timeoutAt(at, async () => {
    compute(at);
    innerError = await thrownBy(shield(() => sleepForever(), { timeout: 0 }));
  });
  assertEquals((innerError as Error).message, "shield took longer than 0 ms");
});

Deno.test(
  "moveOnAfter() that is due goes on quietly when the timeout() around it that is due is shielded away",
  LIMIT,
  async () => {
    const at = Date.now() + 2;
    const log: unknown[] = [];
    await timeoutAt(at, () => {
      compute(at);
      return shield(async () => {
        log.push(await moveOnAfter(0, () => sleepForever()), "went on");
      });
    });
    assertEquals(log, [undefined, "went on"]);
  },
);
