import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { currentSignal, gather, map, moveOnAfter, scope, shield, sleep, sleepForever, timeout } from "@weft/async";
import { countedSignal, logUnhandled, report, settle, steered, unhandledIn } from "../support.ts";

/** 0, 1, 2 and so on without end; tells `log` of what is taken and of the end. */
function* naturals(log: string[] = []): Generator<number, void> {
  try {
    for (let n = 0;; n++) {
      log.push(`takes ${n}`);
      yield n;
    }
  } finally {
    log.push("source closed");
  }
}

/** As {@linkcode naturals}, but each takes a turn to come. */
async function* slowNaturals(log: string[] = []): AsyncGenerator<number, void> {
  try {
    for (let n = 0;; n++) {
      await settle(1);
      log.push(`takes ${n}`);
      yield n;
    }
  } finally {
    log.push("source closed");
  }
}

const double = (n: number) => 2 * n;

Deno.test("map() takes a sync and an async source, and of nothing yields nothing", async () => {
  assertEquals(await Array.fromAsync(map([1, 2, 3], double)), [2, 4, 6]);
  assertEquals(await Array.fromAsync(map(new Set([1, 2]), double)), [2, 4]);
  assertEquals(await Array.fromAsync(map("ab", (letter) => letter.toUpperCase())), ["A", "B"]);
  const source = async function* () {
    yield* [1, 2, 3];
  };
  assertEquals(await Array.fromAsync(map(source(), async (n) => await double(n))), [2, 4, 6]);
  assertEquals(await Array.fromAsync(map([], double)), []);
});

Deno.test("map() prefers the async iterator of a source that has both", async () => {
  const both = {
    [Symbol.iterator]: () => ["sync"][Symbol.iterator](),
    async *[Symbol.asyncIterator]() {
      yield await "async";
    },
  };
  assertEquals(await Array.fromAsync(map(both, (kind) => kind)), ["async"]);
});

Deno.test("map() calls its function with the item, a signal of its own and the index", async () => {
  const calls: unknown[] = [];
  const signals = new Set<AbortSignal>();
  for await (
    const _ of map(["a", "b"], (item, signal, index) => {
      calls.push([item, index, signal === currentSignal()]);
      signals.add(signal);
    })
  );
  assertEquals(calls, [["a", 0, false], ["b", 1, false]]);
  assertEquals(signals.size, 2);
});

Deno.test("map() starts nothing before the first next()", async () => {
  const log: string[] = [];
  const results = map(naturals(log), (n) => void log.push(`works on ${n}`), { concurrency: 1 });
  await settle();
  assertEquals(log, []);
  await results.next();
  await settle();
  await results.return();
  const taken = [0, 1, 2].flatMap((n) => [`takes ${n}`, `works on ${n}`]);
  assertEquals(log, [...taken, "source closed"]);
});

Deno.test("map() that is left before its first next() never opens its source", async () => {
  const log: string[] = [];
  const source = {
    [Symbol.iterator]() {
      log.push("opened");
      return naturals(log);
    },
  };
  const results = map(source, double);
  assertEquals(await results.return(), { done: true, value: undefined });
  assertEquals(await results.next(), { done: true, value: undefined });
  assertEquals(log, []);
});

Deno.test("map() yields in order of completion, and with ordered in the order of the source", async () => {
  for (const ordered of [false, true]) {
    const log: string[] = [];
    const work = ["a", "b", "c"].map((name) => steered<string>(log, name));
    const results = map(work, (one) => one.work(), { ordered });
    const first = results.next();
    work[2]!.succeed("c");
    await settle();
    work[0]!.succeed("a");
    await settle();
    work[1]!.succeed("b");
    const values = [(await first).value, ...await Array.fromAsync(results)];
    assertEquals(values, ordered ? ["a", "b", "c"] : ["c", "a", "b"]);
    assertEquals(log, ["a starts", "b starts", "c starts", "c ends", "a ends", "b ends"]);
  }
});

Deno.test("map() has at most as many items in work as its concurrency, ten by default", async () => {
  for (const concurrency of [undefined, 1, 3]) {
    let running = 0;
    let most = 0;
    const results = map(Array.from({ length: 40 }, (_, i) => i), async () => {
      most = Math.max(most, ++running);
      await settle(1);
      running--;
    }, { concurrency });
    assertEquals((await Array.fromAsync(results)).length, 40);
    assertEquals(most, concurrency ?? 10);
  }
});

Deno.test("map() takes no more than twice its concurrency of what is not read", async () => {
  const sources = { sync: naturals, async: slowNaturals };
  const speeds = { "at once": double, later: async (n: number) => (await settle(1), n) };
  for (const [kind, source] of Object.entries(sources)) {
    for (const [speed, fn] of Object.entries(speeds)) {
      for (const ordered of [false, true]) {
        const log: string[] = [];
        const concurrency = 3;
        const results = map(source(log), fn, { concurrency, ordered });
        const unread: number[] = [];
        for (let read = 1; read <= 30; read++) {
          await results.next();
          await settle(read % 3 === 0 ? 12 : 0);
          unread.push(log.length - read);
        }
        await results.return();
        const label = `${kind} source, function that returns ${speed}, ordered: ${ordered}`;
        assert(unread.every((count) => count <= 2 * concurrency), `${label}: ${unread}`);
        assert(unread.includes(2 * concurrency), `${label} fills its buffer: ${unread}`);
      }
    }
  }
});

