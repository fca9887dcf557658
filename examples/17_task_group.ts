/**
 * How do I start tasks as I go and make sure that all of them have ended?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/17_task_group.ts
 * ```
 *
 * You will see a group follow the links of a small site, with one task per page, and end when all its tasks have ended.
 * Then one page is broken: its task fails, which aborts the others (×), and the group throws when they have ended.
 *
 * @module
 */

import { run, sleep, TaskGroup, TaskGroupError } from "@weft/async";
import { type Lane, timeline } from "./_draw.ts";

const SITE: Record<string, { ms: number; links: string[] }> = {
  "/": { ms: 100, links: ["/a", "/b", "/c"] },
  "/a": { ms: 100, links: ["/a/1"] },
  "/a/1": { ms: 100, links: [] },
  "/b": { ms: 300, links: [] },
  "/c": { ms: 500, links: [] },
};

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
  const page = SITE[new URL(url).pathname];
  await sleep(page?.ms ?? 0);
  return page ? Response.json(page.links) : new Response("unknown", { status: 404 });
});

/** Visits each page that can be reached from the first one, once, and draws when. */
async function crawl(first: string): Promise<void> {
  const visits = new Map<string, Lane["spans"][number][]>();
  const visit = async (path: string, group: TaskGroup, signal: AbortSignal): Promise<void> => {
    if (visits.has(path)) return; // another link led there first
    visits.set(path, []);
    const from = performance.now();
    let kind: "wait" | "fail" = "fail";
    try {
      const response = await fetch(`http://127.0.0.1:${server.addr.port}${path}`, { signal });
      if (!response.ok) throw new Error(`${path}: ${response.status}`);
      for (const link of await response.json()) group.createTask((signal) => visit(link, group, signal));
      kind = "wait";
    } finally {
      visits.get(path)!.push({ from, to: performance.now(), kind });
    }
  };
  try {
    await TaskGroup.run((group, signal) => visit(first, group, signal));
  } catch (error) {
    if (!(error instanceof TaskGroupError)) throw error;
    console.log(`the group throws ${error}`);
  }
  console.log(timeline(Array.from(visits, ([label, spans]) => ({ label, spans }))));
}

await run(() => crawl("/"));
SITE["/a"]!.links.push("/broken");
await run(() => crawl("/"));
await server.shutdown();
