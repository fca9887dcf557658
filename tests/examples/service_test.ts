import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { parseHeader } from "../../tools/example.ts";
import { Program } from "../support.ts";
import { freePort, installed, Observer, Server } from "./postgres.ts";

const EXAMPLE = new URL("../../examples/service.ts", import.meta.url);
/** The number of requests that the service accepts at once, and of its connections to the database. */
const [CONCURRENCY, CONNECTIONS] = [100, 10];

const { question, flags } = parseHeader(await Deno.readTextFile(EXAMPLE));
const databasePort = freePort();
const databaseUrl = `postgres://postgres@127.0.0.1:${databasePort}/postgres`;

if (!installed) console.log("No PostgreSQL is installed: the tests of examples/service.ts that need one are skipped");
const ignore = !installed;

function start(url = databaseUrl, port = "0"): Program {
  const env = { DATABASE_URL: url, PORT: port };
  return new Program(EXAMPLE, { flags: ["--no-prompt", ...flags ?? []], env });
}

/** What the program says when no database runs. */
let refusal: Awaited<ReturnType<Program["end"]>>;
let server: Server | undefined;

Deno.test.beforeAll(async () => {
  refusal = await start().end();
  // The commands of the message are those that start the database of the tests.
  const commands = [...refusal.stderr.matchAll(/^ {2}(.+)$/gm)].map(([, command]) => command!);
  if (installed) server = await Server.start(commands.slice(0, -1), commands.at(-1)!);
});
Deno.test.afterAll(async () => await server?.stop());

/** The service, with an empty table. */
class Service implements AsyncDisposable {
  readonly program: Program;
  readonly url: string;
  readonly database: Observer;
  #ended = false;

  private constructor(program: Program, url: string, database: Observer) {
    this.program = program;
    this.url = url;
    this.database = database;
  }

  static async start(url?: string): Promise<Service> {
    const program = start(url);
    const [, address] = /^Listening on (http:.*)$/.exec(await program.line())!;
    const database = new Observer(databaseUrl);
    await database.sql`truncate notes`;
    return new Service(program, address!, database);
  }

  /** Asks, and reads the answer to its end. */
  async ask(path: string, init?: RequestInit): Promise<{ status: number; text: string; headers: Headers }> {
    const response = await fetch(this.url + path, init);
    return { status: response.status, text: await response.text(), headers: response.headers };
  }

  put(id: string, init: RequestInit = {}): Promise<{ status: number }> {
    return this.ask(`/notes/${id}`, { method: "PUT", body: `text of ${id}`, ...init });
  }

  /** Waits until it handles as many requests as it accepts, and returns its answer to the next one. */
  async full(): Promise<{ headers: Headers; text: string }> {
    for (;;) {
      const answer = await this.ask("/");
      if (answer.status === 503) return answer;
    }
  }

  /** Stops it with a signal, and tells how it has ended. */
  async stop(): Promise<{ code: number; signal: Deno.Signal | null; stderr: string }> {
    this.program.kill("SIGTERM");
    return await this.end();
  }

  async end() {
    this.#ended = true;
    return await this.program.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.stop();
    await this.database[Symbol.asyncDispose]();
  }
}

