/**
 * Requests a second of `serve`, compared with bare `Deno.serve`: two processes, interleaved rounds, medians.
 *
 * ```sh
 * deno run -A tools/deno.ts run -A bench/serve.ts
 * deno run -A tools/deno.ts run -A bench/serve.ts --quick   # to see that it runs
 * deno run -A tools/deno.ts run -A bench/serve.ts leaving   # one client in five leaves; prints what is left behind
 * ```
 *
 * @module
 */

import { gather, run, scope, sleep } from "@weft/async";
import { serve } from "@weft/async/serve";

const QUICK = Deno.args.includes("--quick");
const [ROUNDS, WARM_UPS] = QUICK ? [1, 0] : [15, 2];
const REQUESTS = QUICK ? 100 : 3000;
const CONNECTIONS = 32;

const [role] = Deno.args;
const address = { hostname: "127.0.0.1", port: 0 };
const announce = ({ port }: Deno.NetAddr) => console.log(port);
const handler = () => new Response("hello");

if (role === "bare") Deno.serve({ ...address, onListen: announce }, handler);
else if (role === "serve") await run(() => serve(handler, { ...address, onListen: announce }));
else if (role === "leaving") await leaving();
else await compare();

/** Starts a server in a process of its own. */
async function start(role: string): Promise<{ url: string; child: Deno.ChildProcess }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename!, role],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const { value } = await child.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
  return { url: `http://127.0.0.1:${value!.trim()}/`, child };
}

/** Returns the requests a second of one round. */
async function round(url: string): Promise<number> {
  const begin = performance.now();
  let left = REQUESTS;
  const client = async () => {
    while (left-- > 0) await (await fetch(url)).text();
  };
  await gather(Array.from({ length: CONNECTIONS }, () => client));
  return REQUESTS / ((performance.now() - begin) / 1000);
}

async function compare(): Promise<void> {
  const servers = await Promise.all([start("bare"), start("serve")]);
  const rates: [number[], number[]] = [[], []];
  for (let i = -WARM_UPS; i < ROUNDS; i++) {
    for (const side of i % 2 === 0 ? [0, 1] : [1, 0]) {
      const rate = await round(servers[side]!.url);
      if (i >= 0) rates[side]!.push(rate);
    }
  }
  for (const { child } of servers) child.kill("SIGKILL");
  const [bare, ours] = rates.map((list) => list.toSorted((a, b) => a - b)[ROUNDS >> 1]!) as [number, number];
  console.log(`Deno.serve ${bare.toFixed(0)}/s, serve ${ours.toFixed(0)}/s, ratio ${(ours / bare).toFixed(3)}`);
}

/** 10,000 requests of which every fifth client leaves. */
async function leaving(): Promise<void> {
  let inFlight = 0;
  await scope(async (_signal, self) => {
    await serve(async () => {
      inFlight++;
      try {
        await sleep(5);
        return new Response("hello");
      } finally {
        inFlight--;
      }
    }, {
      ...address,
      async onListen({ port }) {
        const url = `http://127.0.0.1:${port}/`;
        const heap: number[] = [];
        for (let batch = 0; batch < 10; batch++) {
          await gather(
            Array.from({ length: 1000 }, (_, i) => async () => {
              const signal = i % 5 === 0 ? AbortSignal.timeout(2) : null;
              await fetch(url, { signal }).then((response) => response.text(), () => {});
            }),
            { concurrency: 50 },
          );
          (globalThis as { gc?: () => void }).gc?.();
          heap.push(Deno.memoryUsage().heapUsed / 1e6);
        }
        console.log(`heap after each 1,000: ${heap.map((mb) => mb.toFixed(1)).join(", ")} MB`);
        self.cancel();
      },
    });
  });
  console.log(`requests in flight at the end: ${inFlight}`);
}
