/**
 * The time that 1,000 real operations take: one by one, all at once, and 32 at a time.
 *
 * ```sh
 * deno run -A tools/deno.ts run -A --unstable-kv bench/io.ts [--quick] [--json io.json]
 * ```
 *
 * PostgreSQL is measured where `DATABASE_URL` names one.
 *
 * @module
 */

import { cleanup, gather, map, run, sleep } from "@weft/async";
import { parseArgs } from "@std/cli/parse-args";
import postgres from "npm:postgres@3.4.9";

import { quantile } from "./measure.ts";

/** How to run many functions. */
const WAYS: Readonly<Record<string, (load: readonly (() => Promise<unknown>)[]) => Promise<unknown>>> = {
  "one by one": async (load) => {
    for (const work of load) await work();
  },
  "all at once": (load) => gather(load),
  "32 at a time": async (load) => {
    for await (const _ of map(load, (work) => work(), { concurrency: 32 }));
  },
};

/** What a run writes as JSON: the ms of each way, by operation. */
export type IoTimes = Record<string, Record<string, number>>;

/** The time that a server takes for a request, in ms. */
const LATENCY = 2;
const ROUNDS = 3;

const flags = parseArgs(Deno.args, { boolean: ["quick"], string: ["json"] });
const count = flags.quick ? 20 : 1000;

async function measureAll(works: Record<string, (index: number) => Promise<unknown>>): Promise<IoTimes> {
  const times: Record<string, Record<string, number[]>> = {};
  for (let round = 0; round < (flags.quick ? 1 : ROUNDS); round++) {
    for (const [operation, work] of Object.entries(works)) {
      const load = Array.from({ length: count }, (_, index) => () => work(index));
      for (const [way, all] of Object.entries(WAYS)) {
        const start = performance.now();
        await all(load);
        ((times[operation] ??= {})[way] ??= []).push(performance.now() - start);
      }
    }
  }
  return Object.fromEntries(
    Object.entries(times).map(([operation, ways]) => [
      operation,
      Object.fromEntries(Object.entries(ways).map(([way, all]) => [way, Math.round(quantile(all, 0.5))])),
    ]),
  );
}

await run(async () => {
  const folder = await Deno.makeTempDir();
  await using _folder = cleanup(() => Deno.remove(folder, { recursive: true }));
  for (let i = 0; i < count; i++) await Deno.writeTextFile(`${folder}/${i}`, "x".repeat(4096));
  const handler = async () => {
    await sleep(LATENCY);
    return new Response("hello");
  };
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  using kv = await Deno.openKv(`${folder}/kv`);
  const url = Deno.env.get("DATABASE_URL");
  const sql = url === undefined ? null : postgres(url, { max: 32, onnotice() {} });
  await using _sql = cleanup(() => sql?.end());

  const times = await measureAll({
    "reading a file": (index) => Deno.readTextFile(`${folder}/${index}`),
    [`a request over HTTP that takes ${LATENCY} ms`]: async () =>
      await (await fetch(`http://127.0.0.1:${server.addr.port}/`)).text(),
    "setting a key of Deno KV": (index) => kv.set([index], index),
    ...sql !== null && {
      [`a query in PostgreSQL that takes ${LATENCY} ms`]: async () => await sql`select pg_sleep(${LATENCY / 1000})`,
    },
  });
  for (const [operation, ways] of Object.entries(times)) {
    console.log(`${count} × ${operation}: ${Object.entries(ways).map(([way, ms]) => `${way} ${ms} ms`).join(", ")}`);
  }
  if (flags.json !== undefined) await Deno.writeTextFile(flags.json, `${JSON.stringify(times, null, 1)}\n`);
});