Deno.test("map() takes from a slow source one at a time", async () => {
  let asked = 0;
  let most = 0;
  const source = {
    [Symbol.asyncIterator]: () => ({
      async next() {
        most = Math.max(most, ++asked);
        await settle(1);
        asked--;
        return { done: false, value: 0 };
      },
    }),
  };
  for await (const _ of map(source, (_item, _signal, index) => index, { concurrency: 5 })) if (_ > 20) break;
  assertEquals(most, 1);
});

Deno.test("map() overlaps the work with the wait for the next item", async () => {
  const log: string[] = [];
  const gates = Array.from({ length: 3 }, () => Promise.withResolvers<number>());
  const source = async function* () {
    for (const gate of gates) yield await gate.promise;
  };
  const done = report(
    log,
    Array.fromAsync(map(source(), async (n) => {
      log.push(`${n} starts`);
      await settle(2);
      log.push(`${n} ends`);
    })),
  );
  gates[0]!.resolve(0);
  gates[1]!.resolve(1);
  await settle();
  gates[2]!.resolve(2);
  await done;
  assertEquals(log, ["0 starts", "1 starts", "0 ends", "1 ends", "2 starts", "2 ends", "returns [null,null,null]"]);
});

Deno.test("map() with a function that returns no promise and a large concurrency does not overflow the stack", async () => {
  const results = map(naturals(), double, { concurrency: 100_000, ordered: true });
  for (let i = 0; i < 250_000; i++) {
    const { value } = await results.next();
    if (value !== 2 * i) assertEquals(value, 2 * i);
  }
  await results.return();
});

Deno.test("map() with settled yields failures too and goes on", async () => {
  const results = map([1, 2, 3], (n) => n === 2 ? Promise.reject("no luck") : n, { settled: true, ordered: true });
  assertEquals(await Array.fromAsync(results), [
    { status: "fulfilled", value: 1 },
    { status: "rejected", reason: "no luck" },
    { status: "fulfilled", value: 3 },
  ]);
});

Deno.test("map() with settled takes a synchronous throw for a failure", async () => {
  const error = new Error("at once");
  const thrower = () => {
    throw error;
  };
  assertEquals(await Array.fromAsync(map([1], thrower, { settled: true })), [{ status: "rejected", reason: error }]);
});

Deno.test("map() with settled: false is map() without", async () => {
  const settled: boolean = false;
  assertEquals(await Array.fromAsync(map([1], double, { settled })), [2]);
});

Deno.test("map() throws a failure after what completed before was read", async () => {
  const log: string[] = [];
  const a = steered<string>(log, "a");
  const b = steered<string>(log, "b");
  const c = steered<string>(log, "c");
  const results = map([a, b, c], (one) => one.work());
  const first = report(log, results.next());
  b.succeed("B");
  await first;
  c.succeed("C");
  await settle();
  a.fail(new Error("no luck"));
  await settle();
  await report(log, results.next());
  await report(log, results.next());
  await report(log, results.next());
  assertEquals(log, [
    "a starts",
    "b starts",
    "c starts",
    "b ends",
    `returns {"done":false,"value":"B"}`,
    "c ends",
    "a fails",
    `returns {"done":false,"value":"C"}`,
    "throws Error: no luck",
    `returns {"done":true}`,
  ]);
});

Deno.test("map() closes its source when the function fails", async () => {
  const log: string[] = [];
  const a = steered(log, "a");
  const results = map(naturals(log), (n) => n === 0 ? a.work() : Promise.reject(new Error("no luck")), {
    concurrency: 2,
  });
  await report(log, results.next());
  assertEquals(log, [
    "takes 0",
    "a starts",
    "takes 1",
    "source closed",
    "a is cancelled",
    "a has unwound",
    "throws Error: no luck",
  ]);
});

Deno.test("map() with ordered throws the failure after the values that stand before it", async () => {
  const log: string[] = [];
  const results = map([0, 1, 2], (n) => n === 1 ? Promise.reject(new Error("no luck")) : n, {
    ordered: true,
    onDiscard: (value) => log.push(`discards ${value}`),
  });
  await report(log, results.next());
  await report(log, results.next());
  assertEquals(log, [`returns {"done":false,"value":0}`, "discards 2", "throws Error: no luck"]);
});

Deno.test("map() with ordered gives a value that comes after the failure to onDiscard, not to the reader", async () => {
  const log: string[] = [];
  const late = steered<string>(log, "late", { deaf: true });
  const results = map([late.work, () => Promise.reject(new Error("no luck"))], (work) => work(), {
    ordered: true,
    onDiscard: (value) => log.push(`discards ${value}`),
  });
  const done = report(log, results.next());
  await settle();
  late.succeed("L");
  await done;
  assertEquals(log, ["late starts", "late ends", "discards L", "throws Error: no luck"]);
});

