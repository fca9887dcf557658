import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { EventEmitter, once } from "node:events";
import { setTimeout } from "node:timers/promises";
import {
  allTasks,
  currentSignal,
  currentTask,
  Future,
  InvalidStateError,
  scope,
  sleepForever,
  type Task,
  TaskGroup,
  TaskGroupError,
  throwIfCancelled,
  timeout,
} from "@weft/async";
import { collectGarbage, settle } from "../support.ts";

/** Waits until it is cancelled, and notes when that has come. */
function untilCancelled(log: string[], name: string): Promise<never> {
  return sleepForever().finally(() => log.push(`${name} cancelled`));
}

Deno.test("TaskGroup.run() returns the value of its body when the tasks have ended", async () => {
  const log: string[] = [];
  const value = await TaskGroup.run(async (group) => {
    group.createTask(async () => {
      await settle();
      log.push("task ends");
    });
    await null;
    log.push("body ends");
    return 42;
  });
  log.push(`group ends with ${value}`);
  assertEquals(log, ["body ends", "task ends", "group ends with 42"]);
});

Deno.test("TaskGroup.run() also waits for tasks that were started while it was ending", async () => {
  const log: string[] = [];
  const bodyDone = Promise.withResolvers<void>();
  await TaskGroup.run((group) => {
    group.createTask(async () => {
      await bodyDone.promise;
      log.push("child");
      group.createTask(async () => {
        await settle();
        log.push("grandchild");
        group.createTask(() => log.push("great-grandchild"));
      });
    });
    queueMicrotask(bodyDone.resolve);
  });
  log.push("group ends");
  assertEquals(log, ["child", "grandchild", "great-grandchild", "group ends"]);
});

Deno.test("TaskGroup.run() waits for a structured call that a task did not await", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  await TaskGroup.run((group) => {
    group.createTask(() => {
      void scope(async () => {
        await gate.promise;
        log.push("forgotten call ends");
      });
      log.push("function returns");
    });
    setImmediate(gate.resolve);
  });
  log.push("group ends");
  assertEquals(log, ["function returns", "forgotten call ends", "group ends"]);
});

Deno.test("TaskGroup.createTask() starts tasks in microtasks, in the order of the calls, eager ones at once", async () => {
  const log: string[] = [];
  await TaskGroup.run(async (group) => {
    group.createTask(() => log.push("first"));
    group.createTask(() => log.push("second"));
    group.createTask(() => log.push("eager"), { eager: true });
    log.push("body");
    await null;
    log.push("body after a microtask");
  });
  assertEquals(log, ["eager", "body", "first", "second", "body after a microtask"]);
});

Deno.test("TaskGroup.createTask() returns a task that can be awaited", async () => {
  const value = await TaskGroup.run(async (group) => {
    const one = group.createTask(() => Promise.resolve(1));
    const two = group.createTask(() => 2);
    return await one + await two;
  });
  assertEquals(value, 3);
});

Deno.test("TaskGroup.createTask() gives a task the group's scope, and other async-local values of the caller", async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen = await TaskGroup.run((group) =>
    scope((inner) =>
      storage.run("caller", async () => {
        const look = (signal: AbortSignal) => ({
          value: storage.getStore(),
          ownSignal: signal === currentSignal(),
          callersSignal: signal === inner,
          task: currentTask()?.name,
        });
        const soon = group.createTask(look, { name: "soon" });
        const eager = group.createTask(look, { name: "eager", eager: true });
        return [await soon, await eager];
      })
    )
  );
  const expected = { value: "caller", ownSignal: true, callersSignal: false };
  assertEquals(seen, [{ ...expected, task: "soon" }, { ...expected, task: "eager" }]);
});

Deno.test("TaskGroup.createTask() gives a task that had to queue the async-local values of its caller", async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  await TaskGroup.run((group) => {
    for (const value of ["a", "b", "c"]) {
      storage.run(value, () => group.createTask(() => seen.push(storage.getStore())));
    }
  }, { concurrency: 1 });
  assertEquals(seen, ["a", "b", "c"]);
});

Deno.test("TaskGroup.createTask() keeps a task out of an inner scope of its caller", async () => {
  const log: string[] = [];
  await TaskGroup.run(async (group) => {
    const gate = new Future<void>();
    await scope(async (_signal, inner) => {
      group.createTask(async () => {
        await gate;
        log.push("task goes on");
      });
      await null;
      inner.cancel();
      await sleepForever();
    });
    log.push("inner scope ends");
    gate.setResult();
  });
  assertEquals(log, ["inner scope ends", "task goes on"]);
});

