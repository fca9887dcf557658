/** Results that nobody reads, and generators whose group ends with their first step. */

import { assert, assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import {
  asCompleted,
  createTask,
  type Entry,
  Future,
  gather,
  map,
  Queue,
  scope,
  sleepForever,
  TaskGroup,
  timeout,
  waitFor,
} from "@weft/async";
import { collectGarbage, settle, unhandledIn } from "../support.ts";

const LIMIT = { timeout: 10_000 };
const HOUR = 3_600_000;

const failure = new Error("no luck");
const failing = () => Promise.reject(failure);

/** Runs `fn`, forgets what it has made, and returns what became an unhandled rejection by then. */
async function surfacesWhenLost(fn: () => unknown): Promise<unknown[]> {
  return await unhandledIn(async () => {
    await fn();
    await settle(4);
    for (let i = 0; i < 4; i++) await collectGarbage();
  });
}

Deno.test(
  "asCompleted() that is made outside of every scope surfaces its failure once when it is lost unread",
  LIMIT,
  async () => {
    const lists: (() => Entry<unknown>[])[] = [
      () => [failing],
      () => [() => "value", failing],
      () => [failing, () => sleepForever()],
      () => [failing()],
      () => [() => settle(2).then(failing)],
    ];
    for (const entries of lists) assertEquals(await surfacesWhenLost(() => void asCompleted(entries())), [failure]);
  },
);

Deno.test(
  "asCompleted() that is lost unread surfaces several failures as one, the first one first",
  LIMIT,
  async () => {
    const second = new Error("nor here");
    const entries = [failing, () => sleepForever().catch(() => Promise.reject(second))];
    const unhandled = await surfacesWhenLost(() => void asCompleted(entries));
    assertEquals(unhandled.map((error) => (error as AggregateError).errors), [[failure, second]]);
  },
);

Deno.test(
  "asCompleted() that is lost after its values were read surfaces the failure that was not",
  LIMIT,
  async () => {
    const values: unknown[] = [];
    const unhandled = await surfacesWhenLost(async () => {
      values.push((await asCompleted([() => "value", () => settle(1).then(failing)]).next()).value);
    });
    assertEquals([values, unhandled], [["value"], [failure]]);
  },
);

Deno.test("map() that is lost after a read surfaces the failure that was not read", LIMIT, async () => {
  const values: unknown[] = [];
  const unhandled = await surfacesWhenLost(async () => {
    const works = [() => "value", () => settle(1).then(failing)];
    values.push((await map(works, (work: () => unknown) => work()).next()).value);
  });
  assertEquals([values, unhandled], [["value"], [failure]]);
});

Deno.test(
  "asCompleted() surfaces nothing while somebody has it, and throws its failure to who reads late",
  LIMIT,
  async () => {
    const results = asCompleted([failing]);
    assertEquals(await surfacesWhenLost(() => {}), []);
    const log: unknown[] = [];
    assertEquals(await surfacesWhenLost(() => results.next().catch((error) => log.push(error))), []);
    assertEquals([log, await results.next()], [[failure], { done: true, value: undefined }]);
  },
);

Deno.test("asCompleted() gives its failure to a reader who waits for it, and surfaces nothing", LIMIT, async () => {
  const log: unknown[] = [];
  const unhandled = await surfacesWhenLost(async () => {
    await asCompleted([() => settle(1).then(failing)]).next().catch((error) => log.push(error));
  });
  assertEquals([log, unhandled], [[failure], []]);
});

Deno.test("asCompleted() keeps its failure for a reader who takes a few turns between reads", LIMIT, async () => {
  const log: unknown[] = [];
  const unhandled = await surfacesWhenLost(async () => {
    const results = asCompleted([() => "value", () => settle(1).then(failing)]);
    log.push((await results.next()).value);
    await settle(6);
    await results.next().catch((error) => log.push(error));
  });
  assertEquals([log, unhandled], [["value", failure], []]);
});

Deno.test(
  "asCompleted() that is lost unread surfaces no cancellation, no value and no settled result",
  LIMIT,
  async () => {
    const unhandled = await surfacesWhenLost(async () => {
      const controller = new AbortController();
      asCompleted([() => sleepForever()], { signal: controller.signal });
      asCompleted([() => "value"]);
      asCompleted([failing], { settled: true });
      await settle(1);
      controller.abort();
    });
    assertEquals(unhandled, []);
  },
);

Deno.test("asCompleted() that is lost unread leaves nothing behind", LIMIT, async () => {
  const refs: WeakRef<object>[] = [];
  const unhandled = await surfacesWhenLost(() => {
    for (let i = 0; i < 100; i++) {
      const owner = { discarded: [] as unknown[] };
      refs.push(new WeakRef(owner));
      asCompleted([() => "value", failing], { onDiscard: (value) => owner.discarded.push(value) });
    }
  });
  assertEquals([unhandled.length, refs.filter((ref) => ref.deref() !== undefined).length], [100, 0]);
});

Deno.test(
  "map() that is made outside of every scope and never read starts nothing, and surfaces nothing",
  LIMIT,
  async () => {
    let started = false;
    const unhandled = await surfacesWhenLost(() => {
      map([1], () => {
        started = true;
        return failing();
      });
    });
    assertEquals([unhandled, started], [[], false]);
  },
);

/** A generator with a group of its own, which makes the numbers that it yields. */
function numbersOf(log: string[], use: (group: TaskGroup) => unknown) {
  return async function* () {
    await using group = new TaskGroup();
    const queue = new Queue<number>(1);
    group.createTask(async () => {
      try {
        for (let n = 1;; n++) await queue.put(n);
      } finally {
        log.push("the task has ended");
      }
    });
    yield await queue.get();
    yield await use(group);
  };
}

/** Steps of a generator that run in a scope of their own each. */
const STEPS: Record<string, (step: () => Promise<unknown>) => PromiseLike<unknown>> = {
  "timeout()": (step) => timeout(HOUR, step),
  "tasks of their own": (step) => createTask(step),
  "scope()": (step) => scope(step),
  "gather()": (step) => gather([step]),
};

/** The ways to use the group in a later step. */
const USES: Record<string, (group: TaskGroup) => unknown> = {
  "TaskGroup.join()": (group) => group.join(),
  "TaskGroup.createTask()": (group) => group.createTask(() => "never"),
  "TaskGroup.start()": (group) => group.start((_signal, started) => started("never")),
};

function assertScopeEnded(error: unknown): void {
  // The end of the block may say it once more.
  if (error instanceof SuppressedError) {
    assertScopeEnded(error.suppressed);
    error = error.error;
  }
  const { name, message } = error as Error;
  assert(name === "AbortError" || name === "InvalidStateError", name);
  assertMatch(message, /the scope it was made in has ended/);
}

for (const [way, step] of Object.entries(STEPS)) {
  for (const [name, use] of Object.entries(USES)) {
    Deno.test(
      `${name} in a generator stepped by ${way} says that the scope of the group has ended`,
      LIMIT,
      async () => {
        const log: string[] = [];
        const unhandled = await unhandledIn(async () => {
          const numbers = numbersOf(log, use)();
          const first = await step(() => numbers.next());
          assertEquals([first, log].flat(), [{ done: false, value: 1 }, "the task has ended"]);
          assertScopeEnded(await assertRejects(async () => await step(() => numbers.next())));
        });
        assertEquals(unhandled, []);
      },
    );
  }

  Deno.test(
    `TaskGroup in a generator stepped by ${way} throws at the end of a block that has not joined it`,
    LIMIT,
    async () => {
      const log: string[] = [];
      async function* numbers() {
        await using group = new TaskGroup();
        group.createTask(() => sleepForever().finally(() => log.push("the task has ended")));
        yield await settle(1);
        log.push("the block ends");
      }
      const unhandled = await unhandledIn(async () => {
        const steps = numbers();
        await step(() => steps.next());
        assertScopeEnded(await assertRejects(async () => await step(() => steps.next())));
      });
      assertEquals([log, unhandled], [["the task has ended", "the block ends"], []]);
    },
  );
}

Deno.test("TaskGroup whose scope has ended throws in a later step that is in no scope too", LIMIT, async () => {
  for (const use of Object.values(USES)) {
    const numbers = numbersOf([], use)();
    await timeout(HOUR, () => numbers.next());
    assertScopeEnded(await assertRejects(() => numbers.next()));
  }
});

Deno.test("TaskGroup whose tasks had ended before its scope did ends its block quietly", LIMIT, async () => {
  async function* numbers() {
    await using group = new TaskGroup();
    yield await group.createTask(() => 1);
    await group.join();
    yield 2;
  }
  const steps = numbers();
  const first = await timeout(HOUR, async () => [await steps.next(), await steps.next()]);
  assertEquals(first.map(({ value }) => value), [1, 2]);
  assertEquals(await steps.next(), { done: true, value: undefined });
});

Deno.test("TaskGroup in a generator keeps working when waitFor() bounds its steps from outside", LIMIT, async () => {
  const log: string[] = [];
  const numbers = numbersOf(log, async (group) => {
    const value = await group.createTask(() => "from a task");
    log.push("still open");
    return value;
  })();
  const values: unknown[] = [];
  for (let i = 0; i < 2; i++) values.push((await waitFor(numbers.next(), { timeout: HOUR })).value);
  await numbers.return();
  assertEquals([values, log], [[1, "from a task"], ["still open", "the task has ended"]]);
});

Deno.test(
  "TaskGroup in a generator that is stepped in the scope that it was made in works to its end",
  LIMIT,
  async () => {
    const gate = new Future<string>();
    async function* numbers() {
      await using group = new TaskGroup();
      const task = group.createTask(() => gate.then((value) => value));
      yield "first";
      yield await task;
      await group.join();
    }
    const values: string[] = [];
    await timeout(HOUR, async () => {
      for await (const value of numbers()) {
        values.push(value);
        if (!gate.done) gate.setResult("second");
      }
    });
    assertEquals(values, ["first", "second"]);
  },
);

Deno.test("TaskGroup whose scope has ended with a failure of its own still tells that failure", LIMIT, async () => {
  const unhandled = await unhandledIn(() =>
    timeout(HOUR, async () => {
      const group = new TaskGroup();
      group.createTask(failing);
      await settle(1);
    })
  );
  assertEquals(unhandled.map((error) => (error as AggregateError).errors[0]), [failure]);
  assertStrictEquals((unhandled[0] as Error).cause, failure);
});
