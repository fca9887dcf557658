/** One rule for everything that runs a function while it holds something: permits, locks and tokens. */

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  createTask,
  currentSignal,
  Lock,
  RateLimiter,
  RwLock,
  scope,
  Semaphore,
  sleepForever,
  throwIfCancelled,
} from "@weft/async";
import { FakeTime } from "@std/testing/time";
import { report, settle, steered } from "../support.ts";

const LIMIT = { timeout: 10_000 };

type Work = (signal: AbortSignal) => unknown;

/** Something that one at a time can hold. */
interface Kind {
  /** Whether `run` takes a signal. */
  readonly signal: boolean;
  make(time: FakeTime): {
    run(work: Work, options?: { signal?: AbortSignal }): Promise<unknown>;
    /** Takes it, so that a `run` has to wait. */
    take(): void;
    /** Hands it over to the `run` that waits. */
    handOver(): void;
    /** Whether it can be taken at once. */
    isFree(): boolean;
  };
}

const semaphoreKind = (runOf: (semaphore: Semaphore) => (work: Work, options?: object) => Promise<unknown>) => () => {
  const semaphore = new Semaphore(1);
  return {
    run: runOf(semaphore),
    take: () => void semaphore.tryAcquire(),
    handOver: () => semaphore.release(),
    isFree: () => semaphore.availablePermits === 1 && semaphore.waiting === 0,
  };
};

const rwLockKind = (side: "runRead" | "runWrite") => () => {
  const lock = new RwLock();
  let holder: { release(): void } | undefined;
  return {
    run: (work: Work, options?: object) => lock[side](work, options),
    take: () => void (holder = lock.tryAcquireWrite()),
    handOver: () => holder!.release(),
    isFree: () => !lock.writing && lock.readers === 0 && lock.waiting === 0,
  };
};

const KINDS: Record<string, Kind> = {
  "Semaphore.run()": {
    signal: true,
    make: semaphoreKind((semaphore) => (work, options) => semaphore.run(work, options)),
  },
  "Semaphore.wrap()": {
    signal: false,
    make: semaphoreKind((semaphore) => (work) => semaphore.wrap(() => work(currentSignal()))()),
  },
  "Lock.run()": {
    signal: true,
    make() {
      const lock = new Lock();
      return {
        run: (work, options) => lock.run(work, options),
        take: () => void lock.tryAcquire(),
        handOver: () => lock.release(),
        isFree: () => !lock.locked && lock.waiting === 0,
      };
    },
  },
  "RwLock.runRead()": { signal: true, make: rwLockKind("runRead") },
  "RwLock.runWrite()": { signal: true, make: rwLockKind("runWrite") },
  "RateLimiter.run()": {
    signal: true,
    make(time) {
      const limiter = new RateLimiter({ limit: 1, interval: 100 });
      return {
        run: (work, options) => limiter.run(work, options),
        take: () => void limiter.tryAcquire(),
        handOver: () => time.tick(100),
        isFree: () => limiter.availableTokens === 1 && limiter.waiting === 0,
      };
    },
  },
};

const LOCKS = Object.entries(KINDS).filter(([name]) => name !== "RateLimiter.run()");
const reason = new Error("enough");
const failure = new Error("no luck");

