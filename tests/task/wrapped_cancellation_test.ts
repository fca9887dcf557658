/** Errors that wrap a cancellation: those of the platform are the cancellation, those of a program are failures. */

import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  asCompleted,
  CancelledError,
  createTask,
  firstSuccess,
  gather,
  InvalidStateError,
  isCancellation,
  Lock,
  map,
  moveOnAfter,
  race,
  run,
  scope,
  Semaphore,
  sleepForever,
  TaskGroup,
  timeout,
  TimeoutError,
} from "@weft/async";
import { settle } from "../support.ts";

const LIMIT = { timeout: 10_000 };

class ConfigError extends Error {
  override readonly name = "ConfigError";
}
class StrictTypeError extends TypeError {}
class PageError extends DOMException {
  declare readonly cause?: unknown;
  constructor(message: string, { cause }: { cause: unknown }) {
    super(message, "NetworkError");
    Object.defineProperty(this, "cause", { value: cause });
  }
}
class Impatience extends TimeoutError {}
class Abandoned extends Error {
  override readonly name = "AbortError";
}

const reason = new Error("enough");
const wrap = { cause: reason };
const abortError = new DOMException("gone", "AbortError");
const failure = new Error("no luck");

function withCause<E extends object>(error: E, descriptor: PropertyDescriptor): E {
  return Object.defineProperty(error, "cause", descriptor);
}

/** An error that throws when `key` of it is looked at. */
function throwing(error: object, key: string): object {
  return Object.defineProperty(error, key, {
    get() {
      throw new Error(`${key} has been looked at`);
    },
  });
}

function chain(length: number, last: unknown): Error {
  let error = new Error("innermost", { cause: last });
  for (let i = 1; i < length; i++) error = new Error("around", { cause: error });
  return error;
}

const CANCELLATIONS: Record<string, () => unknown> = {
  "the reason": () => reason,
  "an AbortError of the platform": () => abortError,
  "a CancelledError": () => new CancelledError(),
  "an error that is named AbortError": () => Object.assign(new Error("gone"), { name: "AbortError" }),
  "an error of a program that is named AbortError": () => new Abandoned("gone"),
  "an Error that wraps the reason": () => new Error("outer", wrap),
  "a TypeError that wraps the reason": () => new TypeError("outer", wrap),
  "a RangeError that wraps the reason": () => new RangeError("outer", wrap),
  "a SyntaxError that wraps the reason": () => new SyntaxError("outer", wrap),
  "a ReferenceError that wraps the reason": () => new ReferenceError("outer", wrap),
  "a URIError that wraps the reason": () => new URIError("outer", wrap),
  "an EvalError that wraps the reason": () => new EvalError("outer", wrap),
  "a DOMException that wraps the reason": () => withCause(new DOMException("outer", "NetworkError"), { value: reason }),
  "a TimeoutError of ours that wraps the reason": () => new TimeoutError("outer", wrap),
  "an InvalidStateError of ours that wraps the reason": () => new InvalidStateError("outer", wrap),
  "a TypeError that wraps an AbortError": () => new TypeError("outer", { cause: abortError }),
  "an Error with a chain of 100,000 causes": () => chain(100_000, reason),
  "an AggregateError of cancellations": () => new AggregateError([reason, abortError, new TypeError("outer", wrap)]),
  "an AggregateError in an AggregateError": () => new AggregateError([reason, new AggregateError([reason])]),
  "an Error that wraps an AggregateError of cancellations": () =>
    new Error("outer", { cause: new AggregateError([reason]) }),
  "a SuppressedError of cancellations": () => new SuppressedError(reason, abortError),
};

const FAILURES: Record<string, () => unknown> = {
  "an error that wraps nothing": () => new TypeError("alone"),
  "an error of a program that wraps the reason": () => new ConfigError("outer", wrap),
  "an error of a program that wraps an AbortError": () => new ConfigError("outer", { cause: abortError }),
  "an error of a class derived from TypeError": () => new StrictTypeError("outer", wrap),
  "an error of a class derived from DOMException": () => new PageError("outer", wrap),
  "an error of a class derived from ours": () => new Impatience("outer", wrap),
  "an Error that wraps an error of a program": () => new Error("outermost", { cause: new ConfigError("outer", wrap) }),
  "an Error with a chain of 100,000 causes and none of a cancellation": () => chain(100_000, failure),
  "an AggregateError of a cancellation and a failure": () => new AggregateError([reason, failure]),
  "an AggregateError with an error of a program": () => new AggregateError([reason, new ConfigError("outer", wrap)]),
  "an AggregateError of failures whose cause is the reason": () => new AggregateError([failure], "several", wrap),
  "an AggregateError of nothing": () => new AggregateError([]),
  "a SuppressedError of a cancellation and a failure": () => new SuppressedError(reason, failure),
  "a SuppressedError of a failure and a cancellation": () => new SuppressedError(failure, reason),
  "an object that is no error": () => ({ cause: reason }),
  "an object without a prototype": () => Object.assign(Object.create(null), { cause: reason }),
  "nothing": () => undefined,
  "a string": () => "enough",
  "an Error whose cause is an accessor": () => withCause(new Error("outer"), { get: () => reason }),
  "an Error whose cause throws": () => throwing(new Error("outer"), "cause"),
  "an error whose name throws": () => throwing(new Error("outer", wrap), "name"),
  "an AggregateError whose errors throw": () => throwing(new AggregateError([reason]), "errors"),
  "a SuppressedError whose parts throw": () => throwing(new SuppressedError(reason, reason), "suppressed"),
  "a proxy that throws": () =>
    new Proxy(new Error("outer", wrap), {
      get() {
        throw new Error("it has been looked at");
      },
      getPrototypeOf() {
        throw new Error("its class has been looked at");
      },
      getOwnPropertyDescriptor() {
        throw new Error("its properties have been looked at");
      },
    }),
};

