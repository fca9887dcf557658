/**
 * Why does a whole application stop while one file is read?
 *
 * ```sh
 * deno run --allow-read=responsiveness.tmp --allow-write=responsiveness.tmp examples/01_responsiveness.ts
 * ```
 *
 * You will see a heart: a timer that beats every 25 ms when the thread is free. It stops while a file is read again and again the blocking way, which
 * keeps the thread (█), and goes on while the same is done with `await`, which gives the thread back and waits (░).
 *
 * @module
 */

import { run } from "@weft/async";
import { timeline } from "./_draw.ts";

const FILE = "responsiveness.tmp";
const DURATION = 400; // ms that each way of reading gets
const BEAT = 25; // ms from one beat of the heart to the next

const beats: number[] = [];
let reads = 0;

/** Nothing else can run before it returns. */
function readBlocking(until: number): void {
  for (; performance.now() < until; reads++) Deno.readFileSync(FILE);
}

/** At each `await` it gives the thread back, until the data is there. */
async function readAwaiting(until: number): Promise<void> {
  for (; performance.now() < until; reads++) await Deno.readFile(FILE);
}

async function watch(label: string, kind: "work" | "wait", read: (until: number) => void | Promise<void>) {
  const from = performance.now();
  const before = beats.length;
  reads = 0;
  await read(from + DURATION);
  const to = performance.now();
  console.log(`${label}: ${reads} reads, ${beats.length - before} beats`);
  return { label, spans: [{ from, to, kind }] };
}

// `run`, so that Ctrl-C removes the file too: program 11 is about it.
await run(async () => {
  await Deno.writeFile(FILE, new Uint8Array(4_000_000));
  const heart = setInterval(() => beats.push(performance.now()), BEAT);
  try {
    const lanes = [
      await watch("readFileSync", "work", readBlocking),
      await watch("await readFile", "wait", readAwaiting),
    ];
    const pulse = beats.map((beat) => ({ from: beat, to: beat }));
    console.log(`\n${timeline([...lanes, { label: "heart", spans: pulse }])}`);
  } finally {
    clearInterval(heart);
    await Deno.remove(FILE);
  }
});
