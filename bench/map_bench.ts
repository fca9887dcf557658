/**
 * A function over the items of a source, a few at a time, the results read by `for await`.
 *
 * A thousand items of one microtask each. `pooledMap` works through its source whether or not anybody reads, the others
 * hold it back; and only `map` has ended all its work when the loop is left.
 *
 * @module
 */

import { map } from "@weft/async";
import { pooledMap } from "@std/async/pool";

import { pMapIterable } from "./others.ts";

const concurrency = 100;
const items = Array.from({ length: 1000 }, (_, i) => i);

async function double(item: number): Promise<number> {
  await null;
  return 2 * item;
}

async function readAll(results: AsyncIterable<number>): Promise<void> {
  let sum = 0;
  for await (const result of results) sum += result;
  if (sum !== 999_000) throw new Error(`Unexpected sum: ${sum}`);
}

const inOrder = { group: `1,000 items, ${concurrency} at a time, in order` };

Deno.bench("map, ordered", { ...inOrder, baseline: true }, async () => {
  await readAll(map(items, double, { concurrency, ordered: true }));
});

Deno.bench("pooledMap of @std/async", inOrder, async () => {
  await readAll(pooledMap(concurrency, items, double));
});

Deno.bench("pMapIterable of p-map", inOrder, async () => {
  await readAll(pMapIterable(items, double, { concurrency }));
});

const asTheyCome = { group: `1,000 items, ${concurrency} at a time, as they complete` };

Deno.bench("map", { ...asTheyCome, baseline: true }, async () => {
  await readAll(map(items, double, { concurrency }));
});
