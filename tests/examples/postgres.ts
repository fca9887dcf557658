/** A throw-away PostgreSQL for tests, and a look at what its other clients do. */

import postgres from "npm:postgres@3.4.9";

/** The user that runs it: PostgreSQL refuses to run as root. */
const USER = "postgres";

/** Where Debian puts the programs of PostgreSQL; elsewhere they are in `PATH`. */
async function isInstalled(): Promise<boolean> {
  if (Deno.build.os === "windows") return false;
  const check = `PATH="$PATH:$(echo /usr/lib/postgresql/*/bin)"; command -v initdb && command -v pg_ctl`;
  const asRoot = Deno.uid() === 0 ? `&& command -v setpriv && id ${USER}` : "";
  return (await new Deno.Command("sh", { args: ["-c", `${check} ${asRoot}`], stdout: "null", stderr: "null" }).output())
    .success;
}

/** Whether this machine can run one. */
export const installed = await isInstalled();

export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** What the script of a server prints when the server runs. pg_ctl prints words of its own. */
const READY = "ready for the tests\n";

/** A server that ends with the test, even if the test is killed: it stops when its input ends. */
export class Server {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  /** Runs the commands that start it, and at its end the one that stops it. They write to a temporary folder. */
  static async start(starting: readonly string[], stopping: string): Promise<Server> {
    const folder = await Deno.makeTempDir();
    const script = [
      "trap '' PIPE",
      `end() { ${stopping.replace(/#.*/, "")}; cd /; rm -rf "$TMPDIR"; }`,
      "trap 'end >/dev/null 2>&1' EXIT",
      ...starting,
      `echo ${READY.trimEnd()}`,
      "cat >/dev/null",
    ];
    const shell = ["sh", "-ec", script.join("\n")];
    if (Deno.uid() === 0) {
      const { success } = await new Deno.Command("chown", { args: [USER, folder] }).output();
      if (!success) throw new Error(`Cannot give ${folder} to ${USER}`);
      shell.unshift("setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups");
    }
    const [command, ...args] = shell;
    const child = new Deno.Command(command!, {
      args,
      cwd: folder,
      env: { TMPDIR: folder },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      // A signal to the group of the test must not end the shell before it has stopped the server.
      detached: true,
    }).spawn();
    let output = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      output += text;
      if (output.endsWith(READY)) break;
    }
    const server = new Server(child);
    if (output.endsWith(READY)) return server;
    output += await new Response(child.stderr).text();
    await server.stop();
    throw new Error(`PostgreSQL does not start: ${output}`);
  }

  async stop(): Promise<void> {
    await this.#child.stdin.close().catch(() => {});
    await this.#child.status;
    await this.#child.stderr.cancel().catch(() => {});
  }
}

/** A second client of the database. */
export class Observer implements AsyncDisposable {
  readonly sql: postgres.Sql;

  constructor(url: string) {
    this.sql = postgres(url, { max: 2, onnotice() {} });
  }

  /** Holds up all statements that conflict with a lock on the table, until the result is called. */
  async lock(mode: "exclusive" | "access exclusive"): Promise<() => Promise<void>> {
    const sql = await this.sql.reserve();
    await sql`begin`;
    await sql.unsafe(`lock table notes in ${mode} mode`);
    return async () => {
      await sql`commit`;
      sql.release();
    };
  }

  /** The processes of the server whose statements wait for a lock. */
  async waiting(): Promise<number[]> {
    const rows = await this.sql<{ pid: number }[]>`select pid from pg_stat_activity where wait_event_type = 'Lock'`;
    return rows.map(({ pid }) => pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sql.end({ timeout: 1 });
  }
}
