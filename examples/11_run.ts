/**
 * How does an asynchronous program begin, and how does it end?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/11_run.ts
 * ```
 *
 * You will see `run` call the main function and hand back what it returns. Run it again and press Ctrl-C before the last
 * answer: the wait ends, main cleans up, and only then the program ends, with status 130 (`echo $?`). Without `run` a
 * program that is interrupted ends on the spot, and cleans up nothing.
 *
 * @module
 */

import { run, sleep } from "@weft/async";

/** A server that answers after as many ms as the path says. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
  await sleep(Number(new URL(url).pathname.slice(1)));
  return new Response("answer");
});

/** Asks the server; an abort of the signal ends the wait. */
async function get(label: string, ms: number, signal: AbortSignal): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${server.addr.port}/${ms}`, { signal });
  console.log(`${label} has its answer`);
  return await response.text();
}

async function main(signal: AbortSignal): Promise<number> {
  console.log("main begins");
  try {
    const first = await get("first", 700, signal);
    const second = await get("second", 700, signal);
    const third = await get("third", 700, signal);
    return first.length + second.length + third.length;
  } finally {
    console.log("main cleans up");
    await server.shutdown();
  }
}

const length = await run(main);
console.log(`run returns what main returned: ${length}`);
