/**
 * Measures several things against each other on a machine that does other work too: all of them in each round, so that
 * a busy second hits them alike, and medians at the end.
 *
 * @module
 */

import { cpuUsage } from "node:process";

import type { Load, Work } from "./floors.ts";

/** One of the things measured. */
export interface Side {
  readonly label: string;
  /** For how many operations. */
  readonly n: number;
  /** Does it once for each function of `load`. What it returns is for the check that two sides do the same. */
  run(load: Load): unknown;
  /** In how many rounds, if not in all: for what takes seconds. */
  readonly rounds?: number;
}

/** Tells the ms since some instant. */
type Clock = () => number;

/** What may be measured: the time that passes, or what the program has of the processors, its collector included. */
export const CLOCKS = {
  wall: () => performance.now(),
  cpu: () => {
    const { user, system } = cpuUsage();
    return (user + system) / 1000;
  },
} satisfies Record<string, Clock>;

/** How much is done in a round. */
export interface Effort {
  /** How many rounds do not count. */
  readonly warmUps: number;
  /** A sample is the mean of as many runs as fit into so many ms. */
  readonly sampleMs: number;
  /** What part of its operations each side does. */
  readonly part: number;
}

export const THOROUGH: Effort = { warmUps: 2, sampleMs: 20, part: 1 };
/** To see that everything runs: the times mean nothing. */
export const QUICK: Effort = { warmUps: 0, sampleMs: 0, part: 0.01 };

const work: Work = async () => {
  await null;
  return 1;
};

/** Runs all sides in `rounds` rounds, and returns the ms that each took in each round, by one of the {@linkcode CLOCKS}. */
export async function measure(
  sides: readonly Side[],
  rounds: number,
  clock: Clock,
  { warmUps, sampleMs, part }: Effort = THOROUGH,
): Promise<Map<Side, number[]>> {
  const times = new Map(sides.map((side) => [side, [] as number[]]));
  const loads = new Map(sides.map(({ n }) => [n, Array.from({ length: n * part }, () => work)]));
  for (let round = -warmUps; round < rounds; round++) {
    for (const side of shuffled(sides)) {
      if (side.rounds !== undefined && (round < 0 || round >= side.rounds)) continue;
      const ms = await sample(side, loads.get(side.n)!, clock, sampleMs);
      if (round >= 0) times.get(side)!.push(ms);
    }
  }
  return times;
}

/** The mean of as many runs as fit into `atLeast` ms. */
async function sample(side: Side, load: Load, clock: Clock, atLeast: number): Promise<number> {
  // The first one pays for the garbage of the side before, the others for their own.
  if (side.rounds === undefined) await timed(side, load, clock);
  let ms = 0;
  let runs = 0;
  do {
    ms += await timed(side, load, clock);
    runs++;
  } while (ms < atLeast);
  return ms / runs;
}

async function timed(side: Side, load: Load, clock: Clock): Promise<number> {
  await macrotask();
  const start = clock();
  await side.run(load);
  return clock() - start;
}

// So that none always comes after the same one.
function shuffled<T>(values: readonly T[]): T[] {
  const keys = new Map(values.map((value) => [value, Math.random()]));
  return values.toSorted((a, b) => keys.get(a)! - keys.get(b)!);
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The value below which the fraction `part` of `values` lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

/** What can be seen of a side from the inside of its load. */
export interface Witness {
  results?: unknown;
  readonly calls: number;
  /** How many functions were passed a signal. */
  readonly signals: number;
  /** How many ran at once, at most. */
  readonly peak: number;
  /** How many still ran when it said that it had ended. */
  readonly left: number;
}

/** Runs a side on functions that watch what is done with them. */
export async function witness(side: Side, n: number): Promise<Witness> {
  let calls = 0;
  let signals = 0;
  let running = 0;
  let peak = 0;
  const watching: Work = async (signal) => {
    const nth = ++calls;
    if (signal !== undefined) signals++;
    peak = Math.max(peak, ++running);
    await null;
    running--;
    return nth;
  };
  const results = await side.run(Array.from({ length: n }, () => watching));
  const seen = { calls, signals, peak, left: running };
  return results === undefined ? seen : { ...seen, results };
}
