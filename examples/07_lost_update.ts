/**
 * Only one async function runs at a time, so can an update still be lost?
 *
 * ```sh
 * deno run --allow-read=lost_update.tmp --allow-write=lost_update.tmp examples/07_lost_update.ts
 * ```
 *
 * You will see twenty tasks add 1 to a number in a file and lose nearly all of the additions. Each task awaits between
 * its read and its write, and meanwhile other tasks read the same number. With a `Lock` they do it one at a time.
 *
 * An update can be lost on a single thread, and `Atomics` does not help: between two awaits a function cannot be
 * interrupted, but at an `await` anything may change.
 *
 * @module
 */

import { gather, Lock, run } from "@weft/async";
import { table } from "./_draw.ts";

const FILE = "lost_update.tmp";
const TASKS = 20;

async function addOne(): Promise<void> {
  const read = Number(await Deno.readTextFile(FILE));
  await Deno.writeTextFile(FILE, `${read + 1}`);
}

/** Runs the step once in each task; returns the final number. */
async function inTasks(step: () => Promise<void>): Promise<number> {
  await Deno.writeTextFile(FILE, "0");
  await gather(Array.from({ length: TASKS }, () => step));
  return Number(await Deno.readTextFile(FILE));
}

await run(async () => {
  const lock = new Lock();
  try {
    const rows = [
      ["read, await, write", await inTasks(addOne)],
      ["the same, in a Lock", await inTasks(() => lock.run(addOne))],
    ] as const;
    console.log(table(
      rows.map(([step, found]) => [step, TASKS, found, TASKS - found]),
      { header: ["step", "expected", "found", "lost"], align: "lrrr" },
    ));
  } finally {
    await Deno.remove(FILE);
  }
});
