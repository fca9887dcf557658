import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Future, scope, TaskGroupError } from "@weft/async";
import { Journal } from "../../../examples/mirror/journal.ts";
import { settle, withSeeds } from "../../support.ts";
import {
  disagreements,
  filesIn,
  html,
  linking,
  mirror,
  openStore,
  serveSite,
  sha256,
  sizeOf,
  until,
} from "./support.ts";

Deno.test("crawl() gets the links of a page, and theirs, each once and on the host only", async () => {
  await using site = serveSite({
    "/": linking("/a.html", "a.html#part", "/b.html", "https://other.example/", "mailto:me@other.example"),
    "/a.html": linking("/", "c.html"),
    "/b.html": linking("a.html", "c.html?x=1", "c.html"),
    "/c.html": "",
    "/c.html?x=1": "",
  });
  await using at = await openStore();
  await mirror(at.store, site);
  assertEquals(site.log.sort(), ["/ 200", "/a.html 200", "/b.html 200", "/c.html 200", "/c.html?x=1 200"]);
  assertEquals(await disagreements(at.folder), []);
});

Deno.test("crawl() keeps one record a page, and bodies as they are", async () => {
  const bytes = new Uint8Array([0, 255, 13, 10, 128]);
  await using site = serveSite({
    "/": linking("/pixel.png"),
    "/pixel.png": () =>
      new Response(bytes, { headers: { "content-type": "image/png", etag: '"p1"', "last-modified": "yesterday" } }),
  });
  await using at = await openStore();
  await mirror(at.store, site);
  assertEquals(await Deno.readFile(`${at.folder}/site/pixel.png`), bytes);
  const { fetchedAt, ...record } = (await at.store.kept("site/pixel.png"))!;
  assertInstanceOf(fetchedAt, Date);
  assertEquals(record, {
    url: site.url("/pixel.png").href,
    status: 200,
    type: "image/png",
    bytes: 5,
    hash: await sha256(bytes),
    file: "site/pixel.png",
    etag: '"p1"',
    lastModified: "yesterday",
  });
});

Deno.test("crawl() goes as many links far as it is told, and counts what is left out", async () => {
  await using site = serveSite({
    "/": linking("/1.html"),
    "/1.html": linking("/2.html"),
    "/2.html": linking("/3.html", "/4.html"),
    "/3.html": "",
    "/4.html": "",
  });
  const counts: number[][] = [];
  for (const depth of [0, 1, 2, 3]) {
    await using at = await openStore();
    const { journal: { done, found, seen } } = await mirror(at.store, site, { depth });
    counts.push([depth, done, found, seen]);
  }
  assertEquals(counts, [[0, 1, 1, 2], [1, 2, 2, 3], [2, 3, 3, 5], [3, 5, 5, 5]]);
});

Deno.test("crawl() counts the shortest way, also when a longer one is found first", async () => {
  const threeIsThere = new Future<void>();
  await using site = serveSite({
    "/": linking("/1.html", "/slow.html"),
    "/1.html": linking("/2.html"),
    "/2.html": linking("/3.html"),
    "/3.html": linking("/4.html"),
    "/4.html": linking("/5.html"),
    "/5.html": "",
    // One link from `/` to it, so two to `/3.html`, and three to `/4.html`.
    "/slow.html": async () => {
      await threeIsThere.promise;
      return html(linking("/3.html"));
    },
  });
  await using at = await openStore();
  const journal = mirror(at.store, site, { depth: 3 });
  await until(async () => await at.store.kept("site/3.html") !== undefined);
  threeIsThere.setResult();
  const { visits } = await journal;
  assertEquals(visits.slice(-2), ["new /slow.html", "new /4.html"]);
  assertEquals(visits.length, 6);
});

Deno.test("crawl() has as many pages in work as it is told, and no more", async () => {
  const names = Array.from({ length: 9 }, (_, i) => `/${i}.html`);
  const open = new Future<void>();
  let inWork = 0;
  let most = 0;
  const page = async () => {
    most = Math.max(most, ++inWork);
    await open.promise;
    inWork--;
    return html("");
  };
  await using site = serveSite({ "/": linking(...names), ...Object.fromEntries(names.map((name) => [name, page])) });
  await using at = await openStore();
  const mirrored = mirror(at.store, site, { concurrency: 3 });
  await until(() => inWork === 3);
  await settle(20);
  open.setResult();
  await mirrored;
  assertEquals([most, site.log.length], [3, 10]);
});

