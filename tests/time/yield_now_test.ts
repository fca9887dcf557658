import { gather, isCancellation, scope, yieldNow } from "@weft/async";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { countedSignal, report, settle } from "../support.ts";

/** Stops `performance.now` until the end of the block, at a time that is over; only `at` moves it. */
function stoppedClock(): Disposable & { at: number } {
  const { now } = performance;
  const clock = { at: -1_000_000, [Symbol.dispose]: () => performance.now = now };
  performance.now = () => clock.at;
  return clock;
}

Deno.test("yieldNow() goes on in a later turn, after all microtasks, in order of the calls", async () => {
  const log: string[] = [];
  const yields = ["a", "b"].map((name) => yieldNow().then(() => log.push(name)));
  for (let i = 0; i < 100; i++) await null;
  log.push("microtasks");
  await Promise.all(yields);
  assertEquals(log, ["microtasks", "a", "b"]);
});

Deno.test("yieldNow() in a loop lets timers and IO through, and a loop of await null does not", async () => {
  const seen = new Set<string>();
  setTimeout(() => seen.add("timer"), 0);
  for (let i = 0; i < 10_000; i++) await null;
  assertEquals(seen.size, 0);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const peers = Promise.all([listener.accept(), Deno.connect({ hostname: "127.0.0.1", port })]);
  peers.then(() => seen.add("connection"));
  while (seen.size < 2) await yieldNow();
  for (const peer of await peers) peer.close();
});

for (const budget of [undefined, 5]) {
  Deno.test(`yieldNow() of a long computation lets a request through after a few yields, budget ${budget}`, async () => {
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response("answer"));
    let answer: string | undefined;
    const asking = fetch(`http://127.0.0.1:${server.addr.port}`).then((response) => response.text());
    void asking.then((text) => answer = text);
    let yields = 0;
    for (; answer === undefined && yields < 100; yields++) {
      for (const end = performance.now() + 6; performance.now() < end;);
      await yieldNow({ budget });
    }
    assertEquals(await asking, "answer");
    assert(yields < 40, `it took ${yields} yields`);
    await server.shutdown();
  });
}

Deno.test("yieldNow() of many tasks that compute lets a request through after a few rounds", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response("answer"));
  let answer: string | undefined;
  const asking = fetch(`http://127.0.0.1:${server.addr.port}`).then((response) => response.text());
  void asking.then((text) => answer = text);
  const rounds = await gather(Array.from({ length: 50 }, () => async () => {
    let rounds = 0;
    for (; answer === undefined && rounds < 30; rounds++) {
      for (const end = performance.now() + 1; performance.now() < end;);
      await yieldNow();
    }
    return rounds;
  }));
  assertEquals(await asking, "answer");
  assert(Math.max(...rounds) < 8, `it took ${Math.max(...rounds)} rounds`);
  await server.shutdown();
});

Deno.test({
  name: "yieldNow() in a loop lets signals of the system through",
  ignore: Deno.build.os === "windows",
  async fn() {
    let heard = false;
    const listener = () => heard = true;
    Deno.addSignalListener("SIGUSR1", listener);
    try {
      Deno.kill(Deno.pid, "SIGUSR1");
      while (!heard) await yieldNow();
    } finally {
      Deno.removeSignalListener("SIGUSR1", listener);
    }
  },
});

Deno.test("yieldNow() lets everything go once that asked for the next turn, which is one turn after the last", async () => {
  using _ = stoppedClock();
  await yieldNow();
  const log: string[] = [];
  const controller = new AbortController();
  const given = yieldNow({ signal: controller.signal }).catch(() => {});
  controller.abort();
  // Whoever has given up has asked for the turn; nobody gets another one from that.
  const loop = (async () => {
    for (let i = 0; i < 4; i++) {
      await yieldNow();
      log.push(`yield ${i}`);
    }
  })();
  for (let turn = 0; turn < 4; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    log.push(`turn ${turn}`);
  }
  await Promise.all([given, loop]);
  assertEquals(log, [0, 1, 2, 3].flatMap((i) => [`yield ${i}`, `turn ${i}`]));
});

Deno.test("yieldNow() with a budget returns at once until that has gone", async () => {
  using clock = stoppedClock();
  const log: string[] = [];
  const step = async (ms: number) => {
    clock.at += ms;
    let macrotask = false;
    const immediate = setImmediate(() => macrotask = true);
    await yieldNow({ budget: 10 });
    clearImmediate(immediate);
    log.push(`after ${ms} ms: ${macrotask ? "yields" : "goes on"}`);
  };
  await yieldNow();
  for (const ms of [0, 9, 1, 9, 0.5, 0.5, 50, 0]) await step(ms);
  assertEquals(log, [
    ...["after 0 ms: goes on", "after 9 ms: goes on", "after 1 ms: yields", "after 9 ms: goes on"],
    ...["after 0.5 ms: goes on", "after 0.5 ms: yields", "after 50 ms: yields", "after 0 ms: goes on"],
  ]);
});

Deno.test("yieldNow() takes more turns the longer it is since the last one, and at most 64", async () => {
  using clock = stoppedClock();
  await yieldNow();
  const turns: number[] = [];
  for (const ms of [0, 0.1, 1, 4, 7.8, 1000, 0]) {
    clock.at += ms;
    let count = 0;
    let counting = true;
    const next = () => {
      count++;
      if (counting) setImmediate(next);
    };
    setImmediate(next);
    await yieldNow();
    counting = false;
    turns.push(count);
    await settle(1);
  }
  assertEquals(turns, [1, 1, 9, 33, 63, 64, 1]);
});

Deno.test("yieldNow() rejects with the reason when it is aborted, and leaves no listener", async () => {
  const { controller, signal, listeners } = countedSignal();
  const log: string[] = [];
  const wait = report(log, yieldNow({ signal }));
  assertEquals(listeners(), 1);
  controller.abort("enough");
  await wait;
  assertEquals([log, listeners()], [["throws enough"], 0]);
});

Deno.test("yieldNow() puts no listener on the signal while there is budget left", async () => {
  const { signal, listeners } = countedSignal();
  await yieldNow();
  const wait = yieldNow({ budget: 1e9, signal });
  assertEquals(listeners(), 0);
  await wait;
});

Deno.test("yieldNow() rejects twice in a row in an aborted scope, also with budget left", async () => {
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    await yieldNow();
    self.cancel("stop");
    for (let i = 0; i < 2; i++) {
      await yieldNow({ budget: 1e9 }).catch((reason) => log.push(reason, isCancellation(reason)));
    }
  });
  assertEquals(log, ["stop", true, "stop", true]);
});

Deno.test("yieldNow() delivers when the abort comes after it in the same turn", async () => {
  using _ = stoppedClock();
  await yieldNow();
  const log: string[] = [];
  await scope(async (_signal, self) => {
    const wait = report(log, yieldNow());
    // Asked for later, so called right after the wake-up, before any microtask.
    setImmediate(() => self.cancel("stop"));
    await wait;
    await settle(1);
    await report(log, yieldNow());
  });
  assertEquals(log, ["returns undefined", "throws stop"]);
});

Deno.test("yieldNow() rejects wrong options", async () => {
  for (const budget of [NaN, -1, -Infinity]) {
    await assertRejects(() => yieldNow({ budget }), RangeError, '"budget" must be zero or more');
  }
  for (const options of [{ budget: "5" }, { budget: null }, { signal: null }, null, 5] as never[]) {
    await assertRejects(() => yieldNow(options), TypeError, "Cannot yield");
  }
  await yieldNow({ budget: undefined, signal: undefined });
});
