/** Branches that a change to the code could lose without any other test noticing. */

import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  asCompleted,
  Channel,
  createTask,
  currentSignal,
  type Entry,
  firstSuccess,
  Future,
  gather,
  InvalidStateError,
  map,
  race,
  scope,
  select,
  sleepForever,
  TaskGroup,
  TaskGroupError,
} from "@weft/async";
import { report, settle, steered, unhandledIn } from "./support.ts";

const LIMIT = { timeout: 10_000 };

const reason = new Error("enough");
const failure = new Error("no luck");

// A promise among the entries of a combinator whose scope is aborted already.

interface CombinatorOptions {
  readonly signal?: AbortSignal;
  readonly onDiscard?: (value: unknown) => void;
}

const COMBINATORS: Record<string, (entries: Entry<unknown>[], options?: CombinatorOptions) => Promise<unknown>> = {
  "gather()": (entries, options) => gather(entries, options),
  "gather() with settled": (entries, options) => gather(entries, { ...options, settled: true }),
  "race()": (entries, options) => race(entries, options),
  "firstSuccess()": (entries, options) => firstSuccess(entries, options),
  "asCompleted()": (entries, options) => asCompleted(entries, options).next(),
};

/** Those that start their entries in order, so that one may find the scope aborted by another. */
const IN_ORDER = Object.entries(COMBINATORS).filter(([name]) => name !== "asCompleted()");

/** What may stand among the entries, and would settle after the abort. */
const PROMISES: Record<string, () => PromiseLike<unknown>> = {
  "a promise that never settles": () => new Promise(() => {}),
  "a promise that fails later": () => settle(2).then(() => Promise.reject(failure)),
  "a promise that has failed": () => Promise.reject(failure),
  "a promise that has a value": () => Promise.resolve("value"),
  "a task": () => createTask(() => settle(2)),
  "a task that fails": () => createTask(() => Promise.reject(failure)),
  "a future": () => new Future<void>(),
};

for (const [what, make] of Object.entries(PROMISES)) {
  for (const [name, start] of IN_ORDER) {
    Deno.test(
      `${name} with ${what} behind a function that aborts it rejects at once, and takes nothing`,
      LIMIT,
      async () => {
        const controller = new AbortController();
        const discarded: unknown[] = [];
        const unhandled = await unhandledIn(async () => {
          const promise = make();
          const abort = () => {
            controller.abort(reason);
            return sleepForever();
          };
          const call = start([abort, promise], {
            signal: controller.signal,
            onDiscard: (value) => discarded.push(value),
          });
          assertStrictEquals(await assertRejects(() => call), reason);
        });
        assertEquals([unhandled, discarded], [[], []]);
      },
    );
  }

  for (const [name, start] of Object.entries(COMBINATORS)) {
    Deno.test(
      `${name} with ${what} in a scope that is aborted rejects at once, and leaves no unhandled rejection`,
      LIMIT,
      async () => {
        let error: unknown;
        const unhandled = await unhandledIn(() =>
          scope(async (_signal, self) => {
            self.cancel(reason);
            await start([make()]).catch((thrown) => error = thrown);
          })
        );
        assertEquals(unhandled, []);
        assertStrictEquals(error, reason);
      },
    );
  }
}

Deno.test("gather() asks a thenable for nothing when its scope is aborted already", LIMIT, async () => {
  let asked = 0;
  const controller = new AbortController();
  const thenable = { then: () => void asked++ } as unknown as PromiseLike<void>;
  const abort = () => {
    controller.abort(reason);
    return sleepForever();
  };
  await assertRejects(() => gather([abort, thenable], { signal: controller.signal }));
  await settle();
  assertEquals(asked, 0);
});

// A select beside somebody who is aborted but has not been told yet.

/** Calls `fn` inside an abort of `controller`, before those who wait with its signal are told. */
function insideAbortOf(controller: AbortController, fn: () => void): void {
  controller.signal.addEventListener("abort", fn, { once: true });
}

Deno.test("select() sends nothing to a receiver that is aborted and has not been told yet", LIMIT, async () => {
  const { sender, receiver } = new Channel<string>(0);
  const controller = new AbortController();
  const log: string[] = [];
  let selected!: Promise<unknown>;
  insideAbortOf(controller, () => {
    selected = select([sender.sending("parcel")]).then(({ index }) => log.push(`sent by case ${index}`));
  });
  const dying = report(log, receiver.receive({ signal: controller.signal }));
  controller.abort(reason);
  await dying;
  await settle();
  log.push("another receiver");
  log.push(await receiver.receive());
  await selected;
  assertEquals(log.slice(0, 2), ["throws Error: enough", "another receiver"]);
  assertEquals(log.slice(2).toSorted(), ["parcel", "sent by case 0"]);
});

