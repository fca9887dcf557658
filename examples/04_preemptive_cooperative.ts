/**
 * Who decides when one piece of work pauses so that another can continue?
 *
 * ```sh
 * deno run examples/04_preemptive_cooperative.ts
 * ```
 *
 * You will see a long computation next to a heartbeat, three times. Cooperative: async functions share one thread and
 * switch only at an `await`, so a function that never awaits stops all others. Preemptive: the operating system divides
 * the time of the processor among threads, so the same greedy loop in a worker needs no `await` and disturbs nothing
 * else.
 *
 * @module
 */

import { yieldNow } from "@weft/async";
import { type Lane, timeline } from "./_draw.ts";

const DURATION = 300; // ms that each computation takes
const SLICE = 10; // ms that the polite computation runs at a time
const BEAT = 25; // ms from one beat to the next

/** Computes for `ms` milliseconds without letting other code run. */
function greedy(ms: number): void {
  for (const end = Date.now() + ms; Date.now() < end;);
}

/** Computes for as long, but lets other code run after each slice: here the program decides when to switch. */
async function polite(ms: number): Promise<void> {
  for (let done = 0; done < ms; done += SLICE) {
    greedy(SLICE);
    await yieldNow();
  }
}

/** Computes on its own thread: the operating system decides when each of the two threads runs. */
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
  return [{ label, spans: [{ from: 0, to: now() }] }, { label: "  heartbeat", spans: beats }];
}

const lanes = [
  ...await watch("cooperative, greedy", greedy),
  ...await watch("cooperative, polite", polite),
  ...await watch("preemptive, greedy", preempted),
];
console.log(`\n${timeline(lanes)}`);
