/**
 * How do I use each result as soon as it arrives?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/14_as_completed.ts
 * ```
 *
 * You will see the three requests begin together, and a loop that gets each answer when it arrives, the fastest first;
 * `gather` would keep them all until the last one arrives. Then the same loop ends after the first answer: the other
 * two requests are cancelled, and have ended before the program continues after the loop.
 *
 * @module
 */

import { asCompleted, run, sleep } from "@weft/async";
import { type Lane, timeline } from "./_draw.ts";

/** A server that answers after the number of ms in the path. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
  await sleep(Number(new URL(url).pathname.slice(1)));
  return new Response("answer");
});

/** Asks the server, and records when. */
async function get(label: string, ms: number, signal: AbortSignal): Promise<Lane> {
  const from = performance.now();
  try {
    const response = await fetch(`http://127.0.0.1:${server.addr.port}/${ms}`, { signal });
    await response.text();
    return { label, spans: [{ from, to: performance.now(), kind: "wait" }] };
  } catch (error) {
    console.log(`${label} ${signal.aborted ? "is cancelled" : "fails"}`);
    throw error;
  }
}

const requests = [
  (signal: AbortSignal) => get("first", 300, signal),
  (signal: AbortSignal) => get("second", 100, signal),
  (signal: AbortSignal) => get("third", 200, signal),
];

async function main(): Promise<void> {
  const lanes: Lane[] = [];
  for await (const lane of asCompleted(requests)) {
    console.log(`the loop gets the answer to ${lane.label}`);
    lanes.push(lane);
  }
  console.log(`${timeline(lanes)}\n`);

  for await (const lane of asCompleted(requests)) {
    console.log(`the loop gets the answer to ${lane.label}, and ends`);
    break;
  }
  console.log("after the loop");
}

await run(main);
await server.shutdown();