Deno.test("TaskGroup.run() aborts siblings and body at the first failure, and holds all failures in order of completion", async () => {
  const log: string[] = [];
  const first = new Error("first");
  const error = await assertRejects(
    () =>
      TaskGroup.run(async (group, signal) => {
        group.createTask(async () => {
          await untilCancelled(log, "late").catch(() => {});
          await settle(6);
          throw new Error("late cleanup");
        });
        group.createTask(async () => {
          await untilCancelled(log, "early").catch(() => {});
          throw new RangeError("early cleanup");
        });
        group.createTask(() => untilCancelled(log, "quiet"));
        group.createTask(() => Promise.reject(first));
        try {
          await untilCancelled(log, "body");
        } catch (reason) {
          log.push(`${signal.reason === reason}, because of "${(reason as Error & { cause: Error }).cause.message}"`);
          await settle(1);
          throw new TypeError("body cleanup");
        }
      }),
    TaskGroupError,
  );
  assertEquals(log, [
    "body cancelled",
    "late cancelled",
    "early cancelled",
    "quiet cancelled",
    `true, because of "first"`,
  ]);
  assertEquals(error.errors.map(String), [
    "Error: first",
    "RangeError: early cleanup",
    "TypeError: body cleanup",
    "Error: late cleanup",
  ]);
  assertStrictEquals(error.cause, first);
  assertEquals(error.name, "TaskGroupError");
  assertEquals(
    error.message,
    "4 failures in TaskGroup: first; early cleanup; body cleanup; and 1 more",
  );
});

Deno.test("TaskGroup.run() rejects with a TaskGroupError also for one failure", async () => {
  const failure = new Error("no luck");
  const error = await assertRejects(
    () => TaskGroup.run((group) => void group.createTask(() => Promise.reject(failure)), { name: "web" }),
    TaskGroupError,
  );
  assertEquals([error.errors, error.cause], [[failure], failure]);
  assertEquals(error.message, `1 failure in TaskGroup "web": no luck`);
});

Deno.test("A TaskGroupError tells the first of many failures, and how many more there are", () => {
  const failures = Array.from({ length: 20_001 }, (_, i) => new Error(`failure ${i}`));
  const error = new TaskGroupError(failures, 'TaskGroup "web"');
  assertEquals(
    error.message,
    '20001 failures in TaskGroup "web": failure 0; failure 1; failure 2; and 19998 more',
  );
  assertEquals(error.errors, failures);
  const three = new TaskGroupError(failures.slice(0, 3));
  assertEquals(three.message, "3 failures in TaskGroup: failure 0; failure 1; failure 2");
});

Deno.test("A TaskGroupError tells the beginning of each of several long failures, and the only one in full", () => {
  const long = new Error("x".repeat(1000));
  assertEquals(new TaskGroupError([long]).message, `1 failure in TaskGroup: ${long.message}`);
  const beginning = `${"x".repeat(200)}…`;
  assertEquals(
    new TaskGroupError([long, "short", long]).message,
    `3 failures in TaskGroup: ${beginning}; short; ${beginning}`,
  );
  let tree: Error = new Error("leaf");
  for (let depth = 0; depth < 20; depth++) tree = new TaskGroupError([tree, tree, tree]);
  assert(tree.message.length < 1000, `${tree.message.length} characters`);
});

Deno.test("TaskGroup.run() inside of others repeats nothing in the message of its only failure", async () => {
  const nest = (depth: number, name?: string): Promise<void> =>
    TaskGroup.run(
      (group) => {
        group.createTask(() => depth > 1 ? nest(depth - 1, name) : Promise.reject(new Error("no luck")));
      },
      name === undefined ? {} : { name },
    );
  const error = await assertRejects(() => nest(5), TaskGroupError);
  assertEquals(error.message, "1 failure in TaskGroup: no luck");
  assertEquals(error.errors.length, 1);
  assertInstanceOf(error.errors[0], TaskGroupError);
  const named = await assertRejects(
    () => TaskGroup.run((group) => void group.createTask(() => nest(2, "pages")), { name: "site" }),
    TaskGroupError,
  );
  assertEquals(named.message, '1 failure in TaskGroup "site": 1 failure in TaskGroup "pages": no luck');
});

