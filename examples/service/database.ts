/** PostgreSQL as a service needs it: few connections, retries of short failures, and queries that can be cancelled. */

import { Semaphore, waitFor } from "@weft/async";
import { onCancel, retry, RetryBudget } from "@weft/async/patterns";
import postgres from "npm:postgres@3.4.9";

/** One SQL statement: ``(sql) => sql`select 1` ``. */
export type Statement<R> = (sql: postgres.Sql) => PromiseLike<readonly R[]> & { cancel(): void };

/** Errors that a second attempt may not meet: of the connection, and of a transaction that others stood in the way of. */
const TRANSIENT = new Set([
  // Of the driver and the network.
  ...["CONNECTION_CLOSED", "CONNECT_TIMEOUT", "ECONNREFUSED", "ECONNRESET", "EPIPE"],
  // Of PostgreSQL: it is starting or stopping, has no connection left, or gave up a transaction in favour of another one.
  ...["57P01", "57P02", "57P03", "53300", "40001", "40P01"],
  // Cancelled, but not by this caller: a cancelled caller makes no second attempt. A cancel request names a connection, not
  // a query, so one that comes late may hit the next query.
  "57014",
]);

const codeOf = (error: unknown): unknown => error instanceof Error && "code" in error ? error.code : undefined;

/** A pool of connections. */
export class Database implements AsyncDisposable {
  readonly #sql: postgres.Sql;
  // As many permits as connections, so that the driver never sends two queries over one connection at the same time.
  readonly #permits: Semaphore;
  // Shared by all queries: when most of them fail, retries would only add to the load.
  readonly #budget = new RetryBudget({ maxTokens: 50 });

  constructor(url: string, connections: number) {
    this.#sql = postgres(url, { max: connections, connect_timeout: 5, onnotice() {} });
    this.#permits = new Semaphore(connections);
    // The driver drops the promise of a cancel request. If none can be sent, its failure would end the program.
    addEventListener("unhandledrejection", (event) => {
      if (event.reason?.syscall !== "connect") return;
      event.preventDefault();
      console.error(`A query was not cancelled: ${event.reason.message}`);
    });
  }

  /**
   * Runs a statement, again and again if it meets a transient error: it must be one that may run twice. When the caller
   * is cancelled, because its client has left or its deadline has passed, the query is cancelled in the database too.
   */
  query<R>(statement: Statement<R>): Promise<readonly R[]> {
    const retryIf = (error: unknown) => TRANSIENT.has(codeOf(error) as string);
    return retry(() => this.#attempt(statement), { attempts: 5, backoff: 50, budget: this.#budget, retryIf });
  }

  /** Runs a statement once. */
  async #attempt<R>(statement: Statement<R>): Promise<readonly R[]> {
    const permit = await this.#permits.acquire();
    const query = statement(this.#sql);
    // The caller may give up at once; the connection is free when the query has ended.
    query.then(() => permit.release(), () => permit.release());
    using _cancel = onCancel(() => query.cancel());
    return await waitFor(query);
  }

  /** Creates what is missing. Throws {@linkcode NoDatabaseError} if no database answers. */
  async prepare(statement: Statement<unknown>): Promise<void> {
    try {
      await this.#attempt(statement);
    } catch (error) {
      const { host: [host], port: [port] } = this.#sql.options;
      if (TRANSIENT.has(codeOf(error) as string)) throw new NoDatabaseError(`${host}:${port}`, port!, error);
      throw error;
    }
  }

  /** Closes the connections: at once those that are idle, within a second those whose last query is being cancelled. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Without the limit, the driver would wait for ever for a connection that the database has closed.
    await this.#sql.end({ timeout: 1 });
  }
}

/** No database answers. The message tells how to start one. */
export class NoDatabaseError extends Error {
  override readonly name = "NoDatabaseError";

  constructor(address: string, port: number, cause: unknown) {
    super(
      `No PostgreSQL answers at ${address}. To start a throw-away one, as any user but root:

  PATH="$PATH:$(echo /usr/lib/postgresql/*/bin)"   # where Debian has initdb and pg_ctl
  dir=$(mktemp -d)
  initdb --no-sync --auth=trust --username=postgres "$dir/data"
  pg_ctl start -D "$dir/data" -l "$dir/log" -o "-F -p ${port} -k $dir"
  pg_ctl stop -D "$dir/data"                       # when you have finished

"apt-get install postgresql" installs it. If yours runs elsewhere, set DATABASE_URL=postgres://user:password@host:port/name.`,
      { cause },
    );
  }
}
