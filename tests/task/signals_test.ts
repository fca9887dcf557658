import { assertEquals, assertStringIncludes } from "@std/assert";
import { copyOfPackage, Program } from "../support.ts";

const SIGNALS = new URL("./testdata/signals.ts", import.meta.url);
// A shell on Windows sees no signal.
const ignore = Deno.build.os === "windows";

/** Starts one of the programs, and reads its lines up to the last "ready" of so many. */
async function ready(name: string, { count = 1, args = [] as string[], flags = ["-A"] } = {}) {
  const program = new Program(SIGNALS, { args: [name, ...args], flags });
  const lines: string[] = [];
  while (count > 0) {
    const line = await program.line();
    if (line === "ready") count--;
    else lines.push(line);
  }
  return { program, lines };
}

/** How a program ends that a signal has ended. */
function endedBy(signal: Deno.Signal, ...lines: string[]) {
  const code = signal === "SIGINT" ? 130 : 143;
  return { code, signal, stdout: lines.map((line) => `${line}\n`).join(""), stderr: "" };
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test({
    name: `run() has cleanup run on ${signal}, and then ends the process as the signal does`,
    ignore,
    async fn() {
      const { program } = await ready("cleanup");
      program.kill(signal);
      assertEquals(await program.end(), endedBy(signal, "main is cleaned up"));
    },
  });

  Deno.test({
    name: `run() ends the process at once on a second ${signal}`,
    ignore,
    async fn() {
      const { program } = await ready("deaf");
      program.kill(signal);
      assertEquals(await program.line(), "first signal");
      program.kill(signal);
      assertEquals(await program.end(), endedBy(signal));
    },
  });
}

Deno.test({
  name: "run() ends the process at once on a second signal of another kind",
  ignore,
  async fn() {
    const { program } = await ready("deaf");
    program.kill("SIGINT");
    await program.line();
    program.kill("SIGTERM");
    assertEquals(await program.end(), endedBy("SIGTERM"));
  },
});

Deno.test({
  name: "run() ends the process by the signal also when main catches the cancellation, after all tasks",
  ignore,
  async fn() {
    const { program } = await ready("caught", { count: 2 });
    program.kill("SIGINT");
    assertEquals(
      await program.end(),
      endedBy(
        "SIGINT",
        "main is cleaned up",
        "main caught: The process received SIGINT",
        "task is cleaned up",
      ),
    );
  },
});

Deno.test({
  name: "run() ends the process by the signal when the grace is over",
  ignore,
  async fn() {
    const { program } = await ready("grace");
    program.kill("SIGTERM");
    const { stderr, ...end } = await program.end();
    assertEquals({ ...end, stderr: "" }, endedBy("SIGTERM"));
    assertStringIncludes(stderr, "Uncaught StragglerError: Work in run still runs 0 ms after the abort: main");
  },
});

for (
  const [name, message] of [
    ["failedCleanup", "Uncaught Error: could not save"],
    ["failedLeftover", "Uncaught LeftoverError: A task left at the end of run failed: task could not save"],
  ] as const
) {
  Deno.test({
    name: `run() prints a failure before the signal is raised again: ${name}`,
    ignore,
    async fn() {
      const { program } = await ready(name);
      program.kill("SIGINT");
      const { stderr, ...end } = await program.end();
      assertEquals({ ...end, stderr: "" }, endedBy("SIGINT"));
      assertStringIncludes(stderr, message);
    },
  });
}

Deno.test({
  name: "run() hears a signal that arrives while main computes up to its end",
  ignore,
  async fn() {
    const { program } = await ready("computing", { count: 0 });
    assertEquals(await program.end(), endedBy("SIGINT", "computed"));
  },
});

Deno.test({
  name: "run() cancels independent tasks only when main has ended, and starts new ones in a shield",
  ignore,
  async fn() {
    const { program } = await ready("draining");
    program.kill("SIGTERM");
    assertEquals(await program.end(), endedBy("SIGTERM", "first is done", "second is done", "cancelled: false"));
  },
});

Deno.test({
  name: "run() prints what unwinding waits for after two seconds, and a second signal ends it",
  ignore,
  async fn() {
    const { program } = await ready("slow");
    program.kill("SIGINT");
    assertEquals(await program.line(), "after 2.0 s");
    assertEquals(
      await program.errorLine(),
      'SIGINT: still waiting for main > shield > gather "close" > db, writer > shield. ' +
        "A second signal ends the process at once.",
    );
    program.kill("SIGINT");
    assertEquals(await program.end(), endedBy("SIGINT", "after 0.3 s"));
  },
});

Deno.test({
  name: "run() removes its listeners at its end: a signal ends the process as usual",
  ignore,
  async fn() {
    const { program, lines } = await ready("after");
    program.kill("SIGINT");
    assertEquals(lines, ["in run: 1 1", "after run: 0 0"]);
    assertEquals(await program.end(), endedBy("SIGINT"));
  },
});