Deno.test("TaskGroup.run() holds a failure once that the body passes on from a task", async () => {
  for (const supervise of [false, true]) {
    const failure = new Error("no luck");
    const error = await assertRejects(
      () =>
        TaskGroup.run(async (group) => {
          await group.createTask(() => Promise.reject(failure)).promise;
        }, { supervise }),
      TaskGroupError,
    );
    assertEquals(error.errors, [failure]);
  }
});

Deno.test("TaskGroup.run() counts a function that throws synchronously as one that rejects", async () => {
  const thrown = () => {
    throw new Error("at once");
  };
  const ofTask = await assertRejects(() => TaskGroup.run((group) => void group.createTask(thrown)), TaskGroupError);
  const ofBody = await assertRejects(() => TaskGroup.run(thrown), TaskGroupError);
  assertEquals([ofTask.message, ofBody.message], Array(2).fill("1 failure in TaskGroup: at once"));
});

Deno.test("TaskGroup.run() takes the AbortError as cancellation that a platform function makes of the abort", async () => {
  const failure = new Error("first");
  const errors: unknown[] = [];
  const note = (error: unknown) => {
    errors.push(error);
    throw error;
  };
  const error = await assertRejects(
    () =>
      TaskGroup.run((group) => {
        group.createTask((signal) => setTimeout(60_000, null, { signal }).catch(note));
        group.createTask((signal) => once(new EventEmitter(), "never", { signal }).catch(note));
        group.createTask(() => Promise.reject(failure));
      }),
    TaskGroupError,
  );
  assertEquals(errors.map((error) => (error as Error).name), ["AbortError", "AbortError"]);
  assertEquals(error.errors, [failure]);
});

Deno.test("TaskGroup.run() takes the AbortError of a task that nobody has aborted as a failure", async () => {
  const unprovoked = new DOMException("gave up", "AbortError");
  const error = await assertRejects(
    () => TaskGroup.run((group) => void group.createTask(() => Promise.reject(unprovoked))),
    TaskGroupError,
  );
  assertEquals(error.errors, [unprovoked]);
});

Deno.test("TaskGroup.run() leaves the siblings of a task alone that was cancelled on its own", async () => {
  const log: string[] = [];
  const value = await TaskGroup.run(async (group, signal) => {
    const task = group.createTask(() => untilCancelled(log, "one"));
    group.createTask(async () => {
      await settle();
      log.push("sibling ends");
    });
    await settle(1);
    task.cancel();
    await settle();
    return signal.aborted;
  });
  assertEquals(log, ["one cancelled", "sibling ends"]);
  assertEquals(value, false);
});

Deno.test("TaskGroup.run() aborts and awaits the tasks when the body throws", async () => {
  const log: string[] = [];
  const failure = new Error("body");
  const error = await assertRejects(
    () =>
      TaskGroup.run(async (group) => {
        group.createTask(async () => {
          await untilCancelled(log, "task").catch(() => {});
          await settle();
          log.push("task ends");
        });
        await null;
        throw failure;
      }),
    TaskGroupError,
  );
  log.push("group ends");
  assertEquals(error.errors, [failure]);
  assertEquals(log, ["task cancelled", "task ends", "group ends"]);
});

Deno.test("TaskGroup.run() rejects with the reason itself when only the outside was aborted", async () => {
  const log: string[] = [];
  const reason = new Error("enough");
  const controller = new AbortController();
  const work = (group: TaskGroup) => {
    group.createTask(async () => {
      await untilCancelled(log, "task").catch(() => {});
      await settle();
      log.push("task ends");
      throwIfCancelled();
    });
    return untilCancelled(log, "body");
  };
  const bySignal = TaskGroup.run(work, { signal: controller.signal });
  await settle();
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => bySignal), reason);

  const byScope = await scope((_signal, outer) => {
    setImmediate(() => outer.cancel(reason));
    return assertRejects(() => TaskGroup.run(work));
  });
  assertStrictEquals(byScope, reason);
  assertEquals(log, [...Array(2)].flatMap(() => ["body cancelled", "task cancelled", "task ends"]));
});

