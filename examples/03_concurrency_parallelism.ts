/**
 * What is the difference between concurrency and parallelism?
 *
 * ```sh
 * deno run examples/03_concurrency_parallelism.ts
 * ```
 *
 * You will see the same two jobs three times: one after the other; concurrently, taking turns on one thread, which
 * finishes no sooner; and in parallel, on two threads at the same instant, which takes half the time if two processors
 * are free.
 *
 * @module
 */

import { gather, yieldNow } from "@weft/async";
import { type Lane, timeline } from "./_draw.ts";

const PARTS = 4;
const ROOTS = 80_000_000;

/** Computes one part of a job, and records when, on the clock that all threads share. */
function addRoots(count: number) {
  const from = Date.now();
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.sqrt(i);
  return { from, to: Date.now(), sum };
}

async function onThisThread(label: string): Promise<Lane> {
  const spans = [];
  for (let part = 0; part < PARTS; part++) {
    spans.push(addRoots(ROOTS));
    await yieldNow(); // lets the other job take its turn
  }
  return { label, spans };
}

async function onAnotherThread(label: string): Promise<Lane> {
  // The code is text to keep all in this file; usually it is a module: new URL("./job.ts", import.meta.url).
  const code = `postMessage(Array.from({ length: ${PARTS} }, () => (${addRoots})(${ROOTS})))`;
  const worker = new Worker(URL.createObjectURL(new Blob([code])), { type: "module" });
  const spans = await new Promise<Lane["spans"]>((resolve) => worker.onmessage = ({ data }) => resolve(data));
  worker.terminate();
  return { label, spans };
}

/** Shifts the lanes so that the first one begins at 0. */
function fromZero(lanes: readonly Lane[]): Lane[] {
  const zero = Math.min(...lanes.flatMap(({ spans }) => spans.map(({ from }) => from)));
  return lanes.map((lane) => ({
    ...lane,
    spans: lane.spans.map(({ from, to }) => ({ from: from - zero, to: to - zero })),
  }));
}

await yieldNow(); // the first call in a program takes longer
const sequential = [await onThisThread("one by one  A"), await onThisThread("            B")];
const concurrent = await gather([() => onThisThread("concurrent  A"), () => onThisThread("            B")]);
const parallel = await gather([() => onAnotherThread("parallel    A"), () => onAnotherThread("            B")]);
console.log(timeline([sequential, concurrent, parallel].flatMap(fromZero)));
