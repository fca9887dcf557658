/**
 * How do I ask an API at the rate that it allows, and pause when it answers 429?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/polite_client.ts
 * ```
 *
 * You will see twenty pages arrive: five at once and then one every 50 ms, because the API promises twenty a second.
 * But after ten requests the API demands a pause of one second, and answers 429 with `Retry-After: 1`. The client sends
 * no request during that second; then the rest follows. The program takes two seconds.
 *
 * All requests go through one `RateLimiter`. A 429 for one request pauses the limiter, and so all requests.
 *
 * @module
 */

import { currentSignal, gather, RateLimiter, run } from "@weft/async";

const HOST = "127.0.0.1";
const PAGES = 20;
/** How many requests per second the API promises to accept, and how many it really accepts in a row. */
const PROMISED = 20;
const TAKEN = 10;
const SECOND = 1000;

/** An API that accepts only `TAKEN` requests until there has been a pause of one second. */
class Api {
  #lastAt = 0;
  #count = 0;
  /** How many requests it has refused. */
  refused = 0;

  readonly handle = (request: Request): Response => {
    const now = performance.now();
    if (now - this.#lastAt >= SECOND) this.#count = 0;
    if (this.#count < TAKEN) {
      this.#lastAt = now;
      this.#count++;
      return new Response(`This is ${new URL(request.url).pathname}`);
    }
    this.refused++;
    const seconds = Math.ceil((this.#lastAt + SECOND - now) / SECOND);
    return new Response(null, { status: 429, headers: { "retry-after": `${seconds}` } });
  };
}

/** The value of `Retry-After`: a delay, converted from seconds to ms, or a date. */
function parseRetryAfter(header: string | null): number | Date {
  const delay = /^\d+$/.test(header ?? "") ? Number(header) * SECOND : new Date(header ?? "");
  return Number.isNaN(Number(delay)) ? SECOND : delay;
}

class Client {
  readonly #base: string;
  readonly #limiter = new RateLimiter({ limit: PROMISED, interval: SECOND, burst: 5 });
  readonly #start = performance.now();

  constructor(base: string) {
    this.#base = base;
  }

  /** Gets a page, however long it takes. */
  async get(path: string): Promise<string> {
    for (;;) {
      // A request that was refused goes to the end of the line.
      await this.#limiter.acquire();
      const response = await fetch(this.#base + path, { signal: currentSignal() });
      const body = await response.text();
      this.#tell(path, response);
      if (response.ok) return body;
      if (response.status !== 429) throw new Error(`${path}: ${response.status} ${response.statusText}`);
      this.#limiter.retryAfter(parseRetryAfter(response.headers.get("retry-after")));
    }
  }

  #tell(path: string, { status, headers }: Response): void {
    const ms = Math.round(performance.now() - this.#start);
    const retryAfter = headers.get("retry-after");
    const told = retryAfter === null ? "" : `  Retry-After: ${retryAfter}, and ${this.#limiter.waiting} others wait`;
    console.log(`${ms}`.padStart(5), "ms ", path.padEnd(9), status + told);
  }
}

async function main(): Promise<void> {
  const api = new Api();
  await using server = Deno.serve({ hostname: HOST, port: 0, onListen: () => {} }, api.handle);
  const client = new Client(`http://${HOST}:${server.addr.port}`);
  const paths = Array.from({ length: PAGES }, (_, i) => `/pages/${i + 1}`);
  const pages = await gather(paths.map((path) => () => client.get(path)));
  console.log(`\n${pages.length} pages, the last one says: ${pages.at(-1)}`);
  console.log(`${PAGES + api.refused} requests, of which the API refused ${api.refused}`);
}

if (import.meta.main) {
  const { state } = await Deno.permissions.request({ name: "net", host: HOST });
  if (state === "granted") await run(main);
  else {
    console.error(`No net access to ${HOST}: add --allow-net=${HOST}`);
    Deno.exitCode = 1;
  }
}