Deno.test("TaskGroup.run() throws a task's failure when the outside was aborted too, and the next wait sees the abort", async () => {
  const log: string[] = [];
  const failure = new Error("while unwinding");
  await scope(async (_signal, outer) => {
    setImmediate(() => outer.cancel(new Error("enough")));
    const error = await assertRejects(
      () =>
        TaskGroup.run((group) => {
          group.createTask(() => sleepForever().catch(() => Promise.reject(failure)));
        }),
      TaskGroupError,
    );
    log.push(`group: ${error.errors}`);
    await sleepForever().catch((error) => log.push(`next wait: ${error}`));
  });
  assertEquals(log, ["group: Error: while unwinding", "next wait: Error: enough"]);
});

Deno.test("TaskGroup.run() keeps an abort inside from outer code", async () => {
  const aborted = await scope(async (signal) => {
    await assertRejects(() => TaskGroup.run((group) => void group.createTask(() => Promise.reject(new Error("no")))));
    await TaskGroup.run((group) => {
      group.createTask(() => sleepForever());
      group.cancel();
    });
    await settle();
    throwIfCancelled();
    return [signal.aborted, currentSignal().aborted];
  });
  assertEquals(aborted, [false, false]);
});

Deno.test("TaskGroup.run() of an inner group throws its own failure when the outer fails too, whose abort still arrives", async () => {
  const log: string[] = [];
  const outerFailure = new Error("outer");
  const error = await assertRejects(
    () =>
      TaskGroup.run(async (outer) => {
        const bothFail = Promise.withResolvers<void>();
        outer.createTask(async () => {
          await bothFail.promise;
          throw outerFailure;
        });
        const failed = TaskGroup.run((inner) => {
          inner.createTask(async () => {
            await bothFail.promise;
            throw new Error("inner");
          });
          bothFail.resolve();
        });
        log.push((await assertRejects(() => failed, TaskGroupError)).message);
        await sleepForever().catch((error) => log.push(`next wait: ${error.cause.message}`));
      }),
    TaskGroupError,
  );
  assertEquals(log, ["1 failure in TaskGroup: inner", "next wait: outer"]);
  assertEquals(error.errors, [outerFailure]);
});

Deno.test("TaskGroup.run() lets an outer timeout through that passes while it unwinds", async () => {
  const log: string[] = [];
  const error = await assertRejects(() =>
    timeout(Infinity, (_signal, deadline) =>
      TaskGroup.run(async (group) => {
        group.createTask(async () => {
          await untilCancelled(log, "task").catch(() => {});
          deadline.reschedule(0);
          await untilCancelled(log, "its cleanup");
        });
        await settle(1);
        group.cancel();
      }))
  );
  assertEquals(log, ["task cancelled", "its cleanup cancelled"]);
  assertEquals((error as Error).name, "TimeoutError");
});

Deno.test("TaskGroup.createTask() throws and never runs the function when the group has ended, failed or was aborted", async () => {
  const log: string[] = [];
  const refused = (group: TaskGroup): string => {
    for (const eager of [false, true]) {
      assertThrows(() => group.createTask(() => log.push("ran"), { eager }), InvalidStateError);
    }
    return assertThrows(() => group.createTask(() => log.push("ran")), InvalidStateError).message;
  };

  const ended = await TaskGroup.run((group) => group);
  log.push(refused(ended));

  await assertRejects(() =>
    TaskGroup.run(async (group) => {
      group.createTask(() => Promise.reject(new Error("no")));
      await settle();
      log.push(refused(group));
    })
  );

  const controller = new AbortController();
  await TaskGroup.run((group) => {
    controller.abort(new Error("enough"));
    log.push(refused(group));
  }, { signal: controller.signal });

  await TaskGroup.run((group) => {
    group.cancel(new Error("done"));
    log.push(refused(group));
  });

  await settle();
  assertEquals(log, [
    "Cannot create task: the TaskGroup is closed",
    "Cannot create task: the TaskGroup was aborted: TaskGroup was aborted by a failure: no",
    "Cannot create task: the TaskGroup was aborted: enough",
    "Cannot create task: the TaskGroup was aborted: done",
  ]);
});

Deno.test("TaskGroup.createTask() that is refused in a task of an aborted group counts as its cancellation", async () => {
  const failure = new Error("first");
  const error = await assertRejects(
    () =>
      TaskGroup.run((group) => {
        group.createTask(async () => {
          await sleepForever().catch(() => {});
          group.createTask(() => {});
        });
        group.createTask(() => Promise.reject(failure));
      }),
    TaskGroupError,
  );
  assertEquals(error.errors, [failure]);
});

