/**
 * Tasks that live and end together.
 *
 * `Promise.all` is what one would pick instead, and no more than a floor: it aborts nothing, waits for nobody after a
 * failure, and knows no scope. `gather` does all that without a scope for each function.
 *
 * @module
 */

import { createTask, gather, TaskGroup } from "@weft/async";

import { type Load, plainCalls, type Work } from "./floors.ts";

const work: Work = async () => {
  await null;
  return 1;
};

async function inGroup(load: Load): Promise<void> {
  await TaskGroup.run((group) => {
    for (const work of load) group.createTask(work);
  });
}

for (const length of [2, 1000]) {
  const load = Array.from({ length }, () => work);
  const group = `${length.toLocaleString("en")} functions at once`;

  Deno.bench("TaskGroup", { group, baseline: true }, async () => {
    await inGroup(load);
  });

  Deno.bench("createTask, each awaited", { group }, async () => {
    for (const task of load.map((work) => createTask(work))) await task;
  });

  Deno.bench("gather", { group }, async () => {
    await gather(load);
  });

  Deno.bench("Promise.all", { group }, async () => {
    await plainCalls(load);
  });
}
