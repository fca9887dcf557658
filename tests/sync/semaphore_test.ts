import {
  currentSignal,
  InvalidStateError,
  isCancellation,
  type Permit,
  scope,
  Semaphore,
  sleepForever,
} from "@weft/async";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { countedSignal, settle, withSeeds } from "../support.ts";

/** A semaphore, and waiters that write into a log what they got. */
function logged(permits: number) {
  const semaphore = new Semaphore(permits);
  const log: string[] = [];
  const held = new Map<string, Permit>();
  const take = (name: string, options?: { weight?: number; signal?: AbortSignal }) => {
    semaphore.acquire(options).then(
      (permit) => {
        log.push(`${name} got ${permit.weight}`);
        held.set(name, permit);
      },
      (reason) => log.push(`${name} threw ${reason}`),
    );
  };
  const release = (name: string) => held.get(name)!.release();
  return { semaphore, log, take, release };
}

Deno.test("Semaphore.acquire() takes a permit at once while one is free", async () => {
  const semaphore = new Semaphore(2);
  const permit = await semaphore.acquire();
  assertEquals([permit.weight, semaphore.availablePermits, semaphore.waiting], [1, 1, 0]);
  permit.release();
  assertEquals(semaphore.availablePermits, 2);
});

Deno.test("Semaphore.acquire() serves in order of arrival when several permits come back in one turn", async () => {
  const { log, take, release } = logged(3);
  for (const name of ["a", "b", "c", "d", "e", "f", "g"]) take(name);
  await settle();
  release("c");
  release("a");
  release("b");
  log.push("released three");
  await settle();
  assertEquals(log, ["a got 1", "b got 1", "c got 1", "released three", "d got 1", "e got 1", "f got 1"]);
});

Deno.test("Semaphore.tryAcquire() and acquire() cannot take what a release gave to a waiter", async () => {
  const { semaphore, log, take, release } = logged(1);
  take("holder");
  take("waiter");
  await settle();
  release("holder");
  take("newcomer");
  log.push(`tryAcquire: ${semaphore.tryAcquire()}, free: ${semaphore.availablePermits}`);
  await settle();
  assertEquals(log, ["holder got 1", "tryAcquire: undefined, free: 0", "waiter got 1"]);
  release("waiter");
  await settle();
  assertEquals(log.at(-1), "newcomer got 1");
});

Deno.test("Semaphore.tryAcquire() takes nothing while somebody waits, though the permits would do", async () => {
  const { semaphore, take } = logged(3);
  take("holder", { weight: 2 });
  take("large", { weight: 2 });
  await settle();
  assertEquals([semaphore.availablePermits, semaphore.tryAcquire()], [1, undefined]);
});

Deno.test("Semaphore.tryAcquire() takes a permit that is free, of the weight asked for", () => {
  const semaphore = new Semaphore(3);
  const permit = semaphore.tryAcquire({ weight: 2 });
  assertEquals([permit?.weight, semaphore.availablePermits], [2, 1]);
  assertEquals(semaphore.tryAcquire({ weight: 2 }), undefined);
  permit?.release();
  assertEquals(semaphore.availablePermits, 3);
});

Deno.test("Semaphore.acquire() keeps a permit handed over in the turn of an abort that comes after it", async () => {
  const { semaphore, log, take, release } = logged(1);
  const controller = new AbortController();
  take("holder");
  take("first", { signal: controller.signal });
  take("second");
  await settle();
  release("holder");
  controller.abort("too late");
  await settle();
  assertEquals(log, ["holder got 1", "first got 1"]);
  release("first");
  await settle();
  release("second");
  assertEquals([log.at(-1), semaphore.availablePermits], ["second got 1", 1]);
});

