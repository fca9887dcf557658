/**
 * Why does a whole application freeze while it reads one file?
 *
 * ```sh
 * deno run --allow-read=responsiveness.tmp --allow-write=responsiveness.tmp examples/01_responsiveness.ts
 * ```
 *
 * You will see a heartbeat: a timer that beats every 25 ms while the thread is free. First the program reads a file
 * again and again with a blocking call, which holds the thread (█): the heartbeat stops. Then it does the same with
 * `await`, which releases the thread while it waits (░): the heartbeat continues.
 *
 * @module
 */

import { run } from "@weft/async";
import { timeline } from "./_draw.ts";

const FILE = "responsiveness.tmp";
const DURATION = 400; // ms for each way of reading
const BEAT = 25; // ms from one beat to the next

const beats: number[] = [];
let reads = 0;

/** Blocks: nothing else can run until it returns. */
function readBlocking(until: number): void {
  for (; performance.now() < until; reads++) Deno.readFileSync(FILE);
}

/** Releases the thread at each `await` until the data has arrived. */
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

// With `run`, Ctrl-C removes the file too; program 11 is about it.
await run(async () => {
  await Deno.writeFile(FILE, new Uint8Array(4_000_000));
  const heart = setInterval(() => beats.push(performance.now()), BEAT);
  try {
    const lanes = [
      await watch("readFileSync", "work", readBlocking),
      await watch("await readFile", "wait", readAwaiting),
    ];
    const pulse = beats.map((beat) => ({ from: beat, to: beat }));
    console.log(`\n${timeline([...lanes, { label: "heartbeat", spans: pulse }])}`);
  } finally {
    clearInterval(heart);
    await Deno.remove(FILE);
  }
});
