import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { assertType, type IsExact } from "@std/testing/types";
import {
  createTask,
  currentSignal,
  currentTask,
  Future,
  InvalidStateError,
  scope,
  sleepForever,
  type Task,
  TaskGroup,
} from "@weft/async";
import { collectGarbage, report, settle, steered, unhandledIn } from "../support.ts";

Deno.test("Task comes to what its function returns, throws or is cancelled with", async () => {
  const failure = new Error("no luck");
  const reason = new Error("enough");
  const fulfilled = createTask(() => Promise.resolve(42));
  const thrown = createTask(() => {
    throw failure;
  });
  const rejected = createTask(() => Promise.reject(failure));
  const cancelled = createTask(() => sleepForever());
  const tasks: Task<unknown>[] = [fulfilled, thrown, rejected, cancelled];
  assertEquals(tasks.map((task) => task.state), Array(4).fill("pending"));
  await Promise.resolve();
  cancelled.cancel(reason);
  assertEquals(await Promise.allSettled(tasks), [
    { status: "fulfilled", value: 42 },
    { status: "rejected", reason: failure },
    { status: "rejected", reason: failure },
    { status: "rejected", reason },
  ]);
  assertEquals(tasks.map(({ state, done, cancelled }) => [state, done, cancelled]), [
    ["fulfilled", true, false],
    ["rejected", true, false],
    ["rejected", true, false],
    ["cancelled", true, true],
  ]);
  assertEquals([fulfilled.result(), fulfilled.exception(), rejected.exception()], [42, undefined, failure]);
  for (const task of [thrown, rejected]) assertStrictEquals(assertThrows(() => task.result()), failure);
  assertStrictEquals(assertThrows(() => cancelled.result()), reason);
  assertStrictEquals(assertThrows(() => cancelled.exception()), reason);
});

Deno.test("Task throws when its result is read before it is done", async () => {
  const task = createTask(() => 1, { name: "worker" });
  assertThrows(() => task.result(), InvalidStateError, "Cannot read the result: worker is not done");
  assertThrows(() => task.exception(), InvalidStateError, "Cannot read the exception: worker is not done");
  await task;
});

Deno.test("Task runs its function with the signal of a scope of its own", async () => {
  const log: unknown[] = [];
  await TaskGroup.run(async (group, groupSignal) => {
    const task = group.createTask(async (signal) => {
      log.push(signal === currentSignal(), signal === groupSignal, signal.aborted);
      await sleepForever().catch(() => log.push(signal.aborted, groupSignal.aborted));
    });
    await settle(1);
    task.cancel();
  });
  assertEquals(log, [true, false, false, true, false]);
});

Deno.test("Task.cancel() rejects the waits of the task, which is done when its function has ended", async () => {
  const log: unknown[] = [];
  const reason = new Error("enough");
  const task = createTask(async () => {
    await sleepForever().catch((error) => log.push(`first wait: ${error.message}`));
    await settle(1);
    await sleepForever().finally(() => log.push("second wait"));
  });
  await settle(1);
  log.push(task.cancel(reason), task.state);
  log.push(task.cancel(new Error("again")), task.state);
  await settle();
  log.push(task.state, task.cancel(), assertThrows(() => task.result()) === reason);
  assertEquals(log, [
    ...[true, "pending", true, "pending", "first wait: enough", "second wait"],
    ...["cancelled", false, true],
  ]);
});

Deno.test("Task.cancel() has a CancelledError with the task's name as its reason by default", async () => {
  const task = createTask(() => sleepForever(), { name: "worker" });
  await settle(1);
  task.cancel();
  assertEquals(String(await assertRejects(async () => await task)), "AbortError: worker was cancelled");
});

Deno.test("Task.cancel() before the start ends the task at once, and its function never runs", async () => {
  const log: string[] = [];
  const task = createTask(() => log.push("ran"));
  log.push(`${task.cancel()}, ${task.state}`, `${task.cancel()}`);
  await settle();
  assertEquals(log, ["true, cancelled", "false"]);
});

