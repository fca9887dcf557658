/** What `Semaphore.resize` does with those who wait for more permits than there will be. */

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { scope, Semaphore } from "@weft/async";
import { countedSignal, settle } from "../support.ts";

const LIMIT = { timeout: 10_000 };

/** A semaphore all of whose permits are taken, and a log of what becomes of those who wait. */
function taken(permits: number) {
  const semaphore = new Semaphore(permits);
  const permit = semaphore.tryAcquire({ weight: permits })!;
  const log: string[] = [];
  const wait = (name: string, weight: number, signal?: AbortSignal) =>
    semaphore.acquire({ weight, signal }).then(({ weight }) => log.push(`${name} has ${weight}`), (error) => {
      log.push(`${name} throws ${error.name}`);
    });
  return { semaphore, permit, log, wait };
}

Deno.test("Semaphore.resize() below a waiting weight refuses it with the error of a new request", LIMIT, async () => {
  const { semaphore, permit } = taken(3);
  const waiting = semaphore.acquire({ weight: 3 });
  semaphore.resize(2);
  const error = await assertRejects(() => waiting, RangeError);
  const refused = await assertRejects(() => semaphore.acquire({ weight: 3 }), RangeError);
  assertEquals([error.message, semaphore.waiting], [refused.message, 0]);
  permit.release();
  assertEquals(semaphore.availablePermits, 2);
});

Deno.test("Semaphore.resize() below the weight at the head lets those behind it go on", LIMIT, async () => {
  const { semaphore, permit, log, wait } = taken(3);
  void wait("heavy", 3);
  void wait("light", 1);
  void wait("middle", 2);
  void wait("last", 1);
  semaphore.resize(2);
  await settle();
  log.push("resized");
  permit.release();
  await settle();
  assertEquals(log, ["heavy throws RangeError", "resized", "light has 1"]);
  assertEquals([semaphore.waiting, semaphore.availablePermits], [2, 1]);
  semaphore.release();
  await settle();
  semaphore.release(2);
  await settle();
  assertEquals(log.slice(3), ["middle has 2", "last has 1"]);
});

Deno.test("Semaphore.resize() refuses all who wait for more than there are, wherever they stand", LIMIT, async () => {
  const { semaphore, permit, log, wait } = taken(5);
  for (const [name, weight] of [["a", 2], ["b", 5], ["c", 3], ["d", 4], ["e", 1]] as const) void wait(name, weight);
  semaphore.resize(3);
  await settle();
  assertEquals([log, semaphore.waiting], [["b throws RangeError", "d throws RangeError"], 3]);
  permit.release();
  await settle();
  assertEquals(log.slice(2), ["a has 2"]);
  semaphore.release(2);
  await settle();
  semaphore.release(3);
  await settle();
  assertEquals(log.slice(3), ["c has 3", "e has 1"]);
});

Deno.test(
  "Semaphore.resize() keeps one who waits for a single permit, and a weight that just fits",
  LIMIT,
  async () => {
    const { semaphore, permit, log, wait } = taken(2);
    void wait("one", 1);
    void wait("two", 2);
    semaphore.resize(2);
    permit.release();
    await settle();
    assertEquals([log, semaphore.waiting], [["one has 1"], 1]);
    semaphore.resize(0);
    void wait("another", 1);
    await settle();
    assertEquals([log, semaphore.waiting], [["one has 1", "two throws RangeError"], 1]);
    semaphore.release();
    semaphore.resize(1);
    await settle();
    assertEquals(log.slice(2), ["another has 1"]);
  },
);

Deno.test("Semaphore.resize() admits in the same turn whom the refused one has kept waiting", LIMIT, async () => {
  const semaphore = new Semaphore(4);
  semaphore.tryAcquire({ weight: 1 });
  const log: string[] = [];
  void semaphore.acquire({ weight: 4 }).catch((error) => log.push(error.name));
  void semaphore.acquire().then(() => log.push("light"));
  semaphore.resize(3);
  assertEquals([semaphore.waiting, semaphore.availablePermits], [0, 1]);
  await settle();
  assertEquals(log, ["RangeError", "light"]);
});

Deno.test("Semaphore.resize() that is taken back does not bring back whom it has refused", LIMIT, async () => {
  const { semaphore, permit, log, wait } = taken(3);
  void wait("heavy", 3);
  semaphore.resize(1);
  semaphore.resize(3);
  permit.release();
  await settle();
  assertEquals([log, semaphore.waiting, semaphore.availablePermits], [["heavy throws RangeError"], 0, 3]);
});

Deno.test("Semaphore.resize() leaves no listener of one that it has refused", LIMIT, async () => {
  const { semaphore, log, wait } = taken(3);
  const { controller, signal, listeners } = countedSignal();
  void wait("heavy", 3, signal);
  assertEquals(listeners(), 1);
  semaphore.resize(2);
  controller.abort(new Error("too late"));
  await settle();
  assertEquals([log, listeners()], [["heavy throws RangeError"], 0]);
});

Deno.test("Semaphore.resize() leaves one that is aborted in the same turn before it to the abort", LIMIT, async () => {
  const { semaphore } = taken(3);
  const reason = new Error("enough");
  let error: unknown;
  await scope(async (_signal, self) => {
    const waiting = semaphore.acquire({ weight: 3 }).catch((thrown) => error = thrown);
    self.cancel(reason);
    semaphore.resize(2);
    await waiting;
  });
  assertEquals([error, semaphore.waiting], [reason, 0]);
});

Deno.test("Semaphore.run() whose weight is resized away rejects, and never calls the function", LIMIT, async () => {
  const { semaphore, permit, log } = taken(2);
  const call = semaphore.run(() => log.push("called"), { weight: 2 });
  semaphore.resize(1);
  assertInstanceOf(await call.catch((error) => error), RangeError);
  permit.release();
  await settle();
  assertEquals([log, semaphore.availablePermits], [[], 1]);
});
