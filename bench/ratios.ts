/**
 * Prints how many times as long our calls take as the same work written by hand, next to the target for each.
 *
 * ```sh
 * deno task ratios                    # all cases
 * deno task ratios timeout sleep      # some of them
 * deno task ratios --rounds 31        # more rounds
 * deno task ratios --wall             # on a machine that does nothing else
 * deno task ratios --check            # exit status 1 if one is over its target
 * ```
 *
 * @module
 */

import { timeout } from "@weft/async";
import { assertEquals, assertRejects } from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";

import { CASES, N, type Ratio } from "./cases.ts";
import { withTimeout } from "./floors.ts";
import { CLOCKS, measure, quantile, QUICK, type Side, THOROUGH, witness } from "./measure.ts";

const HELP = `Usage: deno task ratios [case…] [--rounds <n>] [--wall] [--quick] [--check]

Cases: ${Object.keys(CASES).join(", ")}; all of them by default
  --rounds <n>  how many rounds to take the median of (default: 15)
  --wall        count the time that passes, not that of the processors in all threads
  --quick       a few operations in one round, to see that everything runs
  --check       exit with 1 if a ratio is over its target
  --help        show this`;

interface Options {
  readonly names: readonly string[];
  readonly rounds: number;
  readonly check: boolean;
  readonly quick: boolean;
  readonly clock: keyof typeof CLOCKS;
}

function parse(args: string[]): Options {
  const unknown: string[] = [];
  const flags = parseArgs(args, {
    boolean: ["check", "wall", "quick", "help"],
    string: ["rounds"],
    default: { rounds: "15" },
    unknown: (name, key) => key === undefined || (unknown.push(name), false),
  });
  if (flags.help) {
    console.log(HELP);
    Deno.exit(0);
  }
  if (unknown.length > 0) refuse(`Unknown option ${unknown[0]}`);
  const names = flags._.map(String);
  const stranger = names.find((name) => !Object.hasOwn(CASES, name));
  if (stranger !== undefined) refuse(`Unknown case ${JSON.stringify(stranger)}: try ${Object.keys(CASES).join(", ")}`);
  const rounds = flags.quick ? 1 : Number(flags.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    refuse(`--rounds must be a whole number of at least 1, received ${JSON.stringify(flags.rounds)}`);
  }
  return {
    names: names.length > 0 ? names : Object.keys(CASES),
    rounds,
    check: flags.check,
    quick: flags.quick,
    clock: flags.wall ? "wall" : "cpu",
  };
}

function refuse(message: string): never {
  console.error(message);
  Deno.exit(2);
}

/** Throws unless the floors do the work that they stand for. */
async function checkFloors(ratios: readonly Ratio[]): Promise<void> {
  for (const { ours, floor, bound } of ratios) {
    if (bound) continue;
    const [mine, theirs] = [await witness(ours, 2000), await witness(floor, 2000)];
    // A group hands out tasks, not results.
    if (mine.results === undefined) delete theirs.results;
    assertEquals(theirs, mine, `"${floor.label}" must do the same as "${ours.label}"`);
  }
  for (const limited of [timeout, withTimeout]) {
    const waits = (signal: AbortSignal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    await assertRejects(() => limited(1, waits), DOMException, undefined, "A deadline must abort the signal");
  }
}

const each = (side: Side, ms: number) => `${Math.round(ms * 1e6 / side.n)} ns`;

/** Prints one ratio, and returns whether it is over its target. */
function print({ ours, floor, target }: Ratio, times: ReadonlyMap<Side, readonly number[]>): boolean {
  const [mine, theirs] = [times.get(ours)!, times.get(floor)!];
  const ratio = quantile(mine, 0.5) / quantile(theirs, 0.5);
  const over = target !== undefined && ratio > target;
  // Within a round, as a busy second hits both.
  const paired = mine.map((ms, round) => ms / theirs[round]!);
  const spread = paired.length > 1 ? [0.25, 0.75].map((part) => quantile(paired, part).toFixed(2)).join("–") : "";
  console.log(
    [
      `  ${ours.label}`.padEnd(42),
      each(ours, quantile(mine, 0.5)).padStart(10),
      `  ${floor.label}`.padEnd(44),
      each(floor, quantile(theirs, 0.5)).padStart(9),
      ratio.toFixed(2).padStart(7),
      spread.padStart(14),
      `${target ?? "–"}`.padStart(7),
      over ? "  over" : "",
    ].join("").trimEnd(),
  );
  return over;
}

const { names, rounds, check, quick, clock } = parse(Deno.args);
const ratios = names.flatMap((name) => CASES[name]!);
await checkFloors(ratios);
const { deno, v8 } = Deno.version;
console.log(
  `Deno ${deno}, V8 ${v8}, ${Deno.build.target}, ${navigator.hardwareConcurrency} cores\n` +
    `N = ${N.toLocaleString("en")} functions of one microtask each, where nothing else is said; ` +
    `medians of ${rounds} rounds, ` +
    `${clock === "cpu" ? "processor time" : "time that passes"}\n`,
);
const sides = new Set(ratios.flatMap(({ ours, floor }) => [floor, ours]));
const times = await measure([...sides], rounds, CLOCKS[clock], quick ? QUICK : THOROUGH);
let over = 0;
console.log(`${"ratio".padStart(112)}     quartiles target`);
for (const name of names) {
  console.log(name);
  for (const ratio of CASES[name]!) if (print(ratio, times)) over++;
}
console.log(`\n${over === 0 ? "All within their targets" : `${over} over the target`}`);
if (check && over > 0) Deno.exit(1);
