/** Cases that cross the borders of a single function. */

import { EventEmitter, once } from "node:events";
import { setTimeout as nodeTimeout } from "node:timers/promises";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  asCompleted,
  currentSignal,
  gather,
  map,
  shield,
  sleep,
  sleepForever,
  TaskGroup,
  TaskGroupError,
  timeout,
  TimeoutError,
} from "@weft/async";
import { COUNT } from "./heap.ts";
import { Program, settle, steered } from "./support.ts";

Deno.test("a sibling that rejects through node:timers/promises or events.once with its own AbortError when aborted is cancellation, not a second failure", async () => {
  const first = new Error("first");
  const fail = () => Promise.reject(first);
  const siblings = [
    (signal: AbortSignal) => nodeTimeout(60_000, null, { signal }),
    (signal: AbortSignal) => once(new EventEmitter(), "never", { signal }),
    () => nodeTimeout(60_000, null, { signal: currentSignal() }),
    // Wrapped by a layer in between, as a driver would.
    (signal: AbortSignal) =>
      nodeTimeout(60_000, null, { signal }).catch((cause) => {
        throw new Error("connection closed", { cause });
      }),
    (signal: AbortSignal) => Promise.all([once(new EventEmitter(), "never", { signal })]),
  ];
  const own: unknown[] = [];
  const watched = siblings.map((sibling) => (signal: AbortSignal) =>
    sibling(signal).catch((error) => {
      own.push(error);
      throw error;
    })
  );

  assertStrictEquals(await gather([...watched, fail]).catch((error) => error), first);
  assertStrictEquals(await asCompleted([...watched, fail]).next().catch((error) => error), first);
  const grouped = await assertRejects(() =>
    TaskGroup.run((group) => {
      for (const work of [...watched, fail]) group.createTask(work);
    }), TaskGroupError);
  assertEquals(grouped.errors, [first]);
  // They did reject with errors of their own, not with the reason.
  assertEquals(own.filter((error) => (error as Error).name === "AbortError").length, 12);
  assertEquals(own.length, 15);
});

Deno.test("an early break out of map over a source with finally", async () => {
  const log: string[] = [];
  const source = async function* () {
    try {
      for (let page = 1;; page++) {
        log.push(`reads page ${page}`);
        yield page;
      }
    } finally {
      await shield(async () => {
        await settle();
        log.push("source closed");
      });
    }
  };
  const work = async (page: number) => {
    try {
      if (page > 1) await sleepForever();
      return page;
    } finally {
      log.push(`page ${page} ends`);
    }
  };
  for await (const page of map(source(), work, { concurrency: 2 })) {
    log.push(`got page ${page}`);
    await settle();
    break;
  }
  log.push("after the loop");
  assertEquals(log, [
    "reads page 1",
    "page 1 ends",
    "reads page 2",
    "got page 1",
    "reads page 3",
    "page 2 ends",
    "page 3 ends",
    "source closed",
    "after the loop",
  ]);
});

Deno.test("fetch is aborted by an ambient timeout through currentSignal", async () => {
  const answered = Promise.withResolvers<void>();
  const hungUp = Promise.withResolvers<void>();
  const endless = () => new ReadableStream({ pull: () => answered.resolve(), cancel: () => hungUp.resolve() });
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response(endless(), { headers: { "content-length": "1" } }),
  );
  try {
    using time = new FakeTime();
    // A function in between, which knows nothing of signals but where to get one.
    const load = async (path: string) => {
      const url = `http://127.0.0.1:${server.addr.port}/${path}`;
      const response = await fetch(url, { signal: currentSignal() });
      return await response.text();
    };
    const call = timeout(1000, () => gather([() => load("a"), () => sleep(5000)]));
    await answered.promise;
    time.tick(1000);
    await assertRejects(() => call, TimeoutError, "timeout took longer than 1000 ms");
    await hungUp.promise;
  } finally {
    await server.shutdown();
  }
});

