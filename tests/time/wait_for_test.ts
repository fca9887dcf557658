import {
  createTask,
  Future,
  InvalidStateError,
  isCancellation,
  scope,
  shield,
  sleep,
  TimeoutError,
  waitFor,
} from "@weft/async";
import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { countedSignal, report, settle, unhandledIn } from "../support.ts";

Deno.test("waitFor() returns what the promise comes to, whatever kind of thenable it is", async () => {
  const thenable = { then: (resolve: (value: string) => void) => resolve("thenable") } as PromiseLike<string>;
  const future = new Future<string>();
  const waits = [waitFor(Promise.resolve("promise")), waitFor(thenable), waitFor(future)];
  future.setResult("future");
  assertEquals(await Promise.all(waits), ["promise", "thenable", "future"]);
});

Deno.test("waitFor() throws what the promise fails with", async () => {
  const error = new Error("no luck");
  assertStrictEquals(await assertRejects(() => waitFor(Promise.reject(error))), error);
});

Deno.test("waitFor() gives up when the time is over, and the promise goes on", async () => {
  using time = new FakeTime();
  const { promise, resolve } = Promise.withResolvers<string>();
  const log: string[] = [];
  const wait = report(log, waitFor(promise, { timeout: 10 }));
  time.tick(9);
  await settle();
  log.push("9 ms");
  time.tick(1);
  await wait;
  resolve("late");
  await report(log, waitFor(promise));
  assertEquals(log, ["9 ms", "throws TimeoutError: The promise took longer than 10 ms", 'returns "late"']);
});

Deno.test("waitFor() leaves no timer and no listener however it ends", async () => {
  using time = new FakeTime();
  const { controller, signal, listeners } = countedSignal();
  const { promise, resolve } = Promise.withResolvers<string>();
  const failing = Promise.withResolvers<string>();
  const log: string[] = [];
  const waits = [
    report(log, waitFor(promise, { timeout: 100, signal })),
    report(log, waitFor(failing.promise, { timeout: 100, signal })),
    report(log, waitFor(new Promise(() => {}), { timeout: 10, signal })),
    report(log, waitFor(new Promise(() => {}), { timeout: 100, signal })),
  ];
  assertEquals(listeners(), 1);
  resolve("it");
  await settle();
  failing.reject("no luck");
  await settle();
  time.tick(10);
  await settle();
  controller.abort("enough");
  await Promise.all(waits);
  assertEquals([listeners(), time.next()], [0, false]);
  assertEquals(log, [
    ...['returns "it"', "throws no luck", "throws TimeoutError: The promise took longer than 10 ms", "throws enough"],
  ]);
});

Deno.test("waitFor() with a timeout of zero takes what has settled already, and nothing else", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const waits = [
    report(log, waitFor(Promise.resolve("settled"), { timeout: 0 })),
    report(log, waitFor(new Promise(() => {}), { timeout: 0 })),
    report(log, waitFor(new Promise(() => {}), { timeout: -5 })),
  ];
  await settle();
  time.tick(0);
  await Promise.all(waits);
  assertEquals(log, [
    'returns "settled"',
    "throws TimeoutError: The promise took longer than 0 ms",
    "throws TimeoutError: The promise took longer than -5 ms",
  ]);
});

Deno.test("waitFor() rejects when its scope is cancelled, and the promise goes on", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const log: string[] = [];
  await scope(async (_signal, self) => {
    const wait = report(log, waitFor(promise));
    await settle();
    self.cancel("stop");
    await wait;
    await waitFor(promise).catch((reason) => log.push(`again: ${reason}, ${isCancellation(reason)}`));
  });
  resolve("it");
  await report(log, promise);
  assertEquals(log, ["throws stop", "again: stop, true", 'returns "it"']);
});

Deno.test("waitFor() rejects although the promise has settled when the abort was before it", async () => {
  assertEquals(
    await waitFor(Promise.resolve("it"), { signal: AbortSignal.abort("over") }).catch((reason) => reason),
    "over",
  );
});

