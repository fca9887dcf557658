import {
  createTask,
  gather,
  InvalidStateError,
  Lock,
  type Permit,
  scope,
  shield,
  sleepForever,
  type Task,
  TaskGroup,
} from "@weft/async";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { countedSignal, type Lane, scopeLane, settle, signalLane, withSeeds } from "../support.ts";

/** A lock, and waiters that write into a log what became of them. */
function logged() {
  const lock = new Lock();
  const log: string[] = [];
  const held = new Map<string, Permit>();
  const take = (name: string, options?: { signal?: AbortSignal }) => {
    lock.acquire(options).then(
      (hold) => {
        log.push(`${name} got it`);
        held.set(name, hold);
      },
      (reason) => log.push(`${name} threw ${reason}`),
    );
  };
  const release = (name: string) => held.get(name)!.release();
  return { lock, log, take, release };
}

Deno.test("Lock.acquire() takes the lock at once while it is free", async () => {
  const lock = new Lock();
  const hold = await lock.acquire();
  assertEquals([lock.locked, lock.waiting], [true, 0]);
  hold.release();
  assertEquals(lock.locked, false);
});

Deno.test("Lock.acquire() serves in order of arrival", async () => {
  const { lock, log, take, release } = logged();
  for (const name of ["a", "b", "c", "d"]) take(name);
  await settle();
  for (const name of ["a", "b", "c"]) {
    release(name);
    log.push(`${name} is out`);
    await settle();
  }
  assertEquals(log, ["a got it", "a is out", "b got it", "b is out", "c got it", "c is out", "d got it"]);
  assertEquals([lock.locked, lock.waiting], [true, 0]);
});

for (const way of ["Permit.release()", "Lock.release()"]) {
  Deno.test(`${way} hands over to a waiter, and neither tryAcquire() nor acquire() can come between`, async () => {
    const { lock, log, take, release } = logged();
    take("holder");
    take("waiter");
    await settle();
    if (way === "Permit.release()") release("holder");
    else lock.release();
    take("newcomer");
    log.push(`tryAcquire: ${lock.tryAcquire()}, locked: ${lock.locked}, waiting: ${lock.waiting}`);
    await settle();
    assertEquals(log, ["holder got it", "tryAcquire: undefined, locked: true, waiting: 1", "waiter got it"]);
    release("waiter");
    await settle();
    assertEquals(log.at(-1), "newcomer got it");
  });
}

Deno.test("Lock.tryAcquire() takes the lock when it is free", () => {
  const lock = new Lock();
  const hold = lock.tryAcquire();
  assertEquals([hold === undefined, lock.locked, lock.tryAcquire()], [false, true, undefined]);
  hold!.release();
  assertEquals(lock.locked, false);
});

Deno.test("Lock.acquire() keeps a lock handed over in the turn of an abort that comes after it", async () => {
  const { lock, log, take, release } = logged();
  const controller = new AbortController();
  take("holder");
  take("first", { signal: controller.signal });
  take("second");
  await settle();
  release("holder");
  controller.abort("too late");
  await settle();
  assertEquals([log, lock.waiting], [["holder got it", "first got it"], 1]);
  release("first");
  await settle();
  assertEquals(log.at(-1), "second got it");
});

Deno.test("Lock.acquire() leaves the lock to exactly one other when the abort comes before the release in one turn", async () => {
  const { lock, log, take, release } = logged();
  const controller = new AbortController();
  take("holder");
  take("first", { signal: controller.signal });
  take("second");
  take("third");
  await settle();
  controller.abort("gone");
  release("holder");
  await settle();
  assertEquals([log, lock.waiting], [["holder got it", "first threw gone", "second got it"], 1]);
});

Deno.test("Lock can still be acquired when all who waited were aborted", async () => {
  for (const order of ["before", "after"]) {
    const { lock, log, take, release } = logged();
    const { controller, signal, listeners } = countedSignal();
    take("holder");
    for (const name of ["a", "b"]) take(name, { signal });
    await settle();
    if (order === "before") controller.abort("all");
    release("holder");
    if (order === "after") {
      release("holder");
      controller.abort("all");
      await settle();
      release("a");
    }
    assertEquals([lock.locked, lock.waiting, listeners()], [false, 0, 0]);
    take("late");
    await settle();
    assertEquals(log.at(-1), "late got it");
  }
});

