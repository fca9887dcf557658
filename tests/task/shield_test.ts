import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  cleanup,
  createTask,
  currentSignal,
  isCancellation,
  moveOnAfter,
  scope,
  shield,
  sleepForever,
  TaskGroup,
  TaskGroupError,
  throwIfCancelled,
  timeout,
  TimeoutError,
  yieldNow,
} from "@weft/async";
import { settle, steered } from "../support.ts";

Deno.test("shield() returns what its function returns, called at once with a signal of its own", async () => {
  const log: unknown[] = [];
  await scope(async (outer) => {
    const ended = shield((signal) => {
      log.push(signal === currentSignal(), signal === outer);
      return Promise.resolve(42);
    });
    log.push("called", await ended);
  });
  assertEquals(log, [true, false, "called", 42]);
});

Deno.test("shield() throws what its function throws, as it is", async () => {
  const failure = new Error("no luck");
  const throwing = [() => Promise.reject(failure), () => {
    throw failure;
  }];
  for (const fn of throwing) assertStrictEquals(await assertRejects(() => shield(fn)), failure);
});

Deno.test("shield() keeps an abort from its function, its caller waits, and the next wait sees it", async () => {
  const log: string[] = [];
  const commit = steered(log, "commit");
  const reason = new Error("enough");
  const task = createTask(async () => {
    await shield(async (signal) => {
      await commit.work();
      throwIfCancelled();
      log.push(`shielded: ${signal.aborted}`);
    });
    log.push("caller goes on");
    await sleepForever();
  });
  await settle();
  task.cancel(reason);
  await settle();
  log.push("cancelled");
  commit.succeed();
  assertStrictEquals(await assertRejects(async () => await task), reason);
  assertEquals(log, ["commit starts", "cancelled", "commit ends", "shielded: false", "caller goes on"]);
});

Deno.test("shield() begins also in a scope that is aborted already", async () => {
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    self.cancel();
    log.push(await shield(() => yieldNow().then(() => "done")));
    // What is called in it is shielded too.
    log.push(await shield(() => scope(() => TaskGroup.run((group) => group.createTask(() => "deep").promise))));
  });
  assertEquals(log, ["done", "deep"]);
});

Deno.test("shield() does not keep an abort from what is not in it", async () => {
  const log: string[] = [];
  const commit = steered(log, "commit");
  await TaskGroup.run(async (group) => {
    group.createTask(() => sleepForever().finally(() => log.push("sibling cancelled")));
    group.createTask((signal) => shield(commit.work).then(() => log.push(`${signal.aborted}`)));
    await settle();
    group.cancel();
    await settle();
    commit.succeed();
  });
  assertEquals(log, ["commit starts", "sibling cancelled", "commit ends", "true"]);
});

Deno.test("shield() ends what it shields at its own timeout, with a TimeoutError", async () => {
  const log: string[] = [];
  const error = await assertRejects(
    () => shield(() => sleepForever().finally(() => log.push("cut short")), { timeout: 0 }),
    TimeoutError,
  );
  assertEquals([log, error.message], [["cut short"], "shield took longer than 0 ms"]);
});

Deno.test("shield() throws its TimeoutError also in an aborted scope, where it is a failure and no cancellation", async () => {
  await scope(async (_signal, self) => {
    self.cancel();
    const error = await assertRejects(() => shield(() => sleepForever(), { timeout: 0 }), TimeoutError);
    assertEquals(isCancellation(error), false);
  });
  const error = await assertRejects(
    () =>
      TaskGroup.run(async (group) => {
        group.createTask(async () => {
          try {
            await sleepForever();
          } finally {
            await shield(() => sleepForever(), { timeout: 0 });
          }
        });
        await settle();
        group.cancel();
      }),
    TaskGroupError,
  );
  assertEquals(error.errors.map(String), ["TimeoutError: shield took longer than 0 ms"]);
});

Deno.test("shield() lets a timeout work inside the cleanup of a task that is aborted already", async () => {
  const log: unknown[] = [];
  const task = createTask(async () => {
    try {
      await sleepForever();
    } finally {
      await shield(async () => {
        log.push(await moveOnAfter(0, () => sleepForever().finally(() => log.push("inner ends"))));
        log.push(await assertRejects(() => timeout(0, () => sleepForever()), TimeoutError).then(() => "timed out"));
        log.push(await timeout(60_000, () => yieldNow().then(() => "in time")));
      });
    }
  });
  await settle();
  task.cancel();
  await assertRejects(async () => await task);
  assertEquals(log, ["inner ends", undefined, "timed out", "in time"]);
});

