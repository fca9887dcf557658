import { Condition, gather, InvalidStateError, Lock, type Permit, scope } from "@weft/async";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { countedSignal, type Lane, scopeLane, settle, signalLane, withSeeds } from "../support.ts";

/** A condition, and waiters that write into a log what became of them, and then hold the lock. */
function logged() {
  const condition = new Condition();
  const { lock } = condition;
  const log: string[] = [];
  const held = new Map<string, Permit>();
  const waitFor = async (name: string, options?: { signal?: AbortSignal }) => {
    held.set(name, await lock.acquire());
    await condition.wait(options).then(() => log.push(`${name} woke`), (reason) => log.push(`${name} threw ${reason}`));
  };
  /** Has them wait, one after the other. */
  const wait = async (names: string, options?: { signal?: AbortSignal }) => {
    for (const name of names.split(" ")) void waitFor(name, options);
    await settle();
  };
  /** The one named gives the lock back: all is lost if it does not hold it. */
  const release = (name: string) => {
    held.get(name)!.release();
    log.push(`${name} is out`);
  };
  return { condition, lock, log, wait, release };
}

Deno.test("Condition.notify() wakes those who wait longest, each holding the lock when its turn comes", async () => {
  const { condition, lock, log, wait, release } = logged();
  await wait("a b c");
  assertEquals([condition.waiting, lock.locked], [3, false]);
  const hold = await lock.acquire();
  condition.notify(2);
  assertEquals([condition.waiting, lock.waiting], [1, 2]);
  await settle();
  assertEquals(log, []);
  hold.release();
  await settle();
  release("a");
  await settle();
  release("b");
  assertEquals([log, lock.locked], [["a woke", "a is out", "b woke", "b is out"], false]);
});

Deno.test("Condition.notifyAll() wakes all", async () => {
  const { condition, lock, log, wait, release } = logged();
  await wait("a b c");
  const hold = await lock.acquire();
  condition.notifyAll();
  hold.release();
  for (const name of ["a", "b", "c"]) {
    await settle();
    release(name);
  }
  assertEquals(log, ["a woke", "a is out", "b woke", "b is out", "c woke", "c is out"]);
  assertEquals([condition.waiting, lock.locked], [0, false]);
});

Deno.test("Condition.notify() is forgotten when nobody waits, and wakes nobody when n is 0", async () => {
  const { condition, lock, log, wait } = logged();
  const hold = await lock.acquire();
  condition.notify();
  condition.notifyAll();
  hold.release();
  await wait("a");
  lock.tryAcquire();
  condition.notify(0);
  lock.release();
  await settle();
  assertEquals([log, condition.waiting], [[], 1]);
});

Deno.test("Condition.notify() queues whom it wakes for the lock at once, before those who come after", async () => {
  const { condition, lock, log, wait, release } = logged();
  await wait("a");
  const hold = await lock.acquire();
  condition.notify();
  const newcomer = lock.run(() => log.push("newcomer"));
  hold.release();
  await settle();
  release("a");
  await newcomer;
  assertEquals(log, ["a woke", "a is out", "newcomer"]);
});

Deno.test("Condition.wait(), waitUntil(), notify() and notifyAll() throw when the lock is not held", async () => {
  const condition = new Condition();
  const message = "the lock is not held";
  await assertRejects(() => condition.wait(), InvalidStateError, `Cannot wait for condition: ${message}`);
  await assertRejects(
    () => condition.waitUntil(() => true),
    InvalidStateError,
    `Cannot wait for condition: ${message}`,
  );
  assertThrows(() => condition.notify(), InvalidStateError, `Cannot notify: ${message}`);
  assertThrows(() => condition.notifyAll(), InvalidStateError, `Cannot notify: ${message}`);
  assertEquals([condition.waiting, condition.lock.locked], [0, false]);
});

