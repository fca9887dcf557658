import {
  type AcquireOptions,
  currentSignal,
  RateLimiter,
  type RateLimiterOptions,
  scope,
  sleepForever,
} from "@weft/async";
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { countedSignal, type Lane, scopeLane, settle, signalLane, withSeeds } from "../support.ts";

/** A limiter on fake time, and calls that write into a log when they got their token. */
function faked(options: RateLimiterOptions) {
  const time = new FakeTime(0);
  const limiter = new RateLimiter(options);
  const log: string[] = [];
  const take = (name: string, options?: AcquireOptions) => {
    limiter.acquire(options).then(
      () => log.push(`${name} at ${Date.now()}`),
      (error) => log.push(`${name} threw ${error} at ${Date.now()}`),
    );
  };
  /** Lets time pass, one ms after the other. */
  const pass = async (ms: number) => {
    await settle(1);
    for (let i = 0; i < ms; i++) {
      time.tick(1);
      await settle(1);
    }
  };
  return { limiter, log, take, pass, time, [Symbol.dispose]: () => time.restore() };
}

/** Counts the timers that are set now, and makes each late by so many ms. To be used in fake time. */
function watchTimers(late = 0) {
  const { setTimeout, clearTimeout } = globalThis;
  const set = new Set<unknown>();
  let made = 0;
  const watching = (fn: () => void, ms = 0) => {
    made++;
    const id = setTimeout(() => {
      set.delete(id);
      fn();
    }, ms + late);
    set.add(id);
    return id;
  };
  globalThis.setTimeout = watching as typeof setTimeout;
  globalThis.clearTimeout = (id) => {
    set.delete(id);
    clearTimeout(id);
  };
  return {
    get set() {
      return set.size;
    },
    get made() {
      return made;
    },
    [Symbol.dispose]() {
      Object.assign(globalThis, { setTimeout, clearTimeout });
    },
  };
}

Deno.test("RateLimiter.acquire() gives a burst at once, then one token at a time at an even pace", async () => {
  using test = faked({ limit: 2, interval: 100, burst: 3 });
  for (const name of ["a", "b", "c", "d", "e", "f"]) test.take(name);
  await settle();
  await test.pass(200);
  assertEquals(test.log, ["a at 0", "b at 0", "c at 0", "d at 50", "e at 100", "f at 150"]);
});

Deno.test("RateLimiter saves up as many tokens as come in an interval when no burst is given, and no more", async () => {
  using test = faked({ limit: 4, interval: 100 });
  const { limiter, time } = test;
  const tokens = [limiter.availableTokens];
  limiter.tryAcquire({ weight: 3 });
  for (const ms of [0, 24, 1, 50, 1000]) {
    time.tick(ms);
    tokens.push(limiter.availableTokens);
  }
  assertEquals([limiter.burst, tokens], [4, [4, 1, 1, 2, 4, 4]]);
  for (const name of ["a", "b", "c", "d", "e"]) test.take(name);
  await test.pass(30);
  assertEquals(test.log, ["a at 1075", "b at 1075", "c at 1075", "d at 1075", "e at 1100"]);
});

Deno.test("RateLimiter.acquire() serves in order of arrival, a newcomer last", async () => {
  using test = faked({ limit: 1, interval: 10 });
  test.take("a");
  test.take("b");
  await test.pass(9);
  test.take("c");
  await test.pass(1);
  // The token of this instant went to b.
  test.take("d");
  await test.pass(20);
  assertEquals(test.log, ["a at 0", "b at 10", "c at 20", "d at 30"]);
});

Deno.test("RateLimiter.tryAcquire() takes a token if there is one and nobody waits", () => {
  using test = faked({ limit: 2, interval: 100, burst: 2 });
  const { limiter, time } = test;
  assertEquals([limiter.tryAcquire(), limiter.tryAcquire(), limiter.tryAcquire()], [true, true, false]);
  time.tick(50);
  assertEquals([limiter.tryAcquire({ weight: 2 }), limiter.tryAcquire(), limiter.tryAcquire()], [false, true, false]);
  time.tick(50);
  test.take("heavy", { weight: 2 });
  assertEquals([limiter.availableTokens, limiter.tryAcquire(), limiter.waiting], [1, false, 1]);
});

