/** A call that rejects has aborted its signal; a value that was handed over never has its signal aborted afterwards. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  asCompleted,
  CancelledError,
  cleanup,
  createTask,
  currentSignal,
  firstSuccess,
  gather,
  Lock,
  map,
  moveOnAfter,
  race,
  RateLimiter,
  run,
  RwLock,
  scope,
  Semaphore,
  shield,
  sleepForever,
  StragglerError,
  TaskGroup,
  timeout,
  timeoutAt,
} from "@weft/async";
import { report, settle, steered } from "../support.ts";

const LIMIT = { timeout: 10_000 };

type Work = (signal: AbortSignal) => unknown;

const quiet = { signals: false };
const soon = () => Date.now() + 3_600_000;

/** Runs one function through each structured call, and returns what that returns. */
const CALLS: Record<string, (work: Work) => PromiseLike<unknown>> = {
  "run()": (work) => run(work, quiet),
  "run() in a run()": (work) => run(() => run(work), quiet),
  "scope()": (work) => scope(work),
  "timeout()": (work) => timeout(3_600_000, work),
  "timeoutAt()": (work) => timeoutAt(soon(), work),
  "moveOnAfter()": (work) => moveOnAfter(3_600_000, work),
  "shield()": (work) => shield(work),
  "TaskGroup.run()": (work) => TaskGroup.run((_group, signal) => work(signal)),
  "TaskGroup.createTask()": (work) => TaskGroup.run(async (group) => await group.createTask(work)),
  "TaskGroup.start()": (work) =>
    TaskGroup.run(async (group) =>
      (await group.start<unknown>(async (signal, started) => started(await work(signal)))).value
    ),
  "createTask()": (work) => createTask(work),
  "createTask() with eager": (work) => createTask(work, { eager: true }),
  "gather()": async (work) => (await gather([work]))[0],
  "gather() with concurrency": async (work) => (await gather([work, () => null], { concurrency: 1 }))[0],
  "race()": (work) => race([work]),
  "firstSuccess()": (work) => firstSuccess([work]),
  "asCompleted()": async (work) => (await Array.fromAsync(asCompleted([work])))[0],
  "map()": async (work) => (await Array.fromAsync(map([0], (_item, signal) => work(signal))))[0],
  "map() with ordered": async (work) =>
    (await Array.fromAsync(map([0], (_item, signal) => work(signal), { ordered: true })))[0],
  "Lock.run()": (work) => new Lock().run(work),
  "RwLock.runRead()": (work) => new RwLock().runRead(work),
  "RwLock.runWrite()": (work) => new RwLock().runWrite(work),
  "Semaphore.run()": (work) => new Semaphore(1).run(work),
  "Semaphore.wrap()": (work) => new Semaphore(1).wrap(() => work(currentSignal()))(),
  "RateLimiter.run()": (work) => new RateLimiter({ limit: 1, interval: 1000 }).run(work),
};

const failure = new Error("no luck");

const FAILURES: Record<string, () => unknown> = {
  "at once": () => {
    throw failure;
  },
  "later": () => settle(1).then(() => Promise.reject(failure)),
};

/** The failure that an abort comes from: the first one, where several have been put together. */
function causeOf({ reason }: AbortSignal): unknown {
  assertInstanceOf(reason, CancelledError);
  const { cause } = reason;
  return cause instanceof AggregateError ? cause.errors[0] : cause;
}

for (const [name, call] of Object.entries(CALLS)) {
  for (const [when, fail] of Object.entries(FAILURES)) {
    Deno.test(
      `${name} that rejects has aborted its signal because of the failure, which came ${when}`,
      LIMIT,
      async () => {
        let signal!: AbortSignal;
        await assertRejects(async () => {
          await call((given) => {
            signal = given;
            return fail();
          });
        });
        assert(signal.aborted);
        assertEquals(causeOf(signal), failure);
      },
    );
  }

  Deno.test(`${name} that rejects has aborted and joined what its function has left running`, LIMIT, async () => {
    const log: string[] = [];
    await report(
      log,
      call(() => {
        scope(steered(log, "the rest").work).catch(() => {});
        throw failure;
      }),
    );
    assertEquals(log.slice(0, 3), ["the rest starts", "the rest is cancelled", "the rest has unwound"]);
    assertEquals(log.length, 4);
  });

  Deno.test(
    `${name} that has handed over a value leaves its signal alone when the outside is aborted`,
    LIMIT,
    async () => {
      let signal!: AbortSignal;
      let value: unknown;
      await scope(async (_signal, self) => {
        value = await call((given) => {
          signal = given;
          return settle(1).then(() => "value");
        });
        self.cancel();
      });
      await settle();
      assertEquals([value, signal.aborted], ["value", false]);
    },
  );

  Deno.test(`${name} returns a response whose body can be read afterwards`, LIMIT, async () => {
    await using site = serve();
    let response!: Response;
    await scope(async (_signal, self) => {
      response = await call((signal) => fetch(site.url, { signal })) as Response;
      self.cancel();
    });
    site.finish();
    assertEquals(await response.text(), "first, last");
  });
}