Deno.test("select() takes another case than a receiver that is aborted and has not been told yet", LIMIT, async () => {
  const { sender, receiver } = new Channel<string>(0);
  const other = new Channel<string>(1);
  const controller = new AbortController();
  const log: string[] = [];
  insideAbortOf(controller, () => {
    const cases = [sender.sending("parcel"), other.sender.sending("letter")] as const;
    void select(cases, { fair: false }).then(({ index }) => log.push(`sent by case ${index}`));
  });
  const dying = report(log, receiver.receive({ signal: controller.signal }));
  controller.abort(reason);
  await dying;
  await settle();
  assertEquals([log.toSorted(), other.receiver.tryReceive(), receiver.tryReceive()], [
    ["sent by case 1", "throws Error: enough"],
    { value: "letter" },
    undefined,
  ]);
});

Deno.test("select() receives nothing from a sender that is aborted and has not been told yet", LIMIT, async () => {
  const { sender, receiver } = new Channel<string>(0);
  const controller = new AbortController();
  const log: string[] = [];
  let selected!: Promise<unknown>;
  insideAbortOf(controller, () => {
    selected = select([receiver.receiving()]).then(({ value }) => log.push(`received ${value}`));
  });
  const dying = report(log, sender.send("withdrawn", { signal: controller.signal }));
  controller.abort(reason);
  await dying;
  await settle();
  log.push("another sender");
  await sender.send("parcel");
  await selected;
  assertEquals(log, ["throws Error: enough", "another sender", "received parcel"]);
});

Deno.test("select() takes another case than a sender that is aborted and has not been told yet", LIMIT, async () => {
  const { sender, receiver } = new Channel<string>(0);
  const other = new Channel<string>(1);
  other.sender.trySend("letter");
  const controller = new AbortController();
  const log: string[] = [];
  insideAbortOf(controller, () => {
    const cases = [receiver.receiving(), other.receiver.receiving()] as const;
    void select(cases, { fair: false }).then(({ index, value }) => log.push(`case ${index} received ${value}`));
  });
  const dying = report(log, sender.send("withdrawn", { signal: controller.signal }));
  controller.abort(reason);
  await dying;
  await settle();
  assertEquals(log.toSorted(), ["case 1 received letter", "throws Error: enough"]);
});

Deno.test("select() that is aborted and has not been told yet is handed nothing, by either side", LIMIT, async () => {
  const into = new Channel<string>(0);
  const from = new Channel<string>(0);
  const controller = new AbortController();
  const log: unknown[] = [];
  insideAbortOf(controller, () => {
    log.push(into.sender.trySend("parcel"), from.receiver.tryReceive());
  });
  const dying = select([into.receiver.receiving(), from.sender.sending("withdrawn")], { signal: controller.signal })
    .then((selected) => log.push(selected), (error) => log.push(error));
  controller.abort(reason);
  await dying;
  assertEquals(log, [false, undefined, reason]);
  assertEquals(
    [into.sender.statistics(), from.sender.statistics()].map((at) => [at.waitingReceivers, at.waitingSenders]),
    [
      [0, 0],
      [0, 0],
    ],
  );
});

Deno.test(
  "select() in a scope sends nothing to a receiver of a scope that is aborted in that turn",
  LIMIT,
  async () => {
    const { sender, receiver } = new Channel<string>(0);
    const log: string[] = [];
    let selected!: Promise<unknown>;
    await scope(async (signal, self) => {
      signal.addEventListener("abort", () => {
        selected = createTask(() => select([sender.sending("parcel")]), { eager: true }).promise;
      });
      const dying = report(log, receiver.receive());
      await settle(1);
      self.cancel(reason);
      await dying;
    });
    log.push(await receiver.receive());
    await selected;
    assertEquals(log, ["throws Error: enough", "parcel"]);
  },
);

// A step of a source that fails while the source is being closed.

/** A source whose second step, and whose closing, end by hand. */
function handmade(log: string[]) {
  const step = Promise.withResolvers<IteratorResult<string>>();
  const closing = Promise.withResolvers<IteratorResult<string>>();
  const asked = Promise.withResolvers<void>();
  const beingClosed = Promise.withResolvers<void>();
  let steps = 0;
  const source: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next() {
        if (++steps === 1) return Promise.resolve({ done: false, value: "first" });
        asked.resolve();
        return step.promise;
      },
      return: () => {
        log.push("closing");
        beingClosed.resolve();
        return closing.promise;
      },
    }),
  };
  const closed = () => closing.resolve({ done: true, value: undefined });
  return { source, secondStep: asked.promise, beingClosed: beingClosed.promise, step, closing, closed };
}