Deno.test("RateLimiter.acquire() lets a heavy request at the head block the lighter ones behind it", async () => {
  using test = faked({ limit: 1, interval: 10, burst: 3 });
  test.take("a", { weight: 3 });
  test.take("heavy", { weight: 3 });
  test.take("b");
  test.take("c", { weight: 2 });
  await test.pass(60);
  assertEquals(test.log, ["a at 0", "heavy at 30", "b at 40", "c at 60"]);
});

Deno.test("RateLimiter admits those behind a heavy request that was aborted", async () => {
  using test = faked({ limit: 1, interval: 10, burst: 3 });
  const controller = new AbortController();
  test.take("a", { weight: 3 });
  test.take("heavy", { weight: 3, signal: controller.signal });
  for (const name of ["b", "c", "d"]) test.take(name);
  await test.pass(25);
  controller.abort("gone");
  await test.pass(15);
  assertEquals(test.log, ["a at 0", "heavy threw gone at 25", "b at 25", "c at 25", "d at 30"]);
});

Deno.test("RateLimiter admits those behind a heavy request when its scope is cancelled", async () => {
  using test = faked({ limit: 1, interval: 10, burst: 2 });
  test.take("a", { weight: 2 });
  await scope(async (_signal, self) => {
    test.take("heavy", { weight: 2 });
    await test.pass(10);
    self.cancel("stop");
  });
  test.take("b");
  await settle();
  assertEquals(test.log, ["a at 0", "heavy threw stop at 10", "b at 10"]);
});

Deno.test("RateLimiter.acquire() that is aborted while waiting costs no token", async () => {
  using test = faked({ limit: 1, interval: 10 });
  const { controller, signal, listeners } = countedSignal();
  test.take("a");
  test.take("b", { signal });
  test.take("c", { signal });
  test.take("d");
  assertEquals([test.limiter.waiting, listeners()], [3, 1]);
  await test.pass(5);
  controller.abort("enough");
  assertEquals([test.limiter.waiting, listeners()], [1, 0]);
  await test.pass(10);
  assertEquals(test.log, ["a at 0", "b threw enough at 5", "c threw enough at 5", "d at 10"]);
});

Deno.test("RateLimiter.acquire() that was handed a token has it when an abort comes after it in one turn", async () => {
  using test = faked({ limit: 1, interval: 10 });
  const controller = new AbortController();
  test.take("a");
  test.take("b", { signal: controller.signal });
  test.take("c");
  setTimeout(() => controller.abort("too late"), 10);
  await test.pass(20);
  assertEquals(test.log, ["a at 0", "b at 10", "c at 20"]);
});

Deno.test("RateLimiter.acquire() that is aborted in the turn in which its token comes leaves it to the next", async () => {
  using test = faked({ limit: 1, interval: 10 });
  const controller = new AbortController();
  setTimeout(() => controller.abort("gone"), 10);
  test.take("a");
  test.take("b", { signal: controller.signal });
  test.take("c");
  await test.pass(20);
  assertEquals(test.log, ["a at 0", "b threw gone at 10", "c at 10"]);
});

Deno.test("RateLimiter.acquire() delivers before a cancel of its scope, which the next wait sees", async () => {
  using test = faked({ limit: 1, interval: 10 });
  const { limiter, time, log } = test;
  await scope(async (_signal, self) => {
    await limiter.acquire();
    const wait = limiter.acquire();
    time.tick(10);
    self.cancel("stop");
    await wait;
    log.push(`got one at ${Date.now()}`);
    await limiter.acquire().catch((reason) => log.push(`next wait threw ${reason}`));
  });
  time.tick(10);
  assertEquals([log, limiter.tryAcquire()], [["got one at 10", "next wait threw stop"], true]);
});