Deno.test("TaskGroup.createTask() with an eager task that fails at once aborts the siblings and does not hang the group", async () => {
  const log: string[] = [];
  const failure = new Error("at once");
  const error = await assertRejects(
    () =>
      TaskGroup.run(async (group, signal) => {
        group.createTask(() => untilCancelled(log, "running"), { eager: true });
        group.createTask(() => log.push("not started"));
        const task = group.createTask(() => {
          throw failure;
        }, { eager: true });
        log.push(`${task.state}, ${signal.aborted}`);
        await untilCancelled(log, "body");
      }),
    TaskGroupError,
  );
  assertEquals(error.errors, [failure]);
  assertEquals(log, ["rejected, true", "running cancelled", "body cancelled"]);
});

Deno.test("TaskGroup.createTask() with an eager task that cancels the group cancels it and its siblings", async () => {
  const log: string[] = [];
  await TaskGroup.run((group) => {
    group.createTask(() => untilCancelled(log, "running"), { eager: true });
    group.createTask(() => log.push("not started"));
    group.createTask(() => {
      group.cancel();
      return untilCancelled(log, "itself");
    }, { eager: true });
  });
  assertEquals(log, ["running cancelled", "itself cancelled"]);
});

Deno.test("TaskGroup.cancel() aborts the tasks and not the body, and the group ends quietly with the body's value", async () => {
  const log: string[] = [];
  const value = await TaskGroup.run(async (group, signal) => {
    group.createTask(() => untilCancelled(log, "started"));
    await settle(1);
    const unstarted = group.createTask(() => log.push("never"));
    group.cancel();
    group.cancel(new Error("again"));
    log.push(`unstarted: ${unstarted.state}`);
    await settle();
    await scope(() => settle());
    log.push(`body ends, ${signal.aborted}`);
    return 42;
  });
  assertEquals(log, ["unstarted: cancelled", "started cancelled", "body ends, false"]);
  assertEquals(value, 42);
});

Deno.test("TaskGroup.cancel() gives the waits of the tasks its reason, a CancelledError when it has none", async () => {
  const reasons: unknown[] = [];
  const reason = new Error("done");
  for (const args of [[], [reason]]) {
    await TaskGroup.run(async (group) => {
      group.createTask(() => sleepForever().catch((error) => reasons.push(error)));
      await settle(1);
      group.cancel(...args);
      group.cancel(new Error("again"));
      reasons.push((assertThrows(() => group.createTask(() => {})) as Error).cause);
    }, { name: "web" });
  }
  const byDefault = 'AbortError: TaskGroup "web" was cancelled';
  assertEquals(reasons.map(String), [byDefault, byDefault, "Error: done", "Error: done"]);
  assertStrictEquals(reasons[3], reason);
});

Deno.test("TaskGroup.cancel() does not hide what fails while it unwinds", async () => {
  const failure = new Error("cleanup");
  const error = await assertRejects(
    () =>
      TaskGroup.run(async (group) => {
        group.createTask(() => sleepForever().finally(() => Promise.reject(failure)));
        await settle(1);
        group.cancel();
      }),
    TaskGroupError,
  );
  assertEquals(error.errors, [failure]);
});

Deno.test("TaskGroup.cancel() makes a body that awaits a cancelled task reject with the reason", async () => {
  const reason = new Error("done");
  const error = await assertRejects(() =>
    TaskGroup.run(async (group) => {
      const task = group.createTask(() => sleepForever());
      group.cancel(reason);
      await task;
    })
  );
  assertStrictEquals(error, reason);
});

Deno.test("TaskGroup.cancel() does not hide what the body throws, whatever that is", async () => {
  for (const thrown of [new Error("body"), "body", null, undefined]) {
    const error = await assertRejects(
      () =>
        TaskGroup.run(async (group) => {
          group.cancel();
          await null;
          throw thrown;
        }),
      TaskGroupError,
    );
    assertEquals(error.errors, [thrown]);
  }
});

Deno.test("TaskGroup.run() releases tasks that have ended while it goes on", async () => {
  await TaskGroup.run(async (group) => {
    let tasks: Task<{ big: string }>[] | null = ["a", "b", "c"].map((big) => group.createTask(() => ({ big })));
    tasks.push(group.createTask(() => Promise.reject(new Error("d"))));
    const results = [];
    for (const task of tasks.slice(0, 3)) results.push(new WeakRef(await task));
    const refs = [...results, ...tasks.map((task) => new WeakRef(task))];
    assertEquals([group.size, tasks.every((task) => !allTasks().has(task))], [0, true]);
    tasks = null;
    await collectGarbage();
    assertEquals(refs.filter((ref) => ref.deref() !== undefined), []);
  }, { supervise: true }).catch((error) => assertInstanceOf(error, TaskGroupError));
});