Deno.test("Lock.acquire() delivers before a cancel of its scope, which the next wait sees", async () => {
  const lock = new Lock();
  const holder = await lock.acquire();
  const log: string[] = [];
  await scope(async (_signal, self) => {
    const wait = lock.acquire();
    holder.release();
    self.cancel("stop");
    const hold = await wait;
    log.push(`locked: ${lock.locked}`);
    await lock.acquire().catch((reason) => log.push(`next wait threw ${reason}`));
    hold.release();
  });
  assertEquals([log, lock.locked], [["locked: true", "next wait threw stop"], false]);
});

Deno.test("Lock.acquire() leaves no queue entry and no listener when aborted while waiting", async () => {
  const { lock, log, take } = logged();
  const { controller, signal, listeners } = countedSignal();
  take("holder");
  take("a", { signal });
  take("b", { signal });
  assertEquals([lock.waiting, listeners()], [2, 1]);
  controller.abort("enough");
  assertEquals([lock.waiting, listeners()], [0, 0]);
  await settle();
  assertEquals(log, ["holder got it", "a threw enough", "b threw enough"]);
});

Deno.test("Lock.acquire() has a listener only while it waits", async () => {
  const { take, release } = logged();
  const { signal, listeners } = countedSignal();
  take("holder", { signal });
  assertEquals(listeners(), 0);
  take("waiter", { signal });
  await settle();
  assertEquals(listeners(), 1);
  release("holder");
  assertEquals(listeners(), 0);
});

Deno.test("Lock.acquire() rejects and takes nothing when its signal or scope is aborted already", async () => {
  const lock = new Lock();
  const reason = new Error("over");
  const wait = lock.acquire({ signal: AbortSignal.abort(reason) });
  assertEquals([lock.locked, lock.waiting], [false, 0]);
  assertStrictEquals(await assertRejects(() => wait), reason);
  await scope(async (_signal, self) => {
    self.cancel(reason);
    for (let i = 0; i < 2; i++) assertStrictEquals(await assertRejects(() => lock.acquire()), reason);
  });
  assertEquals(lock.locked, false);
});

Deno.test("Lock hands nothing to a waiter whose signal is aborted when a listener before ours releases", async () => {
  const { lock, log, take, release } = logged();
  const controller = new AbortController();
  const { signal } = controller;
  take("holder");
  await settle();
  signal.addEventListener("abort", () => release("holder"));
  take("doomed", { signal });
  take("alive");
  controller.abort("out");
  await settle();
  assertEquals([log, lock.waiting], [["holder got it", "doomed threw out", "alive got it"], 0]);
});

Deno.test("Lock.release() throws when it is not locked, and changes nothing", async () => {
  const lock = new Lock();
  const unlocked = () => assertThrows(() => lock.release(), InvalidStateError, "Cannot release lock: it is not locked");
  unlocked();
  await lock.acquire();
  lock.release();
  unlocked();
  assertEquals(lock.locked, false);
});

Deno.test("Permit.release() gives back only what it stands for, once", async () => {
  const { lock, log, take, release } = logged();
  for (const name of ["a", "b", "c"]) take(name);
  await settle();
  release("a");
  release("a");
  await settle();
  // What the lock itself has given back, a hold does not give back again.
  lock.release();
  release("b");
  await settle();
  assertEquals([log, lock.locked], [["a got it", "b got it", "c got it"], true]);
  release("c");
  assertEquals(lock.locked, false);
});

Deno.test("Permit gives the lock back at the end of a block with using", async () => {
  const lock = new Lock();
  {
    using _hold = await lock.acquire();
    assertEquals(lock.locked, true);
  }
  assertEquals(lock.locked, false);
});

