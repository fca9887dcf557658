/**
 * Mirrors a web site into files and Deno KV.
 *
 * ```sh
 * deno task start                                  # a demo site, no internet
 * deno task start https://example.com/ --depth 1
 * deno task start --help
 * ```
 *
 * Each page is one task of a `TaskGroup`: after Ctrl-C or a full disk, the
 * program ends only when all tasks have cleaned up. Each request has a
 * `timeout`; the final writes of a page run in a `shield`.
 *
 * @module
 */

import { run, TaskGroupError } from "@weft/async";
import { screen } from "./_draw.ts";
import { crawl } from "./mirror/crawl.ts";
import { Journal } from "./mirror/journal.ts";
import { HELP, type Options, parseOptions, UsageError } from "./mirror/options.ts";
import { requirePermissions } from "./mirror/permissions.ts";
import { siteOf } from "./mirror/place.ts";
import { showProgress } from "./mirror/progress.ts";
import { report } from "./mirror/report.ts";
import { serveDemo } from "./mirror/site.ts";
import { MirrorError, Store } from "./mirror/store.ts";

/** How long, in ms, the running tasks may clean up after Ctrl-C. */
const GRACE = 5000;
/** The longest pause before the second try, in ms; it doubles with each further try. */
const PAUSE = 250;
const DEMO = "demo";

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options === "help") {
      console.log(HELP);
      return 0;
    }
    await requirePermissions(options);
    return await run(() => mirror(options), { name: "mirror", grace: GRACE });
  } catch (error) {
    const line = explain(error);
    if (line === undefined) throw error;
    console.error(line);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function mirror(options: Options): Promise<number> {
  await using store = await Store.open(options.out, options.kv);
  await using demo = options.urls.length === 0 ? serveDemo() : undefined;
  const urls = demo === undefined ? options.urls : [demo.url];
  // The demo site has a different port in each run, but it is the same site.
  const hosts = new Map(
    urls.map((url) => [url.host, demo === undefined ? siteOf(url) : DEMO]),
  );
  const from = urls.map((url) => url.href).join(", ");
  console.log(`Mirroring ${from} into ${options.out}\n`);
  const on = screen();
  const journal = new Journal(hosts.size);
  let stopped = true;
  try {
    await using _progress = showProgress(journal, on);
    await crawl(store, { ...options, urls, hosts, pause: PAUSE }, journal);
    stopped = false;
  } finally {
    console.log(`\n${report(journal, { ...options, stopped }, on)}`);
  }
  return journal.totals.failed.pages < journal.found ? 0 : 1;
}

/** The message for an error that the user can fix; `undefined` for any other error. */
function explain(error: unknown): string | undefined {
  // Several pages may have failed for the same reason; the first failure is enough.
  const first = error instanceof TaskGroupError ? error.errors[0] : error;
  if (first instanceof UsageError) return `${first.message} (see --help)`;
  if (first instanceof MirrorError) return first.message;
  const isSystem = Object.values(Deno.errors).some((type) => first instanceof type);
  return isSystem ? (first as Error).message : undefined;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
