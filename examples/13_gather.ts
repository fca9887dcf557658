/**
 * How do I do several things at once and get all their results?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/13_gather.ts
 * ```
 *
 * You will see `gather` start the three requests and return their results in the order given, whichever came first.
 * Then one of them fails: `gather` aborts the other two, waits until they have ended, and throws. No request keeps
 * running.
 *
 * @module
 */

import { gather, isCancellation, run, sleep } from "@weft/async";
import { type Lane, timeline } from "./_draw.ts";

/** A server that answers after the number of ms in the path, and with 404 if there is none. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
  const ms = Number(new URL(url).pathname.slice(1));
  await sleep(ms || 0);
  return new Response("answer", { status: ms ? 200 : 404 });
});

/** Asks the server, and records when. */
async function get(label: string, path: number | string, signal: AbortSignal): Promise<Lane> {
  const from = performance.now();
  try {
    const response = await fetch(`http://127.0.0.1:${server.addr.port}/${path}`, { signal });
    if (!response.ok) throw new Error(`${label}: ${response.status}`);
    await response.text();
    console.log(`${label} has its answer`);
    return { label, spans: [{ from, to: performance.now(), kind: "wait" }] };
  } catch (error) {
    console.log(`${label} ${signal.aborted ? "is cancelled" : "fails"}`);
    throw error;
  }
}

async function main(): Promise<void> {
  const lanes = await gather([
    (signal) => get("first", 300, signal),
    (signal) => get("second", 100, signal),
    (signal) => get("third", 200, signal),
  ]);
  console.log(`${timeline(lanes)}\n`);
  try {
    await gather([
      (signal) => get("first", 300, signal),
      (signal) => get("second", "unknown", signal),
      (signal) => get("third", 200, signal),
    ]);
  } catch (error) {
    if (isCancellation(error)) throw error; // Ctrl-C, not a failure
    console.log(`gather throws "${error}"`);
  }
}

await run(main);
await server.shutdown();
