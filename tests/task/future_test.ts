import { CancelledError, Future, InvalidStateError, isCancellation, moveOnAfter, scope } from "@weft/async";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { assertType, type IsExact } from "@std/testing/types";
import { AsyncLocalStorage } from "node:async_hooks";
import { report, settle, unhandledIn } from "../support.ts";

Deno.test("Future gives its result to whoever waits, and to whoever comes later", async () => {
  const future = new Future<number>();
  const early = future.then((value) => value + 1);
  future.setResult(41);
  assertEquals([await early, await future, future.result(), await future.promise], [42, 41, 41, 41]);
});

Deno.test("Future throws its exception at whoever waits, and at whoever comes later", async () => {
  const future = new Future<number>();
  const error = new Error("no luck");
  const early = assertRejects(async () => await future);
  future.setException(error);
  assertStrictEquals(await early, error);
  assertStrictEquals(await assertRejects(async () => await future), error);
  assertStrictEquals(await assertRejects(() => future.promise), error);
  assertStrictEquals(assertThrows(() => future.result()), error);
  assertStrictEquals(future.exception(), error);
});

Deno.test("Future lets waiters go on in order of arrival", async () => {
  const future = new Future<string>();
  const log: string[] = [];
  for (const name of ["a", "b", "c"]) future.then((value) => log.push(`${name} got ${value}`));
  await settle();
  future.setResult("it");
  log.push("set");
  await settle();
  assertEquals(log, ["set", "a got it", "b got it", "c got it"]);
});

Deno.test("Future tells its state", () => {
  const pending = new Future();
  const fulfilled = new Future<number>();
  const rejected = new Future();
  const cancelled = new Future();
  fulfilled.setResult(1);
  rejected.setException(new Error("no"));
  cancelled.cancel();
  const states = [pending, fulfilled, rejected, cancelled].map((
    { state, done, cancelled },
  ) => [state, done, cancelled]);
  assertEquals(states, [
    ["pending", false, false],
    ["fulfilled", true, false],
    ["rejected", true, false],
    ["cancelled", true, true],
  ]);
  assertEquals(fulfilled.exception(), undefined);
  assertInstanceOf(rejected.exception(), Error);
});

Deno.test("Future throws when it is settled a second time, and keeps what it has", async () => {
  const settled = {
    setResult: (future: Future<number>) => future.setResult(1),
    setException: (future: Future<number>) => future.setException(new Error("first")),
    cancel: (future: Future<number>) => void future.cancel(),
  };
  for (const [first, settle] of Object.entries(settled)) {
    const future = new Future<number>({ name: "answer" });
    settle(future);
    const { state } = future;
    assertThrows(
      () => future.setResult(2),
      InvalidStateError,
      "Cannot set the result: answer is already done",
      first,
    );
    assertThrows(() => future.setException(new Error("second")), InvalidStateError, "Cannot set the exception");
    assertEquals(future.state, state);
    await Promise.resolve(future).catch(() => {});
  }
});

Deno.test("Future.cancel() returns false when it is done, and changes nothing", () => {
  const future = new Future<number>();
  future.setResult(1);
  assertEquals([future.cancel(), future.cancelled, future.result()], [false, false, 1]);
  const cancelled = new Future<number>();
  assertEquals([cancelled.cancel("first"), cancelled.cancel("second")], [true, false]);
  assertEquals(assertThrowsAnything(() => cancelled.result()), "first");
});

Deno.test("Future.cancel() throws the reason at whoever waits or asks", async () => {
  const future = new Future<number>();
  const reason = new Error("not needed");
  const early = assertRejects(async () => await future);
  future.cancel(reason);
  assertStrictEquals(await early, reason);
  assertStrictEquals(assertThrows(() => future.result()), reason);
  assertStrictEquals(assertThrows(() => future.exception()), reason);
});

Deno.test("Future.cancel() throws a CancelledError with the name of the future when no reason is given", async () => {
  const future = new Future<number>({ name: "answer" });
  future.cancel();
  await assertRejects(async () => await future, CancelledError, "answer was cancelled");
});

Deno.test("Future.result() and exception() throw while it is pending", () => {
  const future = new Future<number>({ name: "answer" });
  assertThrows(() => future.result(), InvalidStateError, "Cannot read the result: answer is not done");
  assertThrows(() => future.exception(), InvalidStateError, "Cannot read the exception: answer is not done");
});

