/**
 * One theme of the benchmarks: the same work for every contender.
 *
 * A file `*_bench.ts` makes one. `deno task bench` runs all contenders in interleaved rounds; `deno bench` runs the file as
 * any other benchmark.
 *
 * @module
 */

import type { Load } from "./floors.ts";

/** Does the work once for each function of the load. It returns the results, their number, or nothing. */
export type Run = (load: Load) => unknown;

/** What is measured, and with what. */
export interface Theme {
  readonly name: string;
  /** What one operation is. */
  readonly title: string;
  /** The least code that does the work: all ratios are to it. */
  readonly floor: string;
  /** All contenders, the floor among them. The names of ours begin with `weft`. */
  readonly contenders: Readonly<Record<string, Run>>;
  /** Which contenders do less than the others, and what they leave out. */
  readonly lacks?: Readonly<Record<string, string>>;
  /** Which peers cannot do it, and why. */
  readonly cannot: Readonly<Record<string, string>>;
  /** The number of functions that may run at once. */
  readonly limit?: number;
  /** Whether the functions of the load are called; otherwise only their number counts. */
  readonly calls?: boolean;
}

const DENO_BENCH_N = 1000;

/** Declares a theme, and registers it with `deno bench`. */
export function theme(theme: Theme): Theme {
  const load = Array.from({ length: DENO_BENCH_N }, (_, i) => async () => {
    await null;
    return i;
  });
  for (const [name, run] of Object.entries(theme.contenders)) {
    Deno.bench(name, { group: `${DENO_BENCH_N} × ${theme.title}`, baseline: name === theme.floor }, async () => {
      await run(load);
    });
  }
  return theme;
}

/** Whether a contender is one of ours. */
export function isOurs(name: string): boolean {
  return name.startsWith("weft");
}