Deno.test("map() left with break aborts what runs, waits for it, closes the source and discards what is unread", async () => {
  const log: string[] = [];
  const a = steered<number>(log, "a");
  const results = map(naturals(log), (n) => n === 1 ? a.work() : n, {
    concurrency: 2,
    onDiscard: (value) => log.push(`discards ${value}`),
  });
  for await (const value of results) {
    await settle();
    log.push(`reads ${value}`);
    break;
  }
  assertEquals(log, [
    "takes 0",
    "takes 1",
    "a starts",
    "takes 2",
    "takes 3",
    "takes 4",
    "reads 0",
    "discards 2",
    "discards 3",
    "discards 4",
    "source closed",
    "a is cancelled",
    "a has unwound",
  ]);
  assertEquals(await results.next(), { done: true, value: undefined });
});

Deno.test("map() left with break waits for the `finally` of its source, which may wait under shield", async () => {
  const log: string[] = [];
  const source = async function* () {
    try {
      for (let n = 0;; n++) yield n;
    } finally {
      await report(log, sleep(1));
      await shield(async () => {
        await settle();
        log.push("source closed");
      });
    }
  };
  for await (const value of map(source(), double)) {
    log.push(`reads ${value}`);
    break;
  }
  log.push("left");
  assertEquals(log, ["reads 0", "throws AbortError: map was abandoned before its end", "source closed", "left"]);
});

Deno.test("map() cancels the waits of its source when it is left", async () => {
  const log: string[] = [];
  const source = async function* () {
    yield 0;
    await report(log, sleepForever());
    yield 1;
  };
  for await (const value of map(source(), double)) {
    await settle();
    log.push(`reads ${value}`);
    break;
  }
  assertEquals(log, ["reads 0", "throws AbortError: map was abandoned before its end"]);
});

Deno.test("map() throws what its source throws, after what completed before", async () => {
  for (const concurrency of [1, 2, 10]) {
    const log: string[] = [];
    const source = function* () {
      yield* [0, 1];
      throw new RangeError("source is broken");
    };
    const results = map(source(), async (n) => await double(n), { concurrency });
    for (let i = 0; i < 3; i++) await report(log, results.next());
    const values = [`returns {"done":false,"value":0}`, `returns {"done":false,"value":2}`];
    // The more room, the earlier the source is asked for what it does not have.
    const completed = concurrency === 10 ? [] : values;
    const ends = Array(2).fill(`returns {"done":true}`);
    assertEquals(log, [...completed, "throws RangeError: source is broken", ...ends].slice(0, 3));
  }
});

Deno.test("map() aborts and joins what is in work when its source throws", async () => {
  const log: string[] = [];
  const a = steered(log, "a");
  const source = async function* () {
    yield 0;
    await settle();
    throw new RangeError("source is broken");
  };
  await report(log, map(source(), a.work).next());
  assertEquals(log, ["a starts", "a is cancelled", "a has unwound", "throws RangeError: source is broken"]);
});

Deno.test("map() throws what opening its source throws", async () => {
  const source = {
    [Symbol.iterator](): Iterator<number> {
      throw new RangeError("cannot be opened");
    },
  };
  const results = map(source, double);
  await assertRejects(() => results.next(), RangeError, "cannot be opened");
  assertEquals(await results.next(), { done: true, value: undefined });
});

Deno.test("map() throws a TypeError when its source is no proper iterator", async () => {
  const sources: unknown[] = [
    { [Symbol.iterator]: () => null },
    { [Symbol.iterator]: () => ({ next: "soon" }) },
    { [Symbol.iterator]: () => ({ next: () => 5 }) },
    { [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve() }) },
  ];
  for (const source of sources) {
    await assertRejects(() => map(source as Iterable<number>, double).next(), TypeError);
  }
});

Deno.test("map() throws what closing its source throws, with the failure that made it close", async () => {
  const source = function* () {
    try {
      yield* [0, 1];
    } finally {
      // deno-lint-ignore no-unsafe-finally -- a source that fails while it is closed is what is tested
      throw new RangeError("cannot be closed");
    }
  };
  const results = map(source(), () => Promise.reject(new Error("no luck")), { concurrency: 1 });
  const error = await assertRejects(() => results.next(), AggregateError);
  assertEquals(error.errors.map(String), ["Error: no luck", "RangeError: cannot be closed"]);
});

Deno.test("map() left with break closes a source whose next() hangs, and does not wait for that", async () => {
  const log: string[] = [];
  let asked = 0;
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: () => asked++ === 0 ? Promise.resolve({ done: false, value: 0 }) : new Promise<never>(() => {}),
      return: async () => {
        await settle();
        log.push("source closed");
        return { done: true as const, value: undefined };
      },
    }),
  };
  for await (const value of map(source, double)) {
    log.push(`reads ${value}`);
    break;
  }
  log.push("left");
  assertEquals(log, ["reads 0", "source closed", "left"]);
});