Deno.test("Semaphore.acquire() passes a permit on when the abort comes before the release in one turn", async () => {
  const { semaphore, log, take, release } = logged(1);
  const controller = new AbortController();
  take("holder");
  take("first", { signal: controller.signal });
  take("second");
  await settle();
  controller.abort("gone");
  release("holder");
  await settle();
  assertEquals(log, ["holder got 1", "first threw gone", "second got 1"]);
  release("second");
  assertEquals(semaphore.availablePermits, 1);
});

Deno.test("Semaphore.acquire() delivers before a cancel of its scope, which the next wait sees", async () => {
  const semaphore = new Semaphore(1);
  const holder = await semaphore.acquire();
  const log: string[] = [];
  await scope(async (_signal, self) => {
    const wait = semaphore.acquire();
    holder.release();
    self.cancel("stop");
    const permit = await wait;
    log.push(`got ${permit.weight}`);
    await semaphore.acquire().catch((reason) => log.push(`next wait threw ${reason}`));
    permit.release();
  });
  assertEquals([log, semaphore.availablePermits], [["got 1", "next wait threw stop"], 1]);
});

Deno.test("Semaphore wakes exactly as many live waiters as permits came back", async () => {
  const { semaphore, log, take, release } = logged(3);
  const controller = new AbortController();
  const { signal } = controller;
  for (const name of ["a", "b", "c"]) take(name);
  await settle();
  log.length = 0;
  for (const name of ["d!", "e", "f!", "g!", "h", "i"]) take(name, name.endsWith("!") ? { signal } : undefined);
  controller.abort("out");
  release("a");
  release("b");
  await settle();
  assertEquals(log, ["d! threw out", "f! threw out", "g! threw out", "e got 1", "h got 1"]);
  assertEquals([semaphore.waiting, semaphore.availablePermits], [1, 0]);
});

Deno.test("Semaphore.acquire() leaves no queue entry and no listener when aborted while waiting", async () => {
  const { semaphore, log, take } = logged(1);
  const { controller, signal, listeners } = countedSignal();
  take("holder");
  take("a", { signal });
  take("b", { signal });
  assertEquals([semaphore.waiting, listeners()], [2, 1]);
  controller.abort("enough");
  assertEquals([semaphore.waiting, listeners()], [0, 0]);
  await settle();
  assertEquals(log, ["holder got 1", "a threw enough", "b threw enough"]);
});

Deno.test("Semaphore.acquire() leaves no listener on a signal that lives on when it was served", async () => {
  const { take, release } = logged(1);
  const { signal, listeners } = countedSignal();
  take("holder");
  take("waiter", { signal });
  await settle();
  assertEquals(listeners(), 1);
  release("holder");
  assertEquals(listeners(), 0);
});

Deno.test("Semaphore.acquire() puts no listener on the signal when it need not wait", () => {
  const { signal, listeners } = countedSignal();
  const { take } = logged(1);
  take("holder", { signal });
  assertEquals(listeners(), 0);
});

Deno.test("Semaphore.acquire() rejects and takes nothing when its signal is aborted already", async () => {
  const semaphore = new Semaphore(1);
  const reason = new Error("over");
  const wait = semaphore.acquire({ signal: AbortSignal.abort(reason) });
  assertEquals([semaphore.availablePermits, semaphore.waiting], [1, 0]);
  assertStrictEquals(await assertRejects(() => wait), reason);
});

Deno.test("Semaphore.acquire() rejects twice in a row and takes nothing in an aborted scope", async () => {
  const semaphore = new Semaphore(2);
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    self.cancel("stop");
    for (let i = 0; i < 2; i++) {
      await semaphore.acquire().catch((reason) => log.push(reason, isCancellation(reason)));
    }
  });
  assertEquals([log, semaphore.availablePermits], [["stop", true, "stop", true], 2]);
});

