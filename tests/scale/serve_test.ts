/** A server keeps nothing of the requests that it has answered, nor of those whose clients have left. */

import { allTasks, map, scope, sleepForever, yieldNow } from "@weft/async";
import { serve, type ServeHandler } from "@weft/async/serve";
import { assert, assertEquals } from "@std/assert";
import { collectGarbage } from "../support.ts";
import { ends, size } from "./support.ts";

const REQUESTS = size(10_000);
/** What the heap may grow by, in bytes: less than any object for each request of the full form. */
const ALLOWED = 128 * 1024;

/** Clients and a handler. Every fifth client leaves when the handler has its request. */
class Load {
  readonly #leaving = new Map<string, AbortController>();
  readonly counts = { answered: 0, left: 0, inFlight: 0 };
  #received = 0;

  readonly handler: ServeHandler = async ({ url }) => {
    const { pathname } = new URL(url);
    this.counts.inFlight++;
    try {
      const client = this.#leaving.get(pathname);
      if (client !== undefined) {
        client.abort();
        await sleepForever();
      }
      // Half of the others are answered before their signal is listened to.
      if (++this.#received % 2 === 0) await yieldNow();
      return new Response(pathname);
    } finally {
      this.counts.inFlight--;
    }
  };

  /** Sends all requests, fifty at a time, until no handler runs. */
  async run(origin: string): Promise<void> {
    const numbers = Array.from({ length: REQUESTS }, (_, number) => number);
    for await (const _ of map(numbers, (number) => this.#ask(origin, number), { concurrency: 50 }));
    while (this.counts.inFlight > 0) await yieldNow();
  }

  async #ask(origin: string, number: number): Promise<void> {
    const path = `/${number}`;
    const client = new AbortController();
    if (number % 5 === 0) this.#leaving.set(path, client);
    try {
      const response = await fetch(origin + path, { signal: client.signal });
      if (await response.text() === path) this.counts.answered++;
    } catch (error) {
      if (!client.signal.aborted) throw error;
      this.counts.left++;
    } finally {
      this.#leaving.delete(path);
    }
  }
}

async function heapUsed(): Promise<number> {
  await collectGarbage();
  await collectGarbage();
  return Deno.memoryUsage().heapUsed;
}

ends("serve() of 10,000 requests of which every fifth client leaves keeps nothing of them", async () => {
  const load = new Load();
  const failures: unknown[] = [];
  await scope(async (_signal, self) => {
    const { promise: listening, resolve: onListen } = Promise.withResolvers<Deno.NetAddr>();
    const onError = (error: unknown) => failures.push(error);
    const server = serve(load.handler, { hostname: "127.0.0.1", port: 0, onListen, onError });
    const { port } = await listening;
    // The server listens all the time. The engine compiles and the platform opens connections in the first rounds.
    const growth: number[] = [];
    let before = Infinity;
    do {
      await load.run(`http://127.0.0.1:${port}`);
      const after = await heapUsed();
      growth.push(after - before);
      before = after;
    } while (!(growth.length > 1 && growth.at(-1)! <= ALLOWED) && growth.length < 4);
    const rounds = growth.length;
    assertEquals([load.counts, allTasks().size, failures], [
      { answered: rounds * REQUESTS * 0.8, left: rounds * REQUESTS * 0.2, inFlight: 0 },
      0,
      [],
    ]);
    assert(growth.at(-1)! <= ALLOWED, `${growth.join(", then ")} bytes are left`);
    self.cancel();
    await server;
  });
});
