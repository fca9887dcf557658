import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  createTask,
  currentSignal,
  InvalidStateError,
  isCancellation,
  run,
  scope,
  sleepForever,
  TaskGroup,
  TaskGroupError,
  timeout,
} from "@weft/async";
import { settle, unhandledIn } from "../support.ts";

/** Waits until it is cancelled, and notes when that has come. */
function untilCancelled(log: string[], name: string): Promise<never> {
  return sleepForever().finally(() => log.push(`${name} cancelled`));
}

Deno.test("TaskGroup.join() waits for all tasks, those included that are started meanwhile", async () => {
  const log: string[] = [];
  {
    await using group = new TaskGroup();
    group.createTask(async () => {
      await settle();
      log.push("child");
      group.createTask(() => log.push("grandchild"));
    });
    await group.join();
    log.push("joined");
  }
  log.push("after the block");
  assertEquals(log, ["child", "grandchild", "joined", "after the block"]);
});

Deno.test("TaskGroup.join() closes a group without tasks", async () => {
  await using group = new TaskGroup();
  await group.join();
  assertThrows(() => group.createTask(() => {}), InvalidStateError, "Cannot create task: the TaskGroup is closed");
  await group.join();
});

Deno.test("TaskGroup.join() rejects with the failures, after abort and join of the rest", async () => {
  const log: string[] = [];
  const failure = new Error("first");
  await using group = new TaskGroup();
  group.createTask(async () => {
    await untilCancelled(log, "sibling").catch(() => {});
    await settle();
    throw new RangeError("cleanup");
  });
  group.createTask(() => Promise.reject(failure));
  const error = await assertRejects(() => group.join(), TaskGroupError);
  assertStrictEquals(error.cause, failure);
  assertEquals(error.errors.map(String), ["Error: first", "RangeError: cleanup"]);
  assertEquals(log, ["sibling cancelled"]);
});

Deno.test("TaskGroup.join() rejects in a group that TaskGroup.run has opened, which joins by itself", async () => {
  await TaskGroup.run(async (group) => {
    await assertRejects(
      () => group.join(),
      InvalidStateError,
      "Cannot join TaskGroup: TaskGroup.run joins it by itself",
    );
  });
});

Deno.test("TaskGroup.join() rejects in a task of the group instead of waiting for itself", async () => {
  await using group = new TaskGroup();
  const task = group.createTask(() =>
    scope(() => assertRejects(() => group.join(), InvalidStateError, "it ends only after the task that joins it"))
  );
  await task;
  await group.join();
});

Deno.test("new TaskGroup() has only the tasks in its scope: the block sees a failure by signal and join", async () => {
  const log: unknown[] = [];
  await scope(async (outer) => {
    await using group = new TaskGroup();
    assertStrictEquals(currentSignal(), outer);
    group.createTask((signal) => void log.push(signal === group.signal));
    const failed = new Promise((resolve) => group.signal.addEventListener("abort", resolve));
    group.createTask(() => Promise.reject(new Error("no")));
    await failed;
    // A wait of the block goes on.
    await scope(() => settle());
    log.push(`block: ${outer.aborted}, group: ${group.signal.aborted}`);
    assertThrows(() => group.createTask(() => {}), InvalidStateError, "was aborted");
    log.push((await assertRejects(() => group.join(), TaskGroupError)).message);
  });
  assertEquals(log, [false, "block: false, group: true", "1 failure in TaskGroup: no"]);
});

Deno.test("new TaskGroup() cancels its tasks and waits for them when the block ends without a join", async () => {
  const log: string[] = [];
  {
    await using group = new TaskGroup();
    group.createTask(async () => {
      await untilCancelled(log, "task").catch(() => {});
      await settle();
      log.push("task ends");
    });
    await settle();
    log.push("block ends");
  }
  log.push("after the block");
  assertEquals(log, ["block ends", "task cancelled", "task ends", "after the block"]);
});

Deno.test("new TaskGroup() cancels its tasks when the block throws, and lets the error through", async () => {
  const log: string[] = [];
  const failure = new Error("block");
  const error = await assertRejects(async () => {
    await using group = new TaskGroup();
    group.createTask(() => untilCancelled(log, "task"));
    await settle();
    throw failure;
  });
  assertStrictEquals(error, failure);
  assertEquals(log, ["task cancelled"]);
});

Deno.test("new TaskGroup() throws at the end of a block without a join what its tasks have failed with", async () => {
  const blockError = new Error("block");
  for (const thrown of [null, blockError]) {
    const error = await assertRejects(async () => {
      await using group = new TaskGroup();
      group.createTask(() => sleepForever().finally(() => Promise.reject(new Error("cleanup"))));
      await settle();
      if (thrown !== null) throw thrown;
    });
    const failure = thrown === null ? error : (error as SuppressedError).error;
    assertInstanceOf(failure, TaskGroupError);
    assertEquals(failure.message, "1 failure in TaskGroup: cleanup");
    if (thrown !== null) assertStrictEquals((error as SuppressedError).suppressed, blockError);
  }
});

Deno.test("new TaskGroup() does not throw again at the end of a block what join has thrown", async () => {
  const error = await assertRejects(async () => {
    await using group = new TaskGroup();
    group.createTask(() => Promise.reject(new Error("no")));
    await group.join();
  });
  assertInstanceOf(error, TaskGroupError);
});

