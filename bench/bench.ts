/**
 * Runs the themes `*_bench.ts`: all contenders in interleaved rounds, after a check that each does the work.
 *
 * ```sh
 * deno task bench                      # all themes
 * deno task bench timeout sleep        # some of them
 * deno task bench --growth             # from 1,000 to 100,000 operations too
 * deno task bench --json results.json  # for plots.ts
 * ```
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";

import { CLOCKS, measure, quantile, QUICK, type Side, THOROUGH, witness } from "./measure.ts";
import { isOurs, type Theme } from "./theme.ts";

const HELP = `Usage: deno task bench [theme…] [--rounds <n>] [--growth] [--wall] [--json <file>] [--quick]

  --rounds <n>   how many rounds to take the median of (default: 15)
  --growth       also with 10 and 100 times as many operations
  --wall         count the time that passes, not that of the processors in all threads
  --json <file>  write the results there too
  --quick        a few operations in one round, to see that everything runs
  --help         show this`;

const N = 1000;
const GROWTH = [1, 10, 100];
const GROWTH_ROUNDS = 3;
/** A contender that needs longer for one run is not tried with more operations, in ms. */
const PATIENCE = 400;

/** What one contender took for an operation, in ns. */
interface Result {
  readonly name: string;
  readonly median: number;
  readonly quartiles: readonly [number, number];
  /** To the floor. */
  readonly ratio: number;
  /** For each number of operations: the ns for one, or null if it would have taken too long. */
  readonly growth?: readonly { readonly n: number; readonly ns: number | null }[];
}

/** What a run writes as JSON. */
export interface Results {
  readonly machine: { deno: string; v8: string; target: string; cores: number };
  readonly clock: keyof typeof CLOCKS;
  readonly n: number;
  readonly rounds: number;
  readonly themes: readonly (Pick<Theme, "name" | "title" | "floor" | "lacks" | "cannot"> & { results: Result[] })[];
}

const flags = parseArgs(Deno.args, {
  boolean: ["growth", "wall", "quick", "help"],
  string: ["rounds", "json"],
  default: { rounds: "15" },
  unknown: (name, key) => key === undefined || refuse(`Unknown option ${name}`),
});
if (flags.help) {
  console.log(HELP);
  Deno.exit(0);
}
const rounds = flags.quick ? 1 : Number(flags.rounds);
if (!Number.isInteger(rounds) || rounds < 1) refuse(`--rounds must be a whole number of at least 1: ${flags.rounds}`);
const clock = flags.wall ? "wall" : "cpu";
const effort = flags.quick ? QUICK : THOROUGH;

function refuse(message: string): never {
  console.error(message);
  Deno.exit(2);
}