Deno.test("map() left with break ignores what a next() that was under way comes to", async () => {
  const log: string[] = [];
  const under = Promise.withResolvers<IteratorResult<number>>();
  const steps = [Promise.resolve({ done: false, value: 0 }), under.promise];
  const source = { [Symbol.asyncIterator]: () => ({ next: () => steps.shift()! }) };
  for await (const value of map(source, (n) => void log.push(`works on ${n}`))) {
    log.push(`reads ${value}`);
    break;
  }
  under.resolve({ done: false, value: 1 });
  await settle();
  assertEquals(log, ["works on 0", "reads undefined"]);
});

Deno.test("map() surfaces what a next() that was under way fails with after the end", async () => {
  const log: string[] = [];
  using _ = logUnhandled(log);
  const under = Promise.withResolvers<IteratorResult<number>>();
  const steps = [Promise.resolve({ done: false, value: 0 }), under.promise];
  const source = { [Symbol.asyncIterator]: () => ({ next: () => steps.shift()! }) };
  for await (const _ of map(source, double)) break;
  under.reject(new Error("too late"));
  await settle();
  assertEquals(log, ["surfaces Error: too late"]);
});

/** A stream of those lines that is silent after them, and tells `log` why it is cancelled. */
function silentAfter(lines: string[], log: string[]): ReadableStream<string> {
  return new ReadableStream({
    start(controller) {
      for (const line of lines) controller.enqueue(line);
    },
    async cancel(reason) {
      log.push(`cancel: ${reason}`);
      await settle();
      log.push("cancelled");
    },
  });
}

Deno.test("map() over a stream that is silent ends with the timeout around it, and cancels the stream", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const stream = silentAfter(["one line"], log);
  const done = report(
    log,
    timeout(10, async () => {
      for await (const line of map(stream, (line) => line)) log.push(`reads ${line}`);
    }),
  );
  await settle();
  time.tick(10);
  await done;
  const error = "TimeoutError: timeout took longer than 10 ms";
  assertEquals(log, ["reads one line", `cancel: ${error}`, "cancelled", `throws ${error}`]);
  assertEquals(stream.locked, false);
});

Deno.test("map() over a stream that is silent can be left with break, and joins its cancellation", async () => {
  const log: string[] = [];
  const stream = silentAfter(["one line"], log);
  for await (const line of map(stream, (line) => line)) {
    log.push(`reads ${line}`);
    break;
  }
  log.push("left");
  const reason = "AbortError: map was abandoned before its end";
  assertEquals(log, ["reads one line", `cancel: ${reason}`, "cancelled", "left"]);
  assertEquals(stream.locked, false);
});

Deno.test("map() over a stream that is silent ends with the failure of a sibling", async () => {
  const log: string[] = [];
  const sibling = steered(log, "sibling");
  const stream = silentAfter([], log);
  const done = report(
    log,
    gather([() => Array.fromAsync(map(stream, (line) => line)), sibling.work]),
  );
  await settle();
  sibling.fail(new Error("no luck"));
  await done;
  assertEquals(log.map((line) => line.replace(/: .*/, "")), [
    "sibling starts",
    "sibling fails",
    "cancel",
    "cancelled",
    "throws Error",
  ]);
});

Deno.test("map() over a stream that is not asked cancels it when it is left", async () => {
  const log: string[] = [];
  const stream = silentAfter(["a", "b", "c"], log);
  const results = map(stream, (line) => line, { concurrency: 1 });
  assertEquals((await results.next()).value, "a");
  await settle();
  await results.return();
  assertEquals(stream.locked, false);
  assertEquals(log, ["cancel: AbortError: map was abandoned before its end", "cancelled"]);
});

Deno.test("map() reads a stream to its end or its failure, and then lets go of it", async () => {
  const whole = ReadableStream.from([1, 2, 3]);
  assertEquals(await Array.fromAsync(map(whole, double, { ordered: true })), [2, 4, 6]);
  assertEquals(whole.locked, false);

  const log: string[] = [];
  using _ = logUnhandled(log);
  let pulls = 0;
  const broken = new ReadableStream<number>({
    pull(controller) {
      if (pulls++ === 1) throw new RangeError("stream is broken");
      controller.enqueue(1);
    },
  }, { highWaterMark: 0 });
  const results = map(broken, double, { concurrency: 1 });
  for (let i = 0; i < 3; i++) await report(log, results.next());
  await settle();
  assertEquals(log, [
    `returns {"done":false,"value":2}`,
    "throws RangeError: stream is broken",
    `returns {"done":true}`,
  ]);
  assertEquals(broken.locked, false);
});

Deno.test("map() surfaces what a stream throws when it is cancelled because of a break", async () => {
  const unhandled = await unhandledIn(async () => {
    const stream = new ReadableStream<number>({
      start: (controller) => controller.enqueue(1),
      cancel: () => Promise.reject(new Error("cannot be cancelled")),
    });
    for await (const _ of map(stream, double)) break;
    assertEquals(stream.locked, false);
  });
  assertEquals(unhandled.map(String), ["Error: cannot be cancelled"]);
});

