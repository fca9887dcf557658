/**
 * How does an asynchronous program begin, and how does it end?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/11_run.ts
 * ```
 *
 * You will see `run` call the main function and return its result. Run the program again, and press Ctrl-C before the
 * last answer: the wait ends, main cleans up, the server finishes its answer, and only then the program ends, with
 * status 130 (`echo $?`). The journal is a task of its own: it is written until main has ended, so the cleanup is in it
 * too. A second Ctrl-C ends the program at once, as the first one would without `run`.
 *
 * @module
 */

import { createTask, Queue, run, sleep } from "@weft/async";
import { formatMs, type Lane, timeline } from "./_draw.ts";

/** A server that answers after the number of ms in the path. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
  await sleep(Number(new URL(url).pathname.slice(1)));
  return new Response("answer");
});

const events = new Queue<string>();

/** Prints what has happened, in a task that is independent of the work. */
async function writeJournal(): Promise<void> {
  try {
    for await (const event of events) console.log(`journal: ${event}`);
  } finally {
    console.log("journal: closed");
  }
}

/** Asks the server, and records when. An abort of the signal ends the wait. */
async function get(label: string, ms: number, signal: AbortSignal): Promise<Lane> {
  events.tryPut(`${label} begins`);
  const from = performance.now();
  await (await fetch(`http://127.0.0.1:${server.addr.port}/${ms}`, { signal })).text();
  events.tryPut(`${label} has its answer`);
  return { label, spans: [{ from, to: performance.now(), kind: "wait" }] };
}

async function main(signal: AbortSignal): Promise<Lane[]> {
  createTask(writeJournal, { name: "journal" });
  try {
    const first = await get("first", 900, signal);
    const second = await get("second", 300, signal);
    const third = await get("third", 600, signal);
    return [first, second, third];
  } finally {
    events.tryPut("main cleans up");
    await server.shutdown();
  }
}

const start = performance.now();
const lanes = await run(main);
console.log(`${timeline(lanes)}\nall three took ${formatMs(performance.now() - start)}`);
