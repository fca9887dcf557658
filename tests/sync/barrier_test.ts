import { Barrier, BrokenBarrierError, gather, scope } from "@weft/async";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { countedSignal, type Lane, scopeLane, settle, signalLane, withSeeds } from "../support.ts";

/** A barrier, and arrivals that write into a log what became of them. */
function logged(parties: number) {
  const barrier = new Barrier(parties);
  const log: string[] = [];
  const arrive = (names: string, options?: { signal?: AbortSignal }) => {
    for (const name of names.split(" ")) {
      barrier.wait(options).then(
        (index) => log.push(`${name} is ${index}`),
        (reason) => log.push(`${name} threw ${reason.message ?? reason}`),
      );
    }
  };
  return { barrier, log, arrive };
}

Deno.test("Barrier.wait() lets all go when the last has arrived, each with its place in the order", async () => {
  const { barrier, log, arrive } = logged(3);
  arrive("a b");
  await settle();
  assertEquals([log, barrier.waiting, barrier.parties], [[], 2, 3]);
  arrive("c");
  assertEquals(barrier.waiting, 0);
  await settle();
  assertEquals(log.toSorted(), ["a is 0", "b is 1", "c is 2"]);
});

Deno.test("Barrier.wait() can be used again at once: whoever comes while it drains is in the next round", async () => {
  const { barrier, log, arrive } = logged(2);
  arrive("a b c");
  assertEquals(barrier.waiting, 1);
  arrive("d e");
  await settle();
  assertEquals(log.toSorted(), ["a is 0", "b is 1", "c is 0", "d is 1"]);
  assertEquals(barrier.waiting, 1);
});

Deno.test("Barrier keeps those together who go round again and again", async () => {
  const barrier = new Barrier(3);
  const log: string[] = [];
  const player = (name: string) => async () => {
    for (let round = 0; round < 3; round++) {
      log.push(`${name}${round}`);
      await barrier.wait();
    }
  };
  await gather([player("a"), player("b"), player("c")]);
  const rounds = [0, 3, 6].map((first) => log.slice(first, first + 3).toSorted().join(" "));
  assertEquals(rounds, ["a0 b0 c0", "a1 b1 c1", "a2 b2 c2"]);
});

Deno.test("Barrier of one party lets everyone through", async () => {
  const { barrier, log, arrive } = logged(1);
  arrive("a b");
  await settle();
  assertEquals([log, barrier.waiting], [["a is 0", "b is 0"], 0]);
});

Deno.test("Barrier.wait() counts no aborted waiter, and another completes the round", async () => {
  const { barrier, log, arrive } = logged(3);
  const { controller, signal, listeners } = countedSignal();
  arrive("a");
  arrive("b", { signal });
  controller.abort("gone");
  assertEquals([barrier.waiting, listeners()], [1, 0]);
  arrive("c");
  await settle();
  assertEquals([log, barrier.waiting], [["b threw gone"], 2]);
  arrive("d");
  await settle();
  assertEquals(log.toSorted(), ["a is 0", "b threw gone", "c is 1", "d is 2"]);
});

Deno.test("Barrier.wait() is through when the abort comes after the last arrival in one turn", async () => {
  const { log, arrive } = logged(2);
  const controller = new AbortController();
  arrive("a", { signal: controller.signal });
  arrive("b");
  controller.abort("too late");
  await settle();
  assertEquals(log.toSorted(), ["a is 0", "b is 1"]);
});

Deno.test("Barrier.wait() rejects when the abort comes before the last arrival in one turn", async () => {
  const { barrier, log, arrive } = logged(2);
  const controller = new AbortController();
  arrive("a", { signal: controller.signal });
  controller.abort("gone");
  arrive("b");
  await settle();
  assertEquals([log, barrier.waiting], [["a threw gone"], 1]);
});

Deno.test("Barrier.wait() counts nobody whose signal is aborted when a listener before ours arrives", async () => {
  const { barrier, log, arrive } = logged(3);
  const controller = new AbortController();
  controller.signal.addEventListener("abort", () => arrive("last"));
  arrive("alive");
  arrive("doomed", { signal: controller.signal });
  controller.abort("out");
  await settle();
  assertEquals([log, barrier.waiting], [["doomed threw out"], 2]);
});

Deno.test("Barrier.wait() leaves no queue entry and no listener", async () => {
  const { barrier, arrive } = logged(3);
  const { controller, signal, listeners } = countedSignal();
  arrive("a b", { signal });
  assertEquals([barrier.waiting, listeners()], [2, 1]);
  arrive("c", { signal });
  assertEquals([barrier.waiting, listeners()], [0, 0]);
  arrive("d", { signal });
  controller.abort();
  assertEquals([barrier.waiting, listeners()], [0, 0]);
  await settle();
});

Deno.test("Barrier.wait() rejects and does not count when its signal or scope is aborted already", async () => {
  const { barrier, log, arrive } = logged(2);
  const reason = new Error("over");
  arrive("a");
  assertStrictEquals(await assertRejects(() => barrier.wait({ signal: AbortSignal.abort(reason) })), reason);
  await scope(async (_signal, self) => {
    self.cancel(reason);
    for (let i = 0; i < 2; i++) assertStrictEquals(await assertRejects(() => barrier.wait()), reason);
  });
  assertEquals([log, barrier.waiting], [[], 1]);
});

