import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import {
  allTasks,
  createTask,
  currentTask,
  LeftoverError,
  run,
  scope,
  shield,
  sleepForever,
  TaskGroup,
  TaskGroupError,
} from "@weft/async";
import { report, settle, steered, unhandledIn } from "../support.ts";

const signals = false;

Deno.test("run() returns what main returns, which it calls at once, as a task", async () => {
  const log: unknown[] = [];
  const ended = run((signal) => {
    log.push(currentTask()?.name, signal.aborted);
    return Promise.resolve(42);
  }, { signals });
  log.push("called", await ended, allTasks().size);
  assertEquals(log, ["main", false, "called", 42, 0]);
});

Deno.test("run() names the task of main as it is named itself", async () => {
  assertEquals(await run(() => currentTask()!.name, { signals, name: "server" }), "server");
});

Deno.test("run() throws what main throws, as it is", async () => {
  const failure = new Error("no luck");
  const throwing = [() => Promise.reject(failure), () => {
    throw failure;
  }];
  for (const fn of throwing) assertStrictEquals(await assertRejects(() => run(fn, { signals })), failure);
});

Deno.test("run() cancels what main has left behind, and awaits it", async () => {
  const log: string[] = [];
  const value = await run(async () => {
    for (const name of ["one", "two"]) createTask(steered(log, name).work);
    await settle();
    log.push("main ends");
    return 42;
  }, { signals });
  log.push(`run ends with ${value}`);
  assertEquals(log, [
    ...["one starts", "two starts", "main ends", "one is cancelled", "two is cancelled"],
    ...["one has unwound", "two has unwound", "run ends with 42"],
  ]);
});

Deno.test("run() never starts a task that main has left behind unstarted", async () => {
  const log: string[] = [];
  await run(() => void createTask(() => log.push("ran")), { signals });
  await settle();
  assertEquals(log, []);
});

Deno.test("run() rejects with a LeftoverError that keeps the result when what was left fails", async () => {
  const failures = [new Error("not saved"), new RangeError("not sent")];
  const error = await assertRejects(
    () =>
      run(async () => {
        for (const failure of failures) createTask(() => sleepForever().catch(() => Promise.reject(failure)));
        createTask(() => sleepForever());
        await settle();
        return 42;
      }, { signals }),
    LeftoverError,
  );
  assertEquals([error.result, error.errors, error.name], [42, failures, "LeftoverError"]);
  assertEquals(error.message, "2 tasks left at the end of run failed: not saved; not sent");
  assertStrictEquals(error.cause, failures[0]);
});

Deno.test("A LeftoverError tells the first of many failures, and how many more there are", () => {
  const failures = Array.from({ length: 20_000 }, (_, i) => new Error(`failure ${i}`));
  const error = new LeftoverError(failures, 42);
  assertEquals(
    error.message,
    "20000 tasks left at the end of run failed: failure 0; failure 1; failure 2; and 19997 more",
  );
  assertEquals(error.errors, failures);
});

Deno.test("run() rejects with an AggregateError, that of main first, when main and what it left fail", async () => {
  const [ofMain, ofTask] = [new Error("main"), new Error("task")];
  const unhandled = await unhandledIn(async () => {
    const error = await assertRejects(() =>
      run(async () => {
        createTask(() => sleepForever().catch(() => Promise.reject(ofTask)));
        await settle();
        throw ofMain;
      }, { signals })
    );
    assertInstanceOf(error, AggregateError);
    assertEquals([error.errors, error.cause], [[ofMain, ofTask], ofMain]);
  });
  assertEquals(unhandled, []);
});

Deno.test("run() throws the failure of main once when main has passed on that of a task", async () => {
  const failure = new Error("no luck");
  const error = await assertRejects(() => run(() => createTask(() => Promise.reject(failure)).promise, { signals }));
  assertStrictEquals(error, failure);
});

Deno.test("run() is aborted by the failure of a task that nobody observes, and throws it when all has unwound", async () => {
  const failure = new Error("no luck");
  const log: unknown[] = [];
  const unhandled = await unhandledIn(async () => {
    const error = await assertRejects(() =>
      run(async () => {
        createTask(() => Promise.reject(failure));
        createTask(() => sleepForever().finally(() => log.push("task has unwound")));
        try {
          await sleepForever();
        } catch (error) {
          log.push((error as Error).message);
          throw error;
        } finally {
          await shield(() => settle());
          log.push("main has unwound");
        }
      }, { signals })
    );
    assertStrictEquals(error, failure);
  });
  assertEquals([log, unhandled], [
    ["run was aborted by a failure: no luck", "main has unwound", "task has unwound"],
    [],
  ]);
});