Deno.test("waitFor() makes no failure of the promise an unhandled rejection once it has been called with it", async () => {
  using time = new FakeTime();
  const failing = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  const [given, aborted, refused] = failing.map(({ promise }) => promise) as [
    Promise<void>,
    Promise<void>,
    Promise<void>,
  ];
  const future = new Future<void>();
  const seen = await unhandledIn(async () => {
    const { controller, signal } = countedSignal();
    const log: string[] = [];
    const waits = [report(log, waitFor(given, { timeout: 10 })), report(log, waitFor(aborted, { signal }))];
    time.tick(10);
    controller.abort("enough");
    await Promise.all([...waits, report(log, waitFor(refused, { signal })), report(log, waitFor(future, { signal }))]);
    for (const { reject } of failing) reject(new Error("late"));
    future.setException(new Error("late"));
  });
  assertEquals(seen, []);
});

Deno.test("waitFor() in an aborted scope surfaces nothing of a promise that the abort has made fail, too", async () => {
  const log: string[] = [];
  const close = async () => await sleep(1);
  const seen = await unhandledIn(() =>
    scope(async (_signal, self) => {
      self.cancel("enough");
      await report(log, waitFor(close()));
    })
  );
  assertEquals([log, seen], [["throws enough"], []]);
});

Deno.test("waitFor() in a shield throws what the promise fails with, in an aborted scope too", async () => {
  const log: string[] = [];
  const flush = () => settle(1).then(() => Promise.reject(new Error("not flushed")));
  await scope(async (_signal, self) => {
    self.cancel();
    await report(log, shield(() => waitFor(flush())));
  });
  assertEquals(log, ["throws Error: not flushed"]);
});

Deno.test("waitFor() does not ask a thenable anything when it may not begin", async () => {
  let asked = false;
  const lazy = {
    then() {
      asked = true;
    },
  } as unknown as PromiseLike<void>;
  await waitFor(lazy, { signal: AbortSignal.abort("over") }).catch(() => {});
  await settle();
  assertEquals(asked, false);
});

Deno.test("waitFor() its own task throws instead of hanging", async () => {
  const task = createTask(async (): Promise<void> => {
    await waitFor(task, { timeout: 1000 });
  }, { name: "worker" });
  const error = await assertRejects(async () => await task);
  assertInstanceOf(error, InvalidStateError);
  assertEquals(error.message, "Cannot await worker: it is the task that awaits");
});

Deno.test("waitFor() hears of a task that was cancelled", async () => {
  const future = new Future<void>();
  const wait = waitFor(future);
  future.cancel("not needed");
  assertEquals(await wait.catch((reason) => reason), "not needed");
});

Deno.test("waitFor() throws a TimeoutError that is no cancellation", async () => {
  await assertRejects(
    () =>
      scope(async () => {
        try {
          await waitFor(new Promise(() => {}), { timeout: 0 });
        } catch (error) {
          assertEquals(isCancellation(error), false);
          throw error;
        }
      }),
    TimeoutError,
  );
});

Deno.test("waitFor() rejects wrong arguments", async () => {
  const promise = Promise.resolve();
  for (const wrong of [undefined, null, 5, {}, () => {}] as never[]) {
    await assertRejects(() => waitFor(wrong), TypeError, '"promise" must be a promise or another thenable');
  }
  await assertRejects(
    () => waitFor(promise, { timeout: NaN }),
    RangeError,
    '"timeout" must be a number other than NaN',
  );
  for (const options of [{ timeout: "5" }, { timeout: null }, { signal: null }, null, 5] as never[]) {
    await assertRejects(() => waitFor(promise, options), TypeError, "Cannot wait");
  }
  assertEquals(await waitFor(promise, { timeout: undefined, signal: undefined }), undefined);
});
