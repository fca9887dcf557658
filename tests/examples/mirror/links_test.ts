import { assertEquals } from "@std/assert";
import { linksOf } from "../../../examples/mirror/links.ts";

const PAGE = new URL("https://a.example/guide/tea.html");

function hrefs(html: string): string[] {
  return linksOf(html, "text/html; charset=utf-8", PAGE).urls.map(({ href }) => href);
}

Deno.test("linksOf() reads every form of href", () => {
  const html = `
    <a href="one.html">1</a> <A HREF='/two.html'>2</A> <a class=x href=three.html>3</a>
    <a title="a > b" href = "../four.html"
      id="x">4</a><link rel=stylesheet href=/style.css><area href="five.html" alt="">
    <a href="one.html#again">1</a> <a href="?page=2">6</a> <a href=" seven.html
    ">7</a>`;
  assertEquals(hrefs(html), [
    "https://a.example/guide/one.html",
    "https://a.example/two.html",
    "https://a.example/guide/three.html",
    "https://a.example/four.html",
    "https://a.example/style.css",
    "https://a.example/guide/five.html",
    "https://a.example/guide/tea.html?page=2",
    "https://a.example/guide/seven.html",
  ]);
});

Deno.test("linksOf() decodes entities", () => {
  const html = `<a href="?a=1&amp;b=2"></a><a href="x&#46;html"></a><a href="y&#x2e;html"></a><a href="?&unknown;">`;
  assertEquals(hrefs(html), [
    "https://a.example/guide/tea.html?a=1&b=2",
    "https://a.example/guide/x.html",
    "https://a.example/guide/y.html",
    "https://a.example/guide/tea.html?&unknown;",
  ]);
});

Deno.test("linksOf() takes http and https only, and drops fragments and user names", () => {
  const html = `<a href="mailto:a@a.example"></a><a href="javascript:void 0"></a><a href="ftp://a.example/"></a>
    <a href="data:,x"></a><a href="http://["></a><a href></a><a data-href="no.html"></a>
    <a href="http://me:secret@b.example/#part"></a>`;
  assertEquals(hrefs(html), ["http://b.example/"]);
});

Deno.test("linksOf() resolves against the first base", () => {
  const html = `<base href="/docs/"><base href="/other/"><a href="x.html"></a>`;
  assertEquals(hrefs(html), ["https://a.example/docs/x.html"]);
});

Deno.test("linksOf() reads no text, comment, script or style", () => {
  const html = `&lt;a href="text.html"> <!-- <a href="comment.html"> --> <script>"<a href='script.html'>"</script>
    <style>/* <a href="style.html"> */</style> <textarea><a href="area.html"></textarea> <a href="real.html">
    <!-- <a href="never-closed.html">`;
  assertEquals(hrefs(html), ["https://a.example/guide/real.html"]);
});

Deno.test("linksOf() reads none of a body that is no HTML", () => {
  assertEquals(linksOf(`<a href="x.html">`, "text/plain", PAGE), { urls: [], sitemap: false });
  assertEquals(linksOf(`<a href="x.html"/>`, "application/xml", PAGE), { urls: [], sitemap: false });
  assertEquals(linksOf(`<a href="x.html"/>`, "application/xhtml+xml", PAGE).urls.length, 1);
});

Deno.test("linksOf() reads a sitemap and an index of sitemaps", () => {
  const sitemap = `<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
      xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
    <url><loc> https://a.example/one?a=1&amp;b=2 </loc><image:image><image:loc>/no.png</image:loc></image:image></url>
    <url><loc><![CDATA[https://a.example/two]]></loc></url></urlset>`;
  const links = linksOf(sitemap, "application/xml", PAGE);
  assertEquals(links.sitemap, true);
  assertEquals(links.urls.map(({ href }) => href), ["https://a.example/one?a=1&b=2", "https://a.example/two"]);

  const index = `<sitemapindex><sitemap><loc>/sitemap-1.xml</loc></sitemap></sitemapindex>`;
  const url = new URL("https://a.example/sitemap.xml");
  const [first] = linksOf(index, "text/plain", url).urls;
  assertEquals(first?.href, "https://a.example/sitemap-1.xml");
});

Deno.test("linksOf() gets through what is made to be slow", () => {
  // A quadratic expression would need minutes for these.
  const size = 300_000;
  for (const part of ["<a ", `<a href="`, "<a href='", "<!--", "<script>", "<a href=x", `<a "<`, "&#", "<loc>"]) {
    const body = part.repeat(size / part.length);
    linksOf(body, "text/html", PAGE);
    linksOf("<urlset>" + body, "text/xml", PAGE);
  }
});