Deno.test("shield() lets a failure of the cleanup through, which a cancellation does not hide", async () => {
  const failure = new Error("disk full");
  const task = createTask(async () => {
    try {
      await sleepForever();
    } finally {
      await shield(() => Promise.reject(failure));
    }
  });
  await settle();
  task.cancel();
  assertStrictEquals(await assertRejects(() => task.promise), failure);
  assertEquals(task.state, "rejected");
});

Deno.test("shield() waits for a structured call that its function did not await", async () => {
  const log: string[] = [];
  const inner = steered(log, "inner");
  await shield(() => {
    void scope(() => inner.work());
    setImmediate(inner.succeed);
  });
  assertEquals(log, ["inner starts", "inner ends"]);
});

Deno.test("shield() rejects wrong arguments before it runs anything", async () => {
  const log: string[] = [];
  const body = () => log.push("ran");
  const cases: [unknown, unknown, new () => Error, string][] = [
    [1, undefined, TypeError, '"fn" must be a function, received 1'],
    [body, null, TypeError, '"options" must be an object, received null'],
    [body, { timeout: "1" }, TypeError, '"timeout" must be a number of milliseconds, received "1"'],
    [body, { timeout: NaN }, RangeError, '"timeout" must be a number other than NaN, received NaN'],
  ];
  for (const [fn, options, kind, message] of cases) {
    const args = [fn, options] as Parameters<typeof shield>;
    await assertRejects(() => shield(...args), kind, `Cannot shield: ${message}`);
    assertThrows(() => cleanup(...args), kind, `Cannot make cleanup: ${message}`);
  }
  assertEquals(log, []);
});

Deno.test("cleanup() runs its function at the end of the block, shielded, after whatever happens", async () => {
  const log: string[] = [];
  const block = async (name: string, body: () => unknown) => {
    await using _undo = cleanup(async (signal) => {
      await yieldNow();
      log.push(`${name} cleaned up, ${signal.aborted}`);
    });
    await body();
    log.push(`${name} ends`);
  };
  const failure = new Error("no luck");
  await block("calm", () => {});
  assertStrictEquals(await assertRejects(() => block("failing", () => Promise.reject(failure))), failure);
  await scope((_signal, self) => {
    setImmediate(() => self.cancel());
    return block("cancelled", () => sleepForever());
  });
  assertEquals(log, [
    "calm ends",
    "calm cleaned up, false",
    "failing cleaned up, false",
    "cancelled cleaned up, false",
  ]);
});

Deno.test("cleanup() runs its function once, however often it is disposed, and not before", async () => {
  const log: string[] = [];
  const undo = cleanup(async () => {
    await settle(1);
    log.push("ran");
  });
  await settle();
  log.push("made");
  const both = [undo[Symbol.asyncDispose](), undo[Symbol.asyncDispose]()];
  assertEquals(await Promise.all(both), [undefined, undefined]);
  await undo[Symbol.asyncDispose]();
  assertEquals(log, ["made", "ran"]);
});

Deno.test("cleanup() throws at the end of the block what its function throws, and its timeout", async () => {
  const failure = new Error("disk full");
  const block = async (fn: () => unknown, timeout = Infinity) => {
    await using _undo = cleanup(fn, { timeout });
  };
  assertStrictEquals(await assertRejects(() => block(() => Promise.reject(failure))), failure);
  assertInstanceOf(await assertRejects(() => block(() => sleepForever(), 0)), TimeoutError);
});

Deno.test("cleanup() that fails after a cancellation makes an error that is no cancellation", async () => {
  const failure = new Error("disk full");
  const error = await assertRejects(() =>
    scope(async (_signal, self) => {
      await using _undo = cleanup(() => Promise.reject(failure));
      self.cancel();
      await sleepForever();
    })
  );
  assertInstanceOf(error, SuppressedError);
  assertEquals([error.error, error.suppressed.name], [failure, "AbortError"]);
});
