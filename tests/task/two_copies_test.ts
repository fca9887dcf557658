/** Two copies of the package in one program, as two versions of it would be: each sees the other's scopes. */

import { assertEquals, assertNotStrictEquals, assertRejects, assertStrictEquals } from "@std/assert";
import * as ours from "@weft/async";
import { copyOfPackage, report, settle } from "../support.ts";

const copy = await copyOfPackage();
const theirs: typeof ours = await import(copy.url);
await copy.remove();

const reason = new Error("enough");
const pairs = [["ours around theirs", ours, theirs], ["theirs around ours", theirs, ours]] as const;

Deno.test("Two copies of the package are two", () => {
  assertNotStrictEquals(theirs.TaskGroup, ours.TaskGroup);
  assertEquals(theirs.hasAmbientScope(), true);
});

for (const [name, outer, inner] of pairs) {
  Deno.test(`Two copies, ${name}: an abort of a scope reaches waits, tasks and groups`, async () => {
    const waits: Record<string, () => PromiseLike<unknown>> = {
      wait: () => inner.sleepForever(),
      future: () => new inner.Future<void>(),
      scope: () => inner.scope(() => inner.sleepForever()),
      group: () => inner.TaskGroup.run((group) => group.createTask(() => inner.sleepForever()).promise),
      gather: () => inner.gather([() => inner.sleepForever(), () => outer.sleepForever()]),
      run: () => inner.run(() => inner.sleepForever()),
      "signal of a scope": () => inner.scope((signal) => outer.sleepForever({ signal })),
      "task of the other": () => inner.createTask(() => settle()).then(() => inner.throwIfCancelled()),
    };
    for (const [what, wait] of Object.entries(waits)) {
      const error = await assertRejects(async () => {
        let error: unknown;
        await outer.scope(async (_signal, self) => {
          setImmediate(() => self.cancel(reason));
          await wait().then(() => {}, (thrown) => error = thrown);
          assertEquals([inner.isCancellation(reason), inner.currentSignal().reason === reason], [true, true], what);
        });
        throw error;
      });
      assertStrictEquals(error, reason, what);
    }
  });

  Deno.test(`Two copies, ${name}: an abort inside stays inside`, async () => {
    const log: unknown[] = [];
    await outer.scope(async (signal) => {
      log.push(await inner.moveOnAfter(0, () => outer.sleepForever()));
      log.push((await assertRejects(() => inner.timeout(0, () => outer.sleepForever())) as Error).name);
      await inner.TaskGroup.run((group) => {
        group.createTask(() => outer.sleepForever());
        setImmediate(() => group.cancel());
      });
      log.push(signal.aborted);
    });
    assertEquals(log, [undefined, "TimeoutError", false]);
  });

  Deno.test(`Two copies, ${name}: a shield keeps the abort away`, async () => {
    await outer.scope(async (_signal, self) => {
      self.cancel();
      assertEquals(await inner.shield(() => outer.yieldNow().then(() => "saved")), "saved");
    });
  });

  Deno.test(`Two copies, ${name}: tasks are seen, awaited and cancelled`, async () => {
    const log: string[] = [];
    const task = inner.createTask(async () => {
      log.push(`${outer.currentTask() === inner.currentTask()}`, outer.currentTask()!.name);
      await outer.sleepForever();
    }, { name: "inner" });
    await settle(1);
    log.push(Array.from(outer.allTasks(), ({ name }) => name).join());
    setImmediate(() => task.cancel(reason));
    await outer.createTask(() => report(log, task));
    assertEquals([log, outer.allTasks().size], [["true", "inner", "inner", "throws Error: enough"], 0]);
  });

  Deno.test(`Two copies, ${name}: a task that awaits itself throws`, async () => {
    const task: ours.Task<unknown> = inner.createTask(() => outer.scope(async () => await task), { name: "worker" });
    const error = await assertRejects(async () => await task);
    assertEquals((error as Error).message, "Cannot await worker: it is the task that awaits");
  });

  Deno.test(`Two copies, ${name}: a run owns the independent tasks of both`, async () => {
    const failure = new Error("not saved");
    const error = await assertRejects(() =>
      outer.run(async () => {
        inner.createTask(() => outer.sleepForever().catch(() => Promise.reject(failure)));
        await settle();
        return 42;
      }, { signals: false })
    );
    assertEquals([(error as ours.LeftoverError).result, (error as ours.LeftoverError).errors], [42, [failure]]);
  });

  Deno.test(`Two copies, ${name}: a failure of the one is a failure in the other`, async () => {
    const failure = new Error("no luck");
    const error = await assertRejects(() =>
      outer.TaskGroup.run((group) => {
        group.createTask(() => inner.sleepForever());
        group.createTask(() => inner.scope(() => Promise.reject(failure)));
      })
    );
    assertEquals((error as ours.TaskGroupError).errors, [failure]);
  });
}
