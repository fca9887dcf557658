/**
 * What does Python's GIL protect, and who protects it here?
 *
 * ```sh
 * deno run examples/06_gil.ts
 * ```
 *
 * You will see two threads add to one number in shared memory, and lose additions: each is a read, a sum and a
 * write, and what the other thread writes in between is overwritten. With `Atomics` the three are one step.
 *
 * The GIL lets one thread at a time run Python, so that the interpreter's own memory stays whole; between the read and
 * the write of `x = add(x)` another thread may still have its turn. Here each thread has an interpreter and objects for
 * itself, and needs no such lock. Only memory that is shared on purpose needs `Atomics`.
 *
 * @module
 */

import { gather } from "@weft/async";
import { table } from "./_draw.ts";

const THREADS = 2;
const TIMES = 10_000_000;

function unprotected(number: Int32Array): void {
  const read = number[0]!;
  const sum = Math.sqrt(read * read) + 1; // takes a moment longer than read + 1, so that one core shows it too
  number[0] = sum;
}

function atomic(number: Int32Array): void {
  Atomics.add(number, 0, 1);
}

/** Lets all threads take the step that many times; returns what the number is then. */
async function inThreads(step: (number: Int32Array) => void): Promise<number> {
  const number = new Int32Array(new SharedArrayBuffer(4));
  const ready = new Int32Array(new SharedArrayBuffer(4));
  const code = `onmessage = ({ data: { number, ready } }) => {
    Atomics.add(ready, 0, 1);
    while (Atomics.load(ready, 0) < ${THREADS}); // until all threads are here
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
