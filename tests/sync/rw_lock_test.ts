import { gather, InvalidStateError, type Permit, RwLock, scope, shield, sleepForever } from "@weft/async";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { countedSignal, type Lane, scopeLane, settle, signalLane, withSeeds } from "../support.ts";

const SIDES = ["Read", "Write"] as const;
type Side = typeof SIDES[number];

const acquire = (lock: RwLock, side: Side, options?: { signal?: AbortSignal }) => lock[`acquire${side}`](options);
const run = <T>(lock: RwLock, side: Side, fn: () => T | Promise<T>, options?: { signal?: AbortSignal }) =>
  lock[`run${side}`](fn, options);
const state = (lock: RwLock) => [lock.readers, lock.writing, lock.waiting];

/** A lock, and readers (named r…) and writers (named w…) that write into a log what became of them. */
function logged() {
  const lock = new RwLock();
  const log: string[] = [];
  const held = new Map<string, Permit>();
  const take = (names: string, options?: { signal?: AbortSignal }) => {
    for (const name of names.split(" ")) {
      acquire(lock, name.startsWith("r") ? "Read" : "Write", options).then(
        (hold) => {
          log.push(name);
          held.set(name, hold);
        },
        (reason) => log.push(`${name} threw ${reason}`),
      );
    }
  };
  const release = (names: string) => {
    for (const name of names.split(" ")) held.get(name)!.release();
  };
  return { lock, log, take, release };
}

Deno.test("RwLock.acquireRead() lets many in at once", async () => {
  const { lock, log, take, release } = logged();
  take("r1 r2 r3");
  await settle();
  assertEquals([log, ...state(lock)], [["r1", "r2", "r3"], 3, false, 0]);
  release("r2 r1 r3");
  assertEquals(state(lock), [0, false, 0]);
});

Deno.test("RwLock.acquireWrite() lets one in alone", async () => {
  const { lock, log, take, release } = logged();
  take("w1 w2 r1");
  await settle();
  assertEquals([log, ...state(lock)], [["w1"], 0, true, 2]);
  release("w1");
  await settle();
  release("w2");
  await settle();
  assertEquals([log, ...state(lock)], [["w1", "w2", "r1"], 1, false, 0]);
});

Deno.test("RwLock.acquireWrite() waits for the last of those who read", async () => {
  const { lock, log, take, release } = logged();
  take("r1 r2 w1");
  await settle();
  release("r1");
  await settle();
  assertEquals(state(lock), [1, false, 1]);
  release("r2");
  await settle();
  assertEquals([log, ...state(lock)], [["r1", "r2", "w1"], 0, true, 0]);
});

Deno.test("RwLock.acquireRead() waits behind a writer that waits, so that it does not starve", async () => {
  const { lock, log, take, release } = logged();
  take("r1 w1 r2 r3");
  await settle();
  assertEquals([log, ...state(lock), lock.tryAcquireRead()], [["r1"], 1, false, 3, undefined]);
  release("r1");
  await settle();
  assertEquals(log, ["r1", "w1"]);
});

Deno.test("RwLock lets the readers at the head of the queue in together, up to the next writer", async () => {
  const { lock, log, take, release } = logged();
  take("w1 r1 r2 w2 r3");
  await settle();
  release("w1");
  assertEquals(state(lock), [2, false, 2]);
  await settle();
  assertEquals(log, ["w1", "r1", "r2"]);
  release("r1 r2");
  await settle();
  release("w2");
  await settle();
  assertEquals(log, ["w1", "r1", "r2", "w2", "r3"]);
});

Deno.test("RwLock hands over to a waiter, and no newcomer of either side can come between", async () => {
  const { lock, log, take, release } = logged();
  take("w1 w2");
  await settle();
  release("w1");
  assertEquals([lock.tryAcquireRead(), lock.tryAcquireWrite()], [undefined, undefined]);
  take("w3 r1");
  await settle();
  assertEquals([log, ...state(lock)], [["w1", "w2"], 0, true, 2]);
});

Deno.test("RwLock.tryAcquireRead() and tryAcquireWrite() take the lock when that needs no wait", () => {
  const lock = new RwLock();
  const reads = [lock.tryAcquireRead()!, lock.tryAcquireRead()!];
  assertEquals([lock.tryAcquireWrite(), ...state(lock)], [undefined, 2, false, 0]);
  for (const hold of reads) hold.release();
  const write = lock.tryAcquireWrite()!;
  assertEquals([lock.tryAcquireRead(), lock.tryAcquireWrite(), ...state(lock)], [undefined, undefined, 0, true, 0]);
  write.release();
  assertEquals(state(lock), [0, false, 0]);
});

Deno.test("RwLock lets those in whom an aborted writer was blocking", async () => {
  const { lock, log, take } = logged();
  const { controller, signal, listeners } = countedSignal();
  take("r1");
  take("w1", { signal });
  take("r2 r3 w2 r4");
  await settle();
  controller.abort("gone");
  assertEquals([...state(lock), listeners()], [3, false, 2, 0]);
  await settle();
  assertEquals(log, ["r1", "w1 threw gone", "r2", "r3"]);
});