Deno.test("Semaphore.acquire() rejects with the reason of the scope when its signal is aborted too", async () => {
  const semaphore = new Semaphore(0);
  const log: unknown[] = [];
  await scope(async (signal, self) => {
    const controller = new AbortController();
    const note = (reason: unknown) => log.push(reason);
    // The platform calls this listener before ours: the scope is aborted when the wait is told of its signal.
    controller.signal.addEventListener("abort", () => self.cancel("scope"));
    const wait = semaphore.acquire({ signal: controller.signal }).catch(note);
    controller.abort("signal");
    await wait;
    await semaphore.acquire({ signal: controller.signal }).catch(note);
    assert(signal.aborted);
  });
  assertEquals(log, ["scope", "scope"]);
});

Deno.test("Semaphore hands nothing to a waiter whose signal is aborted when a listener before ours releases", async () => {
  const { semaphore, log, take, release } = logged(1);
  const controller = new AbortController();
  const { signal } = controller;
  take("holder");
  await settle();
  signal.addEventListener("abort", () => release("holder"));
  take("doomed", { signal });
  take("alive");
  controller.abort("out");
  await settle();
  assertEquals(log, ["holder got 1", "doomed threw out", "alive got 1"]);
  assertEquals([semaphore.waiting, semaphore.availablePermits], [0, 0]);
});

Deno.test("Semaphore hands nothing to other waiters of a scope that is being aborted", async () => {
  const { semaphore, log, take, release } = logged(3);
  take("holder", { weight: 2 });
  await settle();
  await scope(async (signal, self) => {
    take("large", { weight: 2 });
    take("small");
    // The scope's own signal is fired last.
    signal.addEventListener("abort", () => release("holder"));
    await settle();
    self.cancel("stop");
    await settle();
  });
  assertEquals(log, ["holder got 2", "large threw stop", "small threw stop"]);
  assertEquals([semaphore.waiting, semaphore.availablePermits], [0, 3]);
});

Deno.test("Semaphore.acquire() lets a large request at the head block the smaller ones behind it", async () => {
  const { semaphore, log, take, release } = logged(3);
  take("a", { weight: 2 });
  take("large", { weight: 3 });
  take("small");
  await settle();
  assertEquals([log, semaphore.availablePermits, semaphore.waiting], [["a got 2"], 1, 2]);
  release("a");
  await settle();
  release("large");
  await settle();
  assertEquals(log, ["a got 2", "large got 3", "small got 1"]);
});

Deno.test("Semaphore admits those behind a large request that was aborted", async () => {
  const { log, take } = logged(3);
  const controller = new AbortController();
  take("a");
  take("large", { weight: 3, signal: controller.signal });
  take("b");
  take("c");
  take("d");
  await settle();
  controller.abort("gone");
  await settle();
  assertEquals(log, ["a got 1", "large threw gone", "b got 1", "c got 1"]);
});

Deno.test("Semaphore admits those behind a large request when its scope is cancelled", async () => {
  const { log, take } = logged(2);
  take("a");
  await scope(async (_signal, self) => {
    take("large", { weight: 2 });
    await settle();
    self.cancel("stop");
    await settle();
  }).then(() => log.push("scope ended"));
  assertEquals(log, ["a got 1", "large threw stop", "scope ended"]);
  take("b");
  await settle();
  assertEquals(log.at(-1), "b got 1");
});

Deno.test("Semaphore.acquire() fails at once for more permits than there are", async () => {
  const { semaphore, take, log } = logged(2);
  take("holder");
  const wait = semaphore.acquire({ weight: 3 });
  await assertRejects(
    () => wait,
    RangeError,
    'Cannot acquire permit: "weight" must be at most 2, the number of permits, received 3',
  );
  assertThrows(() => semaphore.tryAcquire({ weight: 3 }), RangeError);
  assertEquals([log, semaphore.waiting, semaphore.availablePermits], [["holder got 1"], 0, 1]);
});

Deno.test("Semaphore.acquire() waits for a first permit when there is none yet", async () => {
  const { semaphore, log, take } = logged(0);
  take("a");
  await settle();
  semaphore.resize(1);
  await settle();
  assertEquals(log, ["a got 1"]);
});