/** What `isCancellation` says in a scope that is aborted with `reason`. */
async function judge(error: unknown): Promise<unknown> {
  let judgement: unknown;
  await scope((_signal, self) => {
    self.cancel(reason);
    judgement = isCancellation(error);
  });
  return judgement;
}

for (const [name, make] of Object.entries(CANCELLATIONS)) {
  Deno.test(`isCancellation() says yes to ${name} in an aborted scope, and no outside of all`, LIMIT, async () => {
    const error = make();
    assertEquals([await judge(error), isCancellation(error)], [true, false]);
  });
}

for (const [name, make] of Object.entries(FAILURES)) {
  Deno.test(`isCancellation() says no to ${name} in an aborted scope`, LIMIT, async () => {
    assertEquals(await judge(make()), false);
  });
}

Deno.test("isCancellation() asks no accessor of an error for its cause", LIMIT, async () => {
  let asked = 0;
  const error = withCause(new Error("outer"), { get: () => (asked++, reason) });
  assertEquals([await judge(error), asked], [false, 0]);
});

Deno.test("isCancellation() says no to errors that wrap each other", LIMIT, async () => {
  const first = new Error("first");
  const second = new Error("second", { cause: first });
  withCause(first, { value: second });
  assertEquals([await judge(first), await judge(second), await judge(new AggregateError([first]))], [
    false,
    false,
    false,
  ]);
});

Deno.test("isCancellation() knows the reasons of all aborted scopes around, and of no other", LIMIT, async () => {
  const inside = new Error("inside");
  const elsewhere = new Error("elsewhere");
  const log: unknown[] = [];
  await scope(async (_signal, outer) => {
    await scope((_signal, inner) => {
      inner.cancel(inside);
      outer.cancel(reason);
      for (const cause of [inside, reason, elsewhere]) log.push(isCancellation(new Error("outer", { cause })));
    });
  }).catch(() => {});
  assertEquals(log, [true, true, false]);
});

/** Runs a function in each of these, in a scope that is then aborted, and returns what that comes to. */
const CALLS: Record<string, (work: () => Promise<unknown>) => PromiseLike<unknown>> = {
  "run()": (work) => run(work),
  "scope()": (work) => scope(work),
  "timeout()": (work) => timeout(3_600_000, work),
  "moveOnAfter()": (work) => moveOnAfter(3_600_000, work),
  "TaskGroup.run()": (work) => TaskGroup.run(work),
  "TaskGroup.createTask()": (work) => TaskGroup.run((group) => void group.createTask(work)),
  "gather()": (work) => gather([work, () => sleepForever()]),
  "gather() with settled": (work) => gather([work, () => sleepForever()], { settled: true }),
  "gather() with concurrency": (work) => gather([work, () => sleepForever()], { concurrency: 1 }),
  "race()": (work) => race([work, () => sleepForever()]),
  "firstSuccess()": (work) => firstSuccess([work]),
  "asCompleted()": (work) => inTheOpen(asCompleted([work])),
  "map()": (work) => inTheOpen(map([0], work)),
  "Lock.run()": (work) => new Lock().run(work),
  "Semaphore.run()": (work) => new Semaphore(1).run(work),
};

// A read in an aborted scope is refused. A task that is independent of it goes on reading.
function inTheOpen(results: AsyncIterable<unknown>): PromiseLike<unknown> {
  return createTask(() => Array.fromAsync(results), { eager: true }).promise;
}

async function thrownBy(call: (work: () => Promise<unknown>) => PromiseLike<unknown>, error: unknown) {
  let thrown: unknown;
  await scope(async (_signal, self) => {
    const ended = Promise.resolve(call(() => sleepForever().catch(() => Promise.reject(error))));
    ended.catch(() => {});
    await settle(1);
    self.cancel(reason);
    thrown = await ended.then((value) => ["returns", value], (error) => error);
  });
  return thrown;
}

for (const [name, call] of Object.entries(CALLS)) {
  Deno.test(`${name} rejects with the reason when its function wraps that in an Error`, LIMIT, async () => {
    assertStrictEquals(await thrownBy(call, new Error("outer", { cause: reason })), reason);
    assertStrictEquals(
      await thrownBy(call, new AggregateError([new TypeError("outer", { cause: abortError })])),
      reason,
    );
  });

  // There a failure is a result.
  if (name === "gather() with settled") continue;

  Deno.test(`${name} throws an error of a program that wraps the reason`, LIMIT, async () => {
    const error = new ConfigError("outer", { cause: reason });
    const thrown = await thrownBy(call, error);
    if (thrown === error) return;
    assertInstanceOf(thrown, AggregateError);
    assert(thrown.errors.length === 1 && thrown.errors[0] === error);
  });
}

Deno.test(
  "createTask() makes a task that has failed when an error of a program wraps its cancellation",
  LIMIT,
  async () => {
    const states: string[] = [];
    for (const error of [new Error("outer", wrap), new ConfigError("outer", wrap)]) {
      const task = createTask(() => sleepForever().catch(() => Promise.reject(error)));
      await settle(1);
      task.cancel(reason);
      await settle(1);
      states.push(task.state);
      await task.promise.catch(() => {});
    }
    assertEquals(states, ["cancelled", "rejected"]);
  },
);
