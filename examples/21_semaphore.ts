/**
 * How do I limit how many tasks do the same thing at once?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/21_semaphore.ts
 * ```
 *
 * You will see nine requests to a server that should handle only three at a time. All begin together; a semaphore with
 * three permits lets three through. Each request that is done releases its permit to the longest-waiting one.
 *
 * @module
 */

import { gather, run, Semaphore, sleep } from "@weft/async";
import { type Lane, timeline } from "./_draw.ts";

let busy = 0;
let most = 0;

/** A server that counts how many requests it handles at once. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
  most = Math.max(most, ++busy);
  await sleep(100);
  busy--;
  return new Response("answer");
});

const semaphore = new Semaphore(3);

/** Asks the server; records when it waited for a permit, and when for the answer. */
async function get(label: string, signal: AbortSignal): Promise<Lane> {
  const from = performance.now();
  using _permit = await semaphore.acquire();
  const start = performance.now();
  const response = await fetch(`http://127.0.0.1:${server.addr.port}`, { signal });
  await response.text();
  return { label, spans: [{ from, to: start, kind: "wait" }, { from: start, to: performance.now() }] };
}

await run(async () => {
  const labels = Array.from({ length: 9 }, (_, i) => `request ${i + 1}`);
  const lanes = await gather(labels.map((label) => (signal: AbortSignal) => get(label, signal)));
  console.log(`${timeline(lanes)}\nthe server handled at most ${most} requests at once`);
});
await server.shutdown();
