import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { Future, InvalidStateError, scope, sleepForever, TaskGroup, TaskGroupError } from "@weft/async";
import { settle, unhandledIn } from "../support.ts";

Deno.test("TaskGroup.start() returns what the task reports, which goes on", async () => {
  const log: string[] = [];
  await TaskGroup.run(async (group) => {
    const gate = Promise.withResolvers<void>();
    const { value: port } = await group.start<number>(async (signal, started) => {
      log.push(`starting, ${signal.aborted}`);
      await settle(1);
      started(8080);
      log.push("started");
      await gate.promise;
      log.push("task ends");
    });
    log.push(`port ${port}, size ${group.size}`);
    gate.resolve();
  });
  log.push("group ends");
  assertEquals(log, ["starting, false", "started", "port 8080, size 1", "task ends", "group ends"]);
});

Deno.test("TaskGroup.start() alone throws what the task throws before its report, and the group goes on", async () => {
  const log: string[] = [];
  const failure = new Error("port in use");
  const unhandled = await unhandledIn(() =>
    TaskGroup.run(async (group, signal) => {
      for (const eager of [false, true]) {
        const error = await assertRejects(() => group.start(() => Promise.reject(failure), { eager }));
        assertStrictEquals(error, failure);
      }
      await settle();
      log.push(`body ends, ${signal.aborted}`);
    })
  );
  assertEquals([log, unhandled], [["body ends, false"], []]);
});

Deno.test("TaskGroup.start() leaves a failure after the report to the group", async () => {
  const failure = new Error("later");
  const error = await assertRejects(
    () =>
      TaskGroup.run((group) =>
        group.start<void>((_signal, started) => {
          started();
          throw failure;
        })
      ),
    TaskGroupError,
  );
  assertEquals(error.errors, [failure]);
});

Deno.test("TaskGroup.start() rejects when the task ends without a report", async () => {
  await TaskGroup.run(async (group) => {
    await assertRejects(
      () => group.start(() => {}, { name: "server" }),
      InvalidStateError,
      "Cannot start task: server ended without a report",
    );
  });
});

Deno.test("TaskGroup.start() makes the second report of a task throw", async () => {
  const log: unknown[] = [];
  await TaskGroup.run(async (group) => {
    const { value } = await group.start<number>((_signal, started) => {
      started(1);
      log.push(assertThrows(() => started(2), InvalidStateError).message);
    });
    log.push(value);
  });
  assertEquals(log, ["Cannot report the start: it was reported before", 1]);
});

Deno.test("TaskGroup.start() rejects and runs nothing when the group is closed or the caller is aborted", async () => {
  const log: string[] = [];
  const work = () => log.push("ran");
  const ended = await TaskGroup.run((group) => group);
  await assertRejects(() => ended.start(work), InvalidStateError, "Cannot start task: the TaskGroup is closed");
  const reason = new Error("enough");
  await TaskGroup.run((group) =>
    scope(async (_signal, caller) => {
      caller.cancel(reason);
      assertStrictEquals(await assertRejects(() => group.start(work)), reason);
    })
  );
  assertEquals(log, []);
});

Deno.test("TaskGroup.start() cancels the half-started task and waits for it when its caller is cancelled", async () => {
  const log: string[] = [];
  const reason = new Error("enough");
  await TaskGroup.run(async (group, signal) => {
    await scope(async (_signal, caller) => {
      setImmediate(() => caller.cancel(reason));
      const error = await assertRejects(() =>
        group.start(async () => {
          await sleepForever().catch((error) => log.push(`task: ${error.message}`));
          await settle();
          log.push("task ends");
        })
      );
      assertStrictEquals(error, reason);
      log.push("start rejects");
    });
    log.push(`body ends, ${signal.aborted}`);
  });
  assertEquals(log, ["task: enough", "task ends", "start rejects", "body ends, false"]);
});

Deno.test("TaskGroup.start() throws what the half-started task of a cancelled caller fails with while it unwinds", async () => {
  const failure = new Error("unwinding");
  await TaskGroup.run((group) =>
    scope(async (_signal, caller) => {
      setImmediate(() => caller.cancel());
      const error = await assertRejects(() => group.start(() => sleepForever().catch(() => Promise.reject(failure))));
      assertStrictEquals(error, failure);
    })
  );
});

Deno.test("TaskGroup.start() of a task that reports too late for its cancelled caller reports its failure once", async () => {
  const failure = new Error("after a late report");
  const error = await assertRejects(
    () =>
      TaskGroup.run(async (group) => {
        await scope((_signal, caller) => {
          setImmediate(() => caller.cancel());
          return group.start<void>(async (_signal, started) => {
            await sleepForever().catch(() => started());
            throw failure;
          });
        });
      }),
    TaskGroupError,
  );
  assertEquals(error.errors, [failure]);
});

Deno.test("TaskGroup.start() rejects with the reason when the task is cancelled before its report", async () => {
  const reason = new Error("done");
  const error = await assertRejects(() =>
    TaskGroup.run(async (group) => {
      const started = group.start(() => sleepForever());
      await settle(1);
      group.cancel(reason);
      await started;
    })
  );
  assertStrictEquals(error, reason);
});

Deno.test("TaskGroup.start() waits for its turn where the concurrency is limited", async () => {
  const log: string[] = [];
  await TaskGroup.run(async (group) => {
    const gate = new Future<void>();
    group.createTask(async () => {
      await gate;
      log.push("first ends");
    });
    setImmediate(() => gate.setResult());
    log.push((await group.start<string>((_signal, started) => started("second starts"))).value);
  }, { concurrency: 1 });
  assertEquals(log, ["first ends", "second starts"]);
});
