/**
 * Runs `deno <arguments>`, on every machine.
 *
 * `deno.json` takes `@std` from JSR. Some machines reach npm only: there this
 * adds an import map that takes the same names from npm. Nothing to set.
 *
 * ```sh
 * deno run -A tools/deno.ts test -A tests/sync
 * ```
 *
 * @module
 */

/** Subcommands that load modules; `lint` and `fmt` know no import map. */
const LOADS_MODULES = ["run", "test", "bench", "check", "doc", "cache"];

/** All of them, so that a half-filled cache does not count as reachable. */
const PROBE = [
  "jsr:@std/assert@^1",
  "jsr:@std/async@^1",
  "jsr:@std/cli@^1",
  "jsr:@std/testing@^1/time",
];

/** A network that drops packets gives no answer: then it counts as a no. */
const PROBE_LIMIT = 15_000;

const WINDOWS = Deno.build.os === "windows";

/**
 * Returns the flags that `deno` needs to find `@std` here. Deno itself is
 * asked, and no host is named: what is in its cache needs no network at all.
 */
export async function stdFlags(): Promise<string[]> {
  const probe = new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", "--no-config", "--no-lock", ...PROBE],
    stdin: "null",
    stdout: "null",
    stderr: "null",
    signal: AbortSignal.timeout(PROBE_LIMIT),
  });
  if ((await probe.output()).success) return [];
  const map = new URL("./std_from_npm.json", import.meta.url);
  return [`--import-map=${map}`, "--no-lock"];
}

/** Puts the flags where they belong: after the subcommand, if it loads modules. Each test gets a time limit. */
export function withStd(
  args: readonly string[],
  flags: readonly string[],
): string[] {
  const [subcommand = "help", ...rest] = args;
  const limit = subcommand === "test" ? [`--preload=${new URL("./time_limit.ts", import.meta.url)}`] : [];
  return LOADS_MODULES.includes(subcommand) ? [subcommand, ...flags, ...limit, ...rest] : [subcommand, ...rest];
}

/**
 * Runs `deno` in place of this process: same input and output, its exit code.
 *
 * On Ctrl-C the terminal signals every process of the foreground group, and
 * `deno task` passes the signal on as well, so that a plain child would see
 * two of them, or none when only this process is signalled. Therefore the
 * child has a group of its own, and gets each signal once, from here.
 */
export async function runDeno(args: readonly string[]): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
    // On Windows a group of its own has no console, and its Ctrl-C reaches
    // every process exactly once as it is.
    detached: !WINDOWS,
  }).spawn();
  const signals: Deno.Signal[] = WINDOWS ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];
  for (const signal of signals) {
    let last = -Infinity;
    Deno.addSignalListener(signal, () => {
      const now = performance.now();
      // The copies of one key press are milliseconds apart.
      if (!WINDOWS && now - last > 250) child.kill(signal);
      last = now;
    });
  }
  return (await child.status).code;
}

if (import.meta.main) {
  Deno.exit(await runDeno(withStd(Deno.args, await stdFlags())));
}
