import { AsyncEvent, scope } from "@weft/async";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { countedSignal, type Lane, scopeLane, settle, signalLane, withSeeds } from "../support.ts";

/** An event, and waiters that write into a log what became of them. */
function logged() {
  const event = new AsyncEvent();
  const log: string[] = [];
  const wait = (name: string, options?: { signal?: AbortSignal }) => {
    event.wait(options).then(
      (value) => log.push(`${name} woke with ${value}`),
      (reason) => log.push(`${name} threw ${reason}`),
    );
  };
  return { event, log, wait };
}

Deno.test("AsyncEvent.set() wakes all who wait, in order of arrival", async () => {
  const { event, log, wait } = logged();
  for (const name of ["a", "b", "c"]) wait(name);
  await settle();
  assertEquals([log, event.isSet, event.waiting], [[], false, 3]);
  event.set();
  event.set();
  log.push("set");
  assertEquals([event.isSet, event.waiting], [true, 0]);
  await settle();
  assertEquals(log, ["set", "a woke with undefined", "b woke with undefined", "c woke with undefined"]);
});

Deno.test("AsyncEvent.set() and then clear() in one turn wakes all who waited, and nobody who comes after", async () => {
  const { event, log, wait } = logged();
  wait("a");
  wait("b");
  event.set();
  event.clear();
  wait("late");
  await settle();
  assertEquals(log, ["a woke with undefined", "b woke with undefined"]);
  assertEquals([event.isSet, event.waiting], [false, 1]);
});

Deno.test("AsyncEvent.wait() does not wait when the event is set, until it is cleared", async () => {
  const { event, log, wait } = logged();
  event.set();
  wait("a");
  await settle();
  assertEquals([log, event.waiting], [["a woke with undefined"], 0]);
  event.clear();
  event.clear();
  wait("b");
  await settle();
  assertEquals([log.length, event.waiting], [1, 1]);
});

Deno.test("AsyncEvent.wait() has woken when the abort comes after set() in one turn", async () => {
  const { event, log, wait } = logged();
  const controller = new AbortController();
  wait("a", { signal: controller.signal });
  event.set();
  controller.abort("too late");
  await settle();
  assertEquals(log, ["a woke with undefined"]);
});

Deno.test("AsyncEvent.wait() rejects when the abort comes before set() in one turn", async () => {
  const { event, log, wait } = logged();
  const controller = new AbortController();
  wait("a", { signal: controller.signal });
  wait("b");
  controller.abort("gone");
  event.set();
  await settle();
  assertEquals(log, ["a threw gone", "b woke with undefined"]);
});

Deno.test("AsyncEvent.wait() rejects when a listener before ours sets the event", async () => {
  const { event, log, wait } = logged();
  const controller = new AbortController();
  controller.signal.addEventListener("abort", () => event.set());
  wait("doomed", { signal: controller.signal });
  wait("alive");
  controller.abort("out");
  await settle();
  assertEquals(log, ["doomed threw out", "alive woke with undefined"]);
});

Deno.test("AsyncEvent.wait() leaves no queue entry and no listener when aborted or woken", async () => {
  const { event, log, wait } = logged();
  const { controller, signal, listeners } = countedSignal();
  wait("a", { signal });
  assertEquals([event.waiting, listeners()], [1, 1]);
  event.set();
  assertEquals([event.waiting, listeners()], [0, 0]);
  wait("b", { signal });
  assertEquals(listeners(), 0);
  event.clear();
  wait("c", { signal });
  controller.abort("enough");
  assertEquals([event.waiting, listeners()], [0, 0]);
  await settle();
  assertEquals(log, ["a woke with undefined", "b woke with undefined", "c threw enough"]);
});

Deno.test("AsyncEvent.wait() rejects when its signal or scope is aborted already, also on a set event", async () => {
  const event = new AsyncEvent();
  const reason = new Error("over");
  for (const set of [false, true]) {
    if (set) event.set();
    const aborted = () => event.wait({ signal: AbortSignal.abort(reason) });
    assertStrictEquals(await assertRejects(aborted), reason);
    await scope(async (_signal, self) => {
      self.cancel(reason);
      for (let i = 0; i < 2; i++) assertStrictEquals(await assertRejects(() => event.wait()), reason);
    });
  }
  assertEquals(event.waiting, 0);
});

Deno.test("AsyncEvent.wait() is delivered before a cancel of its scope, which the next wait sees", async () => {
  const { event, log } = logged();
  await scope(async (_signal, self) => {
    const wait = event.wait();
    event.set();
    self.cancel("stop");
    await wait.then(() => log.push("woke"));
    await event.wait().catch((reason) => log.push(`next wait threw ${reason}`));
  });
  assertEquals(log, ["woke", "next wait threw stop"]);
});

Deno.test("AsyncEvent shows whether it is set and how many wait", () => {
  const { event, wait } = logged();
  wait("a");
  assertEquals(String(event), "AsyncEvent { set: false, waiting: 1 }");
  event.set();
  assertEquals(Deno.inspect(event), "AsyncEvent { set: true, waiting: 0 }");
});

Deno.test("AsyncEvent does what a simple model does under random waits, sets, clears and aborts", async () => {
  await withSeeds(200, async (random) => {
    const below = (n: number) => Math.floor(random() * n);
    const newLane = () => [signalLane, scopeLane][below(2)]!();
    const lanes = [newLane(), newLane()];
    const closed: Lane[] = [];
    const event = new AsyncEvent();
    const log: string[] = [];
    let isSet = false;
    let waiters: { id: number; lane: Lane }[] = [];
    const expected: string[] = [];
    let ids = 0;

    const leave = (gone: typeof waiters, how: string) => {
      expected.push(...gone.map(({ id }) => `${id} ${how}`));
      waiters = waiters.filter((waiter) => !gone.includes(waiter));
    };
    const operations = {
      wait() {
        const id = ids++;
        const lane = lanes[below(2)]!;
        waiters.push({ id, lane });
        if (isSet) leave(waiters, "woke");
        lane.begin((options) => event.wait(options)).then(
          () => log.push(`${id} woke`),
          () => log.push(`${id} aborted`),
        );
      },
      set() {
        isSet = true;
        leave(waiters, "woke");
        event.set();
      },
      clear() {
        isSet = false;
        event.clear();
      },
      abort() {
        const [lane] = lanes.splice(below(2), 1, newLane());
        leave(waiters.filter((waiter) => waiter.lane === lane), "aborted");
        lane!.abort("random");
        closed.push(lane!);
      },
      async compare() {
        await settle(1);
        assertEquals(log, expected);
      },
    };
    const weighted = ["wait", "wait", "wait", "wait", "set", "clear", "clear", "abort", "compare"] as const;
    for (let i = 0; i < 60; i++) {
      const compared = operations[weighted[below(weighted.length)]!]();
      // All that comes between two comparisons happens in one turn.
      if (compared instanceof Promise) await compared;
      assertEquals([event.isSet, event.waiting], [isSet, waiters.length]);
    }
    operations.set();
    await operations.compare();
    for (const lane of [...lanes, ...closed]) assertEquals(await lane.close(), 0);
  });
});
