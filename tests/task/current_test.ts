import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { setTimeout } from "node:timers/promises";
import {
  allTasks,
  createTask,
  currentSignal,
  currentTask,
  gather,
  hasAmbientScope,
  isCancellation,
  run,
  scope,
  shield,
  sleepForever,
  type Task,
  TaskGroup,
  throwIfCancelled,
  timeout,
} from "@weft/async";
import { Program, settle } from "../support.ts";

Deno.test("hasAmbientScope() is true where the platform has an async context", () => {
  assert(hasAmbientScope());
});

Deno.test("hasAmbientScope() is false without one: then explicit signals count, and everything else works", async () => {
  const program = new Program(new URL("./testdata/without_async_context.ts", import.meta.url));
  const { code, stdout, stderr } = await program.end();
  assertEquals({ code, stdout: stdout.split("\n"), stderr }, {
    code: 0,
    stdout: [
      "ambient: false",
      "current signal: false own signal: true",
      "wait: throws Error: enough",
      "shield: saved",
      "sibling ends",
      "group: throws TaskGroupError: 1 failure in TaskGroup: no luck",
      "timeout: throws TimeoutError: timeout took longer than 0 ms",
      "gather: 1,2",
      "tasks: 2 current: ",
      "leftover ends",
      "run: main ends",
      "",
    ],
    stderr: "",
  });
});

Deno.test("currentTask() is the innermost task, also in the calls that it makes", async () => {
  const names = () => currentTask()?.name;
  const outer = createTask(async () => {
    const seen = [names(), await scope(names), ...await gather([names, () => timeout(60_000, names)])];
    await TaskGroup.run((group) => {
      seen.push(names());
      group.createTask(() => void seen.push(names()), { name: "inner" });
    });
    seen.push(await shield(names), names());
    return seen;
  }, { name: "outer" });
  assertEquals(await outer, ["outer", "outer", "outer", "outer", "outer", "inner", "outer", "outer"]);
});

Deno.test("currentTask() is the task itself, and undefined outside of all", async () => {
  const task: Task<unknown[]> = createTask(() => [currentTask()]);
  assertStrictEquals((await task)[0], task);
  assertEquals([currentTask(), await scope(() => currentTask())], [undefined, undefined]);
});

Deno.test("currentTask() of code that outlives its task is the task around", async () => {
  const gate = Promise.withResolvers<void>();
  const seen = Promise.withResolvers<unknown>();
  const name = () => currentTask()?.name;
  await createTask(async () => {
    await TaskGroup.run((group) => {
      group.createTask(() => void gate.promise.then(() => seen.resolve(name())), { name: "inner" });
    });
    gate.resolve();
    assertEquals(await seen.promise, "outer");
  }, { name: "outer" });
});

Deno.test("currentSignal() is the signal of the scope around, and that is aborted with it", async () => {
  const reason = new Error("enough");
  await scope(async (signal, self) => {
    assertStrictEquals(currentSignal(), signal);
    await scope((inner) => assertStrictEquals(currentSignal(), inner));
    self.cancel(reason);
    assertStrictEquals(currentSignal().reason, reason);
    await shield(() => assertEquals(currentSignal().aborted, false));
  });
});

Deno.test("currentSignal() outside of all scopes is a new one at each call, which nobody aborts", () => {
  assertNotStrictEquals(currentSignal(), currentSignal());
  assertEquals(currentSignal().aborted, false);
});

Deno.test("currentSignal() ends platform calls with the scope, which takes their error as cancellation", async () => {
  const log: unknown[] = [];
  const value = await scope((_signal, self) => {
    setImmediate(() => self.cancel());
    return setTimeout(60_000, null, { signal: currentSignal() }).catch((error) => {
      log.push(error.name, isCancellation(error));
      throw error;
    });
  });
  assertEquals([log, value], [["AbortError", true], undefined]);
});

Deno.test("throwIfCancelled() throws the reason in an aborted scope only", async () => {
  const reason = new Error("enough");
  throwIfCancelled();
  await scope(async (_signal, self) => {
    throwIfCancelled();
    self.cancel(reason);
    assertStrictEquals(assertThrows(throwIfCancelled), reason);
    await shield(throwIfCancelled);
    assertStrictEquals(assertThrows(throwIfCancelled), reason);
  });
  throwIfCancelled();
});

Deno.test("allTasks() holds all that have not ended, those of groups included, parents before children", async () => {
  const names = () => Array.from(allTasks(), (task) => task.name);
  await run(async () => {
    const inGroup = TaskGroup.run(async (group) => {
      const nested = group.createTask(
        () =>
          scope(() => TaskGroup.run((group) => void group.createTask(() => sleepForever(), { name: "grandchild" }))),
        {
          name: "child",
        },
      );
      const brief = group.createTask(() => settle(1), { name: "brief" });
      await settle(1);
      assertEquals(names(), ["main", "child", "grandchild", "brief", "independent"]);
      await brief;
      assertEquals(names(), ["main", "child", "grandchild", "independent"]);
      nested.cancel();
    });
    const independent = createTask(() => sleepForever(), { name: "independent" });
    await inGroup;
    assertEquals(names(), ["main", "independent"]);
    assertEquals(allTasks().has(independent), true);
  }, { signals: false });
  assertEquals(names(), []);
});

Deno.test("allTasks() is a new set at each call", () => {
  const tasks = allTasks();
  tasks.add(createTask(() => {}));
  assertEquals([tasks === allTasks(), allTasks().size], [false, 1]);
  for (const task of allTasks()) task.cancel();
});
