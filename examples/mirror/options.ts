/**
 * The command line of the mirror.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";

/** What one run of the mirror is to do. */
export interface Options {
  /** Where to begin; none: serve the demo site, and mirror that. */
  readonly urls: readonly URL[];
  /** How many pages are in work at once. */
  readonly concurrency: number;
  /** For how many ms a server may be silent. */
  readonly timeout: number;
  /** How many links away from the given pages. */
  readonly depth: number;
  /** The folder for the bodies. */
  readonly out: string;
  /** The KV file for the records. */
  readonly kv: string;
}

/** The user asked for something that makes no sense: one line, and status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const CONCURRENCY = 10;
const TIMEOUT = 10_000;
/** The demo site has a page that never answers. Nobody wants to wait for it. */
const DEMO_TIMEOUT = 600;
const DEPTH = 5;
const OUT = "./mirror";
const LONGEST_TIMEOUT = 2 ** 31 - 1;

export const HELP = `\
Mirrors a web site into files and Deno KV.

  deno task start [options] [url …]

Gets the given pages and what they link to on the same host, several at a time,
and follows the links of those. A URL may be that of a sitemap. Without a URL it
serves a demo site of 200 pages on this machine and mirrors that.
Run again, it gets only what is missing or changed; what has gone from the site
stays. Ctrl-C stops it at any time, and the next run goes on from there.

Options
  --concurrency <n>  how many pages at a time (default ${CONCURRENCY})
  --timeout <ms>     for how long a server may be silent before a try is given
                     up; there are three tries (default ${TIMEOUT}, demo ${DEMO_TIMEOUT})
  --depth <n>        how many links to go from the given pages: 0 gets only
                     these; pages listed in a sitemap count as given
                     (default ${DEPTH})
  --out <folder>     where the bodies go (default ${OUT})
  --kv <file>        where the records go, one a page: status, bytes, hash,
                     time, file (default index.kv in the folder)
  --help             this text

Exit status
  0  done; pages that failed are listed     2  wrong arguments
  1  nothing could be mirrored            130  stopped by Ctrl-C`;

/** Reads the command line. Throws a {@linkcode UsageError} that says what is wrong. */
export function parseOptions(args: readonly string[]): Options | "help" {
  const flags = parseArgs([...args], {
    boolean: ["help"],
    string: ["concurrency", "timeout", "depth", "out", "kv"],
    alias: { help: "h" },
    unknown: (arg, key) => {
      if (key !== undefined) throw new UsageError(`Unknown option ${JSON.stringify(arg)}`);
    },
  });
  if (flags.help) return "help";
  const urls = flags._.map((arg) => parseUrl(String(arg)));
  const defaultTimeout = urls.length === 0 ? DEMO_TIMEOUT : TIMEOUT;
  const out = parsePath("out", flags.out) ?? OUT;
  return {
    urls,
    concurrency: parseCount("concurrency", flags.concurrency, 1) ?? CONCURRENCY,
    timeout: parseCount("timeout", flags.timeout, 1, LONGEST_TIMEOUT) ??
      defaultTimeout,
    depth: parseCount("depth", flags.depth, 0) ?? DEPTH,
    out,
    kv: parsePath("kv", flags.kv) ?? `${out}/index.kv`,
  };
}

function parseUrl(arg: string): URL {
  const url = URL.parse(arg);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`Not an http or https URL: ${JSON.stringify(arg)}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new UsageError(`A URL must not have a user name: ${JSON.stringify(arg)}`);
  }
  url.hash = "";
  return url;
}

function parseCount(
  name: string,
  value: string | undefined,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (value === undefined) return;
  const count = Number(value);
  if (/^\d+$/.test(value) && count >= least && count <= most) return count;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new UsageError(
    `--${name} must be a whole number ${range}, received ${JSON.stringify(value)}`,
  );
}

function parsePath(
  name: string,
  value: string | undefined,
): string | undefined {
  if (value === "") throw new UsageError(`--${name} must be a path`);
  return value;
}
