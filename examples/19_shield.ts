/**
 * How does work that must not stop halfway survive a cancellation?
 *
 * ```sh
 * deno run --allow-read=shield.tmp --allow-write=shield.tmp examples/19_shield.ts
 * ```
 *
 * You will see a task that makes a payment with two entries in a file: it takes from one account, then gives to
 * another. A cancellation in between leaves half a payment. Under `shield` the task writes the second entry too, and is
 * cancelled after it.
 *
 * @module
 */

import { AsyncEvent, createTask, run, shield, sleep, throwIfCancelled, wait } from "@weft/async";

const FILE = "shield.tmp";
const half = new AsyncEvent();

async function pay(): Promise<void> {
  await Deno.writeTextFile(FILE, "Ada -5", { append: true });
  half.set();
  await sleep(50); // the bank takes its time
  await Deno.writeTextFile(FILE, ", Bob +5", { append: true });
}

/** Cancels the work when the payment is half done; returns what is in the file after that. */
async function cancelHalfway(work: () => Promise<void>): Promise<string> {
  await Deno.writeTextFile(FILE, "");
  half.clear();
  const task = createTask(work);
  await half.wait();
  task.cancel();
  await shield(() => wait([task])); // even after Ctrl-C: nothing may write to the file once it is removed
  return `${await Deno.readTextFile(FILE)} (the task is ${task.state})`;
}

await run(async () => {
  try {
    console.log(`unprotected: ${await cancelHalfway(pay)}`);
    console.log(`in a shield: ${await cancelHalfway(async () => {
      await shield(pay);
      throwIfCancelled(); // sees the cancellation, as any wait after the shield does
    })}`);
  } finally {
    await Deno.remove(FILE);
  }
});