Deno.test("Task.cancel() returns false when the task is done, and changes nothing", async () => {
  const task = createTask(() => 1);
  await task;
  assertEquals([task.cancel(), task.state, task.result()], [false, "fulfilled", 1]);
});

Deno.test("Task.cancel() ends the wait for another task and leaves that one alone", async () => {
  const log: string[] = [];
  const other = steered<string>(log, "other");
  const awaited = createTask(other.work);
  const waiting = createTask(async () => await awaited);
  const plain = createTask(() => awaited);
  await settle();
  waiting.cancel(new Error("one"));
  plain.cancel(new Error("two"));
  await report(log, waiting);
  await report(log, plain);
  other.succeed("value");
  await report(log, awaited);
  assertEquals(log, ["other starts", "throws Error: one", "throws Error: two", "other ends", 'returns "value"']);
});

Deno.test("Task.cancel() makes whoever awaits the task throw its reason, and leaves that one alone", async () => {
  const log: string[] = [];
  const task = createTask(() => sleepForever());
  const waiting = createTask(async (signal) => {
    await report(log, task);
    log.push(`${signal.aborted}`);
  });
  await settle();
  task.cancel(new Error("enough"));
  await waiting;
  assertEquals(log, ["throws Error: enough", "false"]);
});

Deno.test("Task that catches its cancellation and returns has succeeded", async () => {
  const task = createTask(() => sleepForever().catch(() => "all the same"));
  await settle(1);
  task.cancel();
  assertEquals([await task, task.state], ["all the same", "fulfilled"]);
});

Deno.test("Task that fails when it is cancelled has failed", async () => {
  const failure = new Error("cleanup");
  const task = createTask(() => sleepForever().catch(() => Promise.reject(failure)));
  await settle(1);
  task.cancel();
  assertStrictEquals(await assertRejects(async () => await task), failure);
  assertEquals(task.state, "rejected");
});

Deno.test("Task that throws an AbortError, or something caused by the reason, was cancelled if somebody did cancel it", async () => {
  const reason = new Error("enough");
  const thrown = [new DOMException("mine", "AbortError"), new Error("wrapped", { cause: reason })];
  for (const error of thrown) {
    const cancelled = createTask(() => sleepForever().catch(() => Promise.reject(error)));
    await settle(1);
    cancelled.cancel(reason);
    assertStrictEquals(await assertRejects(async () => await cancelled), reason);
    const failed = createTask(() => Promise.reject(error));
    assertStrictEquals(await assertRejects(async () => await failed), error);
    assertEquals([cancelled.state, failed.state], ["cancelled", "rejected"]);
  }
});

Deno.test("Task that awaits itself throws instead of hanging", async () => {
  const message = "Cannot await worker: it is the task that awaits";
  const task: Task<unknown> = createTask(async () => await task, { name: "worker" });
  await assertRejects(async () => await task, InvalidStateError, message);
  const nested: Task<unknown> = createTask(() => scope(async () => await nested), { name: "worker" });
  await assertRejects(async () => await nested, InvalidStateError, message);
});

Deno.test("Task that awaits one that ends only after it throws instead of hanging", async () => {
  const parent: Task<unknown> = createTask(() => {
    return TaskGroup.run((group) => group.createTask(async () => await parent).promise.catch((error) => error));
  }, { name: "parent" });
  const error = await assertRejects(async () => await parent);
  assertEquals(
    (error as AggregateError).errors.map(String),
    ["InvalidStateError: Cannot await parent: it ends only after the task that awaits"],
  );
});

Deno.test("Task ends only after the structured calls that its function did not await", async () => {
  const log: string[] = [];
  const inner = steered(log, "inner");
  const task = createTask(() => {
    void scope(() => inner.work()).catch(() => {});
    return "value";
  });
  await settle();
  log.push(task.state);
  inner.succeed();
  log.push(await task);
  assertEquals(log, ["inner starts", "pending", "inner ends", "value"]);
});