Deno.test("Semaphore.resize() up admits exactly the difference", async () => {
  const { semaphore, log, take } = logged(1);
  for (const name of ["a", "b", "c", "d", "e"]) take(name);
  semaphore.resize(3);
  await settle();
  assertEquals(log, ["a got 1", "b got 1", "c got 1"]);
  assertEquals([semaphore.capacity, semaphore.availablePermits, semaphore.waiting], [3, 0, 2]);
});

Deno.test("Semaphore.resize() below what is in use admits nobody until enough came back", async () => {
  const { semaphore, log, take, release } = logged(3);
  for (const name of ["a", "b", "c", "d"]) take(name);
  await settle();
  semaphore.resize(1);
  assertEquals([semaphore.capacity, semaphore.availablePermits], [1, 0]);
  release("a");
  release("b");
  await settle();
  assertEquals(log, ["a got 1", "b got 1", "c got 1"]);
  release("c");
  await settle();
  assertEquals([log.at(-1), semaphore.availablePermits], ["d got 1", 0]);
});

Deno.test("Semaphore.resize() to zero admits nobody", async () => {
  const { semaphore, log, take, release } = logged(1);
  take("a");
  take("b");
  await settle();
  semaphore.resize(0);
  release("a");
  await settle();
  assertEquals([log, semaphore.availablePermits, semaphore.tryAcquire()], [["a got 1"], 0, undefined]);
  semaphore.resize(1);
  await settle();
  assertEquals(log, ["a got 1", "b got 1"]);
});

Deno.test("Semaphore with Infinity permits never makes anyone wait", async () => {
  const semaphore = new Semaphore(Infinity);
  const permit = await semaphore.acquire({ weight: 1_000_000 });
  assertEquals([semaphore.availablePermits, semaphore.waiting], [Infinity, 0]);
  permit.release();
  semaphore.resize(1);
  assertEquals(semaphore.availablePermits, 1);
});

Deno.test("Semaphore refuses permits that are no whole number of zero or more", () => {
  for (const permits of [-1, 0.5, NaN, -Infinity, 2 ** 53]) {
    assertThrows(() => new Semaphore(permits), RangeError, "Cannot create Semaphore");
  }
  for (const permits of ["1", null, undefined, 1n, {}] as unknown[] as number[]) {
    assertThrows(() => new Semaphore(permits), TypeError, "Cannot create Semaphore");
  }
});

Deno.test("Semaphore.resize() refuses what the constructor refuses, and changes nothing", () => {
  const semaphore = new Semaphore(2);
  assertThrows(() => semaphore.resize(-1), RangeError, "Cannot resize Semaphore");
  assertThrows(() => semaphore.resize(NaN), RangeError, "Cannot resize Semaphore");
  assertThrows(() => semaphore.resize("3" as unknown as number), TypeError, "Cannot resize Semaphore");
  assertEquals([semaphore.capacity, semaphore.availablePermits], [2, 2]);
});

Deno.test("Semaphore.acquire() rejects wrong options before it takes anything", async () => {
  const semaphore = new Semaphore(2);
  for (const weight of [0, -1, 1.5, NaN, Infinity]) {
    await assertRejects(() => semaphore.acquire({ weight }), RangeError, '"weight" must be');
    assertThrows(() => semaphore.tryAcquire({ weight }), RangeError, '"weight" must be');
  }
  for (const options of [{ weight: "1" }, { weight: null }, { signal: null }, { signal: {} }, null, 1]) {
    await assertRejects(() => semaphore.acquire(options as never), TypeError, "Cannot acquire permit");
  }
  assertEquals(semaphore.availablePermits, 2);
});

Deno.test("Semaphore.acquire() takes undefined options as absent", async () => {
  const semaphore = new Semaphore(2);
  const permit = await semaphore.acquire({ weight: undefined, signal: undefined });
  assertEquals([permit.weight, semaphore.availablePermits], [1, 1]);
});

