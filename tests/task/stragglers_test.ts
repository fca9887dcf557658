import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  allTasks,
  createTask,
  InvalidStateError,
  run,
  scope,
  shield,
  sleepForever,
  StragglerError,
  type TaskFunction,
  TaskGroup,
  TaskGroupError,
  throwIfCancelled,
  timeout,
} from "@weft/async";
import { report, settle, steered, unhandledIn } from "../support.ts";

/** Lets so much fake time pass, and what it brings about happen. */
async function pass(time: FakeTime, ms: number): Promise<void> {
  await settle();
  time.tick(ms);
  await settle();
}

Deno.test("grace bounds the wait after an abort: the call rejects with an error that names what still runs", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const reason = new Error("enough");
  const controller = new AbortController();
  const [quick, deaf, shy] = [
    steered(log, "quick"),
    steered(log, "deaf", { deaf: true }),
    steered(log, "shy", { deaf: true }),
  ];
  const ended = TaskGroup.run((group) => {
    group.createTask(quick.work, { name: "quick" });
    group.createTask(deaf.work, { name: "deaf" });
    group.createTask(shy.work, { name: "shy" });
  }, { signal: controller.signal, grace: 100, name: "web" });
  const reported = report(log, ended);
  await settle();
  controller.abort(reason);
  await pass(time, 99);
  log.push("99 ms");
  await pass(time, 1);
  await reported;
  assertEquals(log, [
    ...["quick starts", "deaf starts", "shy starts", "quick is cancelled", "quick has unwound", "99 ms"],
    'throws StragglerError: Work in TaskGroup "web" still runs 100 ms after the abort: deaf, shy',
  ]);
  const error = await assertRejects(() => ended, StragglerError);
  assertEquals([error.stragglers, error.errors], [["deaf", "shy"], []]);
  assertStrictEquals(error.cause, reason);
  deaf.succeed();
  shy.succeed();
});

Deno.test("grace holds no call up whose work ends in time, and leaves the outcome as it is", async () => {
  const log: string[] = [];
  const late = steered<string>(log, "late", { deaf: true });
  const ended = report(
    log,
    timeout(Infinity, (_signal, deadline) => {
      setImmediate(() => deadline.reschedule(0));
      return late.work();
    }, { grace: 60_000 }),
  );
  await settle();
  late.succeed("value");
  await ended;
  assertEquals(log, ["late starts", "late ends", 'returns "value"']);
});

Deno.test("grace leaves no timer behind, however often the call is aborted", async () => {
  const controller = new AbortController();
  const late = steered<string>([], "late", { deaf: true });
  const ended = TaskGroup.run(async (group) => {
    const task = group.createTask(late.work);
    await settle(1);
    group.cancel();
    controller.abort();
    return await task.promise;
  }, { signal: controller.signal, grace: 60_000 });
  await settle();
  late.succeed("value");
  assertEquals(await ended, "value");
});

Deno.test("grace counts from the first abort, also when that is a failure, whose error the stragglers' one holds", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const failure = new Error("first");
  const deaf = steered(log, "deaf", { deaf: true });
  const controller = new AbortController();
  const ended = assertRejects(() =>
    TaskGroup.run((group) => {
      group.createTask(deaf.work, { name: "deaf" });
      group.createTask(() => Promise.reject(failure));
    }, { signal: controller.signal, grace: 100 }), StragglerError);
  await pass(time, 60);
  controller.abort(new Error("too late"));
  await pass(time, 40);
  const error = await ended;
  assertEquals([error.stragglers, error.errors], [["deaf"], [failure]]);
  assertStrictEquals((error.cause as Error).cause, failure);
  deaf.succeed();
});

Deno.test("grace of a timeout names the timeout as the cause", async () => {
  using time = new FakeTime();
  const deaf = steered([], "deaf", { deaf: true });
  const ended = assertRejects(() => timeout(10, deaf.work, { grace: 5 }), StragglerError);
  await pass(time, 10);
  await pass(time, 5);
  const error = await ended;
  assertEquals(error.message, "Work in timeout of work still runs 5 ms after the abort: its function");
  assertEquals((error.cause as Error).name, "TimeoutError");
  deaf.succeed();
});