Deno.test("Deno.readTextFile is aborted by an ambient timeout through currentSignal", async () => {
  using time = new FakeTime();
  const here = new URL(import.meta.url);
  const read: string[] = [];
  const call = timeout(1000, async () => {
    read.push(await Deno.readTextFile(here, { signal: currentSignal() }));
  });
  // In the turn in which it has begun: no file is read so fast.
  time.tick(1000);
  await assertRejects(() => call, TimeoutError, "timeout took longer than 1000 ms");
  assertEquals(read, []);
  const text = await timeout(1000, () => Deno.readTextFile(here, { signal: currentSignal() }));
  assert(text.includes("currentSignal"));
});

Deno.test("ten levels of nested gather, timeout and group with an abort in the middle, all of it joined", async () => {
  const log: string[] = [];
  const controller = new AbortController();
  const reason = new Error("enough");
  const bottom = steered<string>(log, "bottom");

  /** Runs the next level beside a sibling that waits until it is cancelled, or until the level below has ended. */
  const level = async (depth: number): Promise<string> => {
    if (depth > 10) return await bottom.work();
    const beside = steered<void>(log, `beside ${depth}`);
    const below = async () => {
      try {
        return await level(depth + 1);
      } catch (error) {
        // The level in the middle catches what the one below it was aborted with.
        if (depth !== 5 || error !== reason) throw error;
        log.push("caught in the middle");
        return "middle";
      } finally {
        beside.succeed();
      }
    };
    const options = depth === 6 ? { signal: controller.signal } : {};
    log.push(`${depth} begins`);
    try {
      switch (depth % 3) {
        case 1:
          return (await gather([below, beside.work], options))[0];
        case 2:
          return await timeout(60_000, async () => (await gather([below, beside.work]))[0], options);
        default:
          return await TaskGroup.run(async (group) => {
            group.createTask(beside.work);
            return await group.createTask(below);
          }, options);
      }
    } finally {
      log.push(`${depth} ends`);
    }
  };

  const call = level(1);
  await settle();
  controller.abort(reason);
  assertEquals(await call, "middle");

  assertEquals(log, [
    ...["1 begins", "2 begins", "3 begins", "beside 2 starts", "beside 1 starts", "beside 3 starts"],
    ...["4 begins", "5 begins", "6 begins", "beside 5 starts", "beside 4 starts", "beside 6 starts"],
    ...["7 begins", "8 begins", "9 begins", "beside 8 starts", "beside 7 starts", "beside 9 starts"],
    ...["10 begins", "bottom starts", "beside 10 starts"],
    // The abort reaches all that waits below the middle, and nothing above it.
    ...["beside 6 is cancelled", "beside 7 is cancelled", "beside 8 is cancelled", "beside 9 is cancelled"],
    ...["bottom is cancelled", "beside 10 is cancelled"],
    ...["beside 6 has unwound", "beside 7 has unwound", "beside 8 has unwound", "beside 9 has unwound"],
    ...["bottom has unwound", "beside 10 has unwound"],
    // Each level ends after all that is in it.
    ...["10 ends", "9 ends", "8 ends", "7 ends", "6 ends", "caught in the middle"],
    ...["beside 5 ends", "5 ends", "beside 4 ends", "4 ends", "beside 3 ends", "3 ends"],
    ...["beside 2 ends", "2 ends", "beside 1 ends", "1 ends"],
  ]);
});

Deno.test("the same long-lived promise and signal waited for again and again (heap flat)", async () => {
  /** Noise of the engine. The smallest object has 12. */
  const BYTES = 0.13;
  const url = new URL("probes/long_lived.ts", import.meta.url);
  const args = [String(COUNT)];
  const { code, stdout, stderr } = await new Program(url, { args, flags: ["--v8-flags=--expose-gc"] }).end();
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  const lines = stdout.trim().split("\n").map((line) => JSON.parse(line) as { name: string; left: number });
  assertEquals(lines.filter(({ left }) => left > BYTES * COUNT), []);
  assertEquals(lines.length, 13);
});
