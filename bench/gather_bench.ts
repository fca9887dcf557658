/**
 * All results of many functions together, without and with a limit.
 *
 * A thousand functions of one microtask each, so what is measured is what the call itself costs. `Promise.all`,
 * p-limit and p-map leave the siblings of a failure running; `gather` aborts and joins them.
 *
 * @module
 */

import { gather } from "@weft/async";

import { plainCalls, sharedIndex, type Work } from "./floors.ts";
import { pLimit, pMap } from "./others.ts";

const concurrency = 100;
const work: Work = async () => {
  await null;
  return 1;
};
const load = Array.from({ length: 1000 }, () => work);

const atOnce = { group: "1,000 functions at once" };

Deno.bench("gather", { ...atOnce, baseline: true }, async () => {
  await gather(load);
});

Deno.bench("gather, settled", atOnce, async () => {
  await gather(load, { settled: true });
});

Deno.bench("Promise.all", atOnce, async () => {
  await plainCalls(load);
});

Deno.bench("Promise.allSettled", atOnce, async () => {
  await Promise.allSettled(load.map((work) => work()));
});

const limited = { group: `1,000 functions, ${concurrency} at a time` };

Deno.bench("gather with concurrency", { ...limited, baseline: true }, async () => {
  await gather(load, { concurrency });
});

Deno.bench("p-limit", limited, async () => {
  const limit = pLimit(concurrency);
  await Promise.all(load.map((work) => limit(work)));
});

Deno.bench("p-map", limited, async () => {
  await pMap(load, (work) => work(), { concurrency });
});

Deno.bench("loops that share an index", limited, async () => {
  await sharedIndex(load);
});
