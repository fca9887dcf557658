/**
 * Many callers that wait for one lock.
 *
 * @module
 */

import { Lock } from "@weft/async";
import { Fifo } from "./floors.ts";
import { AsyncMutex, Effect, EffectSemaphore, pLimit, PQueue, Sema, toolkit } from "./peers.ts";
import { through } from "./semaphore_bench.ts";
import { theme } from "./theme.ts";

export default theme({
  name: "lock",
  title: "a caller of a lock",
  floor: "array by hand",
  limit: 1,
  contenders: {
    "array by hand": (load) => {
      const fifo = new Fifo(1);
      return through(load, () => fifo.acquire(), () => fifo.release());
    },
    "weft Lock": (load) => {
      const lock = new Lock();
      return through(load, () => lock.acquire(), () => lock.release());
    },
    "async-mutex": (load) => {
      const mutex = new AsyncMutex();
      return through(load, () => mutex.acquire(), () => mutex.release());
    },
    "async-sema": (load) => {
      const sema = new Sema(1, { capacity: load.length });
      return through(load, () => sema.acquire(), () => sema.release());
    },
    "es-toolkit": (load) => {
      const mutex = new toolkit.Mutex();
      return through(load, () => mutex.acquire(), () => mutex.release());
    },
    "p-limit": (load) => {
      const limit = pLimit(1);
      return Promise.all(load.map((work) => limit(() => work())));
    },
    "p-queue": (load) => new PQueue({ concurrency: 1 }).addAll(load.map((work) => () => work())),
    Effect: (load) => {
      const semaphore = EffectSemaphore.makeUnsafe(1);
      return Effect.runPromise(Effect.all(
        load.map((work) => semaphore.withPermits(1)(Effect.promise(() => work()))),
        { concurrency: "unbounded" },
      ));
    },
  },
  lacks: {
    "async-mutex": "has waiters that cannot be cancelled one by one",
    "async-sema": "has waiters that cannot be cancelled one by one",
    "es-toolkit": "has waiters that cannot be cancelled one by one",
    "p-limit": "has waiters that cannot be cancelled one by one",
  },
  cannot: {
    "p-map": "runs lists only",
    "@std/async": "has no lock",
    Effection: "has no lock",
  },
});
