/** Errors made of 100,000 others, wide and deep, are judged without overflowing the stack. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import { asCompleted, CancelledError, gather, isCancellation, scope, TaskGroup, TaskGroupError } from "@weft/async";
import { ends, linear, size } from "./support.ts";

const SIZES = [1000, 100_000] as const;

/** Makes one of `n` errors, with `part` in it. */
type Make = (n: number, part: unknown) => unknown;

/** `wrap` around `part`, again and again. */
function deep(n: number, part: unknown, wrap: (part: unknown, level: number) => unknown): unknown {
  for (let level = 0; level < n; level++) part = wrap(part, level);
  return part;
}

/** Errors that count as what `part` is. */
const ERRORS: Record<string, Make> = {
  "an AggregateError of 100,000": (n, part) => new AggregateError(Array(n).fill(part)),
  "an AggregateError of 50,000, each with a cause": (n, part) =>
    new AggregateError(Array.from({ length: n / 2 }, () => new Error("closed", { cause: part }))),
  "an AggregateError of 100,000 AbortErrors, and another": (n, part) =>
    new AggregateError([...Array.from({ length: n }, () => new CancelledError()), part]),
  "AggregateErrors, 100,000 deep": (n, part) => deep(n, part, (part) => new AggregateError([part])),
  "AggregateErrors of each other twice, 50,000 deep": (n, part) =>
    deep(n / 2, part, (part) => new AggregateError([part, part])),
  "a cause chain 100,000 long": (n, part) => deep(n, part, (cause) => new Error("closed", { cause })),
  "SuppressedErrors, 50,000 deep": (n, part) =>
    deep(n / 2, part, (part) => new SuppressedError(part, new CancelledError(), "cleanup failed")),
  "SuppressedErrors of suppressed ones, 50,000 deep": (n, part) =>
    deep(n / 2, part, (part) => new SuppressedError(new CancelledError(), part, "cleanup failed")),
  "causes and AggregateErrors by turns, 100,000 deep": (n, part) =>
    deep(n, part, (part, level) => level % 2 === 0 ? new AggregateError([part]) : new Error("closed", { cause: part })),
};

async function inAborted(fn: (reason: unknown) => unknown): Promise<void> {
  await scope((_signal, self) => {
    const reason = new CancelledError("enough");
    self.cancel(reason);
    return fn(reason);
  });
}

for (const [name, make] of Object.entries(ERRORS)) {
  ends(`isCancellation() judges ${name}, by what is in it`, () =>
    inAborted((reason) => {
      assertEquals(isCancellation(make(size(100_000), reason)), true);
      assertEquals(isCancellation(make(size(100_000), new TypeError("no luck"))), false);
    }));

  ends(`scope() rejects with ${name}, if that is a failure, and not if it is a cancellation`, async () => {
    const failure = make(size(100_000), new TypeError("no luck"));
    const failed = inAborted(() => Promise.reject(failure));
    assertStrictEquals(await failed.catch((error) => error), failure);
    await inAborted((reason) => Promise.reject(make(size(100_000), reason)));
  });

  ends(`TaskGroup.run() rejects with an error that tells of ${name}`, async () => {
    const failure = make(size(100_000), new TypeError("no luck"));
    const error = await TaskGroup.run(() => Promise.reject(failure)).catch((error) => error);
    assertEquals(error instanceof TaskGroupError && error.errors.length === 1 && error.errors[0] === failure, true);
  });
}

linear(
  "isCancellation() takes steps in proportion to the parts of an AggregateError",
  SIZES,
  (n) =>
    inAborted((reason) => {
      const error = new AggregateError(Array(n).fill(reason));
      isCancellation(error);
    }),
);

linear("gather() puts together 100,000 failures in steps in proportion", SIZES, async (n) => {
  const work = Array.from({ length: n }, (_, i) => () => Promise.reject(new Error(`${i}`)));
  const error = await gather(work).catch((error) => error);
  // Those that failed before the first could abort them.
  assertEquals((error as AggregateError).errors.length, n);
});

linear("asCompleted() puts together 100,000 failures in steps in proportion", SIZES, async (n) => {
  const work = Array.from({ length: n }, (_, i) => () => Promise.reject(new Error(`${i}`)));
  const error = await asCompleted(work).next().catch((error) => error);
  assertEquals((error as AggregateError).errors.length, n);
});
