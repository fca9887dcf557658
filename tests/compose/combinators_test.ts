/** What all combinators have in common. */

import { assertEquals } from "@std/assert";
import {
  asCompleted,
  createTask,
  firstSuccess,
  gather,
  map,
  race,
  scope,
  shield,
  sleepForever,
  wait,
} from "@weft/async";
import { report, settle, unhandledIn } from "../support.ts";

type Functions = ((signal: AbortSignal) => unknown)[];
type Options = { signal?: AbortSignal; concurrency?: number; name?: string };

/** Runs functions through each of them to the end. */
const RUNNERS: Record<string, (functions: Functions, options?: Options) => Promise<unknown>> = {
  gather,
  "gather with settled": (functions, options) => gather(functions, { ...options, settled: true }),
  "gather with concurrency": (functions, options) => gather(functions, { ...options, concurrency: 2 }),
  race,
  firstSuccess,
  asCompleted: (functions, options) => Array.fromAsync(asCompleted(functions, options)),
  "asCompleted with settled": (functions, options) =>
    Array.fromAsync(asCompleted(functions, { ...options, settled: true })),
  map: (functions, options) => Array.fromAsync(map(functions, (fn, signal) => fn(signal), options)),
  "map with ordered": (functions, options) =>
    Array.fromAsync(map(functions, (fn, signal) => fn(signal), { ...options, ordered: true })),
  "map with settled": (functions, options) =>
    Array.fromAsync(map(functions, (fn, signal) => fn(signal), { ...options, settled: true })),
};

/** Awaits promises through each of them that takes promises. */
const AWAITERS: Record<string, (promises: Promise<unknown>[], options?: Options) => Promise<unknown>> = {
  gather,
  "gather with concurrency": (promises, options) => gather(promises, { ...options, concurrency: 1 }),
  race,
  firstSuccess,
  asCompleted: (promises, options) => Array.fromAsync(asCompleted(promises, options)),
  "asCompleted with concurrency": (promises, options) =>
    Array.fromAsync(asCompleted(promises, { ...options, concurrency: 1 })),
  wait,
};

for (const [name, start] of Object.entries(RUNNERS)) {
  Deno.test(`${name} causes no unhandled rejection, however its functions fail`, async () => {
    const unhandled = await unhandledIn(async () => {
      const failures: Functions = [
        () => Promise.reject(new Error("soon")),
        () => settle().then(() => Promise.reject(new Error("later"))),
        () => sleepForever().finally(() => Promise.reject(new Error("while it unwinds"))),
        () => {
          throw new Error("at once");
        },
      ];
      const turns = [failures, failures.toReversed(), [...failures, () => Promise.resolve("a value")]];
      for (const functions of turns) {
        const controller = new AbortController();
        const call = start(functions, { signal: controller.signal }).catch(() => {});
        await settle(5);
        controller.abort();
        await call;
      }
    });
    assertEquals(unhandled, []);
  });

  Deno.test(`${name} settles only after all it started has ended, shielded work too`, async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const slow = () =>
      sleepForever().finally(() =>
        shield(async () => {
          await settle();
          log.push("ended");
        })
      );
    const call = report(log, start([slow, slow], { signal: controller.signal }));
    await settle();
    controller.abort("enough");
    await call;
    assertEquals(log, ["ended", "ended", "throws enough"]);
  });

  Deno.test(`${name} waits for what an aborted outside has it end, and rejects with the outside's reason`, async () => {
    const log: string[] = [];
    await scope(async (_signal, outer) => {
      await scope(async (_signal, inner) => {
        const call = report(log, start([() => sleepForever()]));
        await settle();
        outer.cancel("the outer");
        inner.cancel("the inner");
        await call;
      });
    });
    assertEquals(log, ["throws the outer"]);
  });
}

for (const [name, start] of Object.entries(AWAITERS)) {
  Deno.test(`${name} causes no unhandled rejection, whenever the promises it was given fail`, async () => {
    const failing = (turns: number) => settle(turns).then(() => Promise.reject(new Error(`after ${turns} turns`)));
    const unhandled = await unhandledIn(async () => {
      await start([failing(1), failing(2), Promise.reject(new Error("at once")), failing(3)]).catch(() => {});
      await settle(5);
    });
    assertEquals(unhandled, []);
  });

  Deno.test(`${name} causes no unhandled rejection when the promises it was given fail after an abort`, async () => {
    const failing = () => settle().then(() => Promise.reject(new Error("late")));
    const unhandled = await unhandledIn(async () => {
      const task = createTask(failing);
      await start([failing(), task.promise], { signal: AbortSignal.abort() }).catch(() => {});
      const controller = new AbortController();
      const call = start([failing(), createTask(failing).promise], { signal: controller.signal }).catch(() => {});
      controller.abort();
      await call;
      await scope(async (_signal, self) => {
        const promises = [failing(), failing()];
        self.cancel();
        await start(promises).catch(() => {});
      });
      await settle(5);
    });
    assertEquals(unhandled, []);
  });
}

Deno.test("gather(), race() and asCompleted() hear of promises behind a function that stops the rest", async () => {
  const late = () => settle().then(() => Promise.reject(new Error("late")));
  const thrower = () => {
    throw new Error("at once");
  };
  const unhandled = await unhandledIn(async () => {
    for (const concurrency of [1, 2, Infinity]) {
      await gather([thrower, late()], { concurrency }).catch(() => {});
      await gather([thrower, createTask(late)], { concurrency }).catch(() => {});
      await asCompleted([thrower, late()], { concurrency }).next().catch(() => {});
    }
    await race([() => "at once", late(), createTask(late)]);
    await settle(5);
  });
  assertEquals(unhandled, []);
});

Deno.test("gather() in an aborted scope hears of the tasks it was given", async () => {
  const unhandled = await unhandledIn(async () => {
    await scope(async (_signal, self) => {
      const task = createTask(() => settle(1).then(() => Promise.reject(new Error("late"))));
      self.cancel();
      await gather([task]).catch(() => {});
    });
    await settle(5);
  });
  assertEquals(unhandled, []);
});
