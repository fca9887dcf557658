/** Very many scopes, iterators, groups and tasks that nobody waits for. */

import { assertEquals } from "@std/assert";
import { allTasks, createTask, map, scope, TaskGroup } from "@weft/async";
import { guardedTest } from "./guarded.ts";

guardedTest("scope() ends when ten thousand nested ones that nobody awaits have ended", async () => {
  const depth = 10_000;
  let ended = 0;
  const { promise: bottom, resolve: reached } = Promise.withResolvers<void>();
  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  const nest = async (left: number): Promise<void> => {
    if (left === 0) {
      reached();
      return await hold;
    }
    await null;
    void scope(() => nest(left - 1)).then(() => ended++);
  };
  const outermost = scope(() => nest(depth));
  await bottom;
  release();
  await outermost;
  assertEquals(ended, depth);
});

guardedTest("scope() ends with five hundred maps that nobody reads and 1,500 groups that nobody joins", async () => {
  const returned = await scope(() => {
    for (let i = 0; i < 500; i++) map([1], (item) => item);
    for (let i = 0; i < 1500; i++) new TaskGroup();
    return "ended";
  });
  assertEquals(returned, "ended");
});

guardedTest("allTasks() tells of 150,000 tasks", async () => {
  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  const tasks = Array.from({ length: 150_000 }, () => createTask(() => hold));
  try {
    assertEquals(allTasks().size, 150_000);
  } finally {
    release();
    await Promise.all(tasks.map((task) => task.promise));
  }
});