Deno.test("run() leaves main alone when the failure of a task is observed in time", async () => {
  const failure = new Error("no luck");
  const value = await run(async () => {
    const task = createTask(() => Promise.reject(failure));
    await null;
    return await task.then(() => "never", (error) => error);
  }, { signals });
  assertStrictEquals(value, failure);
});

Deno.test("run() awaits the tasks also that its leftovers have made meanwhile, which never run", async () => {
  const log: string[] = [];
  await run(async () => {
    createTask(async () => {
      await sleepForever().catch(() => {});
      createTask(() => log.push("ran"));
      await settle();
      log.push("leftover ends");
    });
    await settle();
  }, { signals });
  log.push("run ends");
  assertEquals(log, ["leftover ends", "run ends"]);
});

Deno.test("run() is aborted by its signal, its tasks after main, and rejects with that reason", async () => {
  const log: string[] = [];
  const reason = new Error("enough");
  const controller = new AbortController();
  const ended = run(async () => {
    createTask(steered(log, "task").work);
    await steered(log, "main").work();
  }, { signals, signal: controller.signal });
  await settle();
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => ended), reason);
  assertEquals(log, [
    ...["main starts", "task starts", "main is cancelled", "main has unwound"],
    ...["task is cancelled", "task has unwound"],
  ]);
});

Deno.test("run() rejects with the reason when main was cancelled as a task", async () => {
  const reason = new Error("enough");
  const error = await assertRejects(() =>
    run(() => {
      currentTask()!.cancel(reason);
      return sleepForever();
    }, { signals })
  );
  assertStrictEquals(error, reason);
});

Deno.test("run() inside another one is a plain scope: no task, and independent tasks are the outer one's", async () => {
  const log: string[] = [];
  const outer = run(async () => {
    const [name, task] = await run(() => [currentTask()!.name, createTask(steered(log, "task").work)] as const);
    log.push(`${name}: ${task.state}`);
    await settle();
    await report(log, run(() => Promise.reject(new Error("no luck"))));
    log.push("outer ends");
  }, { signals, name: "outer" });
  await outer;
  assertEquals(log, [
    ...["task starts", "outer: pending", "throws Error: no luck", "outer ends"],
    ...["task is cancelled", "task has unwound"],
  ]);
});

Deno.test("run() in a group that is in no run is one of its own, which ends with the group", async () => {
  const log: string[] = [];
  const error = await assertRejects(() =>
    TaskGroup.run(async (group) => {
      group.createTask(() =>
        run(async () => {
          createTask(steered(log, "task").work);
          await sleepForever();
        }, { signals })
      );
      await settle();
      throw new Error("no luck");
    }), TaskGroupError);
  assertEquals(error.errors.map(String), ["Error: no luck"]);
  assertEquals(log, ["task starts", "task is cancelled", "task has unwound"]);
});

Deno.test("run() rejects and runs nothing where the outside is aborted", async () => {
  const reason = new Error("enough");
  const never = () => Promise.reject(new Error("ran"));
  const signal = AbortSignal.abort(reason);
  assertStrictEquals(await assertRejects(() => run(never, { signals, signal })), reason);
  await scope(async (_signal, self) => {
    self.cancel(reason);
    assertStrictEquals(await assertRejects(() => run(never, { signals })), reason);
  });
});

Deno.test("run() rejects wrong arguments before it runs anything", async () => {
  const log: string[] = [];
  const body = () => log.push("ran");
  const wrong: [unknown, unknown, new () => Error, string][] = [
    ["main", undefined, TypeError, '"main" must be a function, received "main"'],
    [body, null, TypeError, '"options" must be an object, received null'],
    [body, { signals: 1 }, TypeError, '"signals" must be a boolean, received 1'],
    [body, { signal: "x" }, TypeError, '"signal" must be an AbortSignal, received "x"'],
    [body, { grace: -1 }, RangeError, '"grace" must be zero or more, received -1'],
  ];
  for (const [main, options, kind, message] of wrong) {
    const args = [main, options] as Parameters<typeof run>;
    await assertRejects(() => run(...args), kind, `Cannot run: ${message}`);
  }
  assertEquals(log, []);
});
