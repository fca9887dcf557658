/**
 * Many callers that wait for ten permits.
 *
 * @module
 */

import { Semaphore } from "@weft/async";
import { Fifo, type Load } from "./floors.ts";
import { Effect, EffectSemaphore, MutexSemaphore, pLimit, PQueue, Sema, toolkit } from "./peers.ts";
import { theme } from "./theme.ts";

const PERMITS = 10;

/** All callers at once: each acquires, works, and releases. */
export function through(load: Load, acquire: () => Promise<unknown>, release: () => void): Promise<number[]> {
  return Promise.all(load.map(async (work) => {
    await acquire();
    try {
      return await work();
    } finally {
      release();
    }
  }));
}

export default theme({
  name: "semaphore",
  title: "a caller of a semaphore of 10",
  floor: "array by hand",
  limit: PERMITS,
  contenders: {
    "array by hand": (load) => {
      const fifo = new Fifo(PERMITS);
      return through(load, () => fifo.acquire(), () => fifo.release());
    },
    "weft Semaphore": (load) => {
      const semaphore = new Semaphore(PERMITS);
      return through(load, () => semaphore.acquire(), () => semaphore.release());
    },
    "async-mutex": (load) => {
      const semaphore = new MutexSemaphore(PERMITS);
      return through(load, () => semaphore.acquire(), () => semaphore.release());
    },
    "async-sema": (load) => {
      const sema = new Sema(PERMITS, { capacity: load.length });
      return through(load, () => sema.acquire(), () => sema.release());
    },
    "es-toolkit": (load) => {
      const semaphore = new toolkit.Semaphore(PERMITS);
      return through(load, () => semaphore.acquire(), () => semaphore.release());
    },
    "p-limit": (load) => {
      const limit = pLimit(PERMITS);
      return Promise.all(load.map((work) => limit(() => work())));
    },
    "p-queue": (load) => new PQueue({ concurrency: PERMITS }).addAll(load.map((work) => () => work())),
    Effect: (load) => {
      const semaphore = EffectSemaphore.makeUnsafe(PERMITS);
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
    "@std/async": "has no semaphore",
    Effection: "has no semaphore",
  },
});
