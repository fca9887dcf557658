/**
 * Limits and mutual exclusion: when a permit is free, and when many wait for it.
 *
 * async-mutex is what one would pick instead; p-limit is a limit of functions only. Neither takes a signal, so that a
 * caller who gives up stays in their queue.
 *
 * @module
 */

import { Semaphore } from "@weft/async";

import { Fifo } from "./floors.ts";
import { Mutex, MutexSemaphore, pLimit } from "./others.ts";

async function work(): Promise<void> {
  await null;
}

const free = { group: "one permit, which is free" };

const semaphore = new Semaphore(1);

Deno.bench("Semaphore.acquire + release", { ...free, baseline: true }, async () => {
  const permit = await semaphore.acquire();
  permit.release();
});

Deno.bench("Semaphore.acquire, using", free, async () => {
  using _permit = await semaphore.acquire();
});

const mutexSemaphore = new MutexSemaphore(1);

Deno.bench("Semaphore.acquire of async-mutex", free, async () => {
  const [, release] = await mutexSemaphore.acquire();
  release();
});

const mutex = new Mutex();

Deno.bench("Mutex.acquire of async-mutex", free, async () => {
  const release = await mutex.acquire();
  release();
});

const call = { group: "a function under one permit, which is free" };

Deno.bench("Semaphore.run", { ...call, baseline: true }, async () => {
  await semaphore.run(work);
});

Deno.bench("Mutex.runExclusive of async-mutex", call, async () => {
  await mutex.runExclusive(work);
});

const limit = pLimit(1);

Deno.bench("p-limit", call, async () => {
  await limit(work);
});

for (const permits of [1, 10]) {
  const group = `1,000 callers, ${permits} at a time`;
  const callers = Array.from({ length: 1000 }, () => work);

  Deno.bench("Semaphore.acquire + release", { group, baseline: true }, async () => {
    const semaphore = new Semaphore(permits);
    await Promise.all(callers.map(async (work) => {
      const permit = await semaphore.acquire();
      await work();
      permit.release();
    }));
  });

  Deno.bench("Semaphore.run", { group }, async () => {
    const semaphore = new Semaphore(permits);
    await Promise.all(callers.map((work) => semaphore.run(work)));
  });

  Deno.bench("Semaphore.runExclusive of async-mutex", { group }, async () => {
    const semaphore = new MutexSemaphore(permits);
    await Promise.all(callers.map((work) => semaphore.runExclusive(work)));
  });

  Deno.bench("p-limit", { group }, async () => {
    const limit = pLimit(permits);
    await Promise.all(callers.map((work) => limit(work)));
  });

  Deno.bench("a FIFO by hand", { group }, async () => {
    const fifo = new Fifo(permits);
    await Promise.all(callers.map(async (work) => {
      await fifo.acquire();
      await work();
      fifo.release();
    }));
  });
}
