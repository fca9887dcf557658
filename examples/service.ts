/**
 * How does an API over PostgreSQL stay up, and end without losing a request?
 *
 * ```sh
 * deno run --unstable-no-legacy-abort --allow-net=127.0.0.1 --allow-env=DATABASE_URL,PORT --ignore-env examples/service.ts
 * curl -X PUT --data "Buy milk" http://127.0.0.1:8000/notes/1
 * curl http://127.0.0.1:8000/notes/1
 * curl http://127.0.0.1:8000/statistics
 * ```
 *
 * You will see where it listens. Where no database runs, you will see how to start one. Ctrl-C or SIGTERM stops it: it
 * accepts nothing more, answers what it has accepted, closes its connections, and ends with status 0.
 *
 * `service/notes.ts` has the API, `service/database.ts` the pool, the retries and the cancellation of queries. The driver
 * asks for many environment variables; `--ignore-env` hides all but two from it. Without `--unstable-no-legacy-abort`,
 * Deno prints a notice about the signals of requests.
 *
 * @module
 */

import { isCancellation, run, TaskGroup, TaskGroupError } from "@weft/async";
import { interval, onCancel, retry } from "@weft/async/patterns";
import { serve } from "@weft/async/serve";
import { Database, NoDatabaseError } from "./service/database.ts";
import { answer, Notes } from "./service/notes.ts";

const HOST = "127.0.0.1";
const PORT = Deno.env.get("PORT") ?? "8000";
const DATABASE_URL = Deno.env.get("DATABASE_URL") ?? `postgres://postgres@${HOST}:5433/postgres`;

const CONNECTIONS = 10;
/** Requests in flight. More would wait for a connection longer than their clients do: they are answered with 503. */
const CONCURRENCY = 100;
/** In ms: how long a request may take, how long the end may take, and how often old notes are deleted. */
const [TIMEOUT, GRACE, SWEEP] = [5_000, 10_000, 500];

async function main(): Promise<void> {
  if (!/^\d+$/.test(PORT) || Number(PORT) > 65_535) throw new UsageError(`PORT must be a port, received "${PORT}"`);
  if (!/^postgres(ql)?:/.test(DATABASE_URL) || !URL.canParse(DATABASE_URL)) {
    throw new UsageError("DATABASE_URL must be postgres://user:password@host:port/name");
  }
  await using database = new Database(DATABASE_URL, CONNECTIONS);
  const notes = new Notes(database);
  await notes.prepare();
  using _stopping = onCancel(() => console.log("Stopping: answers what is in flight"));
  await TaskGroup.run(async (group) => {
    group.createTask(() => keepAlive("The sweep", () => sweep(notes)));
    await serve(answer(notes), {
      hostname: HOST,
      port: Number(PORT),
      concurrency: CONCURRENCY,
      timeout: TIMEOUT,
      grace: GRACE,
      onListen: ({ hostname, port }) => console.log(`Listening on http://${hostname}:${port}`),
    });
  });
}

async function sweep(notes: Notes): Promise<void> {
  for await (const _tick of interval(SWEEP)) await notes.sweep();
}

/** Supervises a background task: reports its failure, and starts it again after a while. */
function keepAlive(name: string, task: () => Promise<void>): Promise<void> {
  const retryIf = (error: unknown) => {
    console.error(`${name} failed, and starts again:`, error);
    return true;
  };
  return retry(task, { attempts: Infinity, retryIf });
}

class UsageError extends Error {}

/** What to tell about an error that whoever starts the program can mend. */
function explain(error: unknown): string | undefined {
  if (error instanceof UsageError || error instanceof NoDatabaseError) return error.message;
  const inUse = error instanceof TaskGroupError && error.find(Deno.errors.AddrInUse) !== undefined;
  return inUse ? `Port ${PORT} is in use: set PORT to another one` : undefined;
}

await run(async () => {
  try {
    await main();
  } catch (error) {
    const line = explain(error);
    if (line === undefined && !isCancellation(error)) throw error;
    if (line !== undefined) {
      console.error(line);
      Deno.exitCode = 1;
    }
  }
  // After a signal, `run` would end the program by that signal, as shells expect. For a service an orderly end is success.
  Deno.exit();
});