for (const [name, { make, signal: takesSignal }] of Object.entries(KINDS)) {
  Deno.test(
    `${name} never calls the function when its scope is aborted in the turn of the hand-over, after it`,
    LIMIT,
    async () => {
      using time = new FakeTime();
      const { run, take, handOver, isFree } = make(time);
      const log: string[] = [];
      take();
      await scope(async (_signal, self) => {
        const call = report(log, run(() => log.push("called")));
        await settle(1);
        handOver();
        self.cancel(reason);
        await call;
      });
      await settle(1);
      assertEquals([log, isFree()], [["throws Error: enough"], true]);
    },
  );

  Deno.test(
    `${name} never calls the function when its scope is aborted in the turn of the hand-over, before it`,
    LIMIT,
    async () => {
      using time = new FakeTime();
      const { run, take, handOver, isFree } = make(time);
      const log: string[] = [];
      take();
      await scope(async (_signal, self) => {
        const call = report(log, run(() => log.push("called")));
        await settle(1);
        self.cancel(reason);
        handOver();
        await call;
      });
      await settle(1);
      assertEquals([log, isFree()], [["throws Error: enough"], true]);
    },
  );

  Deno.test(`${name} hands what an aborted one has got in that turn to the next that waits`, LIMIT, async () => {
    using time = new FakeTime();
    const { run, take, handOver, isFree } = make(time);
    const log: string[] = [];
    take();
    let next!: Promise<void>;
    await scope(async (_signal, self) => {
      const call = report(log, run(() => log.push("called")));
      next = createTask(() => report(log, run(() => "next")), { eager: true }).promise;
      await settle(1);
      handOver();
      self.cancel(reason);
      await call;
    });
    await next;
    await settle(1);
    assertEquals(log, ["throws Error: enough", 'returns "next"']);
    if (!name.startsWith("RateLimiter")) assertEquals(isFree(), true);
  });

  if (takesSignal) {
    Deno.test(
      `${name} takes nothing when its signal is aborted in the turn of the hand-over, before it`,
      LIMIT,
      async () => {
        using time = new FakeTime();
        const { run, take, handOver, isFree } = make(time);
        const controller = new AbortController();
        const log: string[] = [];
        take();
        const call = report(log, run(() => log.push("called"), { signal: controller.signal }));
        await settle(1);
        controller.abort(reason);
        handOver();
        await call;
        await settle(1);
        assertEquals([log, isFree()], [["throws Error: enough"], true]);
      },
    );

    Deno.test(
      `${name} takes nothing and never calls the function when its signal is aborted already`,
      LIMIT,
      async () => {
        using time = new FakeTime();
        const { run, isFree } = make(time);
        const log: string[] = [];
        await report(log, run(() => log.push("called"), { signal: AbortSignal.abort(reason) }));
        assertEquals([log, isFree()], [["throws Error: enough"], true]);
      },
    );
  }

  Deno.test(`${name} ends only when a structured call has ended that its function has not awaited`, LIMIT, async () => {
    using time = new FakeTime();
    const { run } = make(time);
    const log: string[] = [];
    const rest = steered(log, "the rest", { deaf: true });
    const call = report(
      log,
      run(() => {
        void scope(rest.work);
        log.push("the function ends");
        return "value";
      }),
    );
    await settle();
    rest.succeed();
    await call;
    assertEquals(log, ["the rest starts", "the function ends", "the rest ends", 'returns "value"']);
  });

  Deno.test(`${name} whose function fails aborts and joins what that has left running`, LIMIT, async () => {
    using time = new FakeTime();
    const { run } = make(time);
    const log: string[] = [];
    const call = run(() => {
      void scope(steered(log, "the rest").work).catch(() => {});
      throw failure;
    });
    await report(log, call);
    assertEquals(log, ["the rest starts", "the rest is cancelled", "the rest has unwound", "throws Error: no luck"]);
  });

  Deno.test(`${name} throws what its function throws, at once or later, as it is`, LIMIT, async () => {
    using time = new FakeTime();
    for (const fail of [() => Promise.reject(failure), () => settle(1).then(() => Promise.reject(failure))]) {
      assertStrictEquals(await assertRejects(() => make(time).run(fail)), failure);
    }
    const call = make(time).run(() => {
      throw failure;
    });
    assertStrictEquals(await assertRejects(() => call), failure);
  });

  Deno.test(
    `${name} calls its function in a scope of its own, which an abort from outside reaches`,
    LIMIT,
    async () => {
      using time = new FakeTime();
      const { run } = make(time);
      const log: unknown[] = [];
      await scope(async (outer, self) => {
        const call = run(async (signal) => {
          log.push(signal === currentSignal(), signal === outer);
          await sleepForever().catch((error) => log.push(error === reason, signal.aborted));
          throwIfCancelled();
        });
        await settle(1);
        self.cancel(reason);
        await call.catch((error) => log.push(error === reason));
      });
      assertEquals(log, [true, false, true, true, true]);
    },
  );

  Deno.test(`${name} returns the value of a function that catches the abort`, LIMIT, async () => {
    using time = new FakeTime();
    const { run } = make(time);
    let value: unknown;
    await scope(async (_signal, self) => {
      const call = run(() => sleepForever().catch(() => "in spite of it"));
      await settle(1);
      self.cancel(reason);
      value = await call;
    });
    assertEquals(value, "in spite of it");
  });
}