Deno.test("run() keeps no process alive after its end", async () => {
  const program = new Program(SIGNALS, { args: ["alone"] });
  assertEquals(await program.end(), { code: 0, signal: null, stdout: "main ends\n", stderr: "" });
});

Deno.test({
  name: "run() shares one listener with others, and the last of them ends the process",
  ignore,
  async fn() {
    const { program } = await ready("two", { count: 2 });
    assertEquals(await program.line(), "two runs: 1 1");
    program.kill("SIGINT");
    assertEquals(await program.end(), endedBy("SIGINT", "quick is cleaned up", "slow is cleaned up"));
  },
});

Deno.test({
  name: "run() goes on hearing signals when another one has ended",
  ignore,
  async fn() {
    const { program } = await ready("oneOfTwo");
    assertEquals(await program.line(), "first: 1 1");
    program.kill("SIGINT");
    assertEquals(await program.end(), endedBy("SIGINT", "second is cleaned up"));
  },
});

Deno.test({
  name: "run() inside another one adds no listener",
  ignore,
  async fn() {
    const { program, lines } = await ready("nested");
    program.kill("SIGINT");
    assertEquals(lines, ["1 1"]);
    assertEquals(await program.end(), endedBy("SIGINT", "main is cleaned up"));
  },
});

Deno.test({
  name: "run() with signals: false hears none",
  ignore,
  async fn() {
    const { program, lines } = await ready("unsignalled");
    program.kill("SIGINT");
    assertEquals(lines, ["without:  0 0"]);
    assertEquals(await program.end(), endedBy("SIGINT"));
  },
});

Deno.test({
  name: "run() with signals: false is not aborted by the signal that another one hears",
  ignore,
  async fn() {
    const { program } = await ready("mixed", { count: 2 });
    program.kill("SIGTERM");
    assertEquals(await program.end(), endedBy("SIGTERM", "signalled is cleaned up"));
  },
});

Deno.test({
  name: "run() that begins while a signal makes others unwind is aborted from its beginning",
  ignore,
  async fn() {
    const { program } = await ready("late");
    program.kill("SIGINT");
    assertEquals(
      await program.end(),
      endedBy("SIGINT", "main is cleaned up", "late: The process received SIGINT"),
    );
  },
});

Deno.test({
  name: "run() lets nothing follow it before the signal that it raises again has come, here to the program itself",
  ignore,
  async fn() {
    const { program } = await ready("listening");
    program.kill("SIGINT");
    const { code, stdout } = await program.end();
    assertEquals([code, stdout.trim().split("\n")], [7, ["listener: 1", "main is cleaned up", "listener: 2"]]);
  },
});

Deno.test({
  name: "run() ends the process on a second signal also when the program listens for it itself",
  ignore,
  async fn() {
    const { program } = await ready("deafListening");
    program.kill("SIGINT");
    assertEquals([await program.line(), await program.line()], ["listener", "first signal"]);
    program.kill("SIGINT");
    const end = { ...endedBy("SIGINT", "listener", "listener"), signal: null };
    assertEquals(await program.end(), end);
  },
});

Deno.test({
  name: "run() ends the process after its cleanup also when the program listens for the signal itself",
  ignore,
  async fn() {
    const { program } = await ready("cleanupListening");
    program.kill("SIGTERM");
    const end = { ...endedBy("SIGTERM", "listener", "main is cleaned up", "listener"), signal: null };
    assertEquals(await program.end(), end);
  },
});

Deno.test({
  name: "run() that ends while a second signal ends the process settles no more",
  ignore,
  async fn() {
    const { program } = await ready("endListening");
    program.kill("SIGINT");
    assertEquals(await program.line(), "listener: 1");
    program.kill("SIGINT");
    const end = { ...endedBy("SIGINT", "listener: 2", "listener: 3"), signal: null };
    assertEquals(await program.end(), end);
  },
});

Deno.test({
  name: "run() of two copies of the package in one program takes one signal for one",
  ignore,
  async fn() {
    const { url, remove } = await copyOfPackage();
    try {
      const { program } = await ready("copies", { count: 2, args: [url] });
      assertEquals(await program.line(), "two copies: 1 1");
      program.kill("SIGINT");
      assertEquals(await program.end(), endedBy("SIGINT", "quick is cleaned up", "slow is cleaned up"));
    } finally {
      await remove();
    }
  },
});

Deno.test({
  name: "run() needs no permission for signals",
  ignore,
  async fn() {
    const { program } = await ready("cleanup", { flags: ["--no-prompt"] });
    program.kill("SIGTERM");
    assertEquals(await program.end(), endedBy("SIGTERM", "main is cleaned up"));
  },
});