Deno.test("Lock.run() holds the lock while the function runs, and returns what it returns", async () => {
  const lock = new Lock();
  const log: string[] = [];
  const work = (name: string) => async () => {
    log.push(`${name} begins`);
    await settle(1);
    log.push(`${name} ends`);
    return name;
  };
  assertEquals(await gather([() => lock.run(work("a")), () => lock.run(work("b"))]), ["a", "b"]);
  assertEquals([log, lock.locked], [["a begins", "a ends", "b begins", "b ends"], false]);
});

Deno.test("Lock.run() gives the lock back when the function throws, rejects or is cancelled", async () => {
  const lock = new Lock();
  const throws = () => {
    throw new Error("thrown");
  };
  await assertRejects(() => lock.run(throws), Error, "thrown");
  await assertRejects(() => lock.run(() => Promise.reject(new Error("rejected"))), Error, "rejected");
  await scope(async (_signal, self) => {
    const work = lock.run(() => sleepForever());
    await settle();
    assertEquals(lock.locked, true);
    self.cancel("stop");
    assertEquals(await work.catch((reason) => reason), "stop");
  });
  assertEquals(lock.locked, false);
});

Deno.test("Lock.run() keeps the lock until all that was started in its scope has ended", async () => {
  const lock = new Lock();
  const { promise, resolve } = Promise.withResolvers<void>();
  const work = lock.run(() => {
    void gather([() => promise]);
    return "returned";
  });
  await settle();
  assertEquals(lock.locked, true);
  resolve();
  assertEquals([await work, lock.locked], ["returned", false]);
});

Deno.test("Lock.run() never calls the function when aborted while it waits", async () => {
  const { lock, log, take, release } = logged();
  const { controller, signal, listeners } = countedSignal();
  take("holder");
  const work = lock.run(() => log.push("called"), { signal }).catch((reason) => log.push(`threw ${reason}`));
  await settle();
  controller.abort("gone");
  release("holder");
  await work;
  assertEquals([log, lock.locked, listeners()], [["holder got it", "threw gone"], false, 0]);
});

Deno.test("Lock.run() gives the lock back uncalled when its scope is cancelled in the turn of the hand-over", async () => {
  const { lock, log, take, release } = logged();
  take("holder");
  await settle();
  await scope(async (_signal, self) => {
    const work = lock.run(() => log.push("called")).catch((reason) => log.push(`threw ${reason}`));
    await settle();
    release("holder");
    self.cancel("stop");
    await work;
  });
  assertEquals([log, lock.locked], [["holder got it", "threw stop"], false]);
});

Deno.test("Lock.run() calls the function with the signal of a scope of its own, which options.signal does not abort", async () => {
  const lock = new Lock();
  const controller = new AbortController();
  await scope(async (outer) => {
    await lock.run(async (signal) => {
      controller.abort();
      await settle(1);
      assert(signal !== outer && !signal.aborted);
    }, { signal: controller.signal });
  });
});

/** Ways to be inside the callback of `run`. */
const INSIDE: Record<string, (again: () => Promise<unknown>) => PromiseLike<unknown>> = {
  "at once": (again) => again(),
  "later": (again) => settle().then(again),
  "in a child of gather": (again) => gather([() => null, again]),
  "in a task of a group": (again) =>
    TaskGroup.run((group) => {
      group.createTask(again);
    }),
  "in a scope under shield": (again) => shield(() => scope(again)),
  "in the callback of another lock": (again) => new Lock().run(again),
};

for (const [where, inside] of Object.entries(INSIDE)) {
  Deno.test(`Lock.run() refuses to acquire the same lock again ${where}`, async () => {
    const lock = new Lock();
    const refused: string[] = [];
    const expect = async (again: () => Promise<unknown>) => {
      const error = await assertRejects(again, InvalidStateError);
      refused.push(`${error.message}; waiting: ${lock.waiting}`);
    };
    await lock.run(() =>
      inside(async () => {
        await expect(() => lock.acquire());
        await expect(() => lock.run(() => {}));
        assertEquals(lock.tryAcquire(), undefined);
      })
    );
    const message = "Cannot acquire lock: the surrounding callback of Lock.run already holds it; waiting: 0";
    assertEquals([refused, lock.locked], [[message, message], false]);
  });
}