Deno.test("Condition takes a lock that it shares with others, or makes one", async () => {
  const lock = new Lock();
  const [full, empty] = [new Condition(lock), new Condition(lock)];
  assertStrictEquals(full.lock, lock);
  assert(new Condition().lock !== new Condition().lock);
  const log: string[] = [];
  const wait = async (condition: Condition, name: string) => {
    using _hold = await lock.acquire();
    await condition.wait();
    log.push(name);
  };
  const waits = [wait(full, "full"), wait(empty, "empty")];
  await settle();
  await lock.run(() => empty.notify());
  await settle();
  await lock.run(() => full.notify());
  await Promise.all(waits);
  assertEquals(log, ["empty", "full"]);
});

Deno.test("Condition.wait() leaves the hold that was taken before it as it was", async () => {
  const { condition, lock } = logged();
  const wait = async () => {
    using hold = await lock.acquire();
    const waiting = condition.wait();
    // Not held now, so there is nothing to give back.
    hold.release();
    await waiting;
    assert(lock.locked);
  };
  const done = wait();
  await settle();
  const other = lock.tryAcquire()!;
  condition.notify();
  other.release();
  await done;
  assertEquals(lock.locked, false);
});

Deno.test("Condition.wait() inside of Lock.run() lets others in meanwhile, and is inside of it again after", async () => {
  const { condition, lock, log } = logged();
  const wait = lock.run(async () => {
    const inside = condition.wait();
    await gather([() => lock.run(() => log.push("a sibling")), () => inside]);
    await assertRejects(() => lock.acquire(), InvalidStateError);
    log.push("inside again");
  });
  await settle();
  await lock.run(() => {
    log.push("another");
    condition.notify();
  });
  await wait;
  assertEquals([log, lock.locked], [["a sibling", "another", "inside again"], false]);
});

for (const means of ["signal", "scope"] as const) {
  const newLane = means === "signal" ? signalLane : scopeLane;

  Deno.test(`Condition.wait() rejects holding the lock when its ${means} is aborted`, async () => {
    const { condition, lock, log } = logged();
    const lane = newLane();
    const hold = await lock.acquire();
    const wait = lane.begin((options) => condition.wait(options)).catch((reason) => {
      log.push(`threw ${reason}, locked: ${lock.locked}`);
      hold.release();
    });
    await settle();
    const other = await lock.acquire();
    lane.abort("gone");
    assertEquals([condition.waiting, lock.locked], [0, true]);
    await settle();
    // It has to wait for the lock.
    assertEquals([log, lock.waiting], [[], 1]);
    other.release();
    await wait;
    assertEquals([log, lock.locked, await lane.close()], [["threw gone, locked: true"], false, 0]);
  });

  Deno.test(`Condition.wait() passes a notification on when its ${means} is aborted after it`, async () => {
    const { condition, lock, log, wait, release } = logged();
    const lane = newLane();
    const hold = await lock.acquire();
    const first = lane.begin((options) => condition.wait(options)).catch((reason) => {
      log.push(`first threw ${reason}, locked: ${lock.locked}`);
      hold.release();
    });
    await wait("second third");
    const other = await lock.acquire();
    condition.notify();
    lane.abort("gone");
    await settle();
    assertEquals([log, condition.waiting], [[], 2]);
    other.release();
    await first;
    await settle();
    release("second");
    assertEquals(log, ["first threw gone, locked: true", "second woke", "second is out"]);
    assertEquals([condition.waiting, lock.locked, await lane.close()], [1, false, 0]);
  });

  Deno.test(`Condition.notify() goes to another when the ${means} of the first is aborted before it in one turn`, async () => {
    const { condition, lock, log, wait, release } = logged();
    const lane = newLane();
    const hold = await lock.acquire();
    const first = lane.begin((options) => condition.wait(options)).catch((reason) => {
      log.push(`first threw ${reason}`);
      hold.release();
    });
    await wait("second third");
    const other = await lock.acquire();
    lane.abort("gone");
    condition.notify();
    assertEquals(condition.waiting, 1);
    other.release();
    await settle();
    release("second");
    await first;
    assertEquals([log, lock.locked], [["second woke", "second is out", "first threw gone"], false]);
    await lane.close();
  });
}