Deno.test("Barrier.wait() is delivered before a cancel of its scope, which the next wait sees", async () => {
  const { barrier, log, arrive } = logged(2);
  await scope(async (_signal, self) => {
    const wait = barrier.wait();
    arrive("b");
    self.cancel("stop");
    log.push(`a is ${await wait}`);
    await barrier.wait().catch((reason) => log.push(`next wait threw ${reason}`));
  });
  assertEquals(log.toSorted(), ["a is 0", "b is 1", "next wait threw stop"]);
});

Deno.test("Barrier.reset() rejects those who wait, and begins anew", async () => {
  const { barrier, log, arrive } = logged(2);
  const { signal, listeners } = countedSignal();
  arrive("a", { signal });
  barrier.reset();
  assertEquals([barrier.broken, barrier.waiting, listeners()], [false, 0, 0]);
  arrive("b c");
  await settle();
  assertEquals(log.toSorted(), ["a threw Cannot wait at Barrier: it was reset", "b is 0", "c is 1"]);
});

Deno.test("Barrier.abort() rejects those who wait and those who come, until reset()", async () => {
  const { barrier, log, arrive } = logged(2);
  arrive("a");
  barrier.abort();
  barrier.abort();
  arrive("b");
  assertEquals([barrier.broken, barrier.waiting], [true, 0]);
  await assertRejects(() => barrier.wait(), BrokenBarrierError, "Cannot wait at Barrier: it is broken");
  barrier.reset();
  assertEquals(barrier.broken, false);
  arrive("c d");
  await settle();
  assertEquals(log.toSorted(), [
    "a threw Cannot wait at Barrier: it was aborted",
    "b threw Cannot wait at Barrier: it is broken",
    "c is 0",
    "d is 1",
  ]);
});

Deno.test("Barrier.wait() rejects with the reason of an abort that comes before abort() in one turn", async () => {
  const { barrier, log, arrive } = logged(2);
  const controller = new AbortController();
  arrive("a", { signal: controller.signal });
  controller.abort("gone");
  barrier.abort();
  await settle();
  assertEquals(log, ["a threw gone"]);
});

Deno.test("BrokenBarrierError tells its name", () => {
  const error = new BrokenBarrierError("Cannot wait");
  assertEquals([error.name, String(error)], ["BrokenBarrierError", "BrokenBarrierError: Cannot wait"]);
});

Deno.test("Barrier shows its parties, how many wait, and whether it is broken", () => {
  const { barrier, arrive } = logged(3);
  arrive("a");
  assertEquals(String(barrier), "Barrier { parties: 3, waiting: 1, broken: false }");
  barrier.abort();
  assertEquals(Deno.inspect(barrier), "Barrier { parties: 3, waiting: 0, broken: true }");
});

Deno.test("Barrier does what a simple model does under random arrivals, aborts and resets", async () => {
  await withSeeds(200, async (random) => {
    const below = (n: number) => Math.floor(random() * n);
    const newLane = () => [signalLane, scopeLane][below(2)]!();
    const lanes = [newLane(), newLane(), newLane()];
    const closed: Lane[] = [];
    const barrier = new Barrier(1 + below(5));
    const log: string[] = [];
    let waiting: { id: number; lane: Lane }[] = [];
    let broken = false;
    const expected: string[] = [];
    let ids = 0;

    const fail = (how: "reset" | "abort") => {
      broken = how === "abort";
      expected.push(...waiting.splice(0).map(({ id }) => `${id} broken`));
      barrier[how]();
    };
    const operations = {
      arrive() {
        const id = ids++;
        const lane = lanes[below(3)]!;
        if (broken) expected.push(`${id} broken`);
        else waiting.push({ id, lane });
        if (waiting.length === barrier.parties) {
          expected.push(...waiting.splice(0).map(({ id }, index) => `${id} is ${index}`));
        }
        lane.begin((options) => barrier.wait(options)).then(
          (index) => log.push(`${id} is ${index}`),
          (reason) => log.push(`${id} ${reason instanceof BrokenBarrierError ? "broken" : reason}`),
        );
      },
      abortLane() {
        const [lane] = lanes.splice(below(3), 1, newLane());
        expected.push(...waiting.filter((waiter) => waiter.lane === lane).map(({ id }) => `${id} aborted`));
        waiting = waiting.filter((waiter) => waiter.lane !== lane);
        lane!.abort("aborted");
        closed.push(lane!);
      },
      reset: () => fail("reset"),
      abort: () => fail("abort"),
      async compare() {
        await settle(1);
        assertEquals(log.toSorted(), expected.toSorted());
      },
    };
    const weighted = [
      ...["arrive", "arrive", "arrive", "arrive", "arrive", "arrive", "arrive", "arrive"] as const,
      ...["abortLane", "abortLane", "reset", "reset", "abort", "compare"] as const,
    ];
    for (let i = 0; i < 60; i++) {
      const compared = operations[weighted[below(weighted.length)]!]();
      // All that comes between two comparisons happens in one turn.
      if (compared instanceof Promise) await compared;
      assertEquals([barrier.waiting, barrier.broken], [waiting.length, broken]);
    }
    operations.reset();
    await operations.compare();
    for (const lane of [...lanes, ...closed]) assertEquals(await lane.close(), 0);
  });
});
