import {
  CancelledError,
  InvalidStateError,
  isCancellation,
  moveOnAfter,
  scope,
  shield,
  StragglerError,
  throwIfCancelled,
  TimeoutError,
} from "@weft/async";
import { assert, assertEquals, assertFalse, assertInstanceOf, assertStrictEquals } from "@std/assert";

/** Whether each error counts as cancellation in a scope aborted with `reason`. */
async function judged(reason: unknown, ...errors: unknown[]): Promise<boolean[]> {
  let judgement: boolean[] = [];
  await scope((_signal, self) => {
    self.cancel(reason);
    judgement = errors.map((error) => isCancellation(error));
  });
  return judgement;
}

function abortError(options?: ErrorOptions): Error {
  return Object.assign(new Error("aborted", options), { name: "AbortError" });
}

Deno.test("isCancellation() takes nothing for cancellation in a scope that is not aborted", async () => {
  const reason = new CancelledError();
  assertFalse(isCancellation(reason));
  await scope(() => assertFalse(isCancellation(reason)));
});

Deno.test("isCancellation() takes the reason of the scope for cancellation, whatever it is", async () => {
  for (const reason of [new Error("stop"), "stop", 0, null, NaN, { stop: true }]) {
    assertEquals(await judged(reason, reason), [true]);
  }
});

Deno.test("isCancellation() takes what is not the reason for a failure", async () => {
  const reason = new TypeError("stop");
  const failures = [new TypeError("stop"), "stop", undefined, null, 0, new TimeoutError(), new InvalidStateError()];
  assertEquals(await judged(reason, ...failures), failures.map(() => false));
});

Deno.test("isCancellation() finds the reason anywhere in the chain of causes", async () => {
  const reason = new Error("stop");
  const near = new Error("near", { cause: reason });
  const far = new Error("far", { cause: near });
  const elsewhere = new Error("elsewhere", { cause: new Error("disk full") });
  assertEquals(await judged(reason, near, far, elsewhere), [true, true, false]);
  assertEquals(await judged("stop", new Error("wrapped", { cause: "stop" })), [true]);
});

Deno.test("isCancellation() takes what is named AbortError for cancellation, also as a cause", async () => {
  const platform = new DOMException("aborted", "AbortError");
  const wrapped = new Error("wrapped", { cause: platform });
  assertEquals(await judged("stop", platform, abortError(), new CancelledError(), wrapped), [true, true, true, true]);
});

Deno.test("isCancellation() takes an AggregateError for cancellation only if all in it are", async () => {
  const reason = new Error("stop");
  const failure = new Error("disk full");
  const judgement = await judged(
    reason,
    new AggregateError([reason, abortError()]),
    new AggregateError([new AggregateError([reason]), reason]),
    new AggregateError([reason, failure]),
    new AggregateError([new AggregateError([failure]), reason]),
    new AggregateError([]),
  );
  assertEquals(judgement, [true, true, false, false, false]);
});

Deno.test("isCancellation() takes an AggregateError with failures for a failure, though its cause is the reason", async () => {
  const reason = new Error("stop");
  const stragglers = new StragglerError("gather", ["deaf"], 5, [], reason);
  const failures = new AggregateError([new Error("disk full")], "failed", { cause: reason });
  assertEquals(await judged(reason, stragglers, failures), [false, false]);
});

Deno.test("isCancellation() judges an error alike wherever it stands in an AggregateError", async () => {
  const abort = abortError();
  const judgement = await judged(
    "stop",
    new AggregateError([abort, abort]),
    new AggregateError([new Error("a", { cause: abort }), new Error("b", { cause: abort })]),
  );
  assertEquals(judgement, [true, true]);
});

Deno.test("isCancellation() takes a SuppressedError for cancellation only if both its errors are", async () => {
  const reason = new Error("stop");
  const failure = new Error("disk full");
  const judgement = await judged(
    reason,
    new SuppressedError(reason, abortError()),
    new SuppressedError(failure, reason),
    new SuppressedError(reason, failure),
    new SuppressedError(reason, new SuppressedError(reason, reason)),
  );
  assertEquals(judgement, [true, false, false, true]);
});