/** A server whose answers begin at once and end when `finish` is called, and what becomes of their connections. */
function serve() {
  const finished = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<void>();
  const encoder = new TextEncoder();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    let open = true;
    return new Response(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(encoder.encode("first, "));
          await finished.promise;
          if (!open) return;
          controller.enqueue(encoder.encode("last"));
          controller.close();
        },
        cancel() {
          open = false;
          lost.resolve();
        },
      }),
    );
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    finish: finished.resolve,
    /** Fulfilled when a client has left before the end of an answer. */
    lost: lost.promise,
    async [Symbol.asyncDispose]() {
      finished.resolve();
      await server.shutdown();
    },
  };
}

Deno.test("cleanup() that rejects has aborted its signal because of the failure", LIMIT, async () => {
  let signal!: AbortSignal;
  const cleaner = cleanup((given) => {
    signal = given;
    throw failure;
  });
  await assertRejects(() => Promise.resolve(cleaner[Symbol.asyncDispose]()));
  assertEquals(causeOf(signal), failure);
});

Deno.test("TaskGroup.join() that rejects has aborted the signal of the group and that of the task", LIMIT, async () => {
  const signals: AbortSignal[] = [];
  await assertRejects(async () => {
    await using group = new TaskGroup();
    signals.push(group.signal);
    group.createTask((signal) => {
      signals.push(signal);
      throw failure;
    });
    await group.join();
  });
  assertEquals(signals.map(causeOf), [failure, failure]);
});

Deno.test("map() that rejects with a failure of its source has aborted the signal of that", LIMIT, async () => {
  let signal!: AbortSignal;
  async function* source() {
    signal = currentSignal();
    yield await settle(1);
    throw failure;
  }
  await assertRejects(() => Array.fromAsync(map(source(), () => "value")));
  assertEquals(causeOf(signal), failure);
});

const SIBLINGS: Record<string, (entries: Work[]) => Promise<unknown>> = {
  "gather()": (entries) => gather(entries),
  "gather() with concurrency": (entries) => gather(entries, { concurrency: 1 }),
};

for (const [name, start] of Object.entries(SIBLINGS)) {
  Deno.test(`${name} that rejects has aborted the signal of a value that is lost with it`, LIMIT, async () => {
    const signals: AbortSignal[] = [];
    const lost: Work = (signal) => {
      signals.push(signal);
      return "value";
    };
    await assertRejects(() => start([lost, () => settle(1).then(() => Promise.reject(failure))]));
    assertEquals(signals.map(causeOf), [failure]);
  });

  Deno.test(`${name} that rejects closes the connection of a response that is lost with it`, LIMIT, async () => {
    await using site = serve();
    const arrived = Promise.withResolvers<void>();
    await assertRejects(() =>
      start([
        async (signal) => {
          const response = await fetch(site.url, { signal });
          arrived.resolve();
          return response;
        },
        () => arrived.promise.then(() => settle()).then(() => Promise.reject(failure)),
      ])
    );
    await site.lost;
  });
}

Deno.test("race() whose stragglers cost it the winner has aborted the signal of that", LIMIT, async () => {
  const end = Promise.withResolvers<void>();
  let signal!: AbortSignal;
  const winner: Work = (given) => {
    signal = given;
    return "value";
  };
  await assertRejects(() => race([() => end.promise, winner], { grace: 0 }), StragglerError);
  end.resolve();
  assert(signal.aborted);
});

interface Iteration {
  readonly start: (works: readonly Work[], options?: { signal?: AbortSignal }) => AsyncIterableIterator<unknown>;
}

const ITERATIONS: Record<string, Iteration["start"]> = {
  "map()": (works, options) => map(works, (work, signal) => work(signal), options),
  "map() with ordered": (works, options) => map(works, (work, signal) => work(signal), { ...options, ordered: true }),
  "map() with settled": (works, options) => map(works, (work, signal) => work(signal), { ...options, settled: true }),
  "asCompleted()": (works, options) => asCompleted(works, options),
  "asCompleted() with settled": (works, options) => asCompleted(works, { ...options, settled: true }),
  "asCompleted() with concurrency": (works, options) => asCompleted(works, { ...options, concurrency: 3 }),
};

/** Three pieces of work, which begin together, and their signals: one is read, one is ready, one still runs. */
function threeWorks(third: () => unknown = () => sleepForever()) {
  const signals: AbortSignal[] = [];
  const work = (fn: () => unknown): Work => (signal) => {
    signals.push(signal);
    return fn();
  };
  return {
    works: [work(() => settle(1)), work(() => settle(2)), work(third)],
    aborted: () => signals.map(({ aborted }) => aborted),
  };
}