Deno.test("Semaphore.release() throws and changes nothing when more comes back than is in use", async () => {
  const semaphore = new Semaphore(3);
  await semaphore.acquire({ weight: 2 });
  assertThrows(
    () => semaphore.release(3),
    InvalidStateError,
    "Cannot release permit: only 2 in use, received 3",
  );
  assertEquals(semaphore.availablePermits, 1);
  for (const weight of [0, -1, 1.5, NaN]) assertThrows(() => semaphore.release(weight), RangeError);
  assertEquals(semaphore.availablePermits, 1);
});

Deno.test("Semaphore.release() gives back what nobody carries a permit of", async () => {
  const { semaphore, log, take } = logged(1);
  take("a");
  take("b");
  await settle();
  semaphore.release();
  await settle();
  assertEquals([log, semaphore.availablePermits], [["a got 1", "b got 1"], 0]);
});

Deno.test("Permit.release() gives its weight back once, and does nothing the second time", async () => {
  const semaphore = new Semaphore(3);
  const other = await semaphore.acquire();
  const permit = await semaphore.acquire({ weight: 2 });
  permit.release();
  permit.release();
  assertEquals(semaphore.availablePermits, 2);
  other.release();
  assertEquals(semaphore.availablePermits, 3);
});

Deno.test("Permit.release() throws when its permit was given back without it", async () => {
  const semaphore = new Semaphore(1);
  const permit = await semaphore.acquire();
  semaphore.release();
  assertThrows(() => permit.release(), InvalidStateError, "only 0 in use, received 1");
  assertEquals(semaphore.availablePermits, 1);
});

Deno.test("Permit gives itself back at the end of a block with using", async () => {
  const semaphore = new Semaphore(1);
  {
    using permit = await semaphore.acquire();
    assertEquals([permit.weight, semaphore.availablePermits], [1, 0]);
  }
  assertEquals(semaphore.availablePermits, 1);
});

Deno.test("Semaphore.run() holds a permit while the function runs, and returns what it returns", async () => {
  const semaphore = new Semaphore(1);
  const value = await semaphore.run(async (signal) => {
    await settle(1);
    return [signal.aborted, semaphore.availablePermits];
  });
  assertEquals([value, semaphore.availablePermits], [[false, 0], 1]);
});

Deno.test("Semaphore.run() calls the function in a scope of its own, with its signal, which is aborted with the one around", async () => {
  const semaphore = new Semaphore(1);
  const seen: unknown[] = [];
  await scope(async (outer, self) => {
    await semaphore.run((signal) => {
      seen.push(signal === currentSignal(), signal === outer);
      self.cancel();
      seen.push(signal.aborted);
    });
  });
  assertEquals(seen, [true, false, true]);
});

Deno.test("Semaphore.run() and wrap() give the permit back when the function throws or rejects", async () => {
  const semaphore = new Semaphore(1);
  const throws = () => {
    throw new Error("thrown");
  };
  const rejects = () => Promise.reject(new Error("rejected"));
  for (const [fn, message] of [[throws, "thrown"], [rejects, "rejected"]] as const) {
    await assertRejects(() => semaphore.run(fn), Error, message);
    await assertRejects(() => semaphore.wrap(fn)(), Error, message);
  }
  assertEquals(semaphore.availablePermits, 1);
});

Deno.test("Semaphore.run() takes the weight, and never calls the function when aborted while waiting", async () => {
  const semaphore = new Semaphore(2);
  const controller = new AbortController();
  const log: unknown[] = [];
  const first = semaphore.run(async () => {
    log.push(`first with ${semaphore.availablePermits} free`);
    await settle();
  }, { weight: 2 });
  const second = semaphore.run(() => log.push("second"), { signal: controller.signal });
  await settle(1);
  controller.abort("gone");
  await second.catch((reason) => log.push(`second threw ${reason}`));
  await first;
  assertEquals([log, semaphore.availablePermits], [["first with 0 free", "second threw gone"], 2]);
});

