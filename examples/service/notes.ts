/** The API: notes, which are kept for a day. */

import { timeout, waitFor } from "@weft/async";
import { SingleFlight } from "@weft/async/patterns";
import type { Database } from "./database.ts";

/** The greatest length of a note, in bytes. */
const MAX_LENGTH = 10_000;
/** How long the statistics may take, in ms. They are shared, so no single request sets the deadline. */
const STATISTICS_TIMEOUT = 4_000;

interface Statistics {
  notes: number;
  at: Date;
}

/** Notes in a database. */
export class Notes {
  readonly #database: Database;
  readonly #statistics = new SingleFlight<"all", Statistics>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Creates the table if there is none. */
  async prepare(): Promise<void> {
    await this.#database.prepare((sql) =>
      sql`create table if not exists notes (
        id text primary key,
        text text not null,
        written_at timestamptz not null default now()
      )`
    );
  }

  /** Stores a note in place of the one with the same id. Storing it twice is as good as once, so it may be retried. */
  async put(id: string, text: string): Promise<void> {
    await this.#database.query((sql) =>
      sql`insert into notes (id, text) values (${id}, ${text})
        on conflict (id) do update set text = excluded.text, written_at = now()`
    );
  }

  async get(id: string): Promise<string | undefined> {
    const [note] = await this.#database.query((sql) =>
      sql<{ text: string }[]>`select text from notes where id = ${id}`
    );
    return note?.text;
  }

  /** Counts the notes. That reads the whole table, so all requests of the same moment share one count. */
  statistics(): Promise<Statistics> {
    return this.#statistics.run("all", () =>
      timeout(STATISTICS_TIMEOUT, async () => {
        const [row] = await this.#database.query((sql) =>
          sql<Statistics[]>`select count(*)::int as notes, clock_timestamp() as at from notes`
        );
        return row!;
      }));
  }

  /** Deletes the notes of yesterday. */
  async sweep(): Promise<void> {
    await this.#database.query((sql) => sql`delete from notes where written_at < now() - interval '1 day'`);
  }
}

/** Answers the requests of the API. */
export function answer(notes: Notes): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname } = new URL(request.url);
    const [, id] = /^\/notes\/([\w-]{1,64})$/.exec(pathname) ?? [];
    if (pathname === "/statistics" && request.method === "GET") return Response.json(await notes.statistics());
    if (id === undefined) return text(404, "There are /notes/<id> and /statistics");
    if (request.method === "GET") {
      const note = await notes.get(id);
      return note === undefined ? text(404, `There is no note ${id}`) : new Response(note);
    }
    if (request.method === "PUT") return await put(notes, id, request);
    return text(405, "A note takes GET and PUT");
  };
}

async function put(notes: Notes, id: string, request: Request): Promise<Response> {
  const length = Number(request.headers.get("content-length") ?? NaN);
  if (!(length <= MAX_LENGTH)) return text(413, `A note has at most ${MAX_LENGTH} bytes, and a content-length`);
  // A promise of the platform knows no deadline: a client that sends nothing would hold this request for ever.
  const note = await waitFor(request.text());
  if (note.includes("\0")) return text(400, "A note cannot contain the character U+0000");
  await notes.put(id, note);
  return new Response(null, { status: 204 });
}

function text(status: number, message: string): Response {
  return new Response(`${message}\n`, { status });
}
