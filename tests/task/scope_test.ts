import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  allTasks,
  createTask,
  currentSignal,
  Future,
  gather,
  isCancellation,
  map,
  run,
  scope,
  shield,
  sleepForever,
  throwIfCancelled,
  timeout,
  yieldNow,
} from "@weft/async";
import { report, settle } from "../support.ts";

Deno.test("scope() returns what its function returns, called at once with the signal", async () => {
  const log: unknown[] = [];
  const ended = scope((signal, self) => {
    log.push(signal === self.signal, signal === currentSignal(), self.aborted);
    return Promise.resolve(42);
  });
  log.push("called", await ended);
  assertEquals(log, [true, true, false, "called", 42]);
});

Deno.test("scope() throws what its function throws, as it is", async () => {
  const failure = new Error("no luck");
  const throwing = [() => Promise.reject(failure), () => {
    throw failure;
  }];
  for (const fn of throwing) assertStrictEquals(await assertRejects(() => scope(fn)), failure);
});

Deno.test("CancelScope.cancel() rejects the waits of the scope, which then ends quietly", async () => {
  const log: unknown[] = [];
  const reason = new Error("enough");
  const value = await scope(async (signal, self) => {
    setImmediate(() => log.push(self.cancel(reason), self.cancel(), self.aborted, signal.reason === reason));
    try {
      await new Future<string>();
      return "never";
    } catch (error) {
      log.push(error === reason);
      throw error;
    }
  });
  assertEquals(log, [true, false, true, true, true]);
  assertEquals(value, undefined);
});

Deno.test("CancelScope.cancel() has a CancelledError as its reason by default, and does nothing at the end", async () => {
  const self = await scope(async (signal, self) => {
    self.cancel();
    assertEquals(String(signal.reason), "AbortError: The scope was cancelled");
    return await shield(() => self);
  });
  const open = await scope((_signal, self) => self);
  assert(self && open);
  assertEquals([self.cancel(), open.cancel(), open.aborted], [false, false, false]);
});

Deno.test("scope() returns a value also when it was cancelled and nothing in it waited any more", async () => {
  const log: unknown[] = [];
  await scope(async () => {
    log.push(await scope((_signal, self) => self.cancel() && "late"));
    const controller = new AbortController();
    log.push(await scope(() => (controller.abort(), "late too"), { signal: controller.signal }));
    // No late effect: the waits that follow are those of the scope around.
    await timeout(Infinity, () => settle());
    throwIfCancelled();
  });
  assertEquals(log, ["late", "late too"]);
});

Deno.test("scope() does not hide a failure behind its own cancellation", async () => {
  const failure = new Error("cleanup");
  const error = await assertRejects(() =>
    scope(async (_signal, self) => {
      self.cancel();
      await sleepForever().catch(() => Promise.reject(failure));
    })
  );
  assertStrictEquals(error, failure);
});

Deno.test("scope() rejects each of two waits in a row when it is aborted", async () => {
  const log: string[] = [];
  const reason = new Error("enough");
  const note = (error: unknown) => log.push(`${error === reason}`);
  await scope(async (_signal, self) => {
    setImmediate(() => self.cancel(reason));
    await sleepForever().catch(note);
    await sleepForever().catch(note);
    await Promise.resolve(new Future<void>()).catch(note);
    await timeout(1, () => {}).catch(note);
    log.push(isCancellation(reason) ? "cancellation" : "failure");
  });
  assertEquals(log, ["true", "true", "true", "true", "cancellation"]);
});

Deno.test("scope() hears of an abort of the scopes around it, which do not hear of its own", async () => {
  const log: unknown[] = [];
  const reason = new Error("enough");
  await scope(async (outerSignal, outer) => {
    await scope(async (innerSignal, inner) => {
      inner.cancel();
      await sleepForever().finally(() => log.push([outerSignal.aborted, innerSignal.aborted]));
    });
    await scope(async (innerSignal) => {
      outer.cancel(reason);
      await sleepForever().finally(() => log.push(innerSignal.reason === reason));
    }).catch((error) => log.push(error === reason));
  });
  assertEquals(log, [[false, true], true, true]);
});