Deno.test("Semaphore.run() gives the permit back when a cancellation ends the function", async () => {
  const semaphore = new Semaphore(1);
  await scope(async (_signal, self) => {
    const work = semaphore.run(() => sleepForever());
    await settle();
    assertEquals(semaphore.availablePermits, 0);
    self.cancel();
    await work;
  });
  assertEquals(semaphore.availablePermits, 1);
});

Deno.test("Semaphore.run() hands the permit to the function, which may release it early", async () => {
  const semaphore = new Semaphore(1);
  const seen = await semaphore.run((_signal, permit) => {
    const held = semaphore.availablePermits;
    permit.release();
    return [held, semaphore.availablePermits];
  });
  assertEquals([seen, semaphore.availablePermits], [[0, 1], 1]);
});

Deno.test("Semaphore.wrap() makes a function of which only so many calls run at once, in order", async () => {
  const semaphore = new Semaphore(2);
  const log: string[] = [];
  const wrapped = semaphore.wrap(async (name: string, turns: number) => {
    log.push(`${name} begins`);
    await settle(turns);
    log.push(`${name} ends`);
    return name.toUpperCase();
  });
  const results = await Promise.all([wrapped("a", 4), wrapped("b", 1), wrapped("c", 1)]);
  assertEquals(results, ["A", "B", "C"]);
  assertEquals(log, ["a begins", "b begins", "b ends", "c begins", "c ends", "a ends"]);
});

Deno.test("Semaphore.run() and wrap() refuse what is no function before they take a permit", async () => {
  const semaphore = new Semaphore(1);
  const wrong = "work" as unknown as () => void;
  await assertRejects(() => semaphore.run(wrong), TypeError, '"fn" must be a function, received "work"');
  assertThrows(() => semaphore.wrap(wrong), TypeError, '"fn" must be a function');
  assertEquals(semaphore.availablePermits, 1);
});

Deno.test("Semaphore shows what is free and how many wait", async () => {
  const { semaphore, take } = logged(1);
  take("a");
  take("b");
  await settle();
  assertEquals(String(semaphore), "Semaphore { available: 0, waiting: 1 }");
  assertEquals(Deno.inspect(semaphore), String(semaphore));
});