Deno.test("Task.cancel() reaches the structured calls that an ended function did not await, and the value stays", async () => {
  const log: string[] = [];
  const inner = steered(log, "inner");
  const task = createTask(() => {
    void scope(() => inner.work()).catch((error) => log.push(error.message));
    return "value";
  });
  await settle();
  log.push(`${task.cancel(new Error("enough"))}`);
  log.push(await task);
  assertEquals(log, ["inner starts", "true", "inner is cancelled", "inner has unwound", "enough", "value"]);
});

Deno.test("Task has a name of its own, and shows it with the state", async () => {
  const named = createTask(() => 1, { name: "worker" });
  const [one, two] = [createTask(() => 1), createTask(() => 2)];
  const number = (task: Task<number>) => Number(/^Task-(\d+)$/.exec(task.name)![1]);
  assertEquals([named.name, number(two) - number(one)], ["worker", 1]);
  assertEquals(String(named), 'Task { name: "worker", state: "pending" }');
  await Promise.all([named, one, two]);
  assertEquals(Deno.inspect(named), 'Task { name: "worker", state: "fulfilled" }');
});

Deno.test("Task has its done callbacks called with itself when its function has ended", async () => {
  const log: unknown[] = [];
  const gate = new Future<void>();
  const task = createTask(async () => {
    await gate;
    log.push("function ends");
  });
  task.addDoneCallback((done) => log.push(done === task, done.state, currentTask()));
  await settle();
  gate.setResult();
  await settle();
  assertEquals(log, ["function ends", true, "fulfilled", undefined]);
});

Deno.test("Task lets go of its function once that runs", async () => {
  const held = { fn: (): Promise<void> => gate.promise };
  const gate = Promise.withResolvers<void>();
  const ref = new WeakRef(held.fn);
  const task = createTask(held.fn);
  held.fn = () => Promise.resolve();
  await collectGarbage();
  assertEquals(ref.deref(), undefined);
  gate.resolve();
  await task;
});

Deno.test("Task of something is a task of unknown, and a PromiseLike, but no Promise", async () => {
  const task = createTask(() => Promise.resolve(1));
  const general: Task<unknown> = task;
  const promiseLike: PromiseLike<number> = task;
  // @ts-expect-error A task is no promise: `promise` is.
  const promise: Promise<number> = task;
  assertType<IsExact<typeof task, Task<number>>>(true);
  assert(general === promiseLike && !(promise instanceof Promise));
  assertEquals(await task.promise, 1);
});

Deno.test("Task.catch() and Task.finally() wait as await does, and handle the failure", async () => {
  const failure = new Error("no luck");
  const log: unknown[] = [];
  const unhandled = await unhandledIn(async () => {
    log.push(await createTask(() => Promise.reject(failure)).catch((error) => error));
    log.push(await createTask(() => "value").catch(() => "never").finally(() => log.push("first")));
    await createTask(() => Promise.reject(failure)).finally(() => log.push("second")).catch((error) => log.push(error));
    await settle();
  });
  assertEquals([log, unhandled], [[failure, "first", "value", "second", failure], []]);
});

Deno.test("Task.finally() in an aborted scope calls back and rejects with the reason, and the task goes on", async () => {
  const log: unknown[] = [];
  const reason = new Error("enough");
  const task = createTask(() => settle(6).then(() => "done"));
  const unhandled = await unhandledIn(async () => {
    await scope(async (_signal, self) => {
      const waiting = task.finally(() => log.push("finally"));
      self.cancel(reason);
      await waiting.catch((error) => log.push(error));
    });
    void scope((_signal, self) => {
      // Nobody awaits it: a cancellation is no failure.
      void task.finally(() => {});
      self.cancel();
    });
    await settle(8);
  });
  assertEquals([log, unhandled, await task], [["finally", reason], [], "done"]);
});