Deno.test("scope() leaves it to the outer scope when both are aborted, in whatever order", async () => {
  const innerReason = new Error("inner");
  const outerReason = new Error("outer");
  for (const order of ["inner first", "outer first"]) {
    const log: string[] = [];
    const value = await scope(async (_signal, outer) => {
      await scope(async (_signal, inner) => {
        if (order === "outer first") outer.cancel(outerReason);
        inner.cancel(innerReason);
        outer.cancel(outerReason);
        await sleepForever();
      }).catch((error) => log.push(`inner: ${error.message}`));
      await sleepForever().catch((error) => log.push(`outer: ${error.message}`));
      return "quiet";
    });
    assertEquals(log, ["inner: outer", "outer: outer"]);
    assertEquals(value, "quiet");
  }
});

Deno.test("scope() is aborted by its signal, and rejects with that reason", async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  setImmediate(() => controller.abort(reason));
  assertStrictEquals(await assertRejects(() => scope(() => sleepForever(), controller)), reason);
});

Deno.test("scope() rejects and runs nothing where the outside is aborted: for the reason of the scope, then of the signal", async () => {
  const reasons = [new Error("scope"), new Error("signal")] as const;
  const signal = AbortSignal.abort(reasons[1]);
  const never = () => scope(() => Promise.reject(new Error("ran")), { signal });
  assertStrictEquals(await assertRejects(never), reasons[1]);
  await scope(async (_signal, self) => {
    self.cancel(reasons[0]);
    assertStrictEquals(await assertRejects(never), reasons[0]);
  });
});

Deno.test("scope() rejects wrong arguments before it runs anything", async () => {
  const log: string[] = [];
  const call = (fn: unknown, options?: unknown) => () => scope(fn as () => void, options as object);
  const body = () => log.push("ran");
  await assertRejects(call(null), TypeError, 'Cannot open scope: "fn" must be a function, received null');
  await assertRejects(call(body, 1), TypeError, 'Cannot open scope: "options" must be an object, received 1');
  await assertRejects(call(body, { signal: 1 }), TypeError, '"signal" must be an AbortSignal, received 1');
  await assertRejects(call(body, { name: {} }), TypeError, '"name" must be a string');
  await assertRejects(call(body, { grace: NaN }), RangeError, '"grace" must be zero or more, received NaN');
  assertEquals(log, []);
});

Deno.test("A finally that waits in an aborted scope is cut short without shield, and ends with it", async () => {
  const log: string[] = [];
  const save = async (name: string) => {
    log.push(`${name} begins`);
    await yieldNow();
    log.push(`${name} is saved`);
  };
  await scope(async (_signal, self) => {
    setImmediate(() => self.cancel());
    try {
      await sleepForever();
    } finally {
      await report(log, save("unshielded"));
      await shield(() => save("shielded"));
      await report(log, sleepForever());
    }
  });
  assertEquals(log, [
    "unshielded begins",
    "throws AbortError: The scope was cancelled",
    "shielded begins",
    "shielded is saved",
    "throws AbortError: The scope was cancelled",
  ]);
});

Deno.test("Promise.all([work(), work()]) inside one task: both are waits of it, and an abort ends both", async () => {
  const log: string[] = [];
  const gates = [new Future<string>(), new Future<string>()] as const;
  const work = async (i: 0 | 1) => {
    try {
      const value = await gates[i];
      log.push(`${i} got ${value}`);
      return await new Future<string>();
    } finally {
      log.push(`${i} ends`);
    }
  };
  await run(async () => {
    const task = createTask(() => Promise.all([work(0), work(1)]));
    await settle();
    gates[1].setResult("b");
    gates[0].setResult("a");
    await settle();
    task.cancel(new Error("enough"));
    await report(log, task);
  }, { signals: false });
  assertEquals(log, ["1 got b", "0 got a", "1 ends", "0 ends", "throws Error: enough"]);
});

Deno.test("A function whose result throws when it is asked for its `then` has failed with that", async () => {
  const trap = () => ({
    get then(): never {
      throw new RangeError("no then");
    },
  });
  const before = allTasks().size;
  await assertRejects(() => scope(trap), RangeError, "no then");
  await assertRejects(() => gather([trap]), RangeError, "no then");
  await assertRejects(() => Array.fromAsync(map([1], trap)), RangeError, "no then");
  const task = createTask(trap);
  await assertRejects(() => task.promise, RangeError, "no then");
  assertEquals(allTasks().size, before);
});