Deno.test("Condition.wait() rejects holding the lock, and only then, when aborted more than once", async () => {
  const { condition, lock, log } = logged();
  const controller = new AbortController();
  await scope(async (_signal, outer) => {
    await scope(async (_signal, inner) => {
      const hold = await lock.acquire();
      const wait = condition.wait({ signal: controller.signal }).catch((reason) => {
        log.push(`threw ${reason}, locked: ${lock.locked}, waiting: ${lock.waiting}`);
        hold.release();
      });
      await settle();
      const other = lock.tryAcquire()!;
      controller.abort("signal");
      await settle();
      inner.cancel("inner");
      await settle();
      outer.cancel("outer");
      await settle();
      log.push(`waiting: ${lock.waiting}`);
      other.release();
      await wait;
    });
  });
  assertEquals([log, lock.locked], [["waiting: 1", "threw signal, locked: true, waiting: 0"], false]);
});

Deno.test("Condition.wait() that was notified rejects once, holding the lock, when aborted more than once", async () => {
  const { condition, lock, log } = logged();
  const controller = new AbortController();
  await scope(async (_signal, self) => {
    const hold = await lock.acquire();
    const wait = condition.wait({ signal: controller.signal }).catch((reason) => {
      log.push(`threw ${reason}, locked: ${lock.locked}`);
      hold.release();
    });
    await settle();
    const other = lock.tryAcquire()!;
    condition.notify();
    controller.abort("signal");
    await settle();
    self.cancel("scope");
    await settle();
    other.release();
    await wait;
  });
  assertEquals([log, lock.locked], [["threw scope, locked: true"], false]);
});

Deno.test("Condition.wait() rejects at once and keeps the lock when its signal or scope is aborted already", async () => {
  const { condition, lock } = logged();
  const reason = new Error("over");
  const hold = await lock.acquire();
  const waits = [
    (options?: { signal: AbortSignal }) => condition.wait(options),
    (options?: { signal: AbortSignal }) => condition.waitUntil(() => true, options),
  ];
  for (const wait of waits) {
    const refused = wait({ signal: AbortSignal.abort(reason) });
    assertEquals([condition.waiting, lock.locked], [0, true]);
    assertStrictEquals(await assertRejects(() => refused), reason);
    await scope(async (_signal, self) => {
      self.cancel(reason);
      for (let i = 0; i < 2; i++) assertStrictEquals(await assertRejects(() => wait()), reason);
    });
  }
  hold.release();
  assertEquals(lock.locked, false);
});

Deno.test("Condition.wait() does not lose a notification to one that a listener before ours gives the doomed", async () => {
  const { condition, lock, log, wait, release } = logged();
  const controller = new AbortController();
  controller.signal.addEventListener("abort", () => {
    lock.tryAcquire();
    condition.notify();
    lock.release();
  });
  await wait("doomed", { signal: controller.signal });
  await wait("alive");
  controller.abort("out");
  await settle();
  release("alive");
  await settle();
  release("doomed");
  assertEquals(log, ["alive woke", "alive is out", "doomed threw out", "doomed is out"]);
  assertEquals([condition.waiting, lock.locked], [0, false]);
});

Deno.test("Condition.wait() leaves no queue entry and no listener", async () => {
  const { condition, lock, log, wait, release } = logged();
  const { controller, signal, listeners } = countedSignal();
  await wait("a b", { signal });
  assertEquals([condition.waiting, listeners()], [2, 1]);
  lock.tryAcquire();
  condition.notify();
  lock.release();
  await settle();
  release("a");
  controller.abort("enough");
  assertEquals([condition.waiting, listeners()], [0, 0]);
  await settle();
  release("b");
  assertEquals([log, lock.locked], [["a woke", "a is out", "b threw enough", "b is out"], false]);
});