Deno.test(
  "map() left while a step is pending waits for the closing also when the step fails, and throws that to await using",
  LIMIT,
  async () => {
    const log: string[] = [];
    const { source, secondStep, step, closed } = handmade(log);
    const results = map(source, (item) => item);
    await results.next();
    await secondStep;
    const left = report(log, Promise.resolve(results[Symbol.asyncDispose]()));
    await settle();
    step.reject(failure);
    await settle();
    log.push("the step has failed");
    closed();
    await left;
    assertEquals(log, ["closing", "the step has failed", "throws Error: no luck"]);
  },
);

Deno.test(
  "map() left with break surfaces once what a step fails with while the source is being closed",
  LIMIT,
  async () => {
    const log: string[] = [];
    const { source, secondStep, beingClosed, step, closed } = handmade(log);
    const unhandled = await unhandledIn(async () => {
      beingClosed.then(() => {
        step.reject(failure);
        setImmediate(closed);
      });
      for await (const _item of map(source, (item) => item)) {
        await secondStep;
        break;
      }
      log.push("left");
    });
    assertEquals([log, unhandled], [["closing", "left"], [failure]]);
  },
);

Deno.test("map() surfaces what a step fails with after the source was closed", LIMIT, async () => {
  const log: string[] = [];
  const { source, secondStep, beingClosed, step, closed } = handmade(log);
  const unhandled = await unhandledIn(async () => {
    beingClosed.then(closed);
    for await (const _item of map(source, (item) => item)) {
      await secondStep;
      break;
    }
    log.push("left");
    step.reject(failure);
  });
  assertEquals([log, unhandled], [["closing", "left"], [failure]]);
});

Deno.test(
  "map() takes a step that fails with the abort while the source is being closed for cancellation",
  LIMIT,
  async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const { source, secondStep, step, closed } = handmade(log);
    const unhandled = await unhandledIn(async () => {
      const results = map(source, (item) => item, { signal: controller.signal });
      await results.next();
      await secondStep;
      const next = assertRejects(() => results.next());
      controller.abort(reason);
      await settle();
      step.reject(new Error("interrupted", { cause: reason }));
      await settle();
      closed();
      assertStrictEquals(await next, reason);
    });
    assertEquals([log, unhandled], [["closing"], []]);
  },
);

Deno.test(
  "map() that is aborted throws the failure of a step that fails while the source is being closed, and of the closing too",
  LIMIT,
  async () => {
    const log: string[] = [];
    const second = new Error("nor here");
    const controller = new AbortController();
    const { source, secondStep, step, closing } = handmade(log);
    const unhandled = await unhandledIn(async () => {
      const results = map(source, (item) => item, { signal: controller.signal });
      await results.next();
      await secondStep;
      const next = assertRejects(() => results.next());
      controller.abort(reason);
      step.reject(failure);
      await settle();
      closing.reject(second);
      const error = await next;
      assertInstanceOf(error, AggregateError);
      assertEquals(error.errors, [failure, second]);
    });
    assertEquals([log, unhandled], [["closing"], []]);
  },
);

/** What a step that nobody wants any more may come to. */
const LATE_STEPS: Record<string, () => unknown> = {
  "an item": () => ({ done: false, value: "late" }),
  "the end": () => ({ done: true, value: undefined }),
  "something that is no step": () => undefined,
  "a step that throws when it is looked at": () => ({
    get done() {
      throw failure;
    },
  }),
};

for (const [what, step] of Object.entries(LATE_STEPS)) {
  Deno.test(`map() drops ${what} that comes while the source is being closed`, LIMIT, async () => {
    const log: string[] = [];
    const { source, secondStep, step: { resolve }, closed } = handmade(log);
    const unhandled = await unhandledIn(async () => {
      const results = map(source, (item) => log.push(`working on ${item}`));
      await results.next();
      await secondStep;
      const left = results.return().then(() => log.push("left"));
      await settle();
      resolve(step() as IteratorResult<string>);
      await settle();
      log.push("the step has come");
      closed();
      await left;
    });
    assertEquals([log, unhandled], [["working on first", "closing", "the step has come", "left"], []]);
  });
}

// A task of a group that was cancelled alone, and a late abort from outside.

