/**
 * What does Python's GIL protect, and why does JavaScript not need one?
 *
 * ```sh
 * deno run examples/06_gil.ts
 * ```
 *
 * You will see two threads add to one number in shared memory and lose additions. Each addition is a read, a sum and a
 * write, and the write overwrites whatever the other thread wrote in between. With `Atomics` the three are one step.
 *
 * The GIL lets one thread at a time run Python code, which protects the interpreter's own memory. Between the read and
 * the write of `x = add(x)` another thread may still run. Here each thread has its own interpreter and its own objects,
 * and needs no such lock. Only memory that is shared on purpose needs `Atomics`.
 *
 * @module
 */

import { gather } from "@weft/async";
import { table } from "./_draw.ts";

const THREADS = 2;
const TIMES = 10_000_000;

function unprotected(number: Int32Array): void {
  const read = number[0]!;
  const sum = Math.sqrt(read * read) + 1; // slower than read + 1, so that one core loses some too
  number[0] = sum;
}

function atomic(number: Int32Array): void {
  Atomics.add(number, 0, 1);
}

/** Runs the step `TIMES` times in each thread; returns the final number. */
async function inThreads(step: (number: Int32Array) => void): Promise<number> {
  const number = new Int32Array(new SharedArrayBuffer(4));
  const ready = new Int32Array(new SharedArrayBuffer(4));
  const code = `onmessage = ({ data: { number, ready } }) => {
    Atomics.add(ready, 0, 1);
    while (Atomics.load(ready, 0) < ${THREADS}); // until all threads have started
    for (let i = 0; i < ${TIMES}; i++) (${step})(number);
    postMessage("done");
  }`;
  await gather(Array.from({ length: THREADS }, () => async () => {
    const worker = new Worker(URL.createObjectURL(new Blob([code])), { type: "module" });
    worker.postMessage({ number, ready });
    await new Promise((resolve) => worker.onmessage = resolve);
    worker.terminate();
  }));
  return number[0]!;
}

const expected = THREADS * TIMES;
const rows = [["read, add, write", await inThreads(unprotected)], ["Atomics.add", await inThreads(atomic)]] as const;
console.log(table(
  rows.map(([step, found]) => [step, expected, found, expected - found]),
  { header: ["step", "expected", "found", "lost"], align: "lrrr" },
));