Deno.test("Lock.run() side by side in one task wait for each other", async () => {
  const lock = new Lock();
  const log: string[] = [];
  await createTask(async () => {
    const first = lock.run(() => settle().then(() => log.push("first")));
    const second = lock.run(() => log.push("second"));
    await Promise.all([first, second]);
  });
  assertEquals(log, ["first", "second"]);
});

Deno.test("Lock.run() refuses nothing to a task that is independent of it", async () => {
  const lock = new Lock();
  const log: string[] = [];
  let task!: Task<unknown>;
  await lock.run(async () => {
    task = createTask(() => lock.run(() => log.push("independent")));
    await settle();
    log.push("callback ends");
  });
  await task;
  assertEquals(log, ["callback ends", "independent"]);
});

Deno.test("Lock.run() refuses nothing to code that has outlived its callback", async () => {
  const lock = new Lock();
  const { promise, resolve } = Promise.withResolvers<void>();
  let left!: Promise<unknown>;
  await lock.run(() => {
    left = promise.then(() => lock.acquire());
  });
  const other = lock.run(() => settle());
  resolve();
  await settle(1);
  assertEquals(lock.waiting, 1);
  await other;
  await left;
  assertEquals(lock.locked, true);
});

Deno.test("Lock.run() lets its callback acquire again what it has released before its end", async () => {
  const lock = new Lock();
  await lock.run(async () => {
    lock.release();
    await lock.acquire();
  });
  // Taken by the second acquire, and not given back by the end of `run`.
  assertEquals(lock.locked, true);
});

Deno.test("Lock shows whether it is locked and how many wait", async () => {
  const { lock, take } = logged();
  assertEquals(String(lock), "Lock { locked: false, waiting: 0 }");
  take("a");
  take("b");
  await settle();
  assertEquals(Deno.inspect(lock), "Lock { locked: true, waiting: 1 }");
});

Deno.test("Lock does what a simple model does under random acquires, releases and aborts", async () => {
  await withSeeds(200, async (random) => {
    const below = (n: number) => Math.floor(random() * n);
    const newLane = () => [signalLane, scopeLane][below(2)]!();
    const lanes = [newLane(), newLane(), newLane()];
    const closed: Lane[] = [];
    const lock = new Lock();
    const holds = new Map<number, Permit>();
    const log: string[] = [];
    // The model: who holds it, who waits, and what must have been told.
    let holder: number | null = null;
    let queue: { id: number; lane: Lane }[] = [];
    const expected: string[] = [];
    let ids = 0;

    const admit = () => {
      if (holder !== null || queue.length === 0) return;
      holder = queue.shift()!.id;
      expected.push(`${holder} got it`);
    };
    const operations = {
      acquire() {
        const id = ids++;
        const lane = lanes[below(3)]!;
        queue.push({ id, lane });
        admit();
        lane.begin((options) => lock.acquire(options)).then((hold) => {
          holds.set(id, hold);
          log.push(`${id} got it`);
        }, () => log.push(`${id} aborted`));
      },
      tryAcquire() {
        const hold = lock.tryAcquire();
        assertEquals(hold !== undefined, holder === null);
        if (hold === undefined) return;
        holder = ids++;
        holds.set(holder, hold);
      },
      release() {
        holds.forEach((stale, id) => id === holder || stale.release());
        if (holder === null) return void assertThrows(() => lock.release(), InvalidStateError);
        const hold = holds.get(holder);
        // What was handed over in this turn has not arrived yet.
        if (hold === undefined) return;
        if (below(2)) lock.release();
        else hold.release();
        holder = null;
        admit();
      },
      abort() {
        const [lane] = lanes.splice(below(3), 1, newLane());
        expected.push(...queue.filter((waiter) => waiter.lane === lane).map(({ id }) => `${id} aborted`));
        queue = queue.filter((waiter) => waiter.lane !== lane);
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
      assertEquals([lock.locked, lock.waiting], [holder !== null, queue.length]);
    }
    while (holder !== null) {
      await operations.compare();
      operations.release();
    }
    await operations.compare();
    assertEquals([lock.locked, lock.waiting], [false, 0]);
    for (const lane of [...lanes, ...closed]) assertEquals(await lane.close(), 0);
  });
});
