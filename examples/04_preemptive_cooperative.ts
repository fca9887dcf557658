/**
 * Who decides when one piece of work stops so that another can go on?
 *
 * ```sh
 * deno run examples/04_preemptive_cooperative.ts
 * ```
 *
 * You will see a long computation beside a heart, three times. Cooperative: async functions share a thread, and switch
 * at `await` only; one that never awaits stops all others. Preemptive: the operating system slices the time of threads;
 * the same greedy loop in a worker needs no `await`, and disturbs nobody.
 *
 * @module
 */

import { yieldNow } from "@weft/async";
import { type Lane, timeline } from "./_draw.ts";

const DURATION = 300; // ms that each computation takes
const SLICE = 10; // ms that the polite one computes at a time
const BEAT = 25; // ms from one beat of the heart to the next

/** Computes as long as it is told, and gives nobody a turn. */
function greedy(ms: number): void {
  for (const end = Date.now() + ms; Date.now() < end;);
}

/** Computes as long, and offers the others a turn after each slice: here we decide to switch. */
async function polite(ms: number): Promise<void> {
  for (let done = 0; done < ms; done += SLICE) {
    greedy(SLICE);
    await yieldNow();
  }
}

/** Computes on a thread of its own: the operating system decides when each of the two runs. */
async function preempted(ms: number): Promise<void> {
  const code = `(${greedy})(${ms}); postMessage("done")`;
  const worker = new Worker(URL.createObjectURL(new Blob([code])), { type: "module" });
  await new Promise((resolve) => worker.onmessage = resolve);
  worker.terminate();
}

async function watch(label: string, compute: (ms: number) => void | Promise<void>): Promise<Lane[]> {
  const beats: Lane["spans"][number][] = [];
  const start = performance.now();
  const now = () => performance.now() - start;
  const heart = setInterval(() => beats.push({ from: now(), to: now() }), BEAT);
  await compute(DURATION);
  clearInterval(heart);
  console.log(`${label}: ${beats.length} beats`);
  return [{ label, spans: [{ from: 0, to: now() }] }, { label: "  heart", spans: beats }];
}

const lanes = [
  ...await watch("cooperative, greedy", greedy),
  ...await watch("cooperative, polite", polite),
  ...await watch("preemptive, greedy", preempted),
];
console.log(`\n${timeline(lanes)}`);
