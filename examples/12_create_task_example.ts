/**
 * How does a program start work and continue without waiting for it?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/12_create_task_example.ts
 * ```
 *
 * You will see the three requests as tasks. Each task is scheduled to run as soon as possible: it begins when main
 * pauses at its next `await`, not before. All three wait at the same time, so together they take as long as the longest
 * one. Nothing awaits a fourth task; `run` cancels it when main ends.
 *
 * @module
 */

import { createTask, run, sleep, sleepForever } from "@weft/async";
import { formatMs, type Lane, timeline } from "./_draw.ts";

/** A server that answers after the number of ms in the path. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
  await sleep(Number(new URL(url).pathname.slice(1)));
  return new Response("answer");
});

/** Asks the server, and records when. */
async function get(label: string, ms: number, signal: AbortSignal): Promise<Lane> {
  console.log(`${label} begins`);
  const from = performance.now();
  const response = await fetch(`http://127.0.0.1:${server.addr.port}/${ms}`, { signal });
  await response.text();
  console.log(`${label} has its answer`);
  return { label, spans: [{ from, to: performance.now(), kind: "wait" }] };
}

async function main(): Promise<Lane[]> {
  const first = createTask((signal) => get("first", 300, signal));
  const second = createTask((signal) => get("second", 100, signal));
  const third = createTask((signal) => get("third", 200, signal));
  createTask(() => sleepForever().finally(() => console.log("the fourth task is cancelled")));
  console.log("main has created the tasks; none has begun");
  return [await first, await second, await third];
}

const start = performance.now();
const lanes = await run(main);
console.log(`${timeline(lanes)}\nall three took ${formatMs(performance.now() - start)}`);
await server.shutdown();
