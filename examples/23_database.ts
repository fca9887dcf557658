/**
 * How much time do concurrent database queries save?
 *
 * ```sh
 * deno run --unstable-kv --allow-net=127.0.0.1 --allow-read=database.kv --allow-write=database.kv examples/23_database.ts
 * ```
 *
 * You will see the same puts and gets one by one and at once: first on Deno KV in a file, then on the same KV behind a
 * server that is 5 ms away. One by one, each waits for the one before, and all the round trips add up. At once, they
 * overlap: the farther away the database is, the more time is saved.
 *
 * @module
 */

import { currentSignal, gather, run, sleep } from "@weft/async";
import { type Bar, bars, formatMs } from "./_draw.ts";

type Work = (key: string) => Promise<unknown>;
const FILE = "database.kv";
const DISTANCE = 5; // ms for a round trip
const keys = Array.from({ length: 100 }, (_, i) => `entry${i}`);

/** Does the work for all keys, first one by one, then at once. */
async function measure(name: string, work: Work): Promise<Bar[]> {
  const start = performance.now();
  for (const key of keys) await work(key);
  const oneByOne = performance.now() - start;
  // At most 32 run at a time, so that they do not flood the server.
  await gather(keys.map((key) => () => work(key)), { concurrency: 32 });
  const atOnce = performance.now() - start - oneByOne;
  const times = { "one by one": oneByOne, "at once": atOnce };
  return Object.entries(times).map(([how, value]) => ({ label: `${name}, ${how}`, value, text: formatMs(value) }));
}

async function compare(put: Work, get: Work): Promise<string> {
  return bars([...await measure("puts", put), ...await measure("gets", get)]);
}

await run(async () => {
  const kv = await Deno.openKv(FILE);
  try {
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ method, url }) => {
      await sleep(DISTANCE);
      const key = [new URL(url).pathname];
      return Response.json(await (method === "PUT" ? kv.set(key, "value") : kv.get(key)));
    });
    const ask = async (method: string, key: string) => {
      const url = `http://127.0.0.1:${server.addr.port}/${key}`;
      const response = await fetch(url, { method, signal: currentSignal() });
      if (!response.ok) throw new Error(`${method} ${key}: ${response.status}`);
      return await response.json();
    };
    const near = await compare((key) => kv.set([key], "value"), (key) => kv.get([key]));
    const far = await compare((key) => ask("PUT", key), (key) => ask("GET", key));
    console.log(`in a file\n${near}\n\n${DISTANCE} ms away\n${far}`);
  } finally {
    kv.close();
    await Deno.remove(FILE);
  }
});