Deno.test("Future.addDoneCallback() calls back later, in the order of the calls, with the future", async () => {
  const future = new Future<number>();
  const log: string[] = [];
  const callback = (name: string) => (self: Future<number>) => log.push(`${name}: ${self.result()}`);
  future.addDoneCallback(callback("a"));
  future.addDoneCallback(callback("b"));
  future.setResult(7);
  future.addDoneCallback(callback("c"));
  log.push("set");
  await settle();
  future.addDoneCallback(callback("late"));
  log.push("added");
  await settle();
  assertEquals(log, ["set", "a: 7", "b: 7", "c: 7", "added", "late: 7"]);
});

Deno.test("Future.addDoneCallback() calls back after a failure and a cancellation too", async () => {
  const log: string[] = [];
  const failed = new Future();
  const cancelled = new Future();
  failed.addDoneCallback((self) => log.push(`${self.state}: ${self.exception()}`));
  cancelled.addDoneCallback((self) => log.push(self.state));
  failed.setException(new Error("no"));
  cancelled.cancel();
  await settle();
  assertEquals(log, ["rejected: Error: no", "cancelled"]);
});

Deno.test("Future.removeDoneCallback() takes all of that function back and says how many", async () => {
  const future = new Future<number>();
  const log: string[] = [];
  const twice = () => log.push("twice");
  future.addDoneCallback(twice);
  future.addDoneCallback(() => log.push("other"));
  future.addDoneCallback(twice);
  assertEquals([future.removeDoneCallback(twice), future.removeDoneCallback(twice)], [2, 0]);
  future.setResult(1);
  await settle();
  assertEquals(log, ["other"]);
});

Deno.test("Future.removeDoneCallback() is safe while callbacks run, and takes back what is still to be called", async () => {
  const future = new Future<number>();
  const log: string[] = [];
  const first = () => {
    log.push("first");
    log.push(`removed ${future.removeDoneCallback(first)} and ${future.removeDoneCallback(second)}`);
    future.addDoneCallback(() => log.push("added meanwhile"));
  };
  const second = () => log.push("second");
  future.addDoneCallback(first);
  future.addDoneCallback(second);
  future.addDoneCallback(() => log.push("third"));
  future.setResult(1);
  await settle();
  assertEquals(log, ["first", "removed 0 and 1", "third", "added meanwhile"]);
});

Deno.test("Future.addDoneCallback() calls back in the async context of the call", async () => {
  const storage = new AsyncLocalStorage<string>();
  const future = new Future<number>();
  const log: unknown[] = [];
  const note = () => log.push(storage.getStore());
  storage.run("adder", () => future.addDoneCallback(note));
  storage.run("setter", () => future.setResult(1));
  storage.run("latecomer", () => future.addDoneCallback(note));
  await settle();
  assertEquals(log, ["adder", "latecomer"]);
});

Deno.test("Future.addDoneCallback() makes what a callback throws an unhandled rejection, and calls the others", async () => {
  const future = new Future<number>();
  const log: string[] = [];
  const thrown = new Error("thrown");
  const rejected = new Error("rejected");
  const seen = await unhandledIn(() => {
    future.addDoneCallback(() => {
      throw thrown;
    });
    future.addDoneCallback(() => Promise.reject(rejected));
    future.addDoneCallback(() => log.push("called"));
    future.setResult(1);
  });
  assertEquals([seen, log], [[thrown, rejected], ["called"]]);
});

Deno.test("Future.addDoneCallback() refuses what is no function", () => {
  const future = new Future<number>();
  assertThrows(() => future.addDoneCallback(null as never), TypeError, '"fn" must be a function, received null');
});

Deno.test("Future ends the wait of a cancelled scope, and goes on itself", async () => {
  const future = new Future<number>();
  const log: string[] = [];
  const other = report(log, future);
  await scope(async (_signal, self) => {
    const wait = report(log, future);
    await settle();
    self.cancel("stop");
    await wait;
  });
  assertEquals(future.state, "pending");
  future.setResult(1);
  await other;
  assertEquals(log, ["throws stop", "returns 1"]);
});

Deno.test("Future rejects in an aborted scope although its result is there, twice in a row", async () => {
  const future = new Future<number>();
  future.setResult(1);
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    self.cancel("stop");
    for (let i = 0; i < 2; i++) await future.then(null, (reason) => log.push(reason, isCancellation(reason)));
  });
  assertEquals(log, ["stop", true, "stop", true]);
});

