/**
 * How much sooner is a database done if it is asked many things at once?
 *
 * ```sh
 * deno run --unstable-kv --allow-read=database.kv --allow-write=database.kv examples/22_database.ts
 * ```
 *
 * You will see the same puts and gets on Deno KV, one by one and at once. One by one, the program waits for the database,
 * then the database for the program; at once, both have something to do. Puts gain less, because the database writes one
 * commit at a time: there it helps to put many entries into one commit.
 *
 * @module
 */

import { gather, run } from "@weft/async";
import { bars, formatMs } from "./_draw.ts";

const FILE = "database.kv";
const ROUNDS = 4;
const keys = Array.from({ length: 300 }, (_, i) => ["entry", i]);

async function oneByOne(work: (key: Deno.KvKey) => Promise<unknown>): Promise<void> {
  for (const key of keys) await work(key);
}

/** At once, but no more than 64: a million keys would need no more memory. */
async function atOnce(work: (key: Deno.KvKey) => Promise<unknown>): Promise<void> {
  await gather(keys.map((key) => () => work(key)), { concurrency: 64 });
}

await run(async () => {
  const kv = await Deno.openKv(FILE);
  try {
    const put = (key: Deno.KvKey) => kv.set(key, "value");
    const get = (key: Deno.KvKey) => kv.get(key);
    const ways: Record<string, () => Promise<unknown>> = {
      "puts, one by one": () => oneByOne(put),
      "puts, at once": () => atOnce(put),
      "puts, one commit": () => keys.reduce((commit, key) => commit.set(key, "value"), kv.atomic()).commit(),
      "gets, one by one": () => oneByOne(get),
      "gets, at once": () => atOnce(get),
    };
    const lines = Object.keys(ways).map((label) => ({ label, value: 0 }));
    for (let round = 0; round < ROUNDS; round++) {
      for (const line of lines) {
        const start = performance.now();
        await ways[line.label]!();
        line.value += performance.now() - start;
      }
    }
    console.log(bars(lines.map((line) => ({ ...line, text: formatMs(line.value) }))));
  } finally {
    kv.close();
    await Deno.remove(FILE);
  }
});