for (const side of SIDES) {
  const name = side === "Read" ? "r" : "w";

  Deno.test(`RwLock.acquire${side}() keeps what was handed over in the turn of an abort that comes after it`, async () => {
    const { lock, log, take, release } = logged();
    const controller = new AbortController();
    take("w0");
    take(`${name}1`, { signal: controller.signal });
    take("w2");
    await settle();
    release("w0");
    controller.abort("too late");
    await settle();
    assertEquals([log, lock.waiting], [["w0", `${name}1`], 1]);
    release(`${name}1`);
    await settle();
    assertEquals(log.at(-1), "w2");
  });

  Deno.test(`RwLock.acquire${side}() passes on when the abort comes before the release in one turn`, async () => {
    const { log, take, release } = logged();
    const controller = new AbortController();
    take("w0");
    take(`${name}1`, { signal: controller.signal });
    take(`${name}2`);
    await settle();
    controller.abort("gone");
    release("w0");
    await settle();
    assertEquals(log, ["w0", `${name}1 threw gone`, `${name}2`]);
  });

  Deno.test(`RwLock.acquire${side}() rejects and takes nothing when its signal or scope is aborted already`, async () => {
    const lock = new RwLock();
    const reason = new Error("over");
    const wait = acquire(lock, side, { signal: AbortSignal.abort(reason) });
    assertEquals(state(lock), [0, false, 0]);
    assertStrictEquals(await assertRejects(() => wait), reason);
    await scope(async (_signal, self) => {
      self.cancel(reason);
      for (let i = 0; i < 2; i++) assertStrictEquals(await assertRejects(() => acquire(lock, side)), reason);
    });
    assertEquals(state(lock), [0, false, 0]);
  });

  Deno.test(`RwLock hands nothing to a doomed ${side.toLowerCase()}er when a listener before ours releases`, async () => {
    const { log, take, release } = logged();
    const controller = new AbortController();
    take("w0");
    await settle();
    controller.signal.addEventListener("abort", () => release("w0"));
    take(`${name}1`, { signal: controller.signal });
    take("r2");
    controller.abort("out");
    await settle();
    assertEquals(log, ["w0", `${name}1 threw out`, "r2"]);
  });

  Deno.test(`RwLock.run${side}() gives the lock back when the function returns, throws or is cancelled`, async () => {
    const lock = new RwLock();
    const held = side === "Read" ? [1, false, 0] : [0, true, 0];
    assertEquals(await run(lock, side, () => settle(1).then(() => state(lock))), held);
    assertEquals(state(lock), [0, false, 0]);
    const throws = () => {
      throw new Error("thrown");
    };
    await assertRejects(() => run(lock, side, throws), Error, "thrown");
    await scope(async (_signal, self) => {
      const work = run(lock, side, () => sleepForever());
      await settle();
      assertEquals(state(lock), held);
      self.cancel("stop");
      assertEquals(await work.catch((reason) => reason), "stop");
    });
    assertEquals(state(lock), [0, false, 0]);
  });

  Deno.test(`RwLock.run${side}() never calls the function when aborted while it waits`, async () => {
    const { lock, log, take, release } = logged();
    const controller = new AbortController();
    take("w0");
    const work = run(lock, side, () => log.push("called"), { signal: controller.signal })
      .catch((reason) => log.push(`threw ${reason}`));
    await settle();
    controller.abort("gone");
    release("w0");
    await work;
    assertEquals([log, ...state(lock)], [["w0", "threw gone"], 0, false, 0]);
  });

  Deno.test(`RwLock.run${side}() gives the lock back uncalled when cancelled in the turn of the hand-over`, async () => {
    const { lock, log, take, release } = logged();
    take("w0");
    await settle();
    await scope(async (_signal, self) => {
      const work = run(lock, side, () => log.push("called")).catch((reason) => log.push(`threw ${reason}`));
      await settle();
      release("w0");
      self.cancel("stop");
      await work;
    });
    assertEquals([log, ...state(lock)], [["w0", "threw stop"], 0, false, 0]);
  });

  Deno.test(`RwLock.run${side}() refuses to acquire the same lock again inside, on either side`, async () => {
    const lock = new RwLock();
    let refused = 0;
    const expect = async (again: () => Promise<unknown>) => {
      await assertRejects(again, InvalidStateError, "Cannot acquire lock: the surrounding callback already holds it");
      refused++;
    };
    // Another reader, so that it is not only the last one who is known.
    const beside = side === "Read" ? lock.tryAcquireRead() : undefined;
    await run(lock, side, async () => {
      for (const again of SIDES) {
        await expect(() => acquire(lock, again));
        await gather([() => settle().then(() => expect(() => run(lock, again, () => {})))]);
        await shield(() => scope(() => expect(() => acquire(lock, again))));
      }
    });
    beside?.release();
    assertEquals([refused, ...state(lock)], [6, 0, false, 0]);
  });

  Deno.test(`RwLock.run${side}() refuses nothing to those beside it, nor after its end`, async () => {
    const lock = new RwLock();
    const log: string[] = [];
    const first = run(lock, side, () => settle().then(() => log.push("first")));
    const second = run(lock, "Write", () => log.push("second"));
    await Promise.all([first, second]);
    await run(lock, side, () => log.push("third"));
    assertEquals([log, ...state(lock)], [["first", "second", "third"], 0, false, 0]);
  });

  Deno.test(`RwLock.run${side}() refuses nothing to stragglers that its callback has left`, async () => {
    const lock = new RwLock();
    const { promise, resolve } = Promise.withResolvers<void>();
    let left!: Promise<Permit>;
    await run(lock, side, async () => {
      const straggler = () => left = shield(() => promise.then(() => acquire(lock, "Write")));
      const fails = () => {
        throw new Error("fails");
      };
      await assertRejects(() => gather([straggler, fails], { grace: 0 }));
    });
    resolve();
    const hold = await left;
    assert(lock.writing);
    hold.release();
  });
}