Deno.test("grace of an outer call names the work of inner ones", async () => {
  using time = new FakeTime();
  const deaf = steered([], "deaf", { deaf: true });
  const work: Record<string, TaskFunction<unknown>> = {
    "its function": deaf.work,
    "scope of work": () => scope(deaf.work),
    'scope "save"': () => scope(deaf.work, { name: "save" }),
    'shield of work, scope ""': () => {
      void shield(deaf.work);
      return scope(deaf.work, { name: "" });
    },
  };
  for (const [names, fn] of Object.entries(work)) {
    const ended = assertRejects(() =>
      scope((signal, self) => {
        setImmediate(() => self.cancel());
        return fn(signal);
      }, { grace: 5 }), StragglerError);
    await pass(time, 5);
    assertEquals((await ended).stragglers.join(", "), names);
  }
  deaf.succeed();
  await settle();
});

Deno.test("grace of TaskGroup.run names its body too while that runs", async () => {
  using time = new FakeTime();
  const deaf = steered([], "deaf", { deaf: true });
  const bodies: [TaskFunction<unknown>, string[]][] = [
    [() => {}, ["task"]],
    [deaf.work, ["task", "its function"]],
    [() => scope(deaf.work, { name: "in the body" }), ["task", 'scope "in the body"']],
  ];
  for (const [body, names] of bodies) {
    const controller = new AbortController();
    const ended = assertRejects(() =>
      TaskGroup.run((group, signal) => {
        group.createTask(deaf.work, { name: "task" });
        return body(signal);
      }, { signal: controller.signal, grace: 5 }), StragglerError);
    await settle();
    controller.abort();
    await pass(time, 5);
    assertEquals((await ended).stragglers, names);
  }
  deaf.succeed();
  await settle();
});

Deno.test("grace names what runs, and not what was still queued at the abort", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const deaf = steered(log, "deaf", { deaf: true });
  const controller = new AbortController();
  const ended = assertRejects(() =>
    TaskGroup.run((group) => {
      group.createTask(deaf.work, { name: "deaf" });
      group.createTask(() => log.push("queued one ran"), { name: "queued" });
    }, { signal: controller.signal, concurrency: 1, grace: 5 }), StragglerError);
  await settle();
  controller.abort();
  await pass(time, 5);
  assertEquals((await ended).stragglers, ["deaf"]);
  deaf.succeed();
  await settle();
  assertEquals(log, ["deaf starts", "deaf ends"]);
});

Deno.test("Stragglers leave the scope: ancestors do not wait for them, and they stay cancelled", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  const before = allTasks().size;
  const ended = run(async () => {
    await TaskGroup.run(async (outer) => {
      await assertRejects(() =>
        TaskGroup.run((group) => {
          group.createTask(async () => {
            await gate.promise;
            log.push("straggler goes on");
            assertThrows(() => group.createTask(() => {}), InvalidStateError, "the TaskGroup is closed");
            await sleepForever().catch((error) => log.push(`its wait: ${error.message}`));
            await settle();
            log.push("straggler ends");
            finished.resolve();
          });
          setImmediate(() => group.cancel(new Error("enough")));
        }, { grace: 5 }), StragglerError);
      log.push(`size of the outer group: ${outer.size}`);
    });
  }, { signals: false });
  await pass(time, 5);
  await ended;
  log.push(`run ends, ${allTasks().size - before} tasks`);
  gate.resolve();
  await finished.promise;
  assertEquals(log, [
    "size of the outer group: 0",
    "run ends, 0 tasks",
    "straggler goes on",
    "its wait: enough",
    "straggler ends",
  ]);
});