Deno.test("TaskGroup.run() with supervise keeps siblings alive and reports all failures at the end", async () => {
  const log: string[] = [];
  const error = await assertRejects(
    () =>
      TaskGroup.run(async (group, signal) => {
        group.createTask(() => Promise.reject(new Error("first")));
        group.createTask(async () => {
          await settle();
          log.push(`sibling ends, ${signal.aborted}`);
          throw new RangeError("second");
        });
        await settle(1);
        group.createTask(() => log.push("started after a failure"));
      }, { supervise: true }),
    TaskGroupError,
  );
  assertEquals(log, ["started after a failure", "sibling ends, false"]);
  assertEquals(error.errors.map(String), ["Error: first", "RangeError: second"]);
});

Deno.test("TaskGroup.run() with supervise still aborts the tasks when the body throws", async () => {
  const log: string[] = [];
  const error = await assertRejects(
    () =>
      TaskGroup.run(async (group) => {
        group.createTask(() => untilCancelled(log, "task"));
        group.createTask(() => Promise.reject(new Error("task")));
        await settle();
        throw new Error("body");
      }, { supervise: true }),
    TaskGroupError,
  );
  assertEquals(log, ["task cancelled"]);
  assertEquals(error.errors.map(String), ["Error: task", "Error: body"]);
});

Deno.test("TaskGroup.run() with concurrency runs so many tasks at once, and starts the others in order", async () => {
  const log: string[] = [];
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const ended = TaskGroup.run((group) => {
    gates.forEach((gate, i) =>
      group.createTask(async () => {
        log.push(`start ${i}`);
        await gate.promise;
      })
    );
  }, { concurrency: 2 });
  for (const i of [1, 0, 3, 2, 4]) {
    await settle(1);
    log.push(`end ${i}`);
    gates[i]!.resolve();
  }
  await ended;
  assertEquals(log, [
    ...["start 0", "start 1", "end 1", "start 2", "end 0", "start 3"],
    ...["end 3", "start 4", "end 2", "end 4"],
  ]);
});

Deno.test("TaskGroup.run() with concurrency gives the place of a task that was cancelled to the next, and no place twice", async () => {
  const log: string[] = [];
  const held = new Future<void>();
  await TaskGroup.run(async (group) => {
    const start = (name: string) =>
      group.createTask(async () => {
        log.push(name);
        await held;
      });
    const running = start("running");
    const queued = start("queued");
    start("next");
    start("last");
    await settle(1);
    queued.cancel();
    await settle(1);
    log.push("queued one cancelled");
    running.cancel();
    await settle(1);
    log.push("running one cancelled");
    held.setResult();
  }, { concurrency: 1 });
  assertEquals(log, ["running", "queued one cancelled", "next", "running one cancelled", "last"]);
});

Deno.test("TaskGroup.run() with concurrency never runs what is queued when it fails, is cancelled or aborted", async () => {
  const log: string[] = [];
  const controller = new AbortController();
  const endings: Record<string, (group: TaskGroup) => void> = {
    fail: () => {
      throw new Error("no");
    },
    cancel: (group) => group.cancel(),
    abort: () => controller.abort(new Error("enough")),
  };
  for (const [name, end] of Object.entries(endings)) {
    let queued: Task<number>[] = [];
    const ended = TaskGroup.run(async (group) => {
      group.createTask(() => sleepForever());
      queued = [1, 2].map(() => group.createTask(() => log.push("ran")));
      await settle(1);
      end(group);
    }, { concurrency: 1, signal: controller.signal });
    const outcome = await ended.then(() => "quietly", (error) => error.message);
    log.push(`${name}: ${outcome}, ${queued.map((task) => task.state)}`);
  }
  assertEquals(log, [
    "fail: 1 failure in TaskGroup: no, cancelled,cancelled",
    "cancel: quietly, cancelled,cancelled",
    "abort: enough, cancelled,cancelled",
  ]);
});