async function themes(): Promise<Theme[]> {
  const files = [...Deno.readDirSync(import.meta.dirname!)].map(({ name }) => name).filter((name) =>
    name.endsWith("_bench.ts")
  );
  const all = await Promise.all(
    files.toSorted().map(async (file): Promise<Theme> =>
      (await import(new URL(file, import.meta.url).href) as { default: Theme }).default
    ),
  );
  const names = flags._.map(String);
  const stranger = names.find((name) => !all.some((theme) => theme.name === name));
  if (stranger !== undefined) refuse(`Unknown theme ${stranger}: try ${all.map(({ name }) => name).join(", ")}`);
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

/** Throws unless the names in a theme are right. */
function checkNames({ name, floor, contenders, lacks = {}, cannot }: Theme): void {
  for (const label of [floor, ...Object.keys(lacks)]) assert(label in contenders, `${name}: no contender ${label}`);
  for (const label of Object.keys(cannot)) assert(!(label in contenders), `${name}: ${label} is a contender`);
}

/** Throws unless a contender calls each function once, has no more in flight than it may, and returns all results. */
async function check(theme: Theme, side: Side): Promise<void> {
  const count = 200;
  const seen = await witness(side, count);
  const what = `${theme.name}: ${side.label}`;
  if (theme.calls !== false) {
    assertEquals([seen.calls, seen.left], [count, 0], `${what} must call each function, and wait for it`);
    const results = (seen.results as number[]).toSorted((a, b) => a - b);
    assertEquals(results, Array.from({ length: count }, (_, i) => i + 1), `${what} must return all results`);
  } else assertEquals(seen.results, count, `${what} must return how many it did`);
  assert(seen.peak <= (theme.limit ?? count), `${what} must keep to the limit`);
}

const ns = (side: Side, ms: number) => ms * 1e6 / (side.n * effort.part);

async function run(theme: Theme): Promise<Result[]> {
  const sides = Object.entries(theme.contenders).map(([label, run]): Side => ({ label, n: N, run }));
  checkNames(theme);
  for (const side of sides) await check(theme, side);
  const times = await measure(sides, rounds, CLOCKS[clock], effort);
  const grown = flags.growth ? await growth(sides) : null;
  const floor = quantile(times.get(sides.find(({ label }) => label === theme.floor)!)!, 0.5);
  return sides.map((side): Result => {
    const [lower, median, upper] = [0.25, 0.5, 0.75].map((part) => quantile(times.get(side)!, part)) as [
      number,
      number,
      number,
    ];
    return {
      name: side.label,
      median: ns(side, median),
      quartiles: [ns(side, lower), ns(side, upper)],
      ratio: median / floor,
      ...grown !== null && { growth: grown.get(side)! },
    };
  });
}

/** Runs each contender with more and more operations, until it takes too long. */
async function growth(sides: readonly Side[]): Promise<Map<Side, { n: number; ns: number | null }[]>> {
  const grown = new Map(sides.map((side) => [side, [] as { n: number; ns: number | null }[]]));
  let left = sides;
  for (const factor of GROWTH) {
    const larger = new Map(left.map((side) => [{ ...side, n: N * factor }, side]));
    const times = await measure([...larger.keys()], Math.min(rounds, GROWTH_ROUNDS), CLOCKS[clock], effort);
    for (const side of sides) if (!left.includes(side)) grown.get(side)!.push({ n: N * factor, ns: null });
    left = [...larger].filter(([side, original]) => {
      const ms = quantile(times.get(side)!, 0.5);
      grown.get(original)!.push({ n: side.n, ns: ns(side, ms) });
      return ms < PATIENCE;
    }).map(([, original]) => original);
  }
  return grown;
}

function print(theme: Theme, results: readonly Result[]): void {
  console.log(`\n${theme.name}: ${theme.title}`);
  const width = Math.max(...results.map(({ name }) => name.length));
  for (const { name, median, quartiles, ratio, growth } of results.toSorted((a, b) => a.median - b.median)) {
    const spread = quartiles.map((value) => value.toFixed(0)).join("–");
    const more = growth?.slice(1).map(({ n, ns }) =>
      ns === null ? `${n.toLocaleString("en")}: too slow` : `${n.toLocaleString("en")}: ${ns.toFixed(0)} ns`
    );
    console.log(
      [
        isOurs(name) ? "* " : theme.lacks?.[name] === undefined ? "  " : "- ",
        name.padEnd(width + 2),
        `${median.toFixed(0)} ns`.padStart(10),
        spread.padStart(15),
        `${ratio.toFixed(2)} ×`.padStart(10),
        more === undefined ? "" : `   ${more.join("  ")}`,
      ].join("").trimEnd(),
    );
  }
  const reasons = Object.entries(theme.lacks ?? {});
  for (const reason of new Set(reasons.map(([, why]) => why))) {
    const names = reasons.filter(([, why]) => why === reason).map(([name]) => name);
    console.log(`- ${names.join(", ")}: ${reason}`);
  }
  for (const [peer, why] of Object.entries(theme.cannot)) console.log(`  ${peer} ${why}`);
}

const { deno, v8 } = Deno.version;
const machine = { deno, v8, target: Deno.build.target, cores: navigator.hardwareConcurrency };
console.log(
  `Deno ${deno}, V8 ${v8}, ${machine.target}, ${machine.cores} cores; for one of ${
    N.toLocaleString("en")
  } operations at ` +
    `once, median and quartiles of ${rounds} interleaved rounds, ${
      clock === "cpu" ? "processor time" : "time that passes"
    }`,
);
const done: Results = { machine, clock, n: N, rounds, themes: [] };
for (const theme of await themes()) {
  const results = await run(theme);
  print(theme, results);
  const { name, title, floor, lacks, cannot } = theme;
  (done.themes as object[]).push({ name, title, floor, lacks, cannot, results });
}
if (flags.json !== undefined) await Deno.writeTextFile(flags.json, `${JSON.stringify(done, null, 1)}\n`);
// Some contenders leave timers behind.
Deno.exit();
