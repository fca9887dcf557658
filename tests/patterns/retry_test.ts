import { isCancellation, moveOnAfter, scope, sleepForever, timeout } from "@weft/async";
import { retry, RetryBudget } from "@weft/async/patterns";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { settle } from "../support.ts";

/** Fails so many times, and then returns the number of its attempt. Logs when it is called. */
function flaky(failures: number, log: number[] = []) {
  const begin = Date.now();
  return (_signal: AbortSignal, attempt: number) => {
    log.push(Date.now() - begin);
    if (attempt <= failures) throw new Error(`failure ${attempt}`);
    return attempt;
  };
}

Deno.test("retry() returns the first success, and waits twice as long each time up to maxBackoff", async () => {
  using time = new FakeTime();
  const log: number[] = [];
  const done = retry(flaky(4, log), { backoff: 10, maxBackoff: 30, jitter: 0 });
  for (let i = 0; i < 12; i++) await time.tickAsync(10);
  assertEquals([await done, log], [5, [0, 10, 30, 60, 90]]);
});

Deno.test("retry() rejects with the last failure, unchanged, after so many attempts", async () => {
  await assertRejects(() => retry(flaky(9), { attempts: 3, backoff: 0 }), Error, "failure 3");
});

Deno.test("retry() takes up to the jitter off each wait", async () => {
  using time = new FakeTime();
  const { random } = Math;
  try {
    Math.random = () => 0.5;
    const log: number[] = [];
    const done = retry(flaky(1, log), { backoff: 100, jitter: 0.4 });
    await time.tickAsync(79);
    assertEquals(log, [0]);
    await time.tickAsync(1);
    assertEquals([await done, log], [2, [0, 80]]);
  } finally {
    Math.random = random;
  }
});

Deno.test("retry() asks retryIf with the failure and the attempt", async () => {
  const log: string[] = [];
  await assertRejects(() =>
    retry(flaky(9), {
      backoff: 0,
      retryIf: (error, attempt) => {
        log.push(`${attempt}: ${(error as Error).message}`);
        return attempt < 2;
      },
    })
  );
  assertEquals(log, ["1: failure 1", "2: failure 2"]);
});

Deno.test("retry() never repeats a cancellation, in an attempt or in a wait", async () => {
  for (const backoff of [0, 60_000]) {
    let attempts = 0;
    const reason = new Error("enough");
    const error = await assertRejects(
      () =>
        scope(async (_signal, self) => {
          const work = retry(async (signal) => {
            attempts++;
            if (backoff === 0) {
              await sleepForever().catch(() => {});
              throw new Error("wrapped", { cause: signal.reason });
            }
            throw new Error("failure");
          }, { backoff });
          await settle();
          self.cancel(reason);
          await work.catch((error) => {
            assert(isCancellation(error));
            throw new Error("seen", { cause: "once" });
          });
        }),
      Error,
      "seen",
    );
    assertEquals([attempts, error.cause], [1, "once"]);
  }
});

Deno.test("retry() is aborted by its signal, before, in an attempt and in a wait", async () => {
  const reason = new Error("enough");
  let called = 0;
  const before = retry(() => called++, { signal: AbortSignal.abort(reason) });
  assertStrictEquals(await assertRejects(() => before), reason);
  assertEquals(called, 0);
  for (const work of [() => sleepForever(), () => Promise.reject(new Error("failure"))]) {
    const controller = new AbortController();
    const during = retry(work, { signal: controller.signal, backoff: 60_000 });
    await settle();
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => during), reason);
  }
});

Deno.test("retry() joins what an attempt has left running before the next one starts", async () => {
  const log: string[] = [];
  await retry(async (_signal, attempt) => {
    log.push(`attempt ${attempt}`);
    if (attempt === 2) return;
    void scope(() => sleepForever()).catch(() => {}).finally(() => log.push("left work has ended"));
    await null;
    throw new Error("failure");
  }, { backoff: 0 });
  assertEquals(log, ["attempt 1", "left work has ended", "attempt 2"]);
});

Deno.test("retry() does not wait for an attempt that would come after the nearest deadline", async () => {
  using _time = new FakeTime();
  await assertRejects(() => timeout(1000, () => retry(flaky(9), { backoff: 5000, jitter: 0 })), Error, "failure 1");
});

Deno.test("retry() waits as long as Retry-After asks for, in seconds or until a date", async () => {
  using time = new FakeTime();
  for (const value of ["3", (ms: number) => new Date(Date.now() + ms).toUTCString()]) {
    for (const wrap of [(response: Response) => response, (response: Response) => ({ response })]) {
      const header = typeof value === "string" ? value : value(4000);
      const response = new Response(null, { status: 429, headers: { "retry-after": header } });
      const failure = wrap(response);
      const log: number[] = [];
      const begin = Date.now();
      const done = retry((_signal, attempt) => {
        log.push(Date.now() - begin);
        if (attempt === 1) throw failure;
      }, { backoff: 1 });
      await time.tickAsync(10);
      assertEquals(log, [0]);
      for (let i = 0; i < 40; i++) await time.tickAsync(100);
      await done;
      // A date has no ms.
      assert(log[1]! >= 3000 && log[1]! <= 4100);
    }
  }
});

Deno.test("retry() shares a budget: failures of many calls stop the retries of all, successes allow them again", async () => {
  const budget = new RetryBudget({ maxTokens: 4, tokenRatio: 0.5 });
  let attempts = 0;
  const down = () => {
    attempts++;
    throw new Error("down");
  };
  const options = { attempts: 10, backoff: 0, budget };
  for (let i = 0; i < 3; i++) await assertRejects(() => retry(down, options));
  // Two attempts, and then one for each call.
  assertEquals([attempts, budget.allowsRetry], [4, false]);
  for (let i = 0; i < 4; i++) await retry(() => {}, options);
  assertEquals(budget.allowsRetry, false);
  await retry(() => {}, options);
  assertEquals(budget.allowsRetry, true);
});

Deno.test("retry() leaves no timer and no listener behind", async () => {
  const controller = new AbortController();
  await moveOnAfter(60_000, () => retry(flaky(3), { backoff: 1, signal: controller.signal }));
});

Deno.test("retry() and RetryBudget refuse bad input before any effect", async () => {
  let called = 0;
  const fn = () => called++;
  const bad: [unknown, string][] = [
    [{ attempts: 0 }, '"attempts" must be a whole number of at least 1'],
    [{ backoff: -1 }, '"backoff" must be zero or more'],
    [{ maxBackoff: NaN }, '"maxBackoff" must be zero or more'],
    [{ jitter: 1.5 }, '"jitter" must be from 0 to 1'],
    [{ budget: {} }, '"budget" must be a RetryBudget'],
    [{ retryIf: true }, '"retryIf" must be a function'],
    [{ signal: {} }, '"signal" must be an AbortSignal'],
    [5, '"options" must be an object'],
  ];
  for (const [options, message] of bad) await assertRejects(() => retry(fn, options as object), Error, message);
  await assertRejects(() => retry(Promise.resolve() as never), TypeError, "pass () => work(), not work()");
  assertThrows(() => new RetryBudget({ maxTokens: 0 }), RangeError, '"maxTokens" must be a whole number');
  assertThrows(() => new RetryBudget({ tokenRatio: 0 }), RangeError, '"tokenRatio" must be more than zero');
  assertEquals(called, 0);
});
