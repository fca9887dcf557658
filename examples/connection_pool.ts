/**
 * How do many requests share a few connections?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/connection_pool.ts
 * ```
 *
 * You will see thirty requests over four TCP connections, all answered but one. The server never answers that one, so
 * it is given up after a second, and its connection is closed instead of reused.
 *
 * A `Semaphore` limits how many requests run at once; a request with a permit takes an idle connection or opens one.
 *
 * @module
 */

import { cleanup, gather, run, Semaphore, timeout, waitFor } from "@weft/async";

const HOST = "127.0.0.1";
const REQUESTS = 30;
const CONNECTIONS = 4;
const LIMIT = 1000;
/** How long the server takes to answer, in ms. */
const WORK = 10;
/** The request that the server never answers. */
const STUCK = "request 7";

/** Sends and receives lines over TCP, one at a time. */
class Connection {
  readonly #conn: Deno.TcpConn;
  readonly #decoder = new TextDecoder();
  #unread = "";

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  async write(line: string): Promise<void> {
    const bytes = new TextEncoder().encode(`${line}\n`);
    for (let sent = 0; sent < bytes.length;) sent += await this.#conn.write(bytes.subarray(sent));
  }

  /** The next line; `undefined` if the other side has closed the connection. */
  async read(): Promise<string | undefined> {
    const chunk = new Uint8Array(1024);
    while (!this.#unread.includes("\n")) {
      const length = await this.#conn.read(chunk);
      if (length === null) return undefined;
      this.#unread += this.#decoder.decode(chunk.subarray(0, length), { stream: true });
    }
    const [line, ...rest] = this.#unread.split("\n");
    this.#unread = rest.join("\n");
    return line;
  }

  close(): void {
    this.#conn.close();
  }
}

/** A few connections, shared by many requests. */
class Pool {
  readonly #port: number;
  readonly #permits: Semaphore;
  // Invariant: connections in use + idle connections ≤ permits.
  readonly idle: Connection[] = [];
  opened = 0;

  constructor(port: number, size: number) {
    this.#port = port;
    this.#permits = new Semaphore(size);
  }

  /** Sends a line and returns the answer. */
  request(line: string): Promise<string> {
    return this.#permits.run(() => timeout(LIMIT, () => this.#roundTrip(line)));
  }

  async #roundTrip(line: string): Promise<string> {
    const connection = this.idle.pop() ?? await this.#open();
    let answer: string | undefined;
    try {
      await connection.write(line);
      // A TCP read takes no signal; `waitFor` ends the wait anyway.
      answer = await waitFor(connection.read());
      if (answer === undefined) throw new Error("The server has closed the connection");
      return answer;
    } finally {
      // Without its answer, no other request can use the connection: the answer might still arrive.
      if (answer === undefined) connection.close();
      else this.idle.push(connection);
    }
  }

  async #open(): Promise<Connection> {
    this.opened++;
    return new Connection(await Deno.connect({ hostname: HOST, port: this.#port }));
  }

  close(): void {
    for (const connection of this.idle.splice(0)) connection.close();
  }
}

/** Answers each line in capitals, after a delay. */
class Server {
  readonly #listener = Deno.listen({ hostname: HOST, port: 0 });
  readonly port = this.#listener.addr.port;
  #busy = 0;
  /** The highest number of requests that it handled at once. */
  most = 0;

  /** Serves until it is closed and all clients have disconnected. */
  async serve(): Promise<void> {
    const clients: Promise<void>[] = [];
    for await (const conn of this.#listener) clients.push(this.#answer(new Connection(conn)));
    await Promise.all(clients);
  }

  async #answer(connection: Connection): Promise<void> {
    for (let line = await connection.read(); line !== undefined; line = await connection.read()) {
      if (line === STUCK) continue;
      this.most = Math.max(this.most, ++this.#busy);
      await new Promise((resolve) => setTimeout(resolve, WORK));
      this.#busy--;
      await connection.write(line.toUpperCase());
    }
    connection.close();
  }

  close(): void {
    this.#listener.close();
  }
}

async function main(): Promise<void> {
  const server = new Server();
  const pool = new Pool(server.port, CONNECTIONS);
  const serving = server.serve();
  // Whatever happens below, this closes both sides and waits until the server has ended.
  await using _ = cleanup(() => {
    pool.close();
    server.close();
    return serving;
  });
  const lines = Array.from({ length: REQUESTS }, (_, i) => `request ${i + 1}`);
  const results = await gather(lines.map((line) => () => pool.request(line)), { settled: true });
  const answers = results.filter((result) => result.status === "fulfilled");
  console.log(`requests   ${REQUESTS}`);
  console.log(`answered   ${answers.length}, the last one: ${answers.at(-1)?.value}`);
  for (const [i, result] of results.entries()) {
    if (result.status === "rejected") console.log(`given up   ${lines[i]}: ${result.reason.message}`);
  }
  console.log(`opened     ${pool.opened} connections, of which ${pool.idle.length} are left`);
  console.log(`at once    ${server.most} requests at most, as the server saw it`);
}

if (import.meta.main) {
  const { state } = await Deno.permissions.request({ name: "net", host: HOST });
  if (state === "granted") await run(main);
  else {
    console.error(`No net access to ${HOST}: add --allow-net=${HOST}`);
    Deno.exitCode = 1;
  }
}