Deno.test("RateLimiter hands nothing to one whose signal is aborted, though it has not been told yet", async () => {
  using test = faked({ limit: 1, interval: 10 });
  const controller = new AbortController();
  const { signal } = controller;
  signal.addEventListener("abort", () => test.time.tick(10));
  test.take("a");
  test.take("doomed", { signal });
  test.take("alive");
  controller.abort("out");
  await settle();
  assertEquals(test.log, ["a at 10", "doomed threw out at 10", "alive at 10"]);
});

Deno.test("RateLimiter.acquire() with an aborted signal, or in an aborted scope, rejects and takes nothing", async () => {
  const limiter = new RateLimiter({ limit: 1, interval: 60_000 });
  const log: unknown[] = [];
  await limiter.acquire({ signal: AbortSignal.abort("over") }).catch((reason) => log.push(reason));
  await scope(async (_signal, self) => {
    self.cancel("stop");
    for (let i = 0; i < 2; i++) await limiter.acquire().catch((reason) => log.push(reason));
  });
  assertEquals([log, limiter.availableTokens], [["over", "stop", "stop"], 1]);
});

Deno.test("RateLimiter sets no timer and listens to nothing when nobody need wait", async () => {
  using _test = faked({ limit: 1, interval: 10 });
  using timers = watchTimers();
  const { signal, listeners } = countedSignal();
  const limiter = new RateLimiter({ limit: 2, interval: 10 });
  await limiter.acquire({ signal });
  limiter.tryAcquire();
  limiter.tryAcquire();
  limiter.retryAfter(1000);
  assertEquals([timers.made, listeners()], [0, 0]);
});

Deno.test("RateLimiter sets one timer at a time, however many wait, and none when nobody does", async () => {
  using test = faked({ limit: 1, interval: 10 });
  using timers = watchTimers();
  const controller = new AbortController();
  const behind = new AbortController();
  for (let i = 0; i < 5; i++) test.take(`${i}`);
  for (let i = 0; i < 100; i++) test.take("aborted", { signal: controller.signal });
  test.take("behind", { signal: behind.signal });
  const seen = [[timers.set, timers.made]];
  await test.pass(10);
  seen.push([timers.set, timers.made]);
  test.limiter.retryAfter(50);
  seen.push([timers.set, timers.made]);
  // Who leaves from behind changes nothing.
  behind.abort();
  seen.push([timers.set, timers.made]);
  await test.pass(70);
  seen.push([timers.set, timers.made, test.limiter.waiting]);
  controller.abort();
  seen.push([timers.set, timers.made, test.limiter.waiting]);
  assertEquals(seen, [[1, 1], [1, 2], [1, 3], [1, 3], [1, 6, 100], [0, 6, 0]]);
});

Deno.test("RateLimiter keeps its pace when its timers are late", async () => {
  for (const burst of [1, 2]) {
    using test = faked({ limit: 1, interval: 10, burst });
    using _late = watchTimers(3);
    test.limiter.tryAcquire({ weight: burst });
    for (const name of ["a", "b", "c", "d", "e"]) test.take(name);
    await test.pass(60);
    assertEquals(test.log, ["a at 13", "b at 23", "c at 33", "d at 43", "e at 53"]);
  }
});

Deno.test("RateLimiter catches up by one token at most when the program was busy", async () => {
  using test = faked({ limit: 1, interval: 10 });
  using _late = watchTimers(1000);
  for (let i = 0; i < 100; i++) test.take("one");
  await test.pass(1010);
  assertEquals([test.log.filter((line) => line === "one at 1010").length, test.limiter.waiting], [2, 97]);
});

Deno.test("RateLimiter keeps its pace where a token takes no whole number of ms", () => {
  using test = faked({ limit: 3, interval: 100, burst: 1 });
  for (let i = 0; i < 3000; i++) test.take("one");
  // The last one is due after 2999 * 100 / 3 ms, that is 99,966.7; fake time may know whole ms only.
  test.time.tick(99_965);
  assertEquals(test.limiter.waiting, 1);
  test.time.tick(2);
  assertEquals(test.limiter.waiting, 0);
});