/** What a semaphore is, said without promises: every question is answered anew from plain arrays. */
class Model {
  capacity: number;
  held: { id: number; weight: number }[] = [];
  queue: { id: number; weight: number; lane: Lane }[] = [];
  readonly granted: number[] = [];
  readonly aborted: number[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get free(): number {
    return this.capacity - this.held.reduce((sum, { weight }) => sum + weight, 0);
  }

  acquire(id: number, weight: number, lane: Lane): void {
    this.queue.push({ id, weight, lane });
    this.admit();
  }

  release(id: number): void {
    this.held = this.held.filter((held) => held.id !== id);
    this.admit();
  }

  abort(lane: Lane): void {
    this.aborted.push(...this.queue.filter((waiter) => waiter.lane === lane).map(({ id }) => id));
    this.queue = this.queue.filter((waiter) => waiter.lane !== lane);
    this.admit();
  }

  /** Whoever asks for more than there are now is refused. */
  resize(permits: number): void {
    this.capacity = permits;
    const fits = ({ weight }: { weight: number }) => weight <= Math.max(1, permits);
    this.aborted.push(...this.queue.filter((waiter) => !fits(waiter)).map(({ id }) => id));
    this.queue = this.queue.filter(fits);
    this.admit();
  }

  admit(): void {
    while (this.queue.length > 0 && this.queue[0]!.weight <= this.free) {
      const { id, weight } = this.queue.shift()!;
      this.held.push({ id, weight });
      this.granted.push(id);
    }
  }
}

/** Waiters that are aborted together. */
interface Lane {
  acquire(weight: number): Promise<Permit>;
  abort(): void;
  /** Ends it; returns how many listeners it has left behind. */
  close(): Promise<number>;
}

function signalLane(semaphore: Semaphore): Lane {
  const { controller, signal, listeners } = countedSignal();
  return {
    acquire: (weight) => semaphore.acquire({ weight, signal }),
    abort: () => controller.abort("random"),
    close: () => Promise.resolve(listeners()),
  };
}

function scopeLane(semaphore: Semaphore): Lane {
  const { promise: end, resolve: close } = Promise.withResolvers<void>();
  let enter!: <R>(fn: () => R) => R;
  let cancel!: () => void;
  const ended = scope(async (_signal, self) => {
    enter = AsyncLocalStorage.snapshot();
    cancel = () => self.cancel("random");
    await end;
  });
  return {
    acquire: (weight) => enter(() => semaphore.acquire({ weight })),
    abort: () => cancel(),
    close: () => (close(), ended.then(() => 0)),
  };
}

Deno.test("Semaphore does what a simple model does under random acquires, releases, aborts and resizes", async () => {
  await withSeeds(300, async (random) => {
    const below = (n: number) => Math.floor(random() * n);
    const model = new Model(below(4));
    const semaphore = new Semaphore(model.capacity);
    const newLane = () => [signalLane, scopeLane][below(2)]!(semaphore);
    const lanes = [newLane(), newLane(), newLane()];
    const closed: Lane[] = [];
    const permits = new Map<number, Permit>();
    const granted: number[] = [];
    const aborted: number[] = [];
    let ids = 0;

    function acquire(): void {
      const id = ids++;
      const weight = 1 + below(Math.min(3, model.capacity));
      const lane = lanes[below(3)]!;
      model.acquire(id, weight, lane);
      lane.acquire(weight).then((permit) => {
        permits.set(id, permit);
        granted.push(id);
      }, () => aborted.push(id));
    }
    function tryAcquire(): void {
      const fits = model.queue.length === 0 && model.free >= 1;
      const permit = semaphore.tryAcquire();
      assertEquals(permit !== undefined, fits);
      if (permit === undefined) return;
      permits.set(ids, permit);
      model.held.push({ id: ids++, weight: 1 });
    }
    function release(): void {
      // What was handed over in this turn has not arrived yet.
      const arrived = model.held.filter(({ id }) => permits.has(id));
      if (arrived.length === 0) return;
      const { id } = arrived[below(arrived.length)]!;
      model.release(id);
      permits.get(id)!.release();
      permits.get(id)!.release();
    }
    function abort(): void {
      const [lane] = lanes.splice(below(3), 1, newLane());
      model.abort(lane!);
      lane!.abort();
      closed.push(lane!);
    }
    function resize(permits = below(5)): void {
      model.resize(permits);
      semaphore.resize(permits);
    }
    async function compare(): Promise<void> {
      await settle(1);
      assertEquals(granted, model.granted);
      assertEquals(aborted.toSorted(), model.aborted.toSorted());
    }

    const operations = [
      acquire,
      acquire,
      acquire,
      acquire,
      release,
      release,
      release,
      tryAcquire,
      abort,
      resize,
      compare,
    ];
    for (let i = 0; i < 60; i++) {
      await operations[below(operations.length)]!();
      assertEquals([semaphore.availablePermits, semaphore.waiting], [Math.max(0, model.free), model.queue.length]);
    }
    resize(4);
    await compare();
    while (model.held.length > 0) {
      release();
      await compare();
    }
    assertEquals([semaphore.availablePermits, semaphore.waiting], [4, 0]);
    assertEquals(permits.size + aborted.length, ids);
    for (const lane of [...lanes, ...closed]) assertEquals(await lane.close(), 0);
  });
});
