// What we use of @std, by the names that `deno.json` gives it. Where JSR cannot
// be reached these tests see the stand-ins, which must do the same.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { deadline, delay, pooledMap, retry, RetryError } from "@std/async";
import { parseArgs } from "@std/cli/parse-args";
import { ProgressBar } from "@std/cli/unstable-progress-bar";
import { FakeTime, TimeError } from "@std/testing/time";
import { assertType, type IsExact } from "@std/testing/types";

Deno.test("@std/async retries, limits and times out", async () => {
  let calls = 0;
  const flaky = () => {
    if (++calls < 3) throw new Error("Not yet");
    return "done";
  };
  assertEquals(await retry(flaky, { minTimeout: 1 }), "done");
  await assertRejects(
    () => retry(() => Promise.reject(new Error("Never")), { maxAttempts: 1 }),
    RetryError,
  );
  const doubled = pooledMap(2, [1, 2, 3], (n) => Promise.resolve(n * 2));
  assertEquals(await Array.fromAsync(doubled), [2, 4, 6]);
  const signal = AbortSignal.abort(new Error("Stopped"));
  await assertRejects(() => delay(1000, { signal }), Error, "Stopped");
  const never = new Promise<void>(() => {});
  await assertRejects(() => deadline(never, 1), DOMException);
});

Deno.test("@std/cli parses flags", () => {
  const args = parseArgs(["url", "--out", "dir", "--help", "--n=3"], {
    boolean: ["help"],
    string: ["out", "kv", "n"],
    default: { n: "10" },
  });
  assertType<IsExact<typeof args.out, string | undefined>>(true);
  assertType<IsExact<typeof args.help, boolean>>(true);
  assertEquals(
    [args._, args.out, args.kv, args.n, args.help],
    [["url"], "dir", undefined, "3", true],
  );
});

Deno.test("@std/cli draws a progress bar", async () => {
  let text = "";
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) => {
      text += new TextDecoder().decode(chunk);
    },
  });
  const bar = new ProgressBar({
    max: 4,
    barLength: 4,
    writable,
    formatter: ({ progressBar, value, max }) => `${progressBar} ${value}/${max}`,
  });
  bar.value += 3;
  await bar.stop();
  assertEquals(text, "\r\x1b[K---- 0/4\r\x1b[K###- 3/4\n");
});

Deno.test("FakeTime moves the timers, the date and AbortSignal.timeout", async () => {
  const log: string[] = [];
  {
    using time = new FakeTime(1000);
    setTimeout(() => log.push(`timer ${Date.now()}`), 100);
    const signal = AbortSignal.timeout(50);
    signal.onabort = () => log.push(`${signal.reason.name} ${Date.now()}`);
    time.tick(49);
    assertEquals(log, []);
    await time.tickAsync(1);
    assertEquals([time.next(), time.next(), time.now], [true, false, 1100]);
    await FakeTime.restoreFor(() => delay(1));
    setTimeout(() => setTimeout(() => log.push("nested"), 5), 5);
    await time.runAllAsync();
    assertEquals(time.now, 1110);
  }
  assertEquals(log, ["TimeoutError 1050", "timer 1100", "nested"]);
  assertThrows(() => FakeTime.restore(), TimeError);
});
