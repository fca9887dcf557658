/**
 * What clients see of a server that gets more requests than it can answer: `serve` with a limit, and bare `Deno.serve`.
 *
 * The work of each request needs one of ten places for 10 ms, so the server can answer 1,000 requests a second. Twice as
 * many come.
 *
 * ```sh
 * deno run -A tools/deno.ts run -A bench/overload.ts [--quick] [--json overload.json]
 * ```
 *
 * @module
 */

import { scope, Semaphore, sleep, TaskGroup } from "@weft/async";
import { serve } from "@weft/async/serve";
import { parseArgs } from "@std/cli/parse-args";

import { quantile } from "./measure.ts";

/** What the clients of one server saw. */
export interface Overload {
  /** The requests with status 200 in a second. */
  readonly answered: number;
  /** The requests with status 503 in a second. */
  readonly refused: number;
  /** The ms until an answer with status 200: the median, and those that one in ten and one in a hundred exceeded. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

const [PLACES, MS, LIMIT] = [10, 10, 50];
const OFFERED = 2 * PLACES / MS * 1000;
const TICK = 5;

const flags = parseArgs(Deno.args, { boolean: ["quick"], string: ["json"] });
const seconds = flags.quick ? 0.2 : 5;

function handler(): () => Promise<Response> {
  const places = new Semaphore(PLACES);
  return () =>
    places.run(async () => {
      await sleep(MS);
      return new Response("hello");
    });
}

/** Sends requests at a fixed rate, whether or not they are answered, as many independent clients do. */
async function load(port: number): Promise<Overload> {
  const latencies: number[] = [];
  let refused = 0;
  const request = async () => {
    const start = performance.now();
    const response = await fetch(`http://127.0.0.1:${port}/`);
    await response.text();
    if (response.status === 200) latencies.push(performance.now() - start);
    else refused++;
  };
  const start = performance.now();
  await TaskGroup.run(async (group) => {
    let sent = 0;
    for (let now = start; now - start < seconds * 1000; now = performance.now()) {
      for (; sent < (now - start) / 1000 * OFFERED; sent++) group.createTask(request);
      await sleep(TICK);
    }
  });
  const took = (performance.now() - start) / 1000;
  const [p50, p90, p99] = [0.5, 0.9, 0.99].map((part) => Math.round(quantile(latencies, part))) as [
    number,
    number,
    number,
  ];
  return { answered: Math.round(latencies.length / took), refused: Math.round(refused / took), p50, p90, p99 };
}

async function bare(): Promise<Overload> {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler());
  return await load(server.addr.port);
}

async function ours(): Promise<Overload> {
  let result!: Overload;
  await scope(async (_signal, self) => {
    const onListen = async ({ port }: Deno.NetAddr) => {
      result = await load(port);
      self.cancel();
    };
    await serve(handler(), { hostname: "127.0.0.1", port: 0, concurrency: LIMIT, onListen });
  });
  return result;
}

const results: Record<string, Overload> = {
  "Deno.serve": await bare(),
  [`serve, concurrency: ${LIMIT}`]: await ours(),
};
console.log(`${OFFERED} requests a second to a server that can answer ${OFFERED / 2}, for ${seconds} s`);
console.table(results);
if (flags.json !== undefined) await Deno.writeTextFile(flags.json, `${JSON.stringify(results, null, 1)}\n`);