/** The ways to leave an iteration after its first result. */
const LEAVE: Record<string, (results: AsyncIterableIterator<unknown>) => Promise<unknown>> = {
  "break": async (results) => {
    for await (const _result of results) {
      await settle(5);
      break;
    }
  },
  "an error of the loop": async (results) => {
    try {
      for await (const _result of results) {
        await settle(5);
        throw failure;
      }
    } catch (error) {
      assertEquals(error, failure);
    }
  },
  "return()": async (results) => {
    await results.next();
    await settle(5);
    await results.return!();
  },
  "await using": async (results) => {
    await using left = results as typeof results & AsyncDisposable;
    await left.next();
    await settle(5);
  },
};

for (const [name, start] of Object.entries(ITERATIONS)) {
  for (const [way, leave] of Object.entries(LEAVE)) {
    Deno.test(
      `${name} left with ${way} aborts what runs and what nobody gets, not what was handed over`,
      LIMIT,
      async () => {
        const { works, aborted } = threeWorks();
        await leave(start(works));
        assertEquals(aborted(), [false, true, true]);
      },
    );
  }

  Deno.test(`${name} leaves what was handed over alone when it is aborted from outside`, LIMIT, async () => {
    const { works, aborted } = threeWorks();
    const controller = new AbortController();
    const results = start(works, { signal: controller.signal });
    await results.next();
    await results.next();
    controller.abort();
    await results.next().catch(() => {});
    assertEquals(aborted(), [false, false, true]);
  });

  Deno.test(`${name} leaves what was handed over alone when the scope around it ends`, LIMIT, async () => {
    const { works, aborted } = threeWorks();
    await scope(async () => {
      const results = start(works);
      await results.next();
      await results.next();
    });
    assertEquals(aborted(), [false, false, true]);
  });

  Deno.test(
    `${name} left with break keeps the response that was handed over, and closes that which still comes`,
    LIMIT,
    async () => {
      await using site = serve();
      await using silent = serve();
      const arrived = Promise.withResolvers<void>();
      let response!: Response;
      const works: Work[] = [
        (signal) => fetch(site.url, { signal }),
        async (signal) => {
          const response = await fetch(silent.url, { signal });
          arrived.resolve();
          return await response.text();
        },
      ];
      for await (const result of start(works)) {
        response = (name.endsWith("settled") ? (result as { value: unknown }).value : result) as Response;
        await arrived.promise;
        break;
      }
      await silent.lost;
      site.finish();
      assertEquals(await response.text(), "first, last");
    },
  );
}

for (const name of ["map()", "map() with ordered", "asCompleted()", "asCompleted() with concurrency"]) {
  const start = ITERATIONS[name]!;
  const failing = () => settle(4).then(() => Promise.reject(failure));

  Deno.test(
    `${name} that fails later leaves what was read before and what is read until then alone`,
    LIMIT,
    async () => {
      const { works, aborted } = threeWorks(failing);
      const results = start(works);
      await results.next();
      await settle(8);
      const log: unknown[] = [aborted().slice(0, 2)];
      await results.next();
      await assertRejects(() => results.next());
      assertEquals([...log, aborted()], [[false, false], [false, false, true]]);
    },
  );

  Deno.test(`${name} that fails and is left aborts what nobody has read`, LIMIT, async () => {
    const { works, aborted } = threeWorks(failing);
    const results = start(works) as AsyncIterableIterator<unknown> & AsyncDisposable;
    await results.next();
    await settle(8);
    await assertRejects(() => Promise.resolve(results[Symbol.asyncDispose]()));
    assertEquals(aborted(), [false, true, true]);
  });

  Deno.test(`${name} left with break closes the connection of a response that nobody gets`, LIMIT, async () => {
    await using site = serve();
    const arrived = Promise.withResolvers<void>();
    const works: Work[] = [() => "first", async (signal) => {
      const response = await fetch(site.url, { signal });
      arrived.resolve();
      return response;
    }];
    for await (const _result of start(works)) {
      await arrived.promise;
      await settle();
      break;
    }
    await site.lost;
  });
}

Deno.test(
  "run() aborts the tasks that are left at its end, not the signal of a main function that has succeeded",
  LIMIT,
  async () => {
    const signals: AbortSignal[] = [];
    const value = await run(async (signal) => {
      signals.push(signal);
      createTask((signal) => {
        signals.push(signal);
        return sleepForever();
      });
      await settle();
      return "value";
    }, quiet);
    await settle();
    assertEquals([value, ...signals.map(({ aborted }) => aborted)], ["value", false, true]);
  },
);

Deno.test("A task of a group that has succeeded keeps its signal when a sibling fails later", LIMIT, async () => {
  let signal!: AbortSignal;
  await assertRejects(() =>
    TaskGroup.run(async (group) => {
      await group.createTask((given) => {
        signal = given;
      });
      group.createTask(() => Promise.reject(failure));
    })
  );
  assertEquals(signal.aborted, false);
});
