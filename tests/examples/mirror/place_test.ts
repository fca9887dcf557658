import { assertEquals, assertMatch } from "@std/assert";
import { fileOf, siteOf } from "../../../examples/mirror/place.ts";

function file(path: string): string {
  return fileOf("a.example", new URL(`https://a.example${path}`));
}

Deno.test("siteOf() is a folder name for every host", () => {
  const hosts = ["a.example", "a.example:8080", "[::1]:80", "bücher.example", "..", "..a"];
  assertEquals(hosts.map((host) => siteOf(new URL(`https://${host}/`))), [
    "a.example",
    "a.example+8080",
    "+++1++80",
    "xn--bcher-kva.example",
    "+",
    "+a",
  ]);
});

Deno.test("fileOf() keeps plain paths as they are", () => {
  const plain = ["guide/tea.html", "style.css", "js/jquery.min.js", "a/b/c/d/e/f/g/h/i.txt", "robots.txt"];
  for (const path of plain) assertEquals(file(`/${path}`), `a.example/${path}`);
  assertEquals(file("/"), "a.example/index.html");
  assertEquals(file("/guide/"), "a.example/guide/index.html");
});

Deno.test("fileOf() marks all other paths with a hash", () => {
  const odd: [path: string, expected: RegExp][] = [
    ["/about", /^a\.example\/about~[0-9a-f]{10}\.html$/],
    ["/list.php?page=2", /^a\.example\/list_page_2~[0-9a-f]{10}\.php$/],
    ["/README.md", /^a\.example\/README~[0-9a-f]{10}\.md$/],
    ["/index.html", /^a\.example\/index~[0-9a-f]{10}\.html$/],
    ["/.htaccess", /^a\.example\/_htaccess~[0-9a-f]{10}\.html$/],
    ["/con.html", /^a\.example\/_con~[0-9a-f]{10}\.html$/],
    ["/aux/a.html", /^a\.example\/_aux\/a~[0-9a-f]{10}\.html$/],
    ["/v1.2/a.html", /^a\.example\/v1_2\/a~[0-9a-f]{10}\.html$/],
    ["/a//b.html", /^a\.example\/a\/_\/b~[0-9a-f]{10}\.html$/],
    ["/%C3%BC.html", /^a\.example\/_C3_BC~[0-9a-f]{10}\.html$/],
    ["/a~1234567890.html", /^a\.example\/a_1234567890~[0-9a-f]{10}\.html$/],
    ["/a:b|c*.html", /^a\.example\/a_b_c_~[0-9a-f]{10}\.html$/],
  ];
  for (const [path, expected] of odd) assertMatch(file(path), expected);
});

Deno.test("fileOf() never leaves the folder", () => {
  const paths = ["/../../etc/passwd", "/%2e%2e/%2E%2e/x", "/..%2f..%2fetc%2fpasswd", "/a/..\\..\\b", "/....//x.html"];
  for (const path of paths) {
    const segments = file(path).split("/");
    assertEquals(segments[0], "a.example");
    assertEquals(segments.some((segment) => segment === "" || /^\.+$/.test(segment)), false, file(path));
    assertEquals(/[\\%:]/.test(file(path)), false, file(path));
  }
});

Deno.test("fileOf() is short, however long the path", () => {
  const long = file("/" + "folder-with-a-long-name/".repeat(100) + "x".repeat(3000) + ".html?q=" + "y".repeat(3000));
  assertEquals(long.length < 500, true);
  assertEquals(long.split("/").every((segment) => segment.length <= 80), true);
});

Deno.test("fileOf() gives no two pages one file, also where capitals do not count", () => {
  const paths = [
    ...["/", "/index.html", "/INDEX.html", "/index.htm", "/?", "/?a", "/?A", "/?a=", "//", "/index", "/index/"],
    ...["/a", "/A", "/a/", "/a.html", "/a.HTML", "/A.html", "/a?b", "/a_b", "/a-b", "/a%20b", "/a+b", "/a b.html"],
    ...[
      "/a/b",
      "/a/b/",
      "/a/b.html",
      "/a%2Fb",
      "/a%2fb",
      "/x.y/z",
      "/x.y",
      "/x/a.html",
      "/X/a.html",
      "/x_y/z.html",
      "/a.html?x",
      "/a_x.html",
    ],
  ];
  const seen = new Map<string, string>();
  for (const path of paths) {
    const name = file(path).toLowerCase();
    const other = seen.get(name);
    // An empty query is no query for `URL.search`, and for no server.
    if (other !== undefined) assertEquals([path, other], ["/?", "/"]);
    seen.set(name, path);
  }
  // No file is in the way of a folder.
  const folders = new Set(paths.flatMap((path) => {
    const segments = file(path).toLowerCase().split("/").slice(0, -1);
    return segments.map((_, i) => segments.slice(0, i + 1).join("/"));
  }));
  for (const name of seen.keys()) assertEquals(folders.has(name), false, name);
});

Deno.test("fileOf() takes http and https for one page", () => {
  const urls = ["http://a.example/x?y", "https://a.example/x?y"].map((url) => new URL(url));
  const [one, two] = urls.map((url) => fileOf("a.example", url));
  assertEquals(one, two);
});