Deno.test("Stragglers that fail late surface once, those that succeed or are cancelled do not", async () => {
  using time = new FakeTime();
  const failures = ["task", "body", "scope", "leftover"].map((name) => new Error(name));
  const [ofTask, ofBody, ofScope, ofLeftover] = failures as [Error, Error, Error, Error];
  const gate = Promise.withResolvers<void>();
  const lateFailure = (failure: unknown) => () => gate.promise.then(() => Promise.reject(failure));
  const unhandled = await unhandledIn(async () => {
    const calls = [
      TaskGroup.run((group) => {
        group.createTask(lateFailure(ofTask));
        group.createTask(() => gate.promise);
        group.createTask(() => gate.promise.then(() => throwIfCancelled()));
        group.createTask(() => Promise.reject(new Error("in time")));
        return lateFailure(ofBody)();
      }, { grace: 5 }),
      scope((_signal, self) => (self.cancel(), lateFailure(ofScope)()), { grace: 5 }),
      run(async () => {
        createTask(lateFailure(ofLeftover));
        createTask(() => gate.promise);
        await null;
      }, { grace: 5, signals: false }),
    ];
    const ended = Promise.all(calls.map((call) => assertRejects(() => call, StragglerError)));
    await pass(time, 5);
    const errors = await ended;
    assertEquals(errors.map((error) => error.stragglers.length), [4, 1, 2]);
    gate.resolve();
    await settle();
  });
  assertEquals(new Set(unhandled), new Set(failures));
  assertEquals(unhandled.length, failures.length);
});

Deno.test("A shield that still runs counts as a straggler and is not cut", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const commit = steered(log, "commit");
  const committed = Promise.withResolvers<void>();
  const ended = assertRejects(() =>
    TaskGroup.run((group) => {
      group.createTask(async () => {
        await sleepForever().catch(() => {});
        await shield(commit.work);
        committed.resolve();
      }, { name: "writer" });
      setImmediate(() => group.cancel());
    }, { grace: 5 }), StragglerError);
  await pass(time, 5);
  assertEquals((await ended).stragglers, ["writer > shield of work"]);
  log.push("group rejects");
  commit.succeed();
  await committed.promise;
  assertEquals(log, ["commit starts", "group rejects", "commit ends"]);
});

Deno.test("grace after TaskGroup.cancel() begins when the body has ended", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const deaf = steered([], "deaf", { deaf: true });
  const body = steered(log, "body");
  const reason = new Error("done");
  const ended = TaskGroup.run(async (group) => {
    group.createTask(deaf.work, { name: "deaf" });
    await settle(1);
    group.cancel(reason);
    await body.work();
  }, { grace: 5 });
  const reported = report(log, ended);
  await pass(time, 60);
  body.succeed();
  await pass(time, 5);
  await reported;
  assertEquals(log, [
    "body starts",
    "body ends",
    "throws StragglerError: Work in TaskGroup still runs 5 ms after the abort: deaf",
  ]);
  assertStrictEquals((await assertRejects(() => ended, StragglerError)).cause, reason);
  deaf.succeed();
});

Deno.test("grace of a group made with new begins at the end of its block, or at join", async () => {
  using time = new FakeTime();
  const deaf = steered([], "deaf", { deaf: true });
  for (const join of [true, false]) {
    const log: string[] = [];
    const ended = report(
      log,
      (async () => {
        const controller = new AbortController();
        await using group = new TaskGroup({ grace: 5, signal: controller.signal });
        group.createTask(deaf.work, { name: "deaf" });
        await settle();
        controller.abort();
        await pass(time, 60);
        log.push("block goes on");
        if (join) await group.join();
      })(),
    );
    await settle(8);
    await pass(time, 5);
    await ended;
    assertEquals(log, [
      "block goes on",
      "throws StragglerError: Work in TaskGroup still runs 5 ms after the abort: deaf",
    ]);
  }
  deaf.succeed();
});

Deno.test("grace of a group made with new does not count its block as a straggler", async () => {
  using time = new FakeTime();
  const failure = new Error("no");
  await using group = new TaskGroup({ grace: 5 });
  group.createTask(() => Promise.reject(failure));
  await pass(time, 60);
  const error = await assertRejects(() => group.join());
  assertInstanceOf(error, TaskGroupError);
  assertEquals(error.errors, [failure]);
});

Deno.test("grace of run bounds the wait for what main has left behind", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const deaf = steered(log, "deaf", { deaf: true });
  const ended = report(
    log,
    run(async () => {
      createTask(deaf.work, { name: "deaf" });
      await settle(1);
      log.push("main ends");
    }, { grace: 5, signals: false }),
  );
  await pass(time, 5);
  await ended;
  deaf.succeed();
  assertEquals(log, [
    "deaf starts",
    "main ends",
    "throws StragglerError: Work in run still runs 5 ms after the abort: deaf",
  ]);
});