Deno.test("RwLock's Permit gives back once, and at the end of a block with using", async () => {
  const lock = new RwLock();
  const other = await lock.acquireRead();
  {
    using hold = await lock.acquireRead();
    assertEquals(lock.readers, 2);
    hold.release();
    hold.release();
    assertEquals(lock.readers, 1);
  }
  assertEquals(lock.readers, 1);
  other.release();
  const write = await lock.acquireWrite();
  other.release();
  assertEquals(state(lock), [0, true, 0]);
  write.release();
  assertEquals(state(lock), [0, false, 0]);
});

Deno.test("RwLock shows who holds it and how many wait", async () => {
  const { lock, take } = logged();
  take("r1 r2 w1 r3");
  await settle();
  assertEquals(String(lock), "RwLock { readers: 2, writing: false, waiting: 2 }");
  assertEquals(Deno.inspect(lock), String(lock));
});

Deno.test("RwLock does what a simple model does under random acquires, releases and aborts", async () => {
  await withSeeds(200, async (random) => {
    const below = (n: number) => Math.floor(random() * n);
    const newLane = () => [signalLane, scopeLane][below(2)]!();
    const lanes = [newLane(), newLane(), newLane()];
    const closed: Lane[] = [];
    const lock = new RwLock();
    const holds = new Map<number, Permit>();
    const log: string[] = [];
    // The model: who holds it, who waits, and what must have been told.
    let inside: { id: number; side: Side }[] = [];
    let queue: { id: number; side: Side; lane: Lane }[] = [];
    const expected: string[] = [];
    let ids = 0;

    const fits = (side: Side) => inside.every((holder) => side === "Read" && holder.side === "Read");
    const admit = () => {
      while (queue.length > 0 && fits(queue[0]!.side)) {
        const { id, side } = queue.shift()!;
        inside.push({ id, side });
        expected.push(`${id} got it`);
      }
    };
    const operations = {
      acquire() {
        const id = ids++;
        const lane = lanes[below(3)]!;
        const side = SIDES[below(4) === 0 ? 1 : 0]!;
        queue.push({ id, side, lane });
        admit();
        lane.begin((options) => acquire(lock, side, options)).then((hold) => {
          holds.set(id, hold);
          log.push(`${id} got it`);
        }, () => log.push(`${id} aborted`));
      },
      tryAcquire() {
        const side = SIDES[below(2)]!;
        const hold = lock[`tryAcquire${side}`]();
        assertEquals(hold !== undefined, queue.length === 0 && fits(side));
        if (hold === undefined) return;
        inside.push({ id: ids, side });
        holds.set(ids++, hold);
      },
      release() {
        // What was handed over in this turn has not arrived yet.
        const arrived = inside.filter(({ id }) => holds.has(id));
        if (arrived.length === 0) return;
        const { id } = arrived[below(arrived.length)]!;
        inside = inside.filter((holder) => holder.id !== id);
        admit();
        holds.get(id)!.release();
        holds.get(id)!.release();
      },
      abort() {
        const [lane] = lanes.splice(below(3), 1, newLane());
        expected.push(...queue.filter((waiter) => waiter.lane === lane).map(({ id }) => `${id} aborted`));
        queue = queue.filter((waiter) => waiter.lane !== lane);
        admit();
        lane!.abort("random");
        closed.push(lane!);
      },
      async compare() {
        await settle(1);
        assertEquals(log.toSorted(), expected.toSorted());
        const got = (all: string[]) => all.filter((line) => line.endsWith("got it"));
        assertEquals(got(log), got(expected));
      },
    };
    const weighted = ["acquire", "acquire", "acquire", "release", "release", "tryAcquire", "abort", "compare"] as const;
    for (let i = 0; i < 60; i++) {
      const compared = operations[weighted[below(weighted.length)]!]();
      // All that comes between two comparisons happens in one turn.
      if (compared instanceof Promise) await compared;
      const writing = inside.some(({ side }) => side === "Write");
      assertEquals(state(lock), [writing ? 0 : inside.length, writing, queue.length]);
    }
    while (inside.length > 0) {
      await operations.compare();
      operations.release();
    }
    await operations.compare();
    assertEquals(state(lock), [0, false, 0]);
    for (const lane of [...lanes, ...closed]) assertEquals(await lane.close(), 0);
  });
});