Deno.test("Condition.waitUntil() asks at once and after each notification, and returns what it was told", async () => {
  const { condition, lock, log } = logged();
  const items: string[] = [];
  const wait = lock.run(() =>
    condition.waitUntil(() => {
      log.push(`asked with ${items.length}, locked: ${lock.locked}`);
      return items[1];
    })
  );
  await settle();
  for (const item of ["bread", "milk"]) {
    await lock.run(() => {
      items.push(item);
      condition.notify();
    });
    await settle();
  }
  assertEquals(await wait, "milk");
  assertEquals(log, ["asked with 0, locked: true", "asked with 1, locked: true", "asked with 2, locked: true"]);
  assertEquals([condition.waiting, lock.locked], [0, false]);
});

Deno.test("Condition.waitUntil() does not wait, nor release the lock, when it holds already", async () => {
  const { condition, lock, log } = logged();
  const hold = await lock.acquire();
  const other = lock.acquire().then(() => log.push("other"));
  assertEquals(await condition.waitUntil(() => 42), 42);
  await settle();
  assertEquals(log, []);
  hold.release();
  await other;
});

Deno.test("Condition.waitUntil() rejects holding the lock with what the predicate throws, or when aborted", async () => {
  const { condition, lock } = logged();
  const controller = new AbortController();
  const hold = await lock.acquire();
  let broken = false;
  const predicate = () => {
    if (broken) throw new Error("broken");
    return false;
  };
  const aborted = condition.waitUntil(predicate, { signal: controller.signal });
  controller.abort("gone");
  assertEquals([await aborted.catch((reason) => reason), lock.locked], ["gone", true]);
  const throws = condition.waitUntil(predicate);
  broken = true;
  await settle();
  const other = lock.tryAcquire()!;
  condition.notify();
  other.release();
  await assertRejects(() => throws, Error, "broken");
  assert(lock.locked);
  hold.release();
  assertEquals(lock.locked, false);
});

Deno.test("Condition.waitUntil() refuses a predicate that returns a promise", async () => {
  const { condition, lock } = logged();
  await lock.acquire();
  await assertRejects(
    () => condition.waitUntil(() => Promise.resolve(false)),
    TypeError,
    'Cannot wait for condition: "predicate()" must be anything but a promise, received an object (Promise)',
  );
  assertEquals([condition.waiting, lock.locked], [0, true]);
});

Deno.test("Condition shows whether the lock is held and how many wait", async () => {
  const { condition, lock, wait } = logged();
  await wait("a b");
  assertEquals(String(condition), "Condition { locked: false, waiting: 2 }");
  await lock.acquire();
  assertEquals(Deno.inspect(condition), "Condition { locked: true, waiting: 2 }");
});

/** One who holds the lock, or wants to: for the first time, or back from a wait that ended so. */
interface Actor {
  readonly id: number;
  readonly lane: Lane;
  wants: "acquire" | "woken" | "aborted";
}

