/**
 * How do I limit the time that something may take?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/20_timeouts.ts
 * ```
 *
 * You will see requests with a deadline. A request that is not done by then is cut short (×): `timeout` throws,
 * `moveOnAfter` continues without a result. A deadline applies to everything inside the block, however deep: the last
 * one is for a whole series, which keeps the answers that arrived in time.
 *
 * @module
 */

import { isCancellation, moveOnAfter, run, sleep, timeout, TimeoutError } from "@weft/async";
import { type Lane, timeline } from "./_draw.ts";

/** A server that answers after the number of ms in the path. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
  await sleep(Number(new URL(url).pathname.slice(1)));
  return new Response("answer");
});

const lanes: Lane[] = [];

/** Asks the server, and records when. */
async function get(label: string, ms: number, signal: AbortSignal): Promise<string> {
  const from = performance.now();
  let kind: "wait" | "fail" = "fail";
  try {
    const response = await fetch(`http://127.0.0.1:${server.addr.port}/${ms}`, { signal });
    const text = await response.text();
    kind = "wait";
    return text;
  } finally {
    lanes.push({ label, spans: [{ from, to: performance.now(), kind }] });
  }
}

await run(async () => {
  console.log(`quick: ${await timeout(300, (signal) => get("quick", 100, signal))}`);
  try {
    await timeout(300, (signal) => get("slow", 500, signal), { name: "slow" });
  } catch (error) {
    if (isCancellation(error) || !(error instanceof TimeoutError)) throw error; // an outer deadline, or a failure
    console.log(`slow: ${error.message}`);
  }
  console.log(`slow again: ${await moveOnAfter(300, (signal) => get("slow again", 500, signal))}`);

  const answers: string[] = [];
  await moveOnAfter(500, async (signal) => {
    for (;;) answers.push(await get("series", 200, signal));
  });
  console.log(`series: ${answers.length} answers in time\n${timeline(lanes)}`);
});
await server.shutdown();