Deno.test("map() over a locked stream throws at the first next(), and leaves it to its reader", async () => {
  const stream = ReadableStream.from([1]);
  const reader = stream.getReader();
  const results = map(stream, double);
  await assertRejects(() => results.next(), TypeError, "locked");
  assertEquals(await results.next(), { done: true, value: undefined });
  assertEquals(await reader.read(), { done: false, value: 1 });
  await reader.cancel();
});

Deno.test("map() takes a stream of a platform whose streams cannot be iterated over", async () => {
  const stream = ReadableStream.from([1, 2, 3]);
  const plain = { locked: false, getReader: () => stream.getReader() } as ReadableStream<number>;
  assertEquals(await Array.fromAsync(map(plain, double, { ordered: true })), [2, 4, 6]);
});

Deno.test("map() gives up a source that hangs in a wait of its own when grace is over", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const foreign = Promise.withResolvers<void>();
  const source = async function* () {
    try {
      await foreign.promise;
      yield 0;
    } finally {
      log.push("source closed");
    }
  };
  const controller = new AbortController();
  const done = report(log, map(source(), double, { signal: controller.signal, grace: 20 }).next());
  controller.abort("enough");
  await settle();
  assertEquals(log, []);
  time.tick(20);
  await done;
  foreign.resolve();
  await settle();
  assertEquals(log, [
    "throws StragglerError: Work in map still runs 20 ms after the abort: its source",
    "source closed",
  ]);
});

Deno.test("map() closes a source that aborts it while it is asked for an item", async () => {
  const sources = {
    *sync(log: string[], abort: () => void) {
      try {
        yield 0;
        abort();
        yield 1;
      } finally {
        log.push("source closed");
      }
    },
    async *async(log: string[], abort: () => void) {
      try {
        yield await 0;
        abort();
        yield 1;
      } finally {
        log.push("source closed");
      }
    },
  };
  for (const source of Object.values(sources)) {
    const log: string[] = [];
    const controller = new AbortController();
    const abort = () => controller.abort("from inside");
    const results = map(source(log, abort), double, { signal: controller.signal, concurrency: 1 });
    assertEquals(await results.next(), { done: false, value: 0 });
    await settle();
    await report(log, results.next());
    assertEquals(log, ["source closed", "throws from inside"]);
  }
});

Deno.test("map() closes a source that aborts it and then hangs", async () => {
  const log: string[] = [];
  const controller = new AbortController();
  const source = {
    [Symbol.asyncIterator]: () => ({
      next() {
        controller.abort("from inside");
        return new Promise<never>(() => {});
      },
      return() {
        log.push("source closed");
        return Promise.resolve({ done: true as const, value: undefined });
      },
    }),
  };
  await report(log, map(source, double, { signal: controller.signal }).next());
  assertEquals(log, ["source closed", "throws from inside"]);
});

Deno.test("map() throws what its source throws after it has aborted it", async () => {
  const controller = new AbortController();
  const source = function* () {
    yield 0;
    controller.abort("from inside");
    throw new Error("source is broken");
  };
  const results = map(source(), double, { signal: controller.signal });
  assertEquals(await results.next(), { done: false, value: 0 });
  await assertRejects(() => results.next(), Error, "source is broken");
});

Deno.test("map() joins a function that has aborted it and ended", async () => {
  const log: string[] = [];
  await report(
    log,
    scope(async (_signal, self) => {
      const results = map(naturals(log), (n) => n === 1 ? self.cancel() : n, { concurrency: 3 });
      for await (const value of results) log.push(`reads ${value}`);
    }),
  );
  assertEquals(log, ["takes 0", "takes 1", "source closed", "reads 0", "returns undefined"]);
});

Deno.test("map() aborted from outside hands out what had completed, then throws the reason", async () => {
  const log: string[] = [];
  const controller = new AbortController();
  const results = map([0, 1, 2], (n) => n === 2 ? sleepForever() : n, { signal: controller.signal });
  await report(log, results.next());
  controller.abort("enough");
  for (let i = 0; i < 3; i++) await report(log, results.next());
  assertEquals(log, [
    `returns {"done":false,"value":0}`,
    `returns {"done":false,"value":1}`,
    "throws enough",
    `returns {"done":true}`,
  ]);
});

Deno.test("map() with an aborted signal never opens its source and throws the reason at the first next()", async () => {
  const log: string[] = [];
  const results = map(naturals(log), double, { signal: AbortSignal.abort("before") });
  await report(log, results.next());
  await report(log, results.next());
  assertEquals(log, ["throws before", `returns {"done":true}`]);
});

Deno.test("map() made in a scope that is aborted before the first next() never opens its source", async () => {
  const log: string[] = [];
  await scope(async (_signal, self) => {
    const results = map(naturals(log), double);
    self.cancel("before");
    await report(log, results.next());
  });
  assertEquals(log, ["throws before"]);
});

Deno.test("map() can be read on after a timeout around next()", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const results = map([1], (n) => sleep(10).then(() => n));
  const first = report(log, moveOnAfter(5, () => results.next()));
  await settle();
  time.tick(5);
  await first;
  const second = report(log, results.next());
  time.tick(5);
  await second;
  assertEquals(log, ["returns undefined", `returns {"done":false,"value":1}`]);
});

