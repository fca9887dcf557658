/** Hostile things that a program has met, each by name; `hostile_test.ts` tries all the others. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { createTask, gather, map, race, run, scope, sleep, TaskGroup, TaskGroupError, timeout } from "@weft/async";
import { settle, unhandledIn } from "../support.ts";
import { guardedTest } from "./guarded.ts";

const marker = new Error("the marker");
const reason = new Error("enough");
const fail = (): never => {
  throw marker;
};

/** What a call rejects with; of a group, the only error in it. In a box, because awaiting it may throw. */
async function thrownBy(call: PromiseLike<unknown>): Promise<readonly [unknown]> {
  const [error] = await call.then(() => ["nothing"], (error: unknown) => [error]);
  return [isGroupError(error) && error.errors.length === 1 ? error.errors[0] : error];
}

function isGroupError(error: unknown): error is TaskGroupError {
  try {
    return error instanceof TaskGroupError;
  } catch {
    return false;
  }
}

/** Compares without a look at either, as `assertStrictEquals` takes for its message. */
function assertThrown(thrown: readonly [unknown] | undefined, expected: unknown): void {
  assert(thrown?.[0] === expected, "Something else was thrown");
}

async function readAll(results: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of results);
}

type Work = (signal: AbortSignal) => unknown;

/** Calls of which one piece of work is `work`, beside a sibling that tells `log` of its end. */
const calls: Record<string, (work: Work, log: string[], options?: { signal?: AbortSignal }) => Promise<unknown>> = {
  "gather()": (work, log, options) => gather([work, () => sibling(log)], options),
  "TaskGroup.run()": (work, log, options) =>
    TaskGroup.run((group) => {
      group.createTask(work);
      group.createTask(() => sibling(log), { eager: true });
    }, options),
  "map()": (work, log, options) => readAll(map([work, () => sibling(log)], (fn: Work, signal) => fn(signal), options)),
};

async function sibling(log: string[]): Promise<void> {
  try {
    await sleep(50);
  } finally {
    await settle(1);
    log.push("the sibling has ended");
  }
}

const odd: Record<string, () => unknown> = {
  "has no prototype": () => Object.create(null),
  "has a symbol for a message": () => Object.assign(new Error(), { message: Symbol("message") }),
  "throws when asked for its message": () => Object.defineProperty(new Error(), "message", { get: fail }),
  "throws when made a string": () => ({ [Symbol.toPrimitive]: fail, toString: fail }),
};

