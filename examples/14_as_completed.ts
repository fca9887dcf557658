/**
 * How do I use each result as soon as it is there?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/14_as_completed.ts
 * ```
 *
 * You will see the three requests begin together, and a loop that has each answer when it comes, the quickest first;
 * `gather` would keep them all until the last is there. Then the same loop leaves after the first answer: the other two
 * requests are cut short, and have ended before the program goes on behind the loop.
 *
 * @module
 */

import { asCompleted, run, sleep } from "@weft/async";
import { type Lane, timeline } from "./_draw.ts";

/** A server that answers after as many ms as the path says. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
  await sleep(Number(new URL(url).pathname.slice(1)));
  return new Response("answer");
});

/** Asks the server, and tells when. */
async function get(label: string, ms: number, signal: AbortSignal): Promise<Lane> {
  const from = performance.now();
  try {
    const response = await fetch(`http://127.0.0.1:${server.addr.port}/${ms}`, { signal });
    await response.text();
    return { label, spans: [{ from, to: performance.now(), kind: "wait" }] };
  } catch (error) {
    console.log(`${label} ${signal.aborted ? "is cut short" : "fails"}`);
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
    console.log(`the loop has the answer to ${lane.label}`);
    lanes.push(lane);
  }
  console.log(`${timeline(lanes)}\n`);

  for await (const lane of asCompleted(requests)) {
    console.log(`the loop has the answer to ${lane.label}, and that is enough`);
    break;
  }
  console.log("behind the loop");
}

await run(main);
await server.shutdown();