Deno.test("isCancellation() takes a circle of causes for a failure, and ends", async () => {
  const first = new Error("first");
  const second = new Error("second", { cause: first });
  first.cause = second;
  const self = new AggregateError([]);
  self.errors.push(self);
  assertEquals(await judged("stop", first, second, self), [false, false, false]);
});

Deno.test("isCancellation() takes the reason of an aborted scope further out for cancellation", async () => {
  const log: boolean[] = [];
  await scope(async (_signal, outer) => {
    await scope((_signal, inner) => {
      inner.cancel("inner");
      outer.cancel("outer");
      log.push(isCancellation("inner"), isCancellation("outer"), isCancellation("other"));
    });
  }).catch(() => {});
  assertEquals(log, [true, true, false]);
});

Deno.test("isCancellation() sees no abort through a shield", async () => {
  await scope(async (_signal, self) => {
    self.cancel("stop");
    await shield(() => assertFalse(isCancellation("stop")));
    assert(isCancellation("stop"));
  });
});

Deno.test("isCancellation() goes by the scope of the caller after a wait too", async () => {
  const log: boolean[] = [];
  await moveOnAfter(0, async () => {
    await Promise.resolve();
    try {
      throwIfCancelled();
    } catch (error) {
      log.push(isCancellation(error), isCancellation(new Error("other")));
    }
  });
  assertEquals(log, [true, false]);
});

Deno.test("CancelledError, TimeoutError and InvalidStateError have the names that the platform gives theirs", () => {
  for (
    const [error, name, message] of [
      [new CancelledError(), "AbortError", "The operation was cancelled"],
      [new TimeoutError(), "TimeoutError", "The deadline has passed"],
      [new InvalidStateError(), "InvalidStateError", "The object is in an invalid state"],
    ] as const
  ) {
    assertInstanceOf(error, DOMException);
    assertInstanceOf(error, Error);
    assertEquals([error.name, error.message, error.cause, "cause" in error], [name, message, undefined, false]);
  }
});

Deno.test("CancelledError, TimeoutError and InvalidStateError keep their cause and repeat its message", () => {
  for (const type of [CancelledError, TimeoutError, InvalidStateError]) {
    const cause = new Error("disk full");
    const error = new type("Gone", { cause });
    assertStrictEquals(error.cause, cause);
    assertEquals([error.message, Object.keys(error)], ["Gone: disk full", []]);
    assertEquals(new type("Gone", { cause: "power" }).message, "Gone: power");
    assertEquals(new type(undefined, { cause: null }).cause, null);
  }
});

Deno.test("CancelledError, TimeoutError and InvalidStateError take an undefined cause as none", () => {
  for (const type of [CancelledError, TimeoutError, InvalidStateError]) {
    const error = new type("Gone", { cause: undefined });
    assertEquals([error.message, "cause" in error], ["Gone", false]);
  }
});

Deno.test("StragglerError tells the call, what still runs, the failures and the reason", () => {
  const failure = new Error("disk full");
  const reason = new TimeoutError();
  const error = new StragglerError("gather", ["a", "b"], 50, [failure], reason);
  assertEquals(error.message, "Work in gather still runs 50 ms after the abort: a, b");
  assertEquals([error.name, error.stragglers, error.errors], ["StragglerError", ["a", "b"], [failure]]);
  assertStrictEquals(error.cause, reason);
});

Deno.test("StragglerError names the first of many, and tells how many more there are", () => {
  const stragglers = Array.from({ length: 20_000 }, (_, i) => `page${i}`);
  const error = new StragglerError("gather", stragglers, 50, [], "over");
  const named = "page0, page1, page2, page3, page4, page5, page6, page7, page8, page9";
  assertEquals(error.message, `Work in gather still runs 50 ms after the abort: ${named}, and 19990 more`);
  assertEquals(error.stragglers, stragglers);
});