Deno.test("TaskGroup.createTask() with eager starts at once, whatever the concurrency", async () => {
  const log: string[] = [];
  await TaskGroup.run((group) => {
    const gate = Promise.withResolvers<void>();
    group.createTask(() => gate.promise);
    group.createTask(() => log.push("queued"));
    group.createTask(() => log.push("eager"), { eager: true });
    setImmediate(gate.resolve);
  }, { concurrency: 1 });
  assertEquals(log, ["eager", "queued"]);
});

Deno.test("TaskGroup tells its name, size, signal and whether it is closed, and shows them", async () => {
  const log: unknown[] = [];
  const look = (group: TaskGroup) => log.push([group.name, group.size, group.closed, String(group)]);
  const group = await TaskGroup.run(async (group, signal) => {
    assertStrictEquals(group.signal, signal);
    assertStrictEquals(currentSignal(), signal);
    look(group);
    group.createTask(() => sleepForever());
    group.createTask(() => scope(() => settle(1)));
    // A structured call of the body is no task.
    await scope(() => void look(group));
    await settle();
    look(group);
    group.cancel();
    await settle();
    return group;
  }, { name: "web" });
  look(group);
  assertEquals(log, [
    ["web", 0, false, 'TaskGroup "web" { size: 0, closed: false }'],
    ["web", 2, false, 'TaskGroup "web" { size: 2, closed: false }'],
    ["web", 1, false, 'TaskGroup "web" { size: 1, closed: false }'],
    ["web", 0, true, 'TaskGroup "web" { size: 0, closed: true }'],
  ]);
  assertEquals(Deno.inspect(group), 'TaskGroup "web" { size: 0, closed: true }');
});

Deno.test("TaskGroup.run() rejects and runs nothing in a scope or with a signal that is aborted", async () => {
  const reason = new Error("enough");
  const never = () => TaskGroup.run(() => Promise.reject(new Error("ran")));
  await scope(async (_signal, outer) => {
    outer.cancel(reason);
    assertStrictEquals(await assertRejects(never), reason);
  });
  const signal = AbortSignal.abort(reason);
  assertStrictEquals(await assertRejects(() => TaskGroup.run(() => {}, { signal })), reason);
});

Deno.test("TaskGroup.run() rejects wrong arguments before it runs anything", async () => {
  const log: string[] = [];
  const run = (fn: unknown, options?: unknown) => () => TaskGroup.run(fn as () => void, options as object);
  const body = () => log.push("ran");
  for (
    const [wrong, kind, message] of [
      [run(1), TypeError, 'Cannot run TaskGroup: "fn" must be a function, received 1'],
      [run(body, null), TypeError, 'Cannot open TaskGroup: "options" must be an object, received null'],
      [run(body, { name: 1 }), TypeError, '"name" must be a string'],
      [run(body, { signal: {} }), TypeError, '"signal" must be an AbortSignal'],
      [run(body, { supervise: 1 }), TypeError, '"supervise" must be a boolean'],
      [run(body, { grace: "1" }), TypeError, '"grace" must be a number of milliseconds'],
      [run(body, { grace: -1 }), RangeError, '"grace" must be zero or more, received -1'],
      [run(body, { concurrency: 0 }), RangeError, '"concurrency" must be a whole number of at least 1 or Infinity'],
      [run(body, { concurrency: NaN }), RangeError, '"concurrency"'],
      [run(body, { concurrency: 1.5 }), RangeError, '"concurrency"'],
    ] as const
  ) await assertRejects(wrong, kind, message);
  assertEquals(log, []);
});

Deno.test("TaskGroup.createTask() throws wrong arguments and starts nothing", async () => {
  await TaskGroup.run(async (group) => {
    for (const wrong of [[1], [() => {}, 1], [() => {}, { name: 1 }], [() => {}, { eager: 1 }]]) {
      const args = wrong as unknown as Parameters<typeof group.createTask>;
      assertThrows(() => group.createTask(...args), TypeError, "Cannot create task: ");
      await assertRejects(() => group.start(...args as [() => void]), TypeError, "Cannot create task: ");
    }
    assertEquals(group.size, 0);
  });
});

Deno.test("TaskGroupError.find() finds the first failure of a class, also inside of others", () => {
  const deep = new RangeError("deep");
  const error = new TaskGroupError([new Error("flat"), new AggregateError([new TypeError("x"), deep])]);
  assertStrictEquals(error.find(RangeError), deep);
  assertStrictEquals(error.find(TypeError)?.message, "x");
  assertStrictEquals(error.find(SyntaxError), undefined);
});