Deno.test(
  "TaskGroup with a task that was cancelled alone returns its value when an abort from outside comes too late",
  LIMIT,
  async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const deaf = steered(log, "deaf", { deaf: true });
    const call = TaskGroup.run((group) => {
      const alone = group.createTask(() => sleepForever());
      group.createTask(deaf.work);
      setImmediate(() => alone.cancel());
      return "value";
    }, { signal: controller.signal });
    await settle();
    controller.abort(reason);
    deaf.succeed();
    assertEquals([await call, log], ["value", ["deaf starts", "deaf ends"]]);
  },
);

Deno.test(
  "TaskGroup with a task that was cancelled alone before it started returns its value after a late abort too",
  LIMIT,
  async () => {
    const controller = new AbortController();
    const deaf = steered([], "deaf", { deaf: true });
    const call = TaskGroup.run((group) => {
      group.createTask(() => sleepForever()).cancel();
      group.createTask(deaf.work);
      return "value";
    }, { signal: controller.signal });
    await settle(1);
    controller.abort(reason);
    deaf.succeed();
    assertEquals(await call, "value");
  },
);

Deno.test(
  "TaskGroup with a task that the abort from outside has cut short rejects with the reason",
  LIMIT,
  async () => {
    const controller = new AbortController();
    const call = TaskGroup.run((group) => {
      group.createTask(() => sleepForever()).addDoneCallback(() => {});
      return "value";
    }, { signal: controller.signal });
    await settle(1);
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => call), reason);
  },
);

// A task that a cancelled group refuses.

Deno.test(
  "TaskGroup.createTask() after cancel() throws in the body, with the reason as its cause, and never runs",
  LIMIT,
  async () => {
    const log: string[] = [];
    const value = await TaskGroup.run(async (group) => {
      group.createTask(() => sleepForever());
      await settle(1);
      group.cancel(reason);
      for (const eager of [false, true]) {
        const error = assertThrows(() => group.createTask(() => log.push("called"), { eager }), InvalidStateError);
        assertStrictEquals(error.cause, reason);
        log.push(error.message);
      }
      const error = await assertRejects(() => group.start(() => log.push("called")), InvalidStateError);
      assertStrictEquals(error.cause, reason);
      log.push(error.message, `closed: ${group.closed}`);
      return "value";
    });
    await settle();
    assertEquals([value, log], ["value", [
      "Cannot create task: the TaskGroup was aborted: enough",
      "Cannot create task: the TaskGroup was aborted: enough",
      "Cannot start task: the TaskGroup was aborted: enough",
      "closed: true",
    ]]);
  },
);

Deno.test("TaskGroup whose body passes a refused createTask() on rejects with that error as it is", LIMIT, async () => {
  let refused: unknown;
  const error = await assertRejects(() =>
    TaskGroup.run((group) => {
      group.cancel(reason);
      try {
        group.createTask(() => {});
      } catch (error) {
        refused = error;
        throw error;
      }
    })
  );
  assertInstanceOf(refused, InvalidStateError);
  assertStrictEquals(error, refused);
});

Deno.test(
  "TaskGroup whose body awaits a task that it has cancelled rejects with the reason as it is",
  LIMIT,
  async () => {
    const error = await assertRejects(() =>
      TaskGroup.run(async (group) => {
        const task = group.createTask(() => sleepForever());
        await settle(1);
        group.cancel(reason);
        await task;
      })
    );
    assertStrictEquals(error, reason);
  },
);

Deno.test(
  "TaskGroup whose body passes a refused createTask() on still reports what a task fails with while it unwinds",
  LIMIT,
  async () => {
    const error = await assertRejects(() =>
      TaskGroup.run(async (group) => {
        group.createTask(() => sleepForever().catch(() => settle(1).then(() => Promise.reject(failure))));
        await settle(1);
        group.cancel(reason);
        group.createTask(() => {});
      }), TaskGroupError);
    assertEquals(error.errors, [failure]);
  },
);

Deno.test("TaskGroup whose body throws an error of its own after cancel() reports that", LIMIT, async () => {
  const error = await assertRejects(() =>
    TaskGroup.run((group) => {
      group.cancel(reason);
      throw failure;
    }), TaskGroupError);
  assertEquals(error.errors, [failure]);
});

Deno.test("TaskGroup.createTask() in a group that is aborted from outside counts as cancellation", LIMIT, async () => {
  const controller = new AbortController();
  const call = TaskGroup.run((group) => {
    controller.abort(reason);
    assert(currentSignal().aborted);
    group.createTask(() => {});
  }, { signal: controller.signal });
  assertStrictEquals(await assertRejects(() => call), reason);
});
