import { assertEquals, assertNotEquals } from "@std/assert";
import { crawl } from "../../../examples/mirror/crawl.ts";
import { Journal } from "../../../examples/mirror/journal.ts";
import { serveDemo } from "../../../examples/mirror/site.ts";
import type { Store } from "../../../examples/mirror/store.ts";
import { disagreements, openStore } from "./support.ts";

async function mirrorDemo(store: Store): Promise<{ journal: Journal; port: string }> {
  // Without its delays: then the silent page answers at once.
  await using site = serveDemo({ pace: 0 });
  const journal = new Journal();
  await crawl(store, {
    urls: [site.url],
    hosts: new Map([[site.url.host, "demo"]]),
    concurrency: 50,
    timeout: 60_000,
    pause: 0,
    depth: 5,
  }, journal);
  return { journal, port: site.url.port };
}

Deno.test("serveDemo() has 200 pages, some of which fail, and is the same site on every port", async () => {
  await using at = await openStore();
  const first = await mirrorDemo(at.store);
  const second = await mirrorDemo(at.store);
  assertNotEquals(first.port, second.port);
  assertEquals(counts(first.journal), { seen: 200, found: 200, new: 197, unchanged: 0, failed: 3 });
  assertEquals(counts(second.journal), { seen: 200, found: 200, new: 0, unchanged: 197, failed: 3 });
  for (const { journal } of [first, second]) {
    assertEquals(journal.failures.map(({ note, tries }) => `${note}, ${tries}`).sort(), [
      "404 Not Found, 1",
      "410 Gone, 1",
      "500 Internal Server Error, 3",
    ]);
  }
  assertEquals(await disagreements(at.folder), []);
});

function counts({ seen, found, totals }: Journal): Record<string, number> {
  const { new: fresh, unchanged, failed } = totals;
  return { seen, found, new: fresh.pages, unchanged: unchanged.pages, failed: failed.pages };
}