Deno.test("map() read inside a timeout around it ends with the timeout, joined", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const a = steered(log, "a");
  const done = report(
    log,
    timeout(10, async () => {
      for await (const _ of map(naturals(log), a.work, { concurrency: 1 }));
    }),
  );
  await settle();
  time.tick(10);
  await done;
  assertEquals(log, [
    "takes 0",
    "a starts",
    "source closed",
    "a is cancelled",
    "a has unwound",
    "throws TimeoutError: timeout took longer than 10 ms",
  ]);
});

Deno.test("map() that nobody reads to its end is aborted and joined by the scope around", async () => {
  const log: string[] = [];
  const a = steered<number>(log, "a");
  await report(
    log,
    scope(async () => {
      await map(naturals(log), (n) => n === 0 ? n : a.work(), {
        concurrency: 1,
        onDiscard: (value) => log.push(`discards ${value}`),
      }).next();
    }),
  );
  assertEquals(log, [
    "takes 0",
    "takes 1",
    "a starts",
    "source closed",
    "a is cancelled",
    "a has unwound",
    "returns undefined",
  ]);
});

Deno.test("map() that was never read does not keep the scope around from ending", async () => {
  const log: string[] = [];
  await report(log, scope(() => void map(naturals(log), double)));
  assertEquals(log, ["returns undefined"]);
});

const ORPHANED = "AbortError: map was abandoned before its end: the scope it was made in has ended";

Deno.test("map() first read after its scope has ended throws, and never opens its source", async () => {
  const log: string[] = [];
  const results = await timeout(60_000, () => map(naturals(log), double));
  for (let i = 0; i < 2; i++) await report(log, results.next());
  assertEquals(log, [`throws ${ORPHANED}`, `returns {"done":true}`]);
});

Deno.test("map() read on after its scope has ended hands out what had completed, then throws", async () => {
  for (const ordered of [false, true]) {
    const log: string[] = [];
    const results = await timeout(60_000, async () => {
      const results = map([0, 1, 2], (n) => n === 2 ? sleepForever() : n, { ordered });
      await report(log, results.next());
      return results;
    });
    for (let i = 0; i < 3; i++) await report(log, results.next());
    assertEquals(log, [
      `returns {"done":false,"value":0}`,
      `returns {"done":false,"value":1}`,
      `throws ${ORPHANED}`,
      `returns {"done":true}`,
    ]);
  }
});

Deno.test("map() with onDiscard gives away what is not read when its scope ends, and then throws", async () => {
  const log: string[] = [];
  const deaf = steered<string>(log, "deaf", { deaf: true });
  const work = [() => "read", () => "unread", deaf.work];
  const { promise, resolve } = Promise.withResolvers<AsyncIterator<string>>();
  const ended = scope(async () => {
    const results = map(work, (work) => work(), { onDiscard: (value) => log.push(`discards ${value}`) });
    await report(log, results.next());
    resolve(results);
  });
  const results = await promise;
  await settle();
  deaf.succeed("late");
  await ended;
  for (let i = 0; i < 2; i++) await report(log, results.next());
  assertEquals(log, [
    "deaf starts",
    `returns {"done":false,"value":"read"}`,
    "discards unread",
    "deaf ends",
    "discards late",
    `throws ${ORPHANED}`,
    `returns {"done":true}`,
  ]);
});

Deno.test("map() inside a generator that is read through a timeout for each item loses nothing silently", async () => {
  const log: string[] = [];
  const lines = async function* () {
    for await (const n of map(naturals(), async (n) => (await settle(1), n), { concurrency: 3 })) yield n;
  };
  const source = lines();
  const read = async () => {
    while (!(await timeout(60_000, () => source.next())).done);
  };
  await report(log, read());
  assertEquals(log, [`throws ${ORPHANED}`]);
});

Deno.test("map() throws to one of the readers who wait from outside when its scope ends, after the join", async () => {
  const log: string[] = [];
  const a = steered(log, "a");
  const { promise, resolve } = Promise.withResolvers<AsyncIterator<void>>();
  const gate = Promise.withResolvers<void>();
  const ended = scope(async () => {
    resolve(map([0], a.work, { name: "lines" }));
    await gate.promise;
  });
  const results = await promise;
  const readers = [1, 2].map(() => report(log, results.next()));
  gate.resolve();
  await Promise.all([ended, ...readers]);
  assertEquals(log, [
    "a starts",
    "a is cancelled",
    "a has unwound",
    `throws ${ORPHANED.replace("map", 'map "lines"')}`,
    `returns {"done":true}`,
  ]);
});

Deno.test("map() throws what failed while its scope ended it to whoever reads on, so that nothing surfaces", async () => {
  for (const settled of [false, true]) {
    const log: string[] = [];
    using _ = logUnhandled(log);
    const results = await timeout(60_000, async () => {
      const results = map([0, 1], failingCleanup, { settled });
      await results.next();
      return results;
    });
    for (let i = 0; i < 2; i++) await report(log, results.next());
    await settle();
    assertEquals(log, ["throws Error: while it unwinds", `returns {"done":true}`]);
  }
});

