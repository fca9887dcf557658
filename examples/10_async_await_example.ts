/**
 * What do `async` and `await` do, and in which order?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/10_async_await_example.ts
 * ```
 *
 * You will see three requests, each of which begins when the one before is answered. The code reads like a blocking
 * program, with the usual `try` and loops, and it takes as long as the three requests together; but the thread is free
 * while they wait.
 *
 * @module
 */

import { sleep } from "@weft/async";
import { formatMs, type Lane, timeline } from "./_draw.ts";

/** A server that answers after the number of ms in the path. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
  await sleep(Number(new URL(url).pathname.slice(1)));
  return new Response("answer");
});

/** Asks the server, and records when. */
async function get(label: string, ms: number): Promise<Lane> {
  console.log(`${label} begins`);
  const from = performance.now();
  const response = await fetch(`http://127.0.0.1:${server.addr.port}/${ms}`);
  await response.text();
  console.log(`${label} has its answer`);
  return { label, spans: [{ from, to: performance.now(), kind: "wait" }] };
}

async function main(): Promise<Lane[]> {
  const first = await get("first", 300);
  const second = await get("second", 100);
  const third = await get("third", 200);
  return [first, second, third];
}

const start = performance.now();
const lanes = await main();
console.log(`${timeline(lanes)}\nall three took ${formatMs(performance.now() - start)}`);
await server.shutdown();
