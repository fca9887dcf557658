/**
 * A web site to mirror without the internet: 200 pages with the delays and the
 * failures of a real site. It is the same in every run.
 *
 * @module
 */

import { sleep } from "@weft/async";

/** The site, served until this object is disposed. */
export interface DemoSite extends AsyncDisposable {
  readonly url: URL;
}

/** Options of {@linkcode serveDemo}. */
export interface DemoOptions {
  /** The factor for all delays. */
  pace?: number;
}

/** The start page, the topics, and their articles. */
const PAGES = 200;
const TOPICS = (
  "rivers lakes islands deserts forests glaciers volcanoes " +
  "caves reefs meadows cliffs bays fjords tundra"
).split(" ");
const ARTICLES = PAGES - TOPICS.length - 1;
const WORDS = (
  "water stone wind slow deep old north river shore light winter path of the " +
  "a and over under between from where rises turns falls carries long wide"
).split(" ");
const WRITTEN = "Sun, 01 Jun 2025 08:00:00 GMT";

/** The trouble with an article: some of it is temporary, some permanent. */
type Trouble = "slow" | "busy" | "missing" | "gone" | "broken" | "silent";

const FOR_GOOD: Record<number, Trouble> = {
  0: "silent",
  31: "missing",
  77: "gone",
  120: "broken",
};

interface DemoPage {
  readonly path: string;
  readonly body: string;
  readonly etag: string;
  readonly delay: number;
  readonly trouble: Trouble | undefined;
}

/** Serves the site on this machine, on a free port. */
export function serveDemo({ pace = 1 }: DemoOptions = {}): DemoSite {
  const pages = makePages();
  const asked = new Set<string>();
  const closing = new AbortController();
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
    // The site is closing: nothing reads the answer.
    onError: () => new Response(null, { status: 500 }),
  }, async (request) => {
    const { pathname } = new URL(request.url);
    const page = pages.get(pathname);
    if (page === undefined) return new Response("Not found", { status: 404 });
    const again = asked.has(pathname);
    asked.add(pathname);
    const fresh = request.headers.get("if-none-match") === page.etag;
    // An unchanged page is faster: the server does not have to read and render it.
    const delay = page.delay * pace * (fresh ? 0.25 : 1);
    await sleep(delay, { signal: closing.signal });
    return respond(page, fresh, again);
  });
  return {
    url: new URL(`http://127.0.0.1:${server.addr.port}/`),
    [Symbol.asyncDispose]() {
      closing.abort();
      return server.shutdown();
    },
  };
}

function respond(page: DemoPage, fresh: boolean, again: boolean): Response {
  const status = statusOf(page, again);
  if (status !== 200) return new Response("Sorry", { status });
  const headers = { etag: page.etag, "last-modified": WRITTEN };
  if (fresh) return new Response(null, { status: 304, headers });
  return new Response(page.body, {
    headers: { ...headers, "content-type": "text/html; charset=utf-8" },
  });
}

function statusOf({ trouble }: DemoPage, again: boolean): number {
  if (trouble === "missing") return 404;
  if (trouble === "gone") return 410;
  if (trouble === "broken") return 500;
  return trouble === "busy" && !again ? 503 : 200;
}

function makePages(): Map<string, DemoPage> {
  const random = seeded(42);
  const pages = new Map<string, DemoPage>();
  const add = (path: string, links: readonly string[], trouble?: Trouble) => {
    const body = html(path, links, random);
    const etag = `"${path.length}-${body.length}"`;
    const delay = delayOf(trouble, random);
    pages.set(path, { path, body, etag, delay, trouble });
  };
  const topics = TOPICS.map((topic) => `/${topic}/`);
  const articles = Array.from({ length: ARTICLES }, (_, i) => pathOf(i));
  // The silent article comes first, so that its three tries do not run last.
  add("/", [articles[0]!, ...topics]);
  topics.forEach((topic) => {
    add(topic, ["/", ...articles.filter((path) => path.startsWith(topic))]);
  });
  articles.forEach((path, i) => {
    const next = articles[(i + 1) % ARTICLES]!;
    add(path, ["./", next, "https://example.com/elsewhere"], troubleOf(i));
  });
  return pages;
}

function pathOf(article: number): string {
  const topic = TOPICS[article % TOPICS.length]!;
  const number = 1 + Math.floor(article / TOPICS.length);
  return `/${topic}/page-${String(number).padStart(2, "0")}.html`;
}

function troubleOf(article: number): Trouble | undefined {
  const trouble = FOR_GOOD[article];
  if (trouble !== undefined) return trouble;
  if (article % 23 === 9) return "busy";
  return article % 19 === 4 ? "slow" : undefined;
}

/** The delay of an answer in ms: most are short, some are long. */
function delayOf(trouble: Trouble | undefined, random: () => number): number {
  if (trouble === "silent") return 60_000;
  if (trouble === "slow") return 250 + 100 * random();
  return 40 + 120 * random() ** 2;
}

function html(
  path: string,
  links: readonly string[],
  random: () => number,
): string {
  const word = () => WORDS[Math.floor(random() * WORDS.length)]!;
  const text = (words: number) => Array.from({ length: words }, word).join(" ");
  const paragraphs = Array.from(
    { length: 2 + Math.floor(random() * 12) },
    () => `<p>${text(40 + Math.floor(random() * 80))}.</p>`,
  );
  const items = links.map((link) => `<li><a href="${link}">${text(3)}</a></li>`);
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>${path}</title></head>
<body>
<h1>${text(4)}</h1>
${paragraphs.join("\n")}
<ul>
${items.join("\n")}
</ul>
</body>
</html>
`;
}

/** A source of random numbers in [0, 1) that returns the same sequence in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
