/**
 * Everything that CI checks, two steps at a time: one line a step, the whole
 * output of a step that fails, and the count of the tests as the last line.
 *
 * @module
 */

import { stdFlags, withStd } from "./deno.ts";
import config from "../deno.json" with { type: "json" };

const ROOT = new URL("../", import.meta.url);
const COVERAGE = "coverage";

type Step = [name: string, ...commands: string[][]];

/** They take minutes in full, with a million operations for what is left on the heap; `deno task test` runs a short form. */
const FULL = ["tests/core/heap_test.ts", "tests/hard_cases_test.ts", "tests/hostile", "tests/scale"];
/** They measure. Counting lines for coverage would double their time, for nothing. */
const MEASURED = ["tests/patterns/heap_test.ts", "tests/bench_test.ts"];
/** The tests take longest; all the rest runs beside them. */
const LANES: Step[][] = [
  [
    ["test", [
      ...["test", "-A", "--doc", "--clean", `--ignore=${[...FULL, ...MEASURED]}`],
      ...[`--coverage=${COVERAGE}`, "--coverage-raw-data-only"],
    ]],
    // The thresholds are those of deno.json; tests and tools do not count.
    ["coverage", ["coverage", COVERAGE, `--include=${sources()}`]],
  ],
  [
    ["fmt", ["fmt", "--check"]],
    ["lint", ["lint"]],
    ["check", ["check"]],
    ["doc", ["doc", "--lint", ...Object.values(config.exports)]],
    ["sizes", ["run", "-A", "tools/sizes.ts"]],
    ["publish", ["publish", "--dry-run", "--allow-dirty"]],
    ["measured", ["test", "-A", ...MEASURED]],
    ["full", ["test", "-A", ...FULL]],
  ],
];

const decoder = new TextDecoder();
const flags = await stdFlags();
const failed: string[] = [];
const tests = { passed: 0, failed: 0 };

await Promise.all(LANES.map(async (steps) => {
  for (const step of steps) await run(step);
}));

if (failed.length > 0) console.log(`Not ok: ${failed.join(", ")}`);
// Steps that are no tests count too: a red step must not close on "0 failed".
console.log(
  `${tests.passed} passed, ${Math.max(tests.failed, failed.length)} failed`,
);
Deno.exit(failed.length > 0 ? 1 : 0);

async function run([name, ...commands]: Step): Promise<void> {
  const start = performance.now();
  let output = "";
  let ok = true;
  for (const command of commands) {
    const result = await deno(command, name === "full" ? { FULL: "1" } : {});
    output += decoder.decode(result.stdout) + decoder.decode(result.stderr);
    ok &&= result.success;
  }
  if (commands.some(([command]) => command === "test")) {
    const { passed, failed } = countTests(output);
    tests.passed += passed;
    tests.failed += failed;
    if (passed === 0) ok = false;
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${ok ? "ok  " : "FAIL"} ${name.padEnd(9)} ${seconds} s`);
  if (ok) return;
  failed.push(name);
  console.log(output.trimEnd());
}

/**
 * Runs `deno` to its end. With a plugin, `deno lint` of 2.9 sometimes crashes
 * at its exit, after all work is done. Findings end it with 1, so any other
 * code is such a crash, and tells nothing: it runs again. Nothing else does.
 */
async function deno(command: string[], env: Record<string, string>): Promise<Deno.CommandOutput> {
  for (let tries = 1;; tries++) {
    const result = await new Deno.Command(Deno.execPath(), {
      args: withStd(command, flags),
      cwd: ROOT,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const crashed = !result.success && result.code !== 1;
    if (command[0] !== "lint" || !crashed || tries === 5) return result;
  }
}

/** Reads the closing line of `deno test`: `ok | 12 passed | 0 failed (1s)`. */
function countTests(output: string): { passed: number; failed: number } {
  const line = output.matchAll(
    /^(?:ok|FAILED) \| (\d+) passed.*?\| (\d+) failed/gm,
  );
  const [, passed, failed] = [...line].at(-1) ?? [];
  return { passed: Number(passed ?? 0), failed: Number(failed ?? 0) };
}

/** A pattern for what users load: `mod.ts` and `src/`. */
function sources(): string {
  // deno-lint-ignore no-explicit-any
  const escape: (text: string) => string = (RegExp as any).escape;
  return `^${escape(ROOT.href)}(mod\\.ts|src/)`;
}