Deno.test("map() surfaces what failed while its scope ended it once, and throws it to whoever reads later", async () => {
  const log: string[] = [];
  using _ = logUnhandled(log);
  const results = await timeout(60_000, async () => {
    const results = map([0, 0, 1], failingCleanup);
    await results.next();
    return results;
  });
  await settle();
  for (let i = 0; i < 3; i++) await report(log, results.next());
  await results.return();
  await settle();
  assertEquals(log, [
    "surfaces Error: while it unwinds",
    `returns {"done":false,"value":0}`,
    "throws Error: while it unwinds",
    `returns {"done":true}`,
  ]);
});

Deno.test("map() surfaces a failure once, though it is left after its scope has ended", async () => {
  const unhandled = await unhandledIn(async () => {
    const results = await timeout(60_000, async () => {
      const results = map([0, 1], failingCleanup);
      await results.next();
      return results;
    });
    await settle();
    await results.return();
  });
  assertEquals(unhandled.map(String), ["Error: while it unwinds"]);
});

Deno.test("map() left after its scope has ended is done, quietly", async () => {
  const unhandled = await unhandledIn(async () => {
    const make = () => timeout(60_000, () => map(naturals(), double));
    const left = await make();
    assertEquals(await left.return(), { done: true, value: undefined });
    assertEquals(await left.next(), { done: true, value: undefined });
    await using _disposed = await make();
    await make();
  });
  assertEquals(unhandled, []);
});

Deno.test("map() left while its scope ends it gives who waits the end, not an error", async () => {
  const log: string[] = [];
  const deaf = steered<number>(log, "deaf", { deaf: true });
  const other = steered(log, "other");
  const { promise, resolve } = Promise.withResolvers<AsyncIterableIterator<number>>();
  const ended = scope(async () => {
    const results = map([0, 1], (n) => n === 0 ? n : deaf.work());
    await results.next();
    void map([0], other.work).next().catch(() => {});
    resolve(results);
  });
  const results = await promise;
  const reader = report(log, results.next());
  while (!log.includes("other is cancelled")) await settle(1);
  const left = results.return!();
  // The scope tells those who are still there when the other one ends.
  while (!log.includes("other has unwound")) await settle(1);
  await settle();
  deaf.succeed(1);
  await Promise.all([left, reader, ended]);
  assertEquals(log, [
    "deaf starts",
    "other starts",
    "other is cancelled",
    "other has unwound",
    "deaf ends",
    `returns {"done":true}`,
  ]);
});

Deno.test("map() that was read to its end or left before its scope ended goes on saying that it is done", async () => {
  const [read, left] = await timeout(60_000, async () => {
    const read = map([1, 2], double);
    await Array.fromAsync(read);
    const left = map(naturals(), double);
    for await (const _ of left) break;
    return [read, left] as const;
  });
  assertEquals(await read.next(), { done: true, value: undefined });
  assertEquals(await left.next(), { done: true, value: undefined });
});

Deno.test("map() that outlasts its grace at the end of its scope surfaces that once, and throws it too", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  using _ = logUnhandled(log);
  const deaf = steered<string>(log, "deaf", { deaf: true });
  const { promise, resolve } = Promise.withResolvers<AsyncIterator<string>>();
  const ended = scope(async () => {
    const results = map([() => "read", () => "unread", deaf.work], (work) => work(), { grace: 20 });
    await report(log, results.next());
    resolve(results);
  });
  const results = await promise;
  await settle();
  time.tick(20);
  await ended;
  deaf.succeed("late");
  await settle();
  for (let i = 0; i < 3; i++) await report(log, results.next());
  const error = "StragglerError: Work in map still runs 20 ms after the abort: items[2]";
  assertEquals(log, [
    "deaf starts",
    `returns {"done":false,"value":"read"}`,
    "deaf ends",
    `surfaces ${error}`,
    `returns {"done":false,"value":"unread"}`,
    `throws ${error}`,
    `returns {"done":true}`,
  ]);
});

Deno.test("map() whose scope was aborted, and has ended before it, throws the reason", async () => {
  const log: string[] = [];
  const a = steered(log, "a");
  const { promise, resolve } = Promise.withResolvers<AsyncIterator<void>>();
  const ended = scope(async (_signal, self) => {
    const results = map([0], a.work);
    resolve(results);
    void results.next().catch(() => {});
    await settle();
    self.cancel("enough");
  });
  await ended;
  await report(log, (await promise).next());
  assertEquals(log, ["a starts", "a is cancelled", "a has unwound", "throws enough"]);
});

Deno.test("map() answers concurrent next() calls in order, and all of them at the end", async () => {
  const log: string[] = [];
  const a = steered<string>(log, "a");
  const b = steered<string>(log, "b");
  const results = map([a, b], (one) => one.work());
  const readers = [1, 2, 3, 4].map(async (nth) => log.push(`${nth}: ${JSON.stringify(await results.next())}`));
  b.succeed("B");
  await settle();
  a.succeed("A");
  await Promise.all(readers);
  assertEquals(log, [
    "a starts",
    "b starts",
    "b ends",
    `1: {"done":false,"value":"B"}`,
    "a ends",
    `2: {"done":false,"value":"A"}`,
    `3: {"done":true}`,
    `4: {"done":true}`,
  ]);
});