Deno.test("RateLimiter.retryAfter() holds everybody back, then goes on with one token at a time", async () => {
  using test = faked({ limit: 1, interval: 10, burst: 3 });
  const { limiter } = test;
  limiter.retryAfter(100);
  assertEquals([limiter.availableTokens, limiter.tryAcquire()], [0, false]);
  for (const name of ["a", "b", "c"]) test.take(name);
  await test.pass(150);
  assertEquals(test.log, ["a at 100", "b at 110", "c at 120"]);
  test.take("d", { weight: 3 });
  await settle();
  assertEquals(test.log.at(-1), "d at 150");
});

Deno.test("RateLimiter.retryAfter() holds back those who wait already", async () => {
  using test = faked({ limit: 1, interval: 10 });
  for (const name of ["a", "b", "c"]) test.take(name);
  await test.pass(5);
  test.limiter.retryAfter(100);
  await test.pass(120);
  assertEquals(test.log, ["a at 0", "b at 105", "c at 115"]);
});

Deno.test("RateLimiter.retryAfter() takes a Date", async () => {
  using test = faked({ limit: 1, interval: 10, burst: 2 });
  await test.pass(5);
  test.limiter.retryAfter(new Date(42));
  test.take("a");
  test.take("heavy", { weight: 2 });
  await test.pass(70);
  assertEquals(test.log, ["a at 42", "heavy at 62"]);
});

Deno.test("RateLimiter.retryAfter() never lets anyone go sooner", async () => {
  using test = faked({ limit: 1, interval: 10, burst: 2 });
  const { limiter } = test;
  for (const delay of [0, -5, -Infinity, new Date(-5)]) limiter.retryAfter(delay);
  assertEquals(limiter.availableTokens, 2);
  limiter.retryAfter(100);
  limiter.retryAfter(50);
  limiter.retryAfter(-100);
  test.take("a");
  await test.pass(100);
  assertEquals(test.log, ["a at 100"]);
});

Deno.test("RateLimiter.retryAfter() refuses what is no finite delay, and holds nobody back", () => {
  const limiter = new RateLimiter({ limit: 1, interval: 10 });
  for (const delay of [NaN, Infinity, new Date(NaN)]) {
    assertThrows(() => limiter.retryAfter(delay), RangeError, `Cannot hold back: "delay" must be`);
  }
  for (const delay of ["2", null, undefined] as never[]) {
    assertThrows(() => limiter.retryAfter(delay), TypeError, `Cannot hold back: "delay" must be`);
  }
  assertEquals(limiter.availableTokens, 1);
});

Deno.test("RateLimiter.run() calls the function when it has a token, and returns what it returns", async () => {
  using test = faked({ limit: 1, interval: 10 });
  const { limiter, log } = test;
  const result = scope(async () => {
    await limiter.acquire();
    return await limiter.run((signal) => {
      log.push(`called at ${Date.now()}`);
      assertStrictEquals(signal, currentSignal());
      return Promise.resolve("result");
    });
  });
  await test.pass(10);
  assertEquals([await result, log], ["result", ["called at 10"]]);
  test.time.tick(10);
  await assertRejects(() => limiter.run(() => Promise.reject(new Error("failed"))), Error, "failed");
});

Deno.test("RateLimiter.run() takes the weight, and never calls the function when aborted while waiting", async () => {
  using test = faked({ limit: 1, interval: 10, burst: 2 });
  const { limiter, log } = test;
  const controller = new AbortController();
  await limiter.run(() => log.push(`first with ${limiter.availableTokens} left`), { weight: 2 });
  const second = limiter.run(() => log.push("second"), { signal: controller.signal });
  await settle();
  controller.abort("gone");
  await second.catch((reason) => log.push(`second threw ${reason}`));
  assertEquals(log, ["first with 0 left", "second threw gone"]);
});

