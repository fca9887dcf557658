/**
 * What is IO-bound work, what is CPU-bound work, and which of the two does `async` help?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/02_io_bound_cpu_bound.ts
 * ```
 *
 * You will see two async functions. One waits for a server: the processor is idle, and the heartbeat continues. The
 * other adds square roots: the processor is busy all the time, and the heartbeat stops.
 *
 * @module
 */

import { sleep } from "@weft/async";
import { bars, formatMs } from "./_draw.ts";

const ANSWER = 300; // ms that the server takes to answer
const ROOTS = 100_000_000;
const BEAT = 25; // ms from one beat to the next

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
  await sleep(ANSWER);
  return new Response("answer");
});

async function ioBound(): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${server.addr.port}`);
  return await response.text();
}

// The word `async` does not help here: there is nothing to wait for.
// deno-lint-ignore require-await
async function cpuBound(): Promise<number> {
  let sum = 0;
  for (let i = 0; i < ROOTS; i++) sum += Math.sqrt(i);
  return sum;
}

async function measure(name: string, work: () => Promise<unknown>): Promise<void> {
  let beats = 0;
  const heart = setInterval(() => beats++, BEAT);
  const start = performance.now();
  const before = globalThis.process.cpuUsage();
  await work();
  const { user, system } = globalThis.process.cpuUsage(before);
  const took = performance.now() - start;
  const busy = Math.min(took, (user + system) / 1000);
  clearInterval(heart);
  console.log(`${name}: ${beats} beats`);
  console.log(bars([
    { label: "time it took", value: took, text: formatMs(took) },
    { label: "processor busy", value: busy, text: formatMs(busy), color: "yellow" },
  ]));
}

await measure("IO-bound, waits for a server", ioBound);
await measure("CPU-bound, adds square roots", cpuBound);
await server.shutdown();
