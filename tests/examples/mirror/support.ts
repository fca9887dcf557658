/** What the tests of the mirror share: a web site that a test steers, and looks at what the mirror has stored. */

import { settle } from "../../support.ts";
import { crawl, type CrawlOptions } from "../../../examples/mirror/crawl.ts";
import { Journal } from "../../../examples/mirror/journal.ts";
import { type PageRecord, Store } from "../../../examples/mirror/store.ts";

/** Answers a request; `count` says how many there have been for this path. */
export type Handler = (request: Request, count: number) => Response | Promise<Response>;

/** A page: its HTML, which gets an ETag and answers to it, or whatever a handler makes. */
export type Route = string | Handler;

/** A web site on this machine. */
export interface TestSite extends AsyncDisposable {
  /** By path. To be changed at any time. */
  readonly routes: Record<string, Route>;
  /** One entry a request: path and status of the answer. */
  readonly log: string[];
  url(path?: string): URL;
}

/** Serves `routes`. Whatever is not there is 404. */
export function serveSite(routes: Record<string, Route>): TestSite {
  const log: string[] = [];
  const counts = new Map<string, number>();
  const closing = new AbortController();
  const { signal } = closing;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {}, signal }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const path = pathname + search;
    const count = (counts.get(path) ?? 0) + 1;
    counts.set(path, count);
    const response = await answer(routes[path], request, count);
    log.push(`${path} ${response.status}`);
    return response;
  });
  return {
    routes,
    log,
    url: (path = "/") => new URL(path, `http://127.0.0.1:${server.addr.port}`),
    // Not gracefully: a test that fails must not wait for answers that it holds back.
    [Symbol.asyncDispose]() {
      closing.abort();
      return server.finished;
    },
  };
}

async function answer(route: Route | undefined, request: Request, count: number): Promise<Response> {
  if (route === undefined) return new Response("Not found", { status: 404 });
  if (typeof route === "function") return await route(request, count);
  const etag = `"${route}"`.replace(/[^"\w]/g, "-");
  if (request.headers.get("if-none-match") === etag) return new Response(null, { status: 304 });
  return html(route, { etag });
}

/** An answer of type HTML. */
export function html(body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, { headers: { ...headers, "content-type": "text/html" } });
}

/** A page that links to `hrefs`. */
export function linking(...hrefs: string[]): string {
  return hrefs.map((href) => `<a href="${href}">link</a>`).join("\n");
}

/** What a crawl came to. */
export interface Mirrored {
  readonly journal: Journal;
  /** What became of each page, as `outcome path note`, in order of completion. */
  readonly visits: string[];
}

/** Mirrors `site` from its start page, with options that suit a test. */
export async function mirror(
  store: Store,
  site: TestSite,
  options: Partial<CrawlOptions> = {},
  journal: Journal = new Journal(),
): Promise<Mirrored> {
  const visits: string[] = [];
  journal.onVisit = ({ outcome, url, note }) => {
    visits.push(`${outcome} ${journal.label(url)} ${note}`.trimEnd());
  };
  await crawl(store, {
    urls: [site.url()],
    hosts: new Map([[site.url().host, "site"]]),
    concurrency: 4,
    timeout: 60_000,
    pause: 0,
    depth: 5,
    ...options,
  }, journal);
  return { journal, visits };
}

/** A folder for a test, gone at its end, with a store in it. */
export async function openStore(): Promise<{ store: Store; folder: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir();
  const store = await Store.open(folder, `${folder}/index.kv`);
  return {
    store,
    folder,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** All files in a folder, as paths relative to it, in order, without the KV file and the lock. */
export async function filesIn(folder: string, prefix = ""): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) files.push(...await filesIn(`${folder}/${name}`, `${prefix}${name}/`));
    else if (!/^(lock|index\.kv(-\w+)?)$/.test(name)) files.push(prefix + name);
  }
  return files.sort();
}

/** All records of a KV file. */
export async function recordsIn(kvFile: string): Promise<PageRecord[]> {
  const kv = await Deno.openKv(kvFile);
  try {
    return (await Array.fromAsync(kv.list<PageRecord>({ prefix: [] }))).map(({ value }) => value);
  } finally {
    kv.close();
  }
}

/** Lets the event loop go round until something is so; not for ever, so that a test fails instead of hanging. */
export async function until(so: () => boolean | Promise<boolean>): Promise<void> {
  const start = performance.now();
  while (!await so()) {
    if (performance.now() - start > 20_000) throw new Error(`It never becomes so: ${so}`);
    await settle();
  }
}

/** How many bytes a file has; none where there is none. */
export async function sizeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).size;
  } catch {
    return 0;
  }
}

/** SHA-256 in hex, by another way than the mirror's. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** What is wrong between a folder and its KV file: nothing, where they agree. */
export async function disagreements(folder: string, kvFile = `${folder}/index.kv`): Promise<string[]> {
  const wrong: string[] = [];
  const unrecorded = new Set(await filesIn(folder));
  for (const { file, hash, bytes } of await recordsIn(kvFile)) {
    if (!unrecorded.delete(file)) {
      wrong.push(`${file} is missing`);
      continue;
    }
    const body = await Deno.readFile(`${folder}/${file}`);
    if (await sha256(body) !== hash) wrong.push(`${file} has another hash`);
    if (body.length !== bytes) wrong.push(`${file} has another size`);
  }
  return [...wrong, ...[...unrecorded].map((file) => `${file} has no record`)];
}