Deno.test("RateLimiter.run() does not count what runs", async () => {
  const limiter = new RateLimiter({ limit: 2, interval: 60_000 });
  await scope(async (_signal, self) => {
    const both = [limiter.run(() => sleepForever()), limiter.run(() => sleepForever())];
    await settle();
    assertEquals([limiter.waiting, limiter.availableTokens], [0, 0]);
    self.cancel();
    await Promise.all(both);
  });
});

Deno.test("RateLimiter works in real time", async () => {
  const limiter = new RateLimiter({ limit: 1000, interval: 1000, burst: 1 });
  const log: number[] = [];
  await Promise.all([1, 2, 3].map((n) => limiter.run(() => log.push(n))));
  assertEquals([log, limiter.waiting], [[1, 2, 3], 0]);
});

Deno.test("RateLimiter goes on when the time that a test had faked goes back", async () => {
  const limiter = new RateLimiter({ limit: 1000, interval: 1000, burst: 1 });
  {
    using _time = new FakeTime();
    limiter.tryAcquire();
    assertEquals(limiter.tryAcquire(), false);
  }
  await limiter.acquire();
  await limiter.acquire();
});

Deno.test("RateLimiter refuses what is no rate", () => {
  const good = { limit: 1, interval: 10 };
  for (const options of [{ limit: 0 }, { limit: 1.5 }, { limit: NaN }, { limit: Infinity }, { burst: 0 }]) {
    assertThrows(() => new RateLimiter({ ...good, ...options }), RangeError, "Cannot create RateLimiter");
  }
  for (const interval of [0, -1, NaN, Infinity]) {
    assertThrows(() => new RateLimiter({ ...good, interval }), RangeError, `"interval" must be`);
  }
  for (const options of [undefined, null, 5, {}, { limit: 1 }, { interval: 10 }, { ...good, burst: "1" }] as never[]) {
    assertThrows(() => new RateLimiter(options), TypeError, "Cannot create RateLimiter");
  }
});

Deno.test("RateLimiter.acquire() fails at once for more tokens than can be saved up", async () => {
  const limiter = new RateLimiter({ limit: 5, interval: 10, burst: 2 });
  const message = 'Cannot acquire token: "weight" must be at most 2, the burst, received 3';
  await assertRejects(() => limiter.acquire({ weight: 3 }), RangeError, message);
  assertThrows(() => limiter.tryAcquire({ weight: 3 }), RangeError, message);
  await assertRejects(() => limiter.acquire({ weight: 0.5 }), RangeError, "Cannot acquire token");
  assertEquals([limiter.availableTokens, limiter.waiting], [2, 0]);
});

Deno.test("RateLimiter.availableTokens is what tryAcquire() can take, where a token takes no whole number of ms", async () => {
  await withSeeds(50, (random) => {
    using test = faked({ limit: 1 + Math.floor(random() * 30), interval: 100 * random() + 1, burst: 20 });
    for (let i = 0; i < 50; i++) {
      test.time.tick(Math.floor(random() * 20));
      const tokens = test.limiter.availableTokens;
      if (tokens < 20) assertEquals(test.limiter.tryAcquire({ weight: tokens + 1 }), false);
      if (tokens > 0) assertEquals(test.limiter.tryAcquire({ weight: 1 + Math.floor(random() * tokens) }), true);
    }
    return Promise.resolve();
  });
});

Deno.test("RateLimiter shows its rate, how many tokens there are and how many wait", () => {
  using test = faked({ limit: 5, interval: 1000, burst: 2 });
  for (const name of ["a", "b", "c"]) test.take(name);
  assertEquals(
    String(test.limiter),
    "RateLimiter { limit: 5, interval: 1000, burst: 2, available: 0, waiting: 1 }",
  );
  assertEquals(Deno.inspect(test.limiter), String(test.limiter));
});

