/**
 * Parses the command line of the mirror.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";

/** The settings of one run of the mirror. */
export interface Options {
  /** The pages to start with. If there are none, the demo site is served and mirrored. */
  readonly urls: readonly URL[];
  /** How many pages are mirrored at once. */
  readonly concurrency: number;
  /** How long, in ms, a server may be silent. */
  readonly timeout: number;
  /** How many links to follow from the given pages. */
  readonly depth: number;
  /** The folder for the bodies. */
  readonly out: string;
  /** The KV file for the records. */
  readonly kv: string;
}

/** Invalid arguments: the program prints one line and exits with status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const CONCURRENCY = 10;
const TIMEOUT = 10_000;
/** Shorter, because the demo site has a page that never answers. */
const DEMO_TIMEOUT = 600;
const DEPTH = 5;
const OUT = "./mirror";
const LONGEST_TIMEOUT = 2 ** 31 - 1;

export const HELP = `\
Mirrors a web site into files and Deno KV.

  deno task start [options] [url …]

Gets the given pages and the pages they link to on the same host, several at a
time, and follows the links on those. A URL may point to a sitemap. Without a
URL, it serves a demo site of 200 pages on this machine and mirrors that.
The next run gets only pages that are missing or have changed, and keeps pages
that the site has removed. Ctrl-C stops a run at any time, and the next run
continues from there.

Options
  --concurrency <n>  how many pages at a time (default ${CONCURRENCY})
  --timeout <ms>     how long a server may be silent before a try is given up;
                     there are three tries (default ${TIMEOUT}, demo ${DEMO_TIMEOUT})
  --depth <n>        how many links to follow from the given pages: 0 gets only
                     these; pages listed in a sitemap count as given
                     (default ${DEPTH})
  --out <folder>     folder for the bodies (default ${OUT})
  --kv <file>        file for the records, one per page: status, bytes, hash,
                     time, file (default index.kv in the folder)
  --help             print this text

Exit status
  0  done; failed pages are listed         2  invalid arguments
  1  nothing could be mirrored           130  stopped by Ctrl-C`;

/** Parses the command line. If it is invalid, throws a {@linkcode UsageError} that explains why. */
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