/** Waits until others have made it true. Each look at it takes a turn with a server. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!await condition());
}

Deno.test("service says how to start a database where none runs, and exits with 1", () => {
  assertMatch(question, /^How does an API .*\?$/);
  assertEquals(flags, [
    "--unstable-no-legacy-abort",
    "--allow-net=127.0.0.1",
    "--allow-env=DATABASE_URL,PORT",
    "--ignore-env",
  ]);
  const { code, stdout, stderr } = refusal;
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, new RegExp(`^No PostgreSQL answers at 127\\.0\\.0\\.1:${databasePort}\\. `));
  assertMatch(stderr, /initdb .*\n.*pg_ctl start .*\n[^]*set DATABASE_URL=/);
});

Deno.test("service says which of its settings is wrong, and exits with 1", async () => {
  const ends = await Promise.all(
    [start(databaseUrl, "http"), start("mysql://127.0.0.1")].map((program) => program.end()),
  );
  assertEquals(ends.map(({ code, stdout, stderr }) => [code, stdout, stderr]), [
    [1, "", 'PORT must be a port, received "http"\n'],
    [1, "", "DATABASE_URL must be postgres://user:password@host:port/name\n"],
  ]);
});

Deno.test({ name: "service stores and returns notes, and refuses bad input", ignore }, async () => {
  await using service = await Service.start();
  const long = "x".repeat(10_001);
  const statuses = [
    (await service.put("a")).status,
    (await service.put("a", { body: "second text" })).status,
    (await service.ask("/notes/a")).text,
    (await service.ask("/notes/b")).status,
    (await service.put("b", { body: long })).status,
    (await service.put("b", { body: "\0" })).status,
    (await service.put("b", { body: new Blob(["no length"]).stream() })).status,
    (await service.ask("/notes/a", { method: "DELETE" })).status,
    (await service.ask("/notes/a%20b")).status,
    JSON.parse((await service.ask("/statistics")).text).notes,
  ];
  const { port } = new URL(service.url);
  const second = await start(databaseUrl, port).end();
  assertEquals([second.code, second.stderr], [1, `Port ${port} is in use: set PORT to another one\n`]);
  assertEquals(statuses, [204, 204, "second text", 404, 413, 400, 413, 405, 404, 1]);
  const { code, stderr } = await service.stop();
  assertEquals([code, stderr], [0, ""]);
});

Deno.test({ name: "service under load that gets SIGTERM answers all that it has accepted", ignore }, async () => {
  await using service = await Service.start();
  const stored: string[] = [];
  const log: unknown[] = [];
  let answered = 0;
  const counted = async <T extends { status: number }>(request: Promise<T>): Promise<T> => {
    const answer = await request;
    if (answer.status !== 503) answered++;
    return answer;
  };
  const client = async (number: number) => {
    for (let i = 0;; i++) {
      const id = `${number}-${i}`;
      const { status } = await counted(service.put(id));
      if (status === 503) continue;
      if (status !== 204) log.push(status);
      stored.push(id);
      const { status: found, text } = await counted(service.ask(`/notes/${id}`));
      if (found !== 503 && text !== `text of ${id}`) log.push(text);
    }
  };
  // Each client ends when the service accepts nothing more.
  const clients = Array.from({ length: CONCURRENCY }, (_, number) => client(number).catch(() => {}));
  await until(async () => (await service.ask("/"), stored.length >= 2 * CONCURRENCY));
  // Then each client has a request in flight: a write that waits for the lock, or one that waits for a connection.
  const unlock = await service.database.lock("exclusive");
  await until(async () => (await service.database.waiting()).length === CONNECTIONS);
  await service.full();
  const before = answered;
  service.program.kill("SIGTERM");
  log.push(await service.program.line());
  await until(() => service.ask("/").then(() => false, () => true));
  assertEquals(answered, before);
  await unlock();
  await Promise.all(clients);
  assertEquals([log, answered - before], [["Stopping: answers what is in flight"], CONCURRENCY]);
  const { code, signal, stderr } = await service.end();
  assertEquals([code, signal, stderr], [0, null, ""]);
  const rows = await service.database.sql<{ id: string }[]>`select id from notes`;
  assertEquals(rows.map(({ id }) => id).sort(), stored.sort());
});

Deno.test(
  { name: "service counts once for all, and answers 503 with Retry-After to more requests", ignore },
  async () => {
    await using service = await Service.start();
    await service.put("a");
    const unlock = await service.database.lock("access exclusive");
    const counts = Array.from({ length: CONCURRENCY }, () => service.ask("/statistics"));
    const { headers, text } = await service.full();
    assertEquals([headers.get("retry-after"), text], ["1", "Too many requests in flight\n"]);
    await unlock();
    const answers = await Promise.all(counts);
    const seen = new Set(answers.map(({ status, text }) => `${status} ${text}`));
    assertEquals(seen.size, 1);
    assertMatch([...seen].join(), /^200 {"notes":1,"at":".*"}$/);
    // The next one counts anew.
    assertNotEquals((await service.ask("/statistics")).text, answers[0]!.text);
  },
);

Deno.test({ name: "service cancels a query whose client leaves or whose deadline passes", ignore }, async () => {
  await using service = await Service.start();
  const { database } = service;
  const idle = async () => (await database.waiting()).length === 0;
  const unlock = await database.lock("exclusive");
  const leaving = new AbortController();
  const left = service.put("a", { signal: leaving.signal }).catch(() => "left");
  await until(async () => !await idle());
  leaving.abort();
  await until(idle);
  assertEquals(await left, "left");
  assertEquals((await service.put("b", { headers: { "grpc-timeout": "50m" } })).status, 504);
  await until(idle);
  await unlock();
  const { stderr } = await service.stop();
  assertEquals([stderr, (await database.sql`select from notes`).length], ["", 0]);
});

Deno.test({ name: "service tries again when its connection is lost", ignore }, async () => {
  await using service = await Service.start();
  const { database } = service;
  const unlock = await database.lock("exclusive");
  const answer = service.put("a");
  let first: number[] = [];
  await until(async () => (first = await database.waiting()).length === 1);
  await database.sql`select pg_terminate_backend(${first[0]!})`;
  await until(async () => (await database.waiting()).some((pid) => pid !== first[0]));
  await unlock();
  assertEquals((await answer).status, 204);
  assertEquals((await service.ask("/notes/a")).text, "text of a");
});

Deno.test({ name: "service goes on when it cannot cancel a query", ignore }, async () => {
  using proxy = new Proxy();
  await using service = await Service.start(databaseUrl.replace(`${databasePort}`, `${proxy.port}`));
  const { database } = service;
  const unlock = await database.lock("exclusive");
  const leaving = new AbortController();
  const left = service.put("a", { signal: leaving.signal }).catch(() => "left");
  await until(async () => (await database.waiting()).length > 0);
  proxy.close();
  leaving.abort();
  assertMatch(await service.program.errorLine(), /^A query was not cancelled: connect ECONN/);
  assertEquals([await left, (await service.ask("/")).status], ["left", 404]);
  await unlock();
  assertEquals((await service.stop()).code, 0);
});

Deno.test({ name: "service starts its sweep again when that has failed", ignore }, async () => {
  await using service = await Service.start();
  const { sql } = service.database;
  await sql`insert into notes values ('old', '', now() - interval '2 days'), ('new', '', now())`;
  await until(async () => (await sql`select from notes`).length === 1);
  await sql`alter table notes rename to hidden`;
  assertMatch(await service.program.errorLine(), /^The sweep failed, and starts again: PostgresError: .*"notes"/);
  await sql`alter table hidden rename to notes`;
  await sql`insert into notes values ('old', '', now() - interval '2 days')`;
  await until(async () => (await sql`select from notes`).length === 1);
  assertEquals((await service.ask("/notes/new")).status, 200);
});

/** Passes connections on to the database, until it is closed. */
class Proxy implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly port = this.#listener.addr.port;
  #open = true;

  constructor() {
    this.#accept();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const database = await Deno.connect({ hostname: "127.0.0.1", port: databasePort });
      client.readable.pipeTo(database.writable).catch(() => {});
      database.readable.pipeTo(client.writable).catch(() => {});
    }
  }

  /** Accepts nothing more. Open connections go on. */
  close(): void {
    if (this.#open) this.#listener.close();
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
