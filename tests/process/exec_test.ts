import { moveOnAfter, scope } from "@weft/async";
import { exec, ExecError, type ExecOptions } from "@weft/async/process";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { settle } from "../support.ts";

const ignore = Deno.build.os === "windows";
const sh = (script: string, options: ExecOptions = {}) => exec("sh", { args: ["-c", script], ...options });

/** Whether a process runs on. The kernel closes the output of a process that ends a moment before it marks it as ended. */
async function runs(pid: number): Promise<boolean> {
  for (let i = 0; i < 1000; i++) {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "0 (gone) Z");
    if (/\) Z/.test(stat)) return false;
    await settle();
  }
  return true;
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore, fn });
}

test("exec() returns the status and the output", async () => {
  const result = await sh("echo out; echo err >&2; cat", { stdin: "in" });
  assertEquals(result, { code: 0, signal: null, stdout: "out\nin", stderr: "err\n" });
  const { stdout } = await sh('echo "$WORD in $PWD"', { env: { WORD: "hello" }, cwd: "/" });
  assertEquals(stdout, "hello in /\n");
});

test("exec() rejects with the last lines of the error output if the status is not 0, or returns it", async () => {
  const script = "for i in $(seq 30); do echo line $i >&2; done; exit 3";
  const error = await assertRejects(() => sh(script), ExecError);
  const last = Array.from({ length: 20 }, (_, i) => `line ${i + 11}`).join("\n");
  assertEquals([error.message, error.result.code], [`sh ended with status 3: ${last}`, 3]);
  assertEquals((await sh("exit 3", { check: false })).code, 3);
  const killed = await assertRejects(() => sh("kill -9 $$"), ExecError, "sh ended by SIGKILL");
  assertEquals([killed.result.signal, killed.result.code], ["SIGKILL", 137]);
});

test("exec() passes each line on as it comes, the last one without its end too", async () => {
  const lines: string[] = [];
  const go = await Deno.makeTempFile();
  await Deno.remove(go);
  const result = await sh(`echo one; until [ -e ${go} ]; do sleep 0.01; done; printf 'two\\r\\nthree'; echo bad >&2`, {
    onLine(line, stream) {
      lines.push(`${stream}: ${line}`);
      // The program waits for this, so the line must have come before its end.
      if (line === "one") Deno.writeTextFileSync(go, "");
    },
  });
  await Deno.remove(go);
  assertEquals(lines.toSorted(), ["stderr: bad", "stdout: one", "stdout: three", "stdout: two"]);
  assertEquals([result.stdout.split("\n").length, result.stderr], [4, "bad\n"]);
});

test("exec() ends the whole tree when it is cancelled, and then rejects with the reason", async () => {
  for (const by of ["scope", "signal"]) {
    const reason = new Error("enough");
    const controller = new AbortController();
    const pids: number[] = [];
    await scope(async (_signal, self) => {
      const options: ExecOptions = {
        onLine(line) {
          pids.push(Number(line));
          if (pids.length === 2) by === "scope" ? self.cancel(reason) : controller.abort(reason);
        },
      };
      const call = sh("sleep 300 & echo $!; echo $$; wait", {
        ...options,
        ...by === "signal" && { signal: controller.signal },
      });
      assertStrictEquals(await assertRejects(() => call), reason);
    });
    assertEquals(await Promise.all(pids.map(runs)), [false, false]);
  }
});

test("exec() sends SIGKILL to what ignores SIGTERM, after the grace", async () => {
  const pids: number[] = [];
  const reason = new Error("enough");
  await scope(async (_signal, self) => {
    const call = sh("trap '' TERM; (trap '' TERM; sleep 300) & echo $!; echo $$; wait; sleep 300", {
      grace: 20,
      onLine(line) {
        pids.push(Number(line));
        if (pids.length === 2) self.cancel(reason);
      },
    });
    assertStrictEquals(await assertRejects(() => call), reason);
  });
  assertEquals(await Promise.all(pids.map(runs)), [false, false]);
});

test("exec() ends what the program has left running", async () => {
  const { stdout } = await sh("sleep 300 & echo $!", { grace: 20 });
  assertEquals(await runs(Number(stdout)), false);
});

test("exec() sends SIGKILL to a process that ignores SIGTERM and has sent its output elsewhere", async () => {
  // The shell has set the trap before it starts the process.
  const away = "trap '' TERM; (sleep 300; sleep 300) >/dev/null 2>&1 & echo $!";
  const { stdout } = await sh(away, { grace: 20 });
  assertEquals(await runs(Number(stdout)), false);
  const pids: number[] = [];
  const reason = new Error("enough");
  await scope(async (_signal, self) => {
    const onLine = (line: string) => {
      pids.push(Number(line));
      self.cancel(reason);
    };
    assertStrictEquals(await assertRejects(() => sh(`${away}; trap - TERM; wait`, { grace: 20, onLine })), reason);
  });
  assertEquals(await Promise.all(pids.map(runs)), [false]);
});

test("exec() lets a process that has sent its output elsewhere clean up within the grace", async () => {
  const file = await Deno.makeTempFile();
  const tidy =
    `(trap 'sleep 0.05; echo tidy >${file}; exit' TERM; echo up >${file}; while :; do sleep 0.01; done) >/dev/null 2>&1 &`;
  await sh(`${tidy} until grep -q up ${file}; do :; done`, { grace: 1000 });
  assertEquals(await Deno.readTextFile(file), "tidy\n");
  await Deno.remove(file);
});

Deno.test(
  "exec() ends the program if it may run that program only",
  { ignore, permissions: { run: ["sh"] } },
  async () => {
    const lines: string[] = [];
    const reason = new Error("enough");
    await scope(async (_signal, self) => {
      const onLine = (line: string) => {
        lines.push(line);
        self.cancel(reason);
      };
      assertStrictEquals(await assertRejects(() => sh("echo up; sleep 0.2; echo late", { onLine })), reason);
    });
    assertEquals(lines, ["up"]);
  },
);

test("exec() whose onLine throws ends the program and rejects with that error", async () => {
  const failure = new Error("of onLine");
  const pids: number[] = [];
  const call = sh("echo $$; sleep 300", {
    onLine(line) {
      pids.push(Number(line));
      throw failure;
    },
  });
  assertStrictEquals(await assertRejects(() => call), failure);
  assertEquals(await runs(pids[0]!), false);
});

test("exec() whose program does not read its input ends well", async () => {
  assertEquals((await sh("exit 0", { stdin: "x".repeat(1_000_000) })).code, 0);
});

test("exec() starts nothing in an aborted scope, and rejects for a program that does not exist", async () => {
  const file = await Deno.makeTempFile();
  await moveOnAfter(0, () => sh(`rm ${file}`));
  assert((await Deno.stat(file)).isFile);
  await Deno.remove(file);
  await assertRejects(() => exec("/no/such/program"), Deno.errors.NotFound);
});

test("exec() refuses bad input", async () => {
  const bad: [unknown, string][] = [
    [{ args: "ls" }, '"args" must be an array of strings'],
    [{ args: [1] }, '"args" must be an array of strings'],
    [{ stdin: 5 }, '"stdin" must be a string or Uint8Array'],
    [{ onLine: 5 }, '"onLine" must be a function'],
    [{ grace: -1 }, '"grace" must be zero or more'],
    [{ check: "no" }, '"check" must be a boolean'],
    [{ signal: {} }, '"signal" must be an AbortSignal'],
  ];
  for (const [options, message] of bad) await assertRejects(() => exec("ls", options as ExecOptions), Error, message);
  await assertRejects(() => exec(5 as never), TypeError, '"command" must be a string or URL');
});