for (const [call, begin] of Object.entries(calls)) {
  for (const [what, make] of Object.entries(odd)) {
    guardedTest(`${call} rejects with an error that ${what}, after the siblings`, async () => {
      const error = make();
      const log: string[] = [];
      const thrown = await thrownBy(begin(async () => {
        await sleep(1);
        throw error;
      }, log));
      assertThrown(thrown, error);
      assertEquals(log, ["the sibling has ended"]);
    });
  }
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

class Thenless extends Promise<unknown> {
  override then(): never {
    throw marker;
  }
}

guardedTest("createTask() rejects when its function returns a revoked proxy", async () => {
  await assertRejects(() => createTask(revokedProxy).promise, TypeError, "revoked");
});

for (const [call, begin] of Object.entries(calls)) {
  guardedTest(`${call} rejects when work returns a revoked proxy, and the scope around ends`, async () => {
    const log: string[] = [];
    await scope(async () => {
      await assertRejects(() => begin(() => Promise.resolve(1).then(revokedProxy), log));
      await assertRejects(() => begin(revokedProxy, log));
    });
    assertEquals(log, log.filter((line) => line === "the sibling has ended"));
  });

  guardedTest(`${call} rejects when work returns a promise whose then throws, and the scope around ends`, async () => {
    const thrown = await scope(() => thrownBy(begin(() => Thenless.resolve(1), [])));
    assertThrown(thrown, marker);
  });
}

guardedTest("createTask() rejects when its function returns a promise whose then throws", async () => {
  assertThrown(await thrownBy(createTask(() => Thenless.resolve(1)).promise), marker);
});

/** An error whose cause is another one at each look. */
function endlessByGetter(): Error {
  return Object.defineProperty(new Error("deeper"), "cause", { get: endlessByGetter });
}

function endlessByProxy(): Error {
  return new Proxy(new Error("deeper"), {
    get: (target, key, self) => key === "cause" ? endlessByProxy() : Reflect.get(target, key, self),
    getOwnPropertyDescriptor: (target, key) =>
      key === "cause"
        ? { value: endlessByProxy(), configurable: true, writable: true, enumerable: false }
        : Reflect.getOwnPropertyDescriptor(target, key),
  });
}

const inAbort: Record<string, { make: () => unknown; cancels?: boolean }> = {
  "throws when asked for its name": { make: () => Object.defineProperty(new Error(), "name", { get: fail }) },
  "is a revoked proxy": { make: revokedProxy },
  "has a getter for its cause, another one each time": { make: endlessByGetter },
  "comes from a hundred thousand others, the first of them the reason": {
    make() {
      let error: Error = reason;
      for (let i = 0; i < 100_000; i++) error = new Error("deeper", { cause: error });
      return error;
    },
    cancels: true,
  },
};

const abortable = {
  ...calls,
  "createTask()": (work: Work, log: string[], { signal }: { signal?: AbortSignal } = {}) => {
    const task = createTask(work);
    signal!.addEventListener("abort", () => task.cancel(signal!.reason), { once: true });
    log.push("the sibling has ended");
    return task.promise;
  },
};

/** Aborts a call while it is under way; its work then throws `error`. */
async function abortedWith(begin: typeof calls[string], error: unknown, log: string[]): Promise<readonly [unknown]> {
  const controller = new AbortController();
  setImmediate(() => controller.abort(reason));
  const work: Work = (signal) => new Promise((_, no) => signal.addEventListener("abort", () => no(error)));
  return await thrownBy(begin(work, log, { signal: controller.signal }));
}

for (const [call, begin] of Object.entries(abortable)) {
  for (const [what, { make, cancels = false }] of Object.entries(inAbort)) {
    const outcome = cancels ? "counts as cancelled by" : "throws";
    guardedTest(`${call} ${outcome} an error that ${what}, thrown when aborted`, async () => {
      const error = make();
      const log: string[] = [];
      const thrown = await abortedWith(begin, error, log);
      assertThrown(thrown, cancels ? reason : error);
      assertEquals(log, ["the sibling has ended"]);
    });
  }

  guardedTest(`${call} settles when an error that is thrown when aborted has no end of causes`, async () => {
    const log: string[] = [];
    await abortedWith(begin, endlessByProxy(), log);
    assertEquals(log, ["the sibling has ended"]);
  });
}

for (const key of ["done", "value"] as const) {
  for (const kind of ["sync", "async"] as const) {
    guardedTest(
      `map() rejects when a step of ${
        kind === "sync" ? "a sync" : "an async"
      } source throws at the look for its ${key}, after work under way`,
      async () => {
        const log: string[] = [];
        const step = { done: false, value: 2 };
        Object.defineProperty(step, key, { get: fail });
        const steps = [{ done: false, value: 1 }, step];
        const next = kind === "sync" ? () => steps.shift() : () => Promise.resolve(steps.shift());
        const source = { [kind === "sync" ? Symbol.iterator : Symbol.asyncIterator]: () => ({ next }) };
        const results = map(source as unknown as Iterable<number>, () => sibling(log));
        const thrown = await scope(() => thrownBy(readAll(results).finally(() => log.push("map has ended"))));
        assertThrown(thrown, marker);
        assertEquals(log, ["the sibling has ended", "map has ended"]);
      },
    );
  }
}

guardedTest(
  "map() inside a timeout over a source that throws at the look for its return lets other sleepers wake",
  async () => {
    const iterator = { next: () => new Promise(() => {}) };
    Object.defineProperty(iterator, "return", { get: fail });
    const source = { [Symbol.asyncIterator]: () => iterator } as unknown as AsyncIterable<number>;
    const log: string[] = [];
    let thrown: readonly [unknown] | undefined;
    const unhandled = await unhandledIn(async () => {
      const others = [1, 2].map((ms) => sleep(ms).then(() => log.push("another one wakes")));
      thrown = await thrownBy(timeout(1, () => readAll(map(source, () => 1))));
      await Promise.all(others);
    });
    assertEquals(log, ["another one wakes", "another one wakes"]);
    // The reader has been cancelled by then, so it may also be that nobody is left to receive it.
    assertEquals([thrown?.[0], ...unhandled].filter((error) => error === marker), [marker]);
  },
  { surfaces: marker },
);

/** A signal of no known class. */
function signalLike(methods: Partial<AbortSignal>): AbortSignal {
  const ok = () => {};
  return {
    aborted: false,
    reason: undefined,
    addEventListener: ok,
    removeEventListener: ok,
    ...methods,
  } as AbortSignal;
}

const signalled: Record<string, (fn: () => Promise<unknown>, signal: AbortSignal) => Promise<unknown>> = {
  "timeout()": (fn, signal) => timeout(60_000, fn, { signal }),
  "gather()": (fn, signal) => gather([fn], { signal }),
  "race()": (fn, signal) => race([fn], { signal }),
  "scope()": (fn, signal) => scope(fn, { signal }),
  "TaskGroup.run()": (fn, signal) => TaskGroup.run(fn, { signal }),
  "run()": (fn, signal) => run(fn, { signal, signals: false }),
  "sleep()": (_fn, signal) => sleep(1, { signal }),
};

for (const [call, begin] of Object.entries(signalled)) {
  guardedTest(`${call} rejects when the signal throws from addEventListener, and the scope around ends`, async () => {
    const signal = signalLike({ addEventListener: fail });
    const thrown = await scope(() => {
      const begun = begin(() => sleep(1), signal);
      return thrownBy(begun);
    });
    assertThrown(thrown, marker);
  });

  guardedTest(`${call} ends when the signal throws from removeEventListener, and other sleepers wake`, async () => {
    const signal = signalLike({ removeEventListener: fail });
    const other = sleep(1);
    await scope(() => thrownBy(begin(() => sleep(1), signal)));
    await other;
  });
}