for (const [name, { make }] of LOCKS) {
  Deno.test(`${name} lets the next in only when all work begun inside has ended`, LIMIT, async () => {
    using time = new FakeTime();
    const { run, isFree } = make(time);
    const log: string[] = [];
    const rest = steered(log, "the rest", { deaf: true });
    const first = report(
      log,
      run(() => {
        void scope(rest.work);
        return "first";
      }),
    );
    const second = name === "RwLock.runRead()" ? null : report(log, run(() => log.push("the next is inside")));
    await settle();
    log.push(isFree() ? "free" : "held");
    rest.succeed();
    await first;
    await second;
    await settle(1);
    const entered = second === null ? [] : ["the next is inside"];
    assertEquals(log.filter((line) => !line.startsWith("returns")), [
      "the rest starts",
      "held",
      "the rest ends",
      ...entered,
    ]);
    assertEquals(isFree(), true);
  });

  Deno.test(`${name} whose function fails is free only when what that has left has unwound`, LIMIT, async () => {
    using time = new FakeTime();
    const { run, isFree } = make(time);
    const log: string[] = [];
    const call = run(() => {
      void scope(() =>
        sleepForever().finally(async () => {
          await settle(2);
          log.push(isFree() ? "free" : "held");
        })
      ).catch(() => {});
      throw failure;
    });
    await assertRejects(() => call);
    await settle(1);
    log.push(isFree() ? "free" : "held");
    assertEquals(log, ["held", "free"]);
  });

  Deno.test(`${name} is free again when its function fails or is aborted`, LIMIT, async () => {
    using time = new FakeTime();
    const { run, isFree } = make(time);
    const log: boolean[] = [];
    await run(() => Promise.reject(failure)).catch(() => {});
    log.push(isFree());
    await run(() => {
      throw failure;
    }).catch(() => {});
    log.push(isFree());
    await scope(async (_signal, self) => {
      const call = run(() => sleepForever());
      await settle(1);
      self.cancel(reason);
      await call.catch(() => {});
    });
    log.push(isFree());
    assertEquals(log, [true, true, true]);
  });
}

Deno.test("RateLimiter.run() gives back no token of a function that was called", LIMIT, async () => {
  using _time = new FakeTime();
  const limiter = new RateLimiter({ limit: 2, interval: 100 });
  await limiter.run(() => Promise.reject(failure)).catch(() => {});
  assertEquals(limiter.availableTokens, 1);
});

Deno.test(
  "RateLimiter.run() gives back the whole weight of one that is aborted in the turn of the hand-over",
  LIMIT,
  async () => {
    using time = new FakeTime();
    const limiter = new RateLimiter({ limit: 3, interval: 300 });
    limiter.tryAcquire({ weight: 3 });
    await scope(async (_signal, self) => {
      const call = limiter.run(() => "never", { weight: 2 });
      await settle(1);
      time.tick(200);
      self.cancel(reason);
      await call.catch(() => {});
    });
    assertEquals(limiter.availableTokens, 2);
  },
);

Deno.test("Semaphore.wrap() keeps this, the parameters and the result", LIMIT, async () => {
  class Site {
    readonly base = "https://weft.example";
    get = new Semaphore(1).wrap(function (this: Site, path: string, page: number) {
      return `${this.base}${path}?${page}`;
    });
    static limited = new Semaphore(1);
  }
  const site = new Site();
  assertEquals(await Promise.all([site.get("/a", 1), site.get("/b", 2)]), [
    "https://weft.example/a?1",
    "https://weft.example/b?2",
  ]);
  assertEquals(await site.get.call({ base: "other:" } as unknown as Site, "/c", 3), "other:/c?3");
});

Deno.test("Semaphore.wrap() leaves this undefined when the function is called without one", LIMIT, async () => {
  const wrapped = new Semaphore(1).wrap(function (this: unknown) {
    return this;
  });
  assertEquals(await wrapped.call(undefined), undefined);
});