Deno.test("crawl() follows redirects on the host, and gets their target once", async () => {
  const to = (location: string) => () => new Response(null, { status: 302, headers: { location } });
  await using site = serveSite({
    "/": linking("/old.html", "/new.html", "/round.html", "/self.html", "/away.html", "/nowhere.html"),
    "/old.html": to("/new.html#part"),
    "/new.html": "",
    "/round.html": to("/and-round.html"),
    "/and-round.html": to("/round.html"),
    "/self.html": to("/self.html"),
    "/away.html": to("https://other.example/"),
    "/nowhere.html": to("mailto:me@other.example"),
  });
  await using at = await openStore();
  const { visits } = await mirror(at.store, site, { depth: 1 });
  assertEquals(visits.sort(), [
    "failed /away.html redirects to https://other.example/",
    "failed /nowhere.html 302 Found",
    "failed /self.html redirects to itself",
    "new /",
    "new /new.html",
    `redirect /and-round.html ${site.url("/round.html")}`,
    `redirect /old.html ${site.url("/new.html")}`,
    `redirect /round.html ${site.url("/and-round.html")}`,
  ]);
  assertEquals(site.log.filter((line) => line === "/new.html 200").length, 1);
});

Deno.test("crawl() goes along when a page sends a client back to itself once", async () => {
  await using site = serveSite({
    "/": (_, count) => count < 3 ? new Response(null, { status: 307, headers: { location: "/" } }) : html("in"),
  });
  await using at = await openStore();
  const { visits } = await mirror(at.store, site);
  assertEquals([visits, site.log], [["new /"], ["/ 307", "/ 307", "/ 200"]]);
});

Deno.test("crawl() takes what a sitemap lists for given, also through an index", async () => {
  const xml = (text: string) => () => new Response(text, { headers: { "content-type": "application/xml" } });
  await using site = serveSite({
    "/sitemap.xml": xml("<sitemapindex><sitemap><loc>/part.xml</loc></sitemap></sitemapindex>"),
    "/part.xml": xml("<urlset><url><loc>/a.html</loc></url><url><loc>https://other.example/</loc></url></urlset>"),
    "/a.html": linking("/b.html"),
    "/b.html": "",
  });
  await using at = await openStore();
  const { visits } = await mirror(at.store, site, { urls: [site.url("/sitemap.xml")], depth: 0 });
  assertEquals(visits, ["new /sitemap.xml", "new /part.xml", "new /a.html"]);
});

Deno.test("crawl() mirrors several hosts, each into its folder", async () => {
  await using one = serveSite({ "/": linking("/a.html"), "/a.html": "one" });
  await using two = serveSite({ "/": linking("/a.html", one.url("/b.html").href), "/a.html": "two" });
  one.routes["/b.html"] = "from two";
  await using at = await openStore();
  await mirror(at.store, one, {
    urls: [one.url(), two.url()],
    hosts: new Map([[one.url().host, "one"], [two.url().host, "two"]]),
  });
  assertEquals(await filesIn(at.folder), [
    "one/a.html",
    "one/b.html",
    "one/index.html",
    "two/a.html",
    "two/index.html",
  ]);
});

Deno.test("crawl() again gets only what is missing or changed", async () => {
  await using site = serveSite({
    "/": linking("/same.html", "/changed.html", "/missing.html", "/damaged.html"),
    "/same.html": linking("/deep.html"),
    "/deep.html": "",
    "/changed.html": "before",
    "/missing.html": "",
    "/damaged.html": "whole",
  });
  await using at = await openStore();
  await mirror(at.store, site);
  site.log.length = 0;
  site.routes["/changed.html"] = "after";
  await Deno.remove(`${at.folder}/site/missing.html`);
  await Deno.writeTextFile(`${at.folder}/site/damaged.html`, "broken");
  const { visits } = await mirror(at.store, site);
  assertEquals(visits.sort(), [
    "changed /changed.html",
    "new /damaged.html",
    "new /missing.html",
    "unchanged /",
    "unchanged /deep.html",
    "unchanged /same.html",
  ]);
  assertEquals(site.log.sort(), [
    "/ 304",
    "/changed.html 200",
    "/damaged.html 200",
    "/deep.html 304",
    "/missing.html 200",
    "/same.html 304",
  ]);
  assertEquals(await Deno.readTextFile(`${at.folder}/site/changed.html`), "after");
  assertEquals(await disagreements(at.folder), []);
});