Deno.test("map() ends the next() calls that are under way when it is left", async () => {
  const log: string[] = [];
  const results = map([0], () => sleepForever());
  const reader = report(log, results.next());
  await results.return();
  await reader;
  assertEquals(log, [`returns {"done":true}`]);
});

Deno.test("map() gives the first of concurrent next() calls the failure", async () => {
  const log: string[] = [];
  const results = map([0], async () => {
    await settle();
    throw new Error("no luck");
  });
  await Promise.all([report(log, results.next()), report(log, results.next())]);
  assertEquals(log, ["throws Error: no luck", `returns {"done":true}`]);
});

Deno.test("map() surfaces what fails in the drain after a loop body that threw, at the next macrotask", async () => {
  const log: string[] = [];
  using _ = logUnhandled(log);
  await report(
    log,
    (async () => {
      for await (const _ of map(naturals(), failingCleanup)) throw new Error("from the body");
    })(),
  );
  log.push("caught");
  await settle();
  assertEquals(log, ["throws Error: from the body", "caught", "surfaces Error: while it unwinds"]);
});

Deno.test("map() surfaces what fails in the drain after a break, because it cannot tell the two apart", async () => {
  const unhandled = await unhandledIn(async () => {
    for await (const _ of map(naturals(), failingCleanup)) break;
  });
  assertEquals(unhandled.map(String), ["Error: while it unwinds"]);
});

Deno.test("map() with settled surfaces what fails in the drain too", async () => {
  const unhandled = await unhandledIn(async () => {
    for await (const _ of map(naturals(), failingCleanup, { settled: true })) break;
  });
  assertEquals(unhandled.map(String), ["Error: while it unwinds"]);
});

Deno.test("map() with settled surfaces what fails while the scope around ends it", async () => {
  const unhandled = await unhandledIn(() =>
    scope(async () => void await map(naturals(), failingCleanup, { settled: true }).next())
  );
  assertEquals(unhandled.map(String), ["Error: while it unwinds"]);
});

Deno.test("map() gives what fails in the drain to a next() that is under way, so that nothing surfaces", async () => {
  const log: string[] = [];
  using _ = logUnhandled(log);
  const results = map([1], failingCleanup);
  const reader = report(log, results.next());
  await results.return();
  await reader;
  await settle();
  assertEquals(log, ["throws Error: while it unwinds"]);
});

Deno.test("map() gives `await using` what fails in the drain, so that nothing surfaces", async () => {
  const log: string[] = [];
  using _ = logUnhandled(log);
  await report(
    log,
    (async () => {
      await using results = map(naturals(), failingCleanup);
      for await (const _ of results) throw new Error("from the body");
    })().catch((error) => {
      // `SuppressedError`: what was thrown last, and what that suppressed.
      throw `${error.error} over ${error.suppressed}`;
    }),
  );
  await settle();
  assertEquals(log, ["throws Error: while it unwinds over Error: from the body"]);
});

Deno.test("map() with `await using` and without a failure ends quietly, and may be disposed twice", async () => {
  const log: string[] = [];
  const results = map(naturals(log), double, { concurrency: 1 });
  {
    await using _ = results;
    await results.next();
  }
  await results[Symbol.asyncDispose]();
  assertEquals(log.at(-1), "source closed");
});

/** Yields the first item, and fails for the second when it is cancelled. */
async function failingCleanup(n: number): Promise<number> {
  if (n === 0) return n;
  try {
    return await sleepForever();
  } finally {
    if (n === 1) {
      // deno-lint-ignore no-unsafe-finally -- a clean-up that fails is what is tested
      throw new Error("while it unwinds");
    }
  }
}

Deno.test("map() throws when grace is over and names the items in work and the source that hangs", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const deaf = steered<number>(log, "deaf", { deaf: true });
  const controller = new AbortController();
  const hanging = Promise.withResolvers<void>();
  const source = async function* () {
    try {
      yield* [0, 1, 2];
    } finally {
      await hanging.promise;
    }
  };
  const results = map(source(), (n) => n === 0 ? n : n === 1 ? deaf.work() : sleepForever(), {
    signal: controller.signal,
    grace: 20,
    onDiscard: (value) => log.push(`discards ${value}`),
  });
  await report(log, results.next());
  await settle();
  controller.abort("enough");
  await settle();
  time.tick(20);
  await report(log, results.next());
  deaf.succeed(9);
  hanging.resolve();
  await settle();
  assertEquals(log, [
    `returns {"done":false,"value":0}`,
    "deaf starts",
    "throws StragglerError: Work in map still runs 20 ms after the abort: items[1], its source",
    "deaf ends",
    "discards 9",
  ]);
});

Deno.test("map() leaves no listener and no timer", async () => {
  using time = new FakeTime();
  const { signal, listeners } = countedSignal();
  for await (const _ of map(naturals(), double, { signal, grace: 1000 })) {
    assertEquals(listeners(), 1);
    break;
  }
  assertEquals(listeners(), 0);
  assertEquals(time.next(), false);
});
