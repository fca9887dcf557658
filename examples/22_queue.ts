/**
 * How do a few workers share many items of work?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/22_queue.ts
 * ```
 *
 * You will see three workers take nine requests from a queue; each worker takes the next one when it is done with the
 * last. Main puts the requests into it, and waits while four are in it, so that main never gets far ahead. After the
 * last one it shuts the queue down: the workers take the remaining requests, and their loops end.
 *
 * @module
 */

import { gather, Queue, run, sleep } from "@weft/async";
import { type Lane, timeline } from "./_draw.ts";

/** A server that answers after the number of ms in the path. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
  await sleep(Number(new URL(url).pathname.slice(1)));
  return new Response("answer");
});

const REQUESTS = [100, 400, 200, 500, 100, 200, 300, 300, 300]; // ms that each takes
const queue = new Queue<number>(4);

/** Asks the server for one item after the other, until none is left; records when, and for which. */
async function work(label: string, signal: AbortSignal): Promise<Lane> {
  const from = performance.now();
  const done: number[] = [];
  for await (const item of queue) {
    const response = await fetch(`http://127.0.0.1:${server.addr.port}/${REQUESTS[item]}`, { signal });
    await response.text();
    done.push(item + 1);
  }
  return { label, spans: [{ from, to: performance.now(), kind: "wait" }], note: `requests ${done.join(", ")}` };
}

/** Puts all items into the queue. */
async function produce(): Promise<Lane> {
  const from = performance.now();
  for (const item of REQUESTS.keys()) await queue.put(item);
  queue.shutdown();
  return { label: "main", spans: [{ from, to: performance.now(), kind: "wait" }], note: "puts" };
}

await run(async () => {
  const workers = ["worker A", "worker B", "worker C"].map((label) => (signal: AbortSignal) => work(label, signal));
  console.log(timeline(await gather([produce, ...workers])));
});
await server.shutdown();
