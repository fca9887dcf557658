/** Tasks of one copy of the package that are waited for through another: deadlocks, and who is cancelled. */

import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import * as ours from "@weft/async";
import { copyOfPackage, report, settle, unhandledIn } from "../support.ts";

const LIMIT = { timeout: 10_000 };

const copy = await copyOfPackage();
const theirs: typeof ours = await import(copy.url);
await copy.remove();

type Package = typeof ours;
const reason = new Error("enough");
const pairs = [["ours for a task of theirs", ours, theirs], ["theirs for a task of ours", theirs, ours]] as const;

/** The ways to wait for a promise. */
const WAYS: Record<string, (of: Package, promise: PromiseLike<unknown>) => PromiseLike<unknown>> = {
  "waitFor()": (of, promise) => of.waitFor(promise),
  "waitFor() with timeout": (of, promise) => of.waitFor(promise, { timeout: 3_600_000 }),
  "wait()": (of, promise) => of.wait([promise]),
  "gather()": (of, promise) => of.gather([promise]),
  "gather() with concurrency": (of, promise) => of.gather([promise, () => null], { concurrency: 1 }),
  "race()": (of, promise) => of.race([promise]),
  "firstSuccess()": (of, promise) => of.firstSuccess([promise]),
  "asCompleted()": (of, promise) => Array.fromAsync(of.asCompleted([promise])),
};

/** What a wait comes to: the value in whatever shape, or the error. */
async function outcomeOf(wait: PromiseLike<unknown>): Promise<unknown> {
  try {
    const value = await wait;
    if (Array.isArray(value)) return value[0];
    const done = (value as { done?: Set<PromiseLike<unknown>> }).done;
    return done === undefined ? value : await [...done][0];
  } catch (error) {
    return error;
  }
}

for (const [name, waiting, making] of pairs) {
  for (const [way, wait] of Object.entries(WAYS)) {
    Deno.test(`${way} of ${name} rejects when the task waits for itself`, LIMIT, async () => {
      let error: unknown;
      const task: ours.Task<void> = making.createTask(async () => {
        error = await outcomeOf(wait(waiting, task));
      }, { name: "worker" });
      await settle(5);
      task.cancel(reason);
      await settle(1);
      const errors = error instanceof AggregateError ? error.errors : [error];
      assertEquals(errors.length, 1);
      assertInstanceOf(errors[0], DOMException);
      assertEquals(errors[0].name, "InvalidStateError");
      assertMatch(errors[0].message, /Cannot await worker/);
    });

    Deno.test(`${way} of ${name} rejects when the task can end only after the one that waits`, LIMIT, async () => {
      let error: unknown;
      const task: ours.Task<void> = making.createTask(async () => {
        await waiting.scope(async () => {
          error = await outcomeOf(wait(waiting, task));
        });
      });
      await settle(5);
      task.cancel(reason);
      await settle(1);
      const errors = error instanceof AggregateError ? error.errors : [error];
      assertEquals(errors.map(({ name }) => name), ["InvalidStateError"]);
    });

    Deno.test(`${way} of ${name} in a scope that is aborted cancels no other wait for the task`, LIMIT, async () => {
      const log: string[] = [];
      const gate = Promise.withResolvers<string>();
      const unhandled = await unhandledIn(async () => {
        const task = making.createTask(() => gate.promise);
        const others: Promise<unknown>[] = [];
        await waiting.scope(async (_signal, self) => {
          const first = outcomeOf(wait(waiting, task)).then((error) => log.push(`first: ${error}`));
          await settle(1);
          self.cancel(reason);
          await first;
        });
        for (const other of Object.values(WAYS)) others.push(outcomeOf(other(waiting, task)));
        await settle(1);
        gate.resolve("value");
        log.push(`others: ${await Promise.all(others)}`, task.state);
      });
      assertEquals([log, unhandled], [
        ["first: Error: enough", `others: ${Object.keys(WAYS).map(() => "value")}`, "fulfilled"],
        [],
      ]);
    });

    Deno.test(
      `${way} of ${name} in a scope that is aborted spares the waits that were there with it`,
      LIMIT,
      async () => {
        const log: string[] = [];
        const gate = Promise.withResolvers<string>();
        const task = making.createTask(() => gate.promise);
        const aborted = waiting.scope(async (_signal, self) => {
          const first = outcomeOf(wait(waiting, task)).then((error) => log.push(`first: ${error}`));
          await settle(2);
          self.cancel(reason);
          await first;
        });
        await settle(1);
        const others = Object.values(WAYS).map((other) => outcomeOf(other(waiting, task)));
        await aborted;
        await settle(1);
        gate.resolve("value");
        assertEquals(await Promise.all(others), Object.keys(WAYS).map(() => "value"));
        assertEquals(log, ["first: Error: enough"]);
      },
    );

    Deno.test(
      `${way} of ${name} ends with the scope that it is called in, and leaves the task alone`,
      LIMIT,
      async () => {
        const log: string[] = [];
        const gate = Promise.withResolvers<void>();
        const task = making.createTask(() => gate.promise);
        await waiting.scope(async (_signal, self) => {
          setImmediate(() => self.cancel(reason));
          await report(log, wait(waiting, task));
        });
        log.push(task.state);
        gate.resolve();
        await task;
        assertEquals(log, ["throws Error: enough", "pending"]);
      },
    );
  }
}
