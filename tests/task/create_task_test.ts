import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { createTask, run, scope, sleepForever, StragglerError, type Task, TaskGroup } from "@weft/async";
import { settle } from "../support.ts";

/** Opens a `run`, and returns what ends it; `inside` is called in it. */
async function openRun(inside: () => unknown = () => {}): Promise<() => Promise<void>> {
  const gate = Promise.withResolvers<void>();
  const ended = run(async () => {
    await inside();
    await gate.promise;
  }, { signals: false });
  await settle(1);
  return () => (gate.resolve(), ended);
}

Deno.test("createTask() starts tasks in microtasks, in the order of the calls, eager ones at once", async () => {
  const log: string[] = [];
  const tasks = [
    createTask(() => log.push("first")),
    createTask(() => log.push("second")),
    createTask(() => log.push("eager"), { eager: true }),
  ];
  log.push("called");
  await Promise.all(tasks);
  assertEquals(log, ["eager", "called", "first", "second"]);
});

Deno.test("createTask() keeps an abort of the calling scope from the task", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const task = await scope((_signal, self) => {
    const task = createTask(async (signal) => {
      await gate.promise;
      await scope(() => settle(1));
      log.push(`task: ${signal.aborted}`);
    });
    self.cancel();
    return [task];
  });
  log.push("scope ends");
  gate.resolve();
  await task![0];
  assertEquals(log, ["scope ends", "task: false"]);
});

Deno.test("createTask() gives the task the async-local values of its caller", async () => {
  const storage = new AsyncLocalStorage<string>();
  const look = () => storage.getStore();
  const [soon, eager] = storage.run("caller", () => [createTask(look), createTask(look, { eager: true })] as const);
  assertEquals([await soon, await eager], ["caller", "caller"]);
});

Deno.test("createTask() in a run, however deep, makes a task that the run ends with", async () => {
  const tasks: Task<never>[] = [];
  const work = () => sleepForever();
  const end = await openRun(async () => {
    tasks.push(createTask(work));
    await scope(() => void tasks.push(createTask(work)));
    await TaskGroup.run((group) => {
      group.createTask(() => void tasks.push(createTask(work)));
    });
    await createTask(() => void tasks.push(createTask(work)));
  });
  await settle();
  assertEquals(tasks.map((task) => task.state), Array(4).fill("pending"));
  await end();
  assertEquals(tasks.map((task) => task.state), Array(4).fill("cancelled"));
});

Deno.test("createTask() outside of any run makes a task of the only one that is open", async () => {
  const end = await openRun();
  const task = createTask(() => sleepForever());
  await settle();
  assertEquals(task.state, "pending");
  await end();
  assertEquals(task.state, "cancelled");
});

Deno.test("createTask() outside of any run makes a task of nobody when several are open, or none", async () => {
  const ends = [await openRun(), await openRun()];
  const log: string[] = [];
  const tasks = [createTask(() => sleepForever())];
  for (const end of ends) await end();
  tasks.push(createTask(() => sleepForever()));
  await settle();
  for (const task of tasks) log.push(task.state);
  for (const task of tasks) task.cancel();
  await Promise.allSettled(tasks);
  assertEquals(log, ["pending", "pending"]);
});

Deno.test("createTask() in one of several runs makes a task of that one", async () => {
  const tasks: Task<never>[] = [];
  const inside = () => void tasks.push(createTask(() => sleepForever()));
  const [endFirst, endSecond] = [await openRun(inside), await openRun(inside)];
  await endFirst();
  const afterFirst = tasks.map((task) => task.state);
  await endSecond();
  assertEquals([afterFirst, tasks.map((task) => task.state)], [["cancelled", "pending"], ["cancelled", "cancelled"]]);
});

Deno.test("createTask() in code that outlives its run makes a task of nobody", async () => {
  const gate = Promise.withResolvers<void>();
  const made = Promise.withResolvers<Task<string>[]>();
  const end = await openRun(() => {
    void gate.promise.then(() => made.resolve([createTask(() => scope(() => settle(1)).then(() => "ran"))]));
  });
  await end();
  gate.resolve();
  const [task] = await made.promise;
  assertEquals(await task, "ran");
});

Deno.test("createTask() in a straggler makes a task of nobody when its run has ended", async () => {
  const gate = Promise.withResolvers<void>();
  const made = Promise.withResolvers<Task<string>[]>();
  const end = await openRun(() =>
    assertRejects(() =>
      TaskGroup.run((group) => {
        group.createTask(async () => {
          await gate.promise;
          made.resolve([createTask(() => "ran")]);
        });
        setImmediate(() => group.cancel());
      }, { grace: 0 }), StragglerError)
  );
  await end();
  gate.resolve();
  const [task] = await made.promise;
  assertEquals(await task, "ran");
});

Deno.test("createTask() in the cleanup of a run that has been aborted makes a task that never runs", async () => {
  const log: string[] = [];
  const end = await openRun(() => {
    createTask(async () => {
      try {
        await sleepForever();
      } finally {
        const task = createTask(() => log.push("ran"));
        await task.promise.catch(() => log.push(task.state));
      }
    });
  });
  await end();
  assertEquals(log, ["cancelled"]);
});

Deno.test("createTask() throws wrong arguments and starts nothing", async () => {
  const log: string[] = [];
  const body = () => log.push("ran");
  const wrong: [unknown, unknown, string][] = [
    [undefined, undefined, '"fn" must be a function, received undefined'],
    [body(), undefined, '"fn" must be a function, received 1'],
    [Promise.resolve(), undefined, '"fn" must be a function, received an object (Promise)'],
    [body, null, '"options" must be an object, received null'],
    [body, { name: 1 }, '"name" must be a string, received 1'],
    [body, { eager: "yes" }, '"eager" must be a boolean, received "yes"'],
  ];
  for (const [fn, options, message] of wrong) {
    const args = [fn, options] as Parameters<typeof createTask>;
    assertThrows(() => createTask(...args), TypeError, `Cannot create task: ${message}`);
  }
  await settle();
  assertEquals(log, ["ran"]);
});

Deno.test("createTask() takes options that are undefined as absent", async () => {
  const task = createTask(() => 1, { name: undefined, eager: undefined });
  assertEquals([task.state, await task], ["pending", 1]);
  await assertRejects(async () => await createTask(() => Promise.reject(new Error("no")), undefined));
});