Deno.test("crawl() asks by date where there is no ETag, and compares where there is neither", async () => {
  const asked: (string | null)[] = [];
  await using site = serveSite({
    "/": () => html(linking("/dated.html")),
    "/dated.html": ({ headers }) => {
      const since = headers.get("if-modified-since");
      asked.push(since);
      return since === null ? html("", { "last-modified": "Monday" }) : new Response(null, { status: 304 });
    },
  });
  await using at = await openStore();
  await mirror(at.store, site);
  const { visits } = await mirror(at.store, site);
  assertEquals(asked, [null, "Monday"]);
  assertEquals(visits, ["unchanged /", "unchanged /dated.html"]);
  assertEquals(site.log, ["/ 200", "/dated.html 200", "/ 200", "/dated.html 304"]);
});

Deno.test("crawl() keeps no header that is too long for a record", async () => {
  const etag = `"${"x".repeat(2000)}"`;
  await using site = serveSite({ "/": () => html("", { etag }) });
  await using at = await openStore();
  await mirror(at.store, site);
  assertEquals((await at.store.kept("site/index.html"))?.etag, undefined);
});

Deno.test("crawl() tries again what may pass, and nothing else", async () => {
  const status = (status: number) => () => new Response(null, { status });
  await using site = serveSite({
    "/": linking("/busy.html", "/cut.html", "/missing.html", "/gone.html", "/secret.html", "/broken.html"),
    "/busy.html": (_, count) => count < 3 ? new Response(null, { status: 503 }) : html("at last"),
    "/cut.html": (_, count) => count < 2 ? cut("half of") : html("whole"),
    "/gone.html": status(410),
    "/secret.html": status(403),
    "/broken.html": status(500),
  });
  await using at = await openStore();
  const { journal, visits } = await mirror(at.store, site);
  assertEquals(visits.sort(), [
    "failed /broken.html 500 Internal Server Error",
    "failed /gone.html 410 Gone",
    "failed /missing.html 404 Not Found",
    "failed /secret.html 403 Forbidden",
    "new /",
    "new /busy.html",
    "new /cut.html",
  ]);
  const tries = Object.fromEntries(journal.failures.map(({ url, tries }) => [url.pathname, tries]));
  assertEquals(tries, { "/broken.html": 3, "/gone.html": 1, "/missing.html": 1, "/secret.html": 1 });
  assertEquals(await Deno.readTextFile(`${at.folder}/site/cut.html`), "whole");
});

Deno.test("crawl() keeps what it has of a page that fails now", async () => {
  await using site = serveSite({ "/": "good" });
  await using at = await openStore();
  await mirror(at.store, site);
  delete site.routes["/"];
  const { visits } = await mirror(at.store, site);
  assertEquals(visits, ["failed / 404 Not Found"]);
  assertEquals(await Deno.readTextFile(`${at.folder}/site/index.html`), "good");
  assertEquals(await disagreements(at.folder), []);
});

Deno.test("crawl() names what is wrong with the network", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = new URL(`http://127.0.0.1:${listener.addr.port}/`);
  listener.close();
  await using site = serveSite({});
  await using at = await openStore();
  const { journal } = await mirror(at.store, site, { urls: [url], hosts: new Map([[url.host, "site"]]) });
  const [{ note, tries } = { note: "", tries: 0 }] = journal.failures;
  assertEquals([/refused/i.test(note), note.includes("http"), tries], [true, false, 3]);
});

Deno.test("crawl() gives a silent server up", async () => {
  using time = new FakeTime();
  let arrived = new Future<void>();
  const end = new AbortController();
  await using site = serveSite({
    "/": async () => {
      arrived.setResult();
      await new Promise((resolve) => end.signal.addEventListener("abort", resolve));
      return html("");
    },
  });
  await using at = await openStore();
  const mirrored = mirror(at.store, site, { timeout: 1000 });
  for (let tries = 0; tries < 3; tries++) {
    // The pause of zero between two tries is a timer too.
    await until(() => {
      time.tick(1);
      return arrived.done;
    });
    arrived = new Future<void>();
    time.tick(1000);
  }
  const { journal, visits } = await mirrored;
  end.abort();
  assertEquals(visits, ["failed / silent for 1000 ms"]);
  assertEquals(journal.failures[0]?.tries, 3);
});

