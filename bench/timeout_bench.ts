/**
 * Deadlines that do not pass, and sleeps.
 *
 * `deadline` of @std/async bounds the wait for a promise, so `waitFor` is its like; `timeout` also aborts the function
 * and waits for it. A shared signal is the rule, not the exception: that of a request or of a program's end.
 *
 * @module
 */

import { sleep, timeout, waitFor } from "@weft/async";
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { retry } from "@std/async/retry";

import { withTimeout } from "./floors.ts";

const MS = 1000;
const calls = Array.from({ length: 100 });

async function work(): Promise<number> {
  await null;
  return 1;
}

const deadlines = { group: "100 functions at once, each with a deadline" };

Deno.bench("timeout", { ...deadlines, baseline: true }, async () => {
  await Promise.all(calls.map(() => timeout(MS, work)));
});

Deno.bench("setTimeout + AbortController by hand", deadlines, async () => {
  await Promise.all(calls.map(() => withTimeout(MS, work)));
});

Deno.bench("AbortSignal.timeout, passed only", deadlines, async () => {
  await Promise.all(calls.map(() => (AbortSignal.timeout(MS), work())));
});

const promises = { group: "100 promises at once, each waited for so long only" };

Deno.bench("waitFor", { ...promises, baseline: true }, async () => {
  await Promise.all(calls.map(() => waitFor(work(), { timeout: MS })));
});

Deno.bench("deadline of @std/async", promises, async () => {
  await Promise.all(calls.map(() => deadline(work(), MS)));
});

const attempts = { group: "100 functions at once, tried again if they fail (they do not)" };

Deno.bench("retry of @std/async around timeout", { ...attempts, baseline: true }, async () => {
  await Promise.all(calls.map(() => retry(() => timeout(MS, work))));
});

Deno.bench("retry of @std/async around deadline", attempts, async () => {
  await Promise.all(calls.map(() => retry(() => deadline(work(), MS))));
});

// Of 1 ms each, and a timer is late: what counts is the difference.
for (const length of [1000, 10_000]) {
  const group = `${length.toLocaleString("en")} sleeps that share a signal`;
  const { signal } = new AbortController();

  Deno.bench("sleep", { group, baseline: true }, async () => {
    await Promise.all(Array.from({ length }, () => sleep(1, { signal })));
  });

  Deno.bench("delay of @std/async", { group }, async () => {
    await Promise.all(Array.from({ length }, () => delay(1, { signal })));
  });
}
