import { CancelledError, RateLimiter, Semaphore } from "@weft/async";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { seeded, settle } from "../support.ts";

Deno.test("Semaphore.acquire() serves the highest priority first, and equals in the order of their calls", async () => {
  const semaphore = new Semaphore(1);
  const held = await semaphore.acquire();
  const log: string[] = [];
  for (const [name, priority] of [["a", 0], ["b", 5], ["c", -1], ["d", 5], ["e", undefined]] as const) {
    semaphore.acquire({ priority }).then((permit) => {
      log.push(name);
      permit.release();
    });
  }
  assertEquals(semaphore.waiting, 5);
  held.release();
  await settle();
  assertEquals([log, semaphore.waiting, semaphore.availablePermits], [["b", "d", "a", "e", "c"], 0, 1]);
});

Deno.test("Semaphore.acquire() of a higher priority takes permits that do not suffice for the first waiter", async () => {
  const semaphore = new Semaphore(2);
  const held = await semaphore.acquire();
  const log: string[] = [];
  semaphore.acquire({ weight: 2 }).then(() => log.push("heavy"));
  semaphore.acquire({ priority: 1 }).then(() => log.push("urgent"));
  await settle();
  assertEquals([log, semaphore.waiting], [["urgent"], 1]);
  held.release();
});

Deno.test("Semaphore.acquire() keeps the order of random priorities, cancelled ones included", async () => {
  const random = seeded(7);
  const semaphore = new Semaphore(1);
  const held = await semaphore.acquire();
  const waiters = Array.from({ length: 200 }, (_, index) => ({ index, priority: Math.floor(random() * 20) - 10 }));
  const served: number[] = [];
  const controllers = waiters.map(({ index, priority }) => {
    const controller = new AbortController();
    semaphore.acquire({ priority, signal: controller.signal }).then((permit) => {
      served.push(index);
      permit.release();
    }, () => {});
    return controller;
  });
  const cancelled = new Set(waiters.filter(() => random() < 0.3).map(({ index }) => index));
  for (const index of cancelled) controllers[index]!.abort();
  held.release();
  await settle();
  const expected = waiters.filter(({ index }) => !cancelled.has(index)).toSorted((a, b) => b.priority - a.priority);
  assertEquals(served, expected.map(({ index }) => index));
});

Deno.test("Semaphore.rejectWaiting() rejects all waiters, and leaves held permits and later calls alone", async () => {
  const semaphore = new Semaphore(1);
  const held = await semaphore.acquire();
  const reason = new Error("shutting down");
  const waits = [semaphore.acquire(), semaphore.acquire({ priority: 3 }), semaphore.run(() => {})];
  semaphore.rejectWaiting(reason);
  for (const wait of waits) assertStrictEquals(await assertRejects(() => wait), reason);
  const later = semaphore.acquire();
  held.release();
  (await later).release();
  assertEquals(semaphore.availablePermits, 1);
  const again = await semaphore.acquire();
  const rejected = assertRejects(() => semaphore.acquire(), CancelledError);
  semaphore.rejectWaiting();
  await rejected;
  again.release();
});

Deno.test("RateLimiter.acquire() serves the highest priority first, and rejectWaiting() rejects all", async () => {
  using time = new FakeTime();
  const limiter = new RateLimiter({ limit: 1, interval: 100 });
  await limiter.acquire();
  const log: string[] = [];
  for (const [name, priority] of [["a", 0], ["b", 1], ["c", 1]] as const) {
    limiter.acquire({ priority }).then(() => log.push(name), (error) => log.push(`${name}: ${error.message}`));
  }
  await time.tickAsync(200);
  assertEquals(log, ["b", "c"]);
  limiter.rejectWaiting(new Error("shutting down"));
  await settle();
  assertEquals([log, limiter.waiting], [["b", "c", "a: shutting down"], 0]);
});
