/**
 * Which work is IO-bound, which is CPU-bound, and which of the two does `async` help?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/02_io_bound_cpu_bound.ts
 * ```
 *
 * You will see two async functions that take about as long. One waits for a server: the processor has nothing to do, and
 * the heart beats. The other counts prime numbers: the processor is busy all the time, and the heart stands still.
 *
 * @module
 */

import { sleep } from "@weft/async";
import { bars, formatMs } from "./_draw.ts";

const ANSWER = 300; // ms that the server takes
const PRIMES_BELOW = 2_000_000;
const BEAT = 25; // ms from one beat of the heart to the next

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
  await sleep(ANSWER);
  return new Response("answer");
});

async function ioBound(): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${server.addr.port}`);
  await response.text();
}

// The word `async` does not help it: there is nothing to wait for.
// deno-lint-ignore require-await
async function cpuBound(): Promise<void> {
  for (let n = 2; n < PRIMES_BELOW; n++) {
    let divisor = 2;
    while (divisor * divisor <= n && n % divisor !== 0) divisor++;
  }
}

async function measure(name: string, work: () => Promise<void>): Promise<void> {
  let beats = 0;
  const heart = setInterval(() => beats++, BEAT);
  const start = performance.now();
  const cpu = globalThis.process.cpuUsage();
  await work();
  const used = globalThis.process.cpuUsage(cpu);
  const took = performance.now() - start;
  clearInterval(heart);
  const computed = Math.min(took, (used.user + used.system) / 1000);
  console.log(`${name}: ${beats} beats`);
  console.log(bars([
    { label: "time it took", value: took, text: formatMs(took) },
    { label: "processor busy", value: computed, text: formatMs(computed), color: "yellow" },
  ]));
}

await measure("IO-bound, waits for a server", ioBound);
await measure("CPU-bound, counts prime numbers", cpuBound);
await server.shutdown();
