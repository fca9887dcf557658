/** Platforms that break under the program: timers taken away, functions that are missing or throw. */

import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { gather, map, scope, sleep, sleepForever, TaskGroup, timeout, waitFor } from "@weft/async";
import { guardedTest } from "./guarded.ts";
import { Program, settle } from "../support.ts";

const reason = new Error("enough");

async function readAll(results: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of results);
}

/** Timers that cannot be cleared any more once they are restored, as those of the real `FakeTime`. */
function replaceTimers(): { restore: () => void } {
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  let restored = false;
  const clear = () => {
    if (restored) throw new Error("no fake time");
  };
  Object.assign(globalThis, { setTimeout: () => 1, clearTimeout: clear });
  const restore = () => {
    restored = true;
    Object.assign(globalThis, real);
  };
  return { restore };
}

for (const [what, replace] of [["FakeTime", () => new FakeTime()], ["foreign timers", replaceTimers]] as const) {
  guardedTest(`scope.cancel() reaches all waits that have begun under ${what} which has been restored`, async () => {
    const log: string[] = [];
    const time = replace();
    const waits: Record<string, () => PromiseLike<unknown>> = {
      sleep: () => sleep(60_000),
      timeout: () => timeout(60_000, () => sleepForever()),
      waitFor: () => waitFor(new Promise(() => {}), { timeout: 60_000 }),
      map: () => readAll(map([1, 2], () => sleep(60_000))),
      gather: () => gather([() => sleep(60_000), () => sleep(60_000)]),
      group: () => TaskGroup.run((group) => void group.createTask(() => timeout(60_000, () => sleep(60_000)))),
      last: () => sleepForever(),
    };
    await scope(async (_signal, self) => {
      const begun = Object.entries(waits).map(([name, wait]) =>
        wait().then(() => {}, (error) => void log.push(`${name}: ${error.message}`))
      );
      time.restore();
      self.cancel(reason);
      await Promise.all(begun);
    });
    await settle();
    assertEquals(log.sort(), Object.keys(waits).sort().map((name) => `${name}: enough`));
  });
}

const PATCHED = new URL("./testdata/patched.ts", import.meta.url);

guardedTest("every call works where Promise.withResolvers is missing", async () => {
  const { stdout, stderr, code } = await new Program(PATCHED, { args: ["calls"] }).end();
  const wrong = stdout.split("\n").filter((line) => line !== "" && !line.endsWith(" ends"));
  assertEquals({ wrong, count: stdout.trim().split("\n").length, stderr, code }, {
    wrong: [],
    count: 27,
    stderr: "",
    code: 0,
  });
});

guardedTest("run() is ended by SIGINT where Promise.withResolvers is missing", async () => {
  const program = new Program(PATCHED, { args: ["signalled"] });
  assertEquals(await program.line(), "ready");
  program.kill("SIGINT");
  const { stdout, stderr, signal } = await program.end();
  assertEquals({ stdout, stderr, signal }, { stdout: "main ends\n", stderr: "", signal: "SIGINT" });
}, { ignore: Deno.build.os === "windows" });

guardedTest("createTask() settles when its function cannot be started, and the next ones run", async () => {
  const { stdout, stderr } = await new Program(PATCHED, { args: ["start"] }).end();
  assertEquals({ lines: stdout.trim().split("\n"), stderr }, {
    lines: ["task throws No store", "next ends", "scope ends"],
    stderr: "",
  });
});