Deno.test("Condition does what a simple model does under random waits, notifications and aborts", async () => {
  await withSeeds(200, async (random) => {
    const below = (n: number) => Math.floor(random() * n);
    const newLane = () => [signalLane, scopeLane][below(2)]!();
    const lanes = [newLane(), newLane(), newLane()];
    const closed: Lane[] = [];
    const condition = new Condition();
    const { lock } = condition;
    const holds = new Map<number, Permit>();
    const log: string[] = [];
    // The model: who holds the lock, whether that has been told, who queues for it, and who waits to be notified.
    let holder: Actor | null = null;
    let arrived = false;
    let queue: Actor[] = [];
    let waiting: Actor[] = [];
    // Those whose wait an abort has ended: they queue for the lock once they have heard of it.
    const hearing: Actor[] = [];
    const expected: string[] = [];
    let ids = 0;

    const enqueue = (actor: Actor, wants: Actor["wants"]) => {
      actor.wants = wants;
      queue.push(actor);
      admit();
    };
    const admit = () => {
      if (holder !== null || queue.length === 0) return;
      holder = queue.shift()!;
      arrived = false;
    };
    const wake = (n: number) => waiting.splice(0, n).forEach((actor) => enqueue(actor, "woken"));
    const turn = () => {
      hearing.splice(0).forEach((actor) => enqueue(actor, "aborted"));
      if (holder === null || arrived) return;
      arrived = true;
      const { id, lane, wants } = holder;
      const passesOn = wants === "woken" && lane.aborted;
      expected.push(`${id} ${wants === "acquire" ? "got it" : passesOn ? "aborted" : wants}`);
      if (passesOn) wake(1);
    };
    // What the holder does, if there is one that knows that it is.
    const asHolder = (fn: (actor: Actor) => void) => holder !== null && arrived && fn(holder);

    const operations = {
      acquire() {
        const actor: Actor = { id: ids++, lane: lanes[below(3)]!, wants: "acquire" };
        enqueue(actor, "acquire");
        actor.lane.begin((options) => lock.acquire(options)).then((hold) => {
          holds.set(actor.id, hold);
          log.push(`${actor.id} got it`);
        }, () => log.push(`${actor.id} refused`));
      },
      wait: () =>
        asHolder((actor) => {
          const { id, lane } = actor;
          if (lane.aborted) return operations.release();
          waiting.push(actor);
          holder = null;
          admit();
          lane.begin((options) => condition.wait(options))
            .then(() => log.push(`${id} woken`), () => log.push(`${id} aborted`));
        }),
      release: () =>
        asHolder(({ id }) => {
          holder = null;
          admit();
          holds.get(id)!.release();
        }),
      notify: () =>
        asHolder(() => {
          const n = below(3);
          wake(n);
          condition.notify(n);
        }),
      abort() {
        const [lane] = lanes.splice(below(3), 1, newLane());
        const isIn = (actor: Actor) => actor.lane === lane;
        const refused = queue.filter((actor) => isIn(actor) && actor.wants === "acquire");
        queue = queue.filter((actor) => !refused.includes(actor));
        expected.push(...refused.map(({ id }) => `${id} refused`));
        hearing.push(...waiting.filter(isIn));
        waiting = waiting.filter((actor) => !isIn(actor));
        lane!.abort("random");
        closed.push(lane!);
      },
      async compare() {
        turn();
        await settle(1);
        assertEquals(log.toSorted(), expected.toSorted());
        assertEquals(withLock(log), withLock(expected));
      },
    };
    const weighted = [
      ...["acquire", "acquire", "acquire", "wait", "wait", "wait", "wait"] as const,
      ...["notify", "notify", "release", "release", "abort", "compare", "compare", "compare"] as const,
    ];
    for (let i = 0; i < 100; i++) {
      const compared = operations[weighted[below(weighted.length)]!]();
      // All that comes between two comparisons happens in one turn.
      if (compared instanceof Promise) await compared;
      assertEquals([lock.locked, lock.waiting, condition.waiting], [holder !== null, queue.length, waiting.length]);
    }
    while (lanes.length > 0) {
      const lane = lanes.pop()!;
      lane.abort("end");
      closed.push(lane);
    }
    for (let i = 0; i < 3 * ids; i++) {
      await settle(1);
      holds.forEach((hold) => hold.release());
    }
    assertEquals([lock.locked, lock.waiting, condition.waiting], [false, 0, 0]);
    for (const lane of closed) assertEquals(await lane.close(), 0);
  });
});

/** What came about with the lock, and so in one order only. */
function withLock(log: string[]): string[] {
  return log.filter((line) => !line.endsWith("refused"));
}
