/**
 * How does work that must not stop in the middle survive a cancellation?
 *
 * ```sh
 * deno run --allow-read=shield.tmp --allow-write=shield.tmp examples/19_shield.ts
 * ```
 *
 * You will see a task that pays by two entries in a file: it takes from one account, then gives to another. Cancelled in
 * between it leaves half a payment. Under `shield` the second entry is written too; the task is cancelled after it.
 *
 * @module
 */

import { AsyncEvent, createTask, run, shield, sleep, throwIfCancelled, wait } from "@weft/async";

const FILE = "shield.tmp";
const half = new AsyncEvent();

async function pay(): Promise<void> {
  await Deno.writeTextFile(FILE, "Ada -5", { append: true });
  half.set();
  await sleep(50); // the bank thinks
  await Deno.writeTextFile(FILE, ", Bob +5", { append: true });
}

/** Cancels the work when the payment is half done; returns what is in the file then. */
async function cancelHalfway(work: () => Promise<void>): Promise<string> {
  await Deno.writeTextFile(FILE, "");
  half.clear();
  const task = createTask(work);
  await half.wait();
  task.cancel();
  await shield(() => wait([task])); // also after a Ctrl-C: the file is removed when nobody writes to it any more
  return `${await Deno.readTextFile(FILE)} (the task is ${task.state})`;
}

await run(async () => {
  try {
    console.log(`unprotected: ${await cancelHalfway(pay)}`);
    console.log(`in a shield: ${await cancelHalfway(async () => {
      await shield(pay);
      throwIfCancelled(); // as any wait would: behind the shield the cancellation is seen
    })}`);
  } finally {
    await Deno.remove(FILE);
  }
});
