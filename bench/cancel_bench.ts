/**
 * Many sleepers that are cancelled at once, and joined.
 *
 * @module
 */

import { scope, sleep } from "@weft/async";
import { cancelledTimers, type Load } from "./floors.ts";
import { delay, Effect, effection, Fiber, toolkit } from "./peers.ts";
import { theme } from "./theme.ts";

const LONG = 60_000;

/** Sleeps that take a signal. Returns how many were cancelled. */
async function bySignal({ length }: Load, start: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const controller = new AbortController();
  const all = Promise.allSettled(Array.from({ length }, () => start(controller.signal)));
  controller.abort();
  return (await all).filter(({ status }) => status === "rejected").length;
}

export default theme({
  name: "cancel",
  title: "a sleeper that is cancelled",
  floor: "setTimeout and a listener by hand",
  calls: false,
  contenders: {
    "setTimeout and a listener by hand": cancelledTimers,
    "weft scope": async ({ length }) => {
      let cancelled = 0;
      await scope(async (_signal, self) => {
        const all = Promise.allSettled(Array.from({ length }, () => sleep(LONG)));
        self.cancel();
        cancelled = (await all).filter(({ status }) => status === "rejected").length;
      });
      return cancelled;
    },
    "weft signal": (load) => bySignal(load, (signal) => sleep(LONG, { signal })),
    Effect: async ({ length }) => {
      let cancelled = 0;
      const one = Effect.onInterrupt(Effect.sleep(LONG), () => Effect.sync(() => cancelled++));
      const fiber = Effect.runFork(Effect.all(Array.from({ length }, () => one), { concurrency: "unbounded" }));
      await Effect.runPromise(Fiber.interrupt(fiber));
      return cancelled;
    },
    Effection: async ({ length }) => {
      let cancelled = 0;
      const { ensure, sleep, run, all } = effection;
      const one = function* () {
        yield* ensure(() => void cancelled++);
        yield* sleep(LONG);
      };
      const task = run(() => all(Array.from({ length }, () => ({ [Symbol.iterator]: one }))));
      task.catch(() => {});
      await Promise.resolve();
      await task.halt();
      return cancelled;
    },
    "es-toolkit": (load) => bySignal(load, (signal) => toolkit.delay(LONG, { signal })),
    "@std/async": (load) => bySignal(load, (signal) => delay(LONG, { signal })),
  },
  cannot: {
    "p-limit": "cancels nothing that runs",
    "p-map": "cancels nothing that runs",
    "async-mutex": "cancels all waiters or none",
  },
});