Deno.test("Future delivers its result when the abort comes after it in the same turn", async () => {
  const future = new Future<number>();
  const log: string[] = [];
  await scope(async (_signal, self) => {
    const wait = report(log, future);
    await settle();
    future.setResult(1);
    self.cancel("stop");
    await wait;
    await report(log, future);
  });
  assertEquals(log, ["returns 1", "throws stop"]);
});

Deno.test("Future rejects with the reason when the abort comes before its result in the same turn", async () => {
  const future = new Future<number>();
  const log: string[] = [];
  await scope(async (_signal, self) => {
    const wait = report(log, future);
    await settle();
    self.cancel("stop");
    future.setResult(1);
    await wait;
  });
  assertEquals([log, future.state], [["throws stop"], "fulfilled"]);
});

Deno.test("Future that is cancelled is a failure for a waiter whose scope is not aborted", async () => {
  const future = new Future<number>();
  await assertRejects(
    () =>
      scope(async () => {
        const wait = assertRejects(async () => await future);
        future.cancel();
        const reason = await wait;
        assertEquals(isCancellation(reason), false);
        throw reason;
      }),
    CancelledError,
  );
});

Deno.test("Future can be waited for again after a timeout", async () => {
  const future = new Future<string>();
  assertEquals(await moveOnAfter(0, () => future), undefined);
  future.setResult("yes");
  assertEquals(await moveOnAfter(Infinity, () => future), "yes");
});

Deno.test("Future surfaces a failure that nobody asked for once, in the next turn", async () => {
  const error = new Error("unseen");
  assertEquals(await unhandledIn(() => new Future().setException(error)), [error]);
});

Deno.test("Future keeps a failure silent that somebody waits for or asks for in the same turn", async () => {
  const ask = [
    (future: Future<void>) => void future.then(null, () => {}),
    (future: Future<void>) => void future.promise.catch(() => {}),
    (future: Future<void>) => void assertThrowsAnything(() => future.result()),
    (future: Future<void>) => void future.exception(),
  ];
  const seen = await unhandledIn(async () => {
    for (const fn of ask) {
      const future = new Future<void>();
      future.setException(new Error("seen"));
      await null;
      fn(future);
    }
    const awaited = new Future<void>();
    awaited.then(null, () => {});
    awaited.setException(new Error("seen"));
  });
  assertEquals(seen, []);
});

Deno.test("Future keeps a cancellation silent that nobody asked for", async () => {
  assertEquals(await unhandledIn(() => void new Future().cancel()), []);
});

Deno.test("Future.promise is one plain promise, of no scope", async () => {
  const future = new Future<number>();
  const { promise } = future;
  assertStrictEquals(future.promise, promise);
  assertInstanceOf(promise, Promise);
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    self.cancel("stop");
    future.setResult(1);
    log.push(await promise);
  });
  assertEquals(log, [1]);
});

Deno.test("Future.promise reports a failure to the platform as every promise does", async () => {
  const future = new Future<number>();
  const error = new Error("unhandled");
  const seen = await unhandledIn(() => {
    void future.promise;
    future.setException(error);
  });
  assertEquals(seen, [error]);
});

Deno.test("Future has the name it was given, or one with a number", () => {
  assertEquals(new Future({ name: "answer" }).name, "answer");
  const names = [new Future().name, new Future({}).name, new Future({ name: undefined }).name];
  const numbers = names.map((name) => Number(/^Future-(\d+)$/.exec(name)![1]));
  assertEquals(numbers, [numbers[0]!, numbers[0]! + 1, numbers[0]! + 2]);
});

Deno.test("Future refuses options of the wrong kind", () => {
  assertThrows(() => new Future({ name: 1 } as never), TypeError, '"name" must be a string, received 1');
  assertThrows(() => new Future("answer" as never), TypeError, '"options" must be an object, received "answer"');
});

Deno.test("Future shows its name and state", () => {
  const future = new Future({ name: "answer" });
  assertEquals(String(future), 'Future { name: "answer", state: "pending" }');
  assertEquals(Deno.inspect(future), String(future));
});

Deno.test("Future is a PromiseLike of its type, and no Promise", async () => {
  const future = new Future<number>();
  assert(!((future as unknown) instanceof Promise));
  future.setResult(1);
  const value = await future;
  assertType<IsExact<typeof value, number>>(true);
  assertType<IsExact<Awaited<typeof future>, number>>(true);
});

/** `assertThrows` wants an `Error`; a reason may be anything. */
function assertThrowsAnything(fn: () => unknown): unknown {
  try {
    fn();
  } catch (thrown) {
    return thrown;
  }
  throw new Error("It does not throw");
}