/** What a limiter is, said without promises and without instants: a bucket into which a drop falls each ms. */
class Model {
  readonly pace: number;
  readonly burst: number;
  /** `pace` of them are a token. Less than none: it is held back. */
  drops: number;
  queue: { id: number; weight: number; lane: Lane }[] = [];
  readonly log: string[] = [];

  constructor(pace: number, burst: number) {
    this.pace = pace;
    this.burst = burst;
    this.drops = pace * burst;
  }

  get tokens(): number {
    return Math.max(0, Math.floor(this.drops / this.pace));
  }

  tick(): void {
    this.drops = Math.min(this.drops + 1, this.pace * this.burst);
    this.admit();
  }

  tryAcquire(weight: number): boolean {
    if (this.queue.length > 0 || this.tokens < weight) return false;
    this.drops -= weight * this.pace;
    return true;
  }

  acquire(id: number, weight: number, lane: Lane): void {
    this.queue.push({ id, weight, lane });
    this.admit();
  }

  retryAfter(ms: number): void {
    if (ms > 0) this.drops = Math.min(this.drops, this.pace - ms);
  }

  abort(lane: Lane): void {
    for (const waiter of this.queue) if (waiter.lane === lane) this.log.push(`${waiter.id} aborted`);
    this.queue = this.queue.filter((waiter) => waiter.lane !== lane);
    this.admit();
  }

  admit(): void {
    while (this.queue.length > 0 && this.queue[0]!.weight <= this.tokens) {
      const { id, weight } = this.queue.shift()!;
      this.drops -= weight * this.pace;
      this.log.push(`${id} served`);
    }
  }
}

Deno.test("RateLimiter does what a simple model does under random calls, aborts and delays", async () => {
  await withSeeds(200, async (random) => {
    const below = (n: number) => Math.floor(random() * n);
    const [pace, limit, burst] = [1 + below(5), 1 + below(3), 1 + below(4)];
    using test = faked({ limit, interval: pace * limit, burst });
    const { limiter, time, log } = test;
    const model = new Model(pace, burst);
    const newLane = () => below(2) === 0 ? signalLane() : scopeLane();
    const lanes = [newLane(), newLane(), newLane()];
    const closed: Lane[] = [];
    let ids = 0;

    function acquire(): void {
      const id = ids++;
      const weight = 1 + below(burst);
      const lane = lanes[below(3)]!;
      model.acquire(id, weight, lane);
      lane.begin((options) => limiter.acquire({ ...options, weight })).then(
        () => log.push(`${id} served`),
        (reason) => log.push(`${id} ${reason}`),
      );
    }
    function tryAcquire(): void {
      const weight = 1 + below(burst);
      assertEquals(limiter.tryAcquire({ weight }), model.tryAcquire(weight));
    }
    function tick(): void {
      time.tick(1);
      model.tick();
    }
    function retryAfter(): void {
      const ms = below(12) - 2;
      limiter.retryAfter(ms);
      model.retryAfter(ms);
    }
    function abort(): void {
      const [lane] = lanes.splice(below(3), 1, newLane());
      model.abort(lane!);
      lane!.abort("aborted");
      closed.push(lane!);
    }
    async function compare(): Promise<void> {
      await settle(1);
      // Somebody else may be served when only some of a lane are aborted, but each kind is in order.
      for (const end of ["served", "aborted"]) {
        const lines = (log: string[]) => log.filter((line) => line.endsWith(end));
        assertEquals(lines(log), lines(model.log));
      }
    }

    const often = [acquire, acquire, tryAcquire, tick, tick, tick];
    const operations = [...often, ...often, ...often, retryAfter, abort, compare];
    for (let i = 0; i < 80; i++) {
      await operations[below(operations.length)]!();
      assertEquals([limiter.availableTokens, limiter.waiting], [model.tokens, model.queue.length]);
    }
    while (model.queue.length > 0) tick();
    await compare();
    assertEquals([limiter.waiting, log.length], [0, model.log.length]);
    for (const lane of [...lanes, ...closed]) assertEquals(await lane.close(), 0);
  });
});
