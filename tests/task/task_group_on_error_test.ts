import { sleepForever, type Task, TaskGroup, TaskGroupError } from "@weft/async";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { collectGarbage, settle, unhandledIn } from "../support.ts";

Deno.test("TaskGroup with onError reports each failure with its task, and the siblings live", async () => {
  const log: unknown[] = [];
  const unhandled = await unhandledIn(async () => {
    const value = await TaskGroup.run(async (group) => {
      const sibling = group.createTask(() => settle(8).then(() => "alive"), { name: "sibling" });
      group.createTask(() => Promise.reject(new Error("one")), { name: "first" });
      await settle();
      group.createTask(() => Promise.reject(new Error("two")), { name: "second" });
      return await sibling;
    }, { onError: (error, task) => log.push(`${task.name}: ${(error as Error).message}`) });
    log.push(value);
  });
  assertEquals([log, unhandled], [["first: one", "second: two", "alive"], []]);
});

Deno.test("TaskGroup whose onError throws fails with that error, and aborts the siblings", async () => {
  const fatal = new Error("fatal");
  const log: string[] = [];
  const error = await assertRejects(() =>
    TaskGroup.run((group) => {
      group.createTask(() => sleepForever().finally(() => log.push("sibling is cancelled")));
      group.createTask(() => Promise.reject(new Error("cause")));
    }, {
      onError() {
        throw fatal;
      },
    }), TaskGroupError);
  assertEquals([error.errors.length, log], [1, ["sibling is cancelled"]]);
  assertStrictEquals(error.errors[0], fatal);
});

Deno.test("TaskGroup with onError leaves a failure of its body alone, and calls it for no cancellation", async () => {
  const log: unknown[] = [];
  await assertRejects(() =>
    TaskGroup.run((group) => {
      group.createTask(() => sleepForever());
      throw new Error("body");
    }, { onError: (error) => log.push(error) }), TaskGroupError);
  assertEquals(log, []);
});

Deno.test("TaskGroup with onError keeps neither the failures nor their tasks", async () => {
  const errors: WeakRef<object>[] = [];
  const tasks: WeakRef<Task<unknown>>[] = [];
  await TaskGroup.run(async (group) => {
    for (let i = 0; i < 100; i++) {
      group.createTask(() => Promise.reject(new Error(`failure ${i}`)));
    }
    await settle();
    await collectGarbage();
    assertEquals([errors.length, errors.filter((ref) => ref.deref() !== undefined).length], [100, 0]);
    assertEquals(tasks.filter((ref) => ref.deref() !== undefined).length, 0);
  }, {
    onError(error, task) {
      errors.push(new WeakRef(error as object));
      tasks.push(new WeakRef(task));
    },
  });
});