Deno.test("crawl() lets a body take its time, as long as something comes", async () => {
  using time = new FakeTime();
  let body!: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>({ start: (controller) => void (body = controller) });
  const arrived = new Future<void>();
  await using site = serveSite({
    "/": () => {
      arrived.setResult();
      return new Response(stream);
    },
  });
  await using at = await openStore();
  const mirrored = mirror(at.store, site, { timeout: 1000 });
  await arrived.promise;
  for (let sent = 1; sent <= 4; sent++) {
    body.enqueue(new Uint8Array([sent]));
    await until(async () => await sizeOf(`${at.folder}/.partial/0`) === sent);
    time.tick(900);
  }
  body.close();
  const { visits } = await mirrored;
  assertEquals(visits, ["new /"]);
  assertEquals(await Deno.readFile(`${at.folder}/site/index.html`), new Uint8Array([1, 2, 3, 4]));
});

Deno.test("crawl() cancelled in a pause between two tries ends without it", async () => {
  using time = new FakeTime();
  await using site = serveSite({ "/": () => new Response(null, { status: 503 }) });
  await using at = await openStore();
  const journal = new Journal();
  await scope(async (_, self) => {
    const mirrored = mirror(at.store, site, { pause: 60_000 }, journal);
    await until(() => journal.first[0]?.to !== undefined);
    await settle();
    self.cancel();
    let ended = false;
    mirrored.catch(() => {}).finally(() => ended = true);
    try {
      await until(() => ended);
    } finally {
      // So that a failure is no hang.
      time.tick(60_000);
    }
  });
  assertEquals(site.log, ["/ 503"]);
});

Deno.test("crawl() cancelled keeps what is complete, undoes the rest, and goes on from there", async () => {
  const held = new Future<void>();
  await using site = serveSite({
    "/": linking("/quick.html", "/held.html", "/half.html"),
    "/quick.html": linking("/later.html"),
    "/later.html": () => held.promise.then(() => html("")),
    "/held.html": () => held.promise.then(() => html("")),
    "/half.html": (_, count) =>
      count > 1 ? html("whole") : new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(new TextEncoder().encode("half"));
            await held.promise;
            controller.close();
          },
        }),
      ),
  });
  await using at = await openStore();
  await scope(async (_, self) => {
    const mirrored = mirror(at.store, site);
    await until(async () => await at.store.kept("site/quick.html") !== undefined);
    await until(async () => (await filesIn(at.folder)).some((file) => file.startsWith(".partial")));
    self.cancel();
    await mirrored;
  });
  assertEquals(await filesIn(at.folder), ["site/index.html", "site/quick.html"]);
  assertEquals(await disagreements(at.folder), []);
  held.setResult();
  const { visits } = await mirror(at.store, site);
  assertEquals(visits.sort(), [
    "new /half.html",
    "new /held.html",
    "new /later.html",
    "unchanged /",
    "unchanged /quick.html",
  ]);
});

Deno.test("crawl() cancelled at any moment leaves files and KV in agreement", async () => {
  const names = Array.from({ length: 12 }, (_, i) => `/${i}.html`);
  const pages = names.map((name) => [name, `${linking(...names)} of ${name}`]);
  await using site = serveSite({ "/": linking(...names), ...Object.fromEntries(pages) });
  await withSeeds(12, async (random) => {
    await using at = await openStore();
    await scope(async (_, self) => {
      const mirrored = mirror(at.store, site);
      for (let turns = random() * 60; turns > 0; turns--) await settle(1);
      self.cancel();
      await mirrored;
    });
    assertEquals(await disagreements(at.folder), []);
    const { journal } = await mirror(at.store, site);
    assertEquals([journal.done, journal.failures.length], [13, 0]);
    assertEquals(await disagreements(at.folder), []);
  });
});

Deno.test("crawl() ends with what concerns all pages, and leaves nothing half done", async () => {
  await using site = serveSite({ "/": linking("/a.html", "/b.html"), "/a.html": "", "/b.html": "" });
  await using at = await openStore();
  // Where the folder of the site should be there is a file.
  await Deno.writeTextFile(`${at.folder}/site`, "");
  const error = await assertRejects(() => mirror(at.store, site), TaskGroupError);
  assertInstanceOf(error.errors[0], Error);
  assertEquals(await filesIn(at.folder), ["site"]);
});

/** An answer whose connection breaks before its end. */
function cut(body: string): Response {
  const chunks = [new TextEncoder().encode(body)];
  return new Response(
    new ReadableStream({
      pull(controller) {
        const chunk = chunks.pop();
        if (chunk === undefined) controller.error("cut");
        else controller.enqueue(chunk);
      },
    }),
  );
}