Deno.test("new TaskGroup() lets an abort from outside through with its own reason, joined or not", async () => {
  const reason = new Error("enough");
  for (const join of [true, false]) {
    const log: string[] = [];
    await scope(async (_signal, outer) => {
      setImmediate(() => outer.cancel(reason));
      const error = await assertRejects(async () => {
        await using group = new TaskGroup();
        group.createTask(async () => {
          await untilCancelled(log, "task").catch(() => {});
          await settle();
          log.push("task ends");
        });
        group.createTask(() => untilCancelled(log, "other"));
        await (join ? group.join() : sleepForever());
      });
      assertStrictEquals(error, reason);
    });
    assertEquals(log, ["task cancelled", "other cancelled", "task ends"]);
  }
});

Deno.test("new TaskGroup() is aborted by its signal, and join rejects with that reason", async () => {
  const log: string[] = [];
  const reason = new Error("enough");
  const controller = new AbortController();
  await using group = new TaskGroup({ signal: controller.signal });
  group.createTask(() => untilCancelled(log, "task"));
  await settle(1);
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => group.join()), reason);
  assertEquals(log, ["task cancelled"]);
});

Deno.test("new TaskGroup() in an aborted scope begins closed", async () => {
  const reason = new Error("enough");
  await scope(async (_signal, outer) => {
    outer.cancel(reason);
    await using group = new TaskGroup();
    assertThrows(() => group.createTask(() => {}), InvalidStateError, "Cannot create task: the TaskGroup was aborted");
    assertStrictEquals(await assertRejects(() => group.join()), reason);
  });
});

Deno.test("TaskGroup.cancel() in a block ends join quietly", async () => {
  const log: string[] = [];
  await using group = new TaskGroup();
  group.createTask(() => untilCancelled(log, "task"));
  await settle();
  group.cancel();
  await group.join();
  assertEquals(log, ["task cancelled"]);
});

Deno.test("TaskGroup.join() can be cut short by a scope inside the block; the end of the block then cancels the tasks", async () => {
  const log: string[] = [];
  const error = await assertRejects(async () => {
    await using group = new TaskGroup();
    group.createTask(() => untilCancelled(log, "task"));
    await timeout(Infinity, async (_signal, deadline) => {
      setImmediate(() => deadline.reschedule(0));
      await group.join().finally(() => log.push("join ends"));
    }).finally(() => log.push("timeout ends"));
  });
  assertEquals((error as Error).name, "TimeoutError");
  assertEquals(log, ["join ends", "timeout ends", "task cancelled"]);
});

Deno.test("TaskGroup.join() rejects at once in an aborted scope inside the block, and joins nothing", async () => {
  const log: string[] = [];
  const reason = new Error("enough");
  {
    await using group = new TaskGroup();
    await scope(async (_signal, inner) => {
      inner.cancel(reason);
      assertStrictEquals(await assertRejects(() => group.join()), reason);
    });
    group.createTask(() => log.push("started after that"));
    await group.join();
  }
  assertEquals(log, ["started after that"]);
});

Deno.test("new TaskGroup() that is forgotten is cancelled at the end of the scope that it was made in", async () => {
  const log: string[] = [];
  await run(async () => {
    await createTask(async () => {
      const group = new TaskGroup();
      group.createTask(() => untilCancelled(log, "forgotten"));
      await settle(1);
      log.push("function returns");
    });
    log.push("task ends");
  }, { signals: false });
  assertEquals(log, ["function returns", "forgotten cancelled", "task ends"]);
});

Deno.test("new TaskGroup() that is forgotten surfaces what its tasks have failed with", async () => {
  const failure = new Error("nobody joins");
  const unhandled = await unhandledIn(() =>
    scope(async () => {
      const group = new TaskGroup();
      group.createTask(() => Promise.reject(failure));
      await settle();
    })
  );
  assertEquals(unhandled.map((error) => (error as TaskGroupError).errors), [[failure]]);
});

Deno.test("new TaskGroup() that failed is no unhandled rejection when it is joined late, or disposed", async () => {
  const unhandled = await unhandledIn(async () => {
    await using joined = new TaskGroup();
    joined.createTask(() => Promise.reject(new Error("no")));
    await settle(6);
    await assertRejects(() => joined.join(), TaskGroupError);
    await assertRejects(async () => {
      await using group = new TaskGroup();
      group.createTask(() => Promise.reject(new Error("no")));
      await settle(6);
    }, TaskGroupError);
  });
  assertEquals(unhandled, []);
});

Deno.test("new TaskGroup() has a failure of its block counted as cancellation where that is all it is", async () => {
  await scope(async (_signal, outer) => {
    const error = await assertRejects(async () => {
      await using group = new TaskGroup();
      group.createTask(() => sleepForever());
      outer.cancel();
      group.createTask(() => {});
    });
    assert(isCancellation(error));
  });
});

Deno.test("TaskGroup disposal is idempotent", async () => {
  const log: string[] = [];
  const group = new TaskGroup();
  group.createTask(() => untilCancelled(log, "task"));
  await settle(1);
  await Promise.all([group[Symbol.asyncDispose](), group[Symbol.asyncDispose]()]);
  await group[Symbol.asyncDispose]();
  assertEquals(log, ["task cancelled"]);
});

Deno.test("new TaskGroup() throws wrong options", () => {
  const make = (options: unknown) => () => new TaskGroup(options as object);
  assertThrows(make(null), TypeError, 'Cannot open TaskGroup: "options" must be an object, received null');
  assertThrows(make({ name: 1 }), TypeError, '"name" must be a string');
  assertThrows(make({ signal: 1 }), TypeError, '"signal" must be an AbortSignal');
  assertThrows(make({ concurrency: -1 }), RangeError, '"concurrency"');
  assertThrows(make({ grace: NaN }), RangeError, '"grace"');
});
