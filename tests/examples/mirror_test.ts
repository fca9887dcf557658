// The whole program, as a person runs it.

import { assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { Future, gather } from "@weft/async";
import { disagreements, filesIn, html, linking, recordsIn, serveSite } from "./mirror/support.ts";

const ROOT = new URL("../../", import.meta.url);

/** Where JSR cannot be reached, this process runs with an import map, and so must the program. */
const STD_FLAGS = import.meta.resolve("@std/assert").startsWith("file:")
  ? ["--import-map=tools/std_from_npm.json", "--no-lock"]
  : [];

interface Ended {
  readonly code: number;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(permissions: readonly string[], args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...STD_FLAGS, ...permissions, "examples/mirror.ts", ...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function ended(child: Deno.ChildProcess): Promise<Ended> {
  const { code, signal, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, signal, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function run(folder: string, ...args: string[]): Promise<Ended> {
  return await ended(start(allow("127.0.0.1", folder), ["--out", folder, ...args]));
}

function allow(host: string, folder: string): string[] {
  return [`--allow-net=${host}`, `--allow-read=${folder}`, `--allow-write=${folder}`];
}

/** A folder that is gone at the end. */
async function tempFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("mirror prints plain lines, the totals and where everything is when piped", async () => {
  await using site = serveSite({
    "/": linking("/a.html", "/missing.html", "/old.html", "https://other.example/"),
    "/a.html": "0123456789",
    "/old.html": () => new Response(null, { status: 301, headers: { location: "/a.html" } }),
  });
  await using folder = await tempFolder();
  const { code, stdout, stderr } = await run(folder.path, site.url().href, "--concurrency=1");
  assertEquals([code, stderr], [0, ""]);
  // deno-lint-ignore no-control-regex
  assertNotMatch(stdout, /[\x00-\x09\x0b-\x1f]/);
  const [lines, totals, failures, waterfall, speed, outlook] = stdout.split("\n\n").slice(1);
  assertEquals(lines?.split("\n"), [
    "new          130 B  /",
    "new           10 B  /a.html",
    "failed              /missing.html  404 Not Found",
    `redirect            /old.html  ${site.url("/a.html")}`,
  ]);
  assertEquals(totals?.split("\n"), [
    "           pages  bytes",
    "new            2  140 B",
    "redirects      1    0 B",
    "failed         1    0 B",
    "all            4  140 B",
  ]);
  assertEquals(failures, "failed         tries  reason\n/missing.html      1  404 Not Found");
  assertMatch(waterfall ?? "", /^The first 4 requests .*\n\/ +█+ +\d+ ms\n(.*\n){2}\/old\.html +█+ +\d+ ms\n +0 /);
  assertMatch(speed ?? "", /^one after the other █+ +\d+.*\n1 at a time +█+ +\d+.*\n\d+\.\d times as fast: /);
  assertEquals(outlook?.trimEnd().split("\n"), [
    `Bodies are in ${folder.path}, records in ${folder.path}/index.kv.`,
    "Run again, it gets only what is missing or changed.",
  ]);
  assertEquals(await disagreements(folder.path), []);
});

Deno.test("mirror runs again under the same permissions, and gets what has changed", async () => {
  await using site = serveSite({ "/": linking("/a.html", "/b.html"), "/a.html": "before", "/b.html": "" });
  await using folder = await tempFolder();
  const kv = `${folder.path}/elsewhere.db`;
  const args = [site.url().href, "--out", `${folder.path}/out`, "--kv", kv];
  const files = `${folder.path}/out,${kv}`;
  const flags = [`--allow-net=${site.url().host}`, `--allow-read=${files}`, `--allow-write=${files}`];
  const first = await ended(start(flags, args));
  site.routes["/a.html"] = "after";
  site.log.length = 0;
  const second = await ended(start(flags, args));
  assertEquals([first.code, second.code, first.stderr + second.stderr], [0, 0, ""]);
  assertEquals(site.log.sort(), ["/ 304", "/a.html 200", "/b.html 304"]);
  assertMatch(second.stdout, /^changed +1 /m);
  assertEquals(await disagreements(`${folder.path}/out`, kv), []);
});

Deno.test("mirror says which permission is missing, and exits with 1", async () => {
  await using folder = await tempFolder();
  const out = `${folder.path}/out`;
  const kv = `${folder.path}/k.db`;
  const host = "127.0.0.1:8000";
  const all = [
    ["net", host],
    ["read", out],
    ["read", kv],
    ["write", out],
    ["write", kv],
  ];
  // Each one left out, and then all of them.
  const cases = [...all.map((missing) => [missing]), all];
  await gather(
    cases.map((missing) => async () => {
      const granted = all.filter((permission) => !missing.includes(permission));
      const flags = granted.map(([name, what]) => `--allow-${name}=${what}`);
      const { code, stdout, stderr } = await ended(start(flags, [`http://${host}/`, "--out", out, "--kv", kv]));
      const lines = missing.map(([name, what]) => `No ${name} access to ${what}: add --allow-${name}=${what}\n`);
      assertEquals([code, stdout, stderr], [1, "", lines.join("")]);
    }),
    { concurrency: 3 },
  );
  assertEquals(await filesIn(folder.path), []);
});

Deno.test("mirror says what is wrong with its arguments in one line, and exits with 2", async () => {
  await using folder = await tempFolder();
  const cases: [args: string[], line: string][] = [
    [["--nope"], 'Unknown option "--nope" (see --help)\n'],
    [["nope"], 'Not an http or https URL: "nope" (see --help)\n'],
    [["--depth=nope"], '--depth must be a whole number of at least 0, received "nope" (see --help)\n'],
  ];
  await gather(cases.map(([args, line]) => async () => {
    const { code, stdout, stderr } = await run(folder.path, ...args);
    assertEquals([code, stdout, stderr], [2, "", line]);
  }));
  assertEquals(await filesIn(folder.path), []);
});

Deno.test("mirror --help needs no permission and exits with 0", async () => {
  const { code, stdout, stderr } = await ended(start([], ["--help"]));
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^Mirrors a web site/);
});

Deno.test("mirror exits with 1 when there is nothing it could mirror, or nowhere to put it", async () => {
  await using site = serveSite({});
  await using folder = await tempFolder();
  const nothing = await run(folder.path, site.url().href);
  assertEquals([nothing.code, nothing.stderr], [1, ""]);
  assertStringIncludes(nothing.stdout, "404 Not Found");

  const file = `${folder.path}/file`;
  await Deno.writeTextFile(file, "");
  const nowhere = await run(file, site.url().href);
  assertEquals([nowhere.code, nowhere.stdout], [1, ""]);
  assertMatch(nowhere.stderr, /^Cannot use the folder .*\n$/);
});

Deno.test("mirror stops with one line when the disk fails under it", async () => {
  await using site = serveSite({ "/": "" });
  await using folder = await tempFolder();
  // Where the folder of the site should be there is a file.
  await Deno.writeTextFile(`${folder.path}/${site.url().host.replace(":", "+")}`, "");
  const { code, stdout, stderr } = await run(folder.path, site.url().href);
  assertEquals(code, 1);
  assertMatch(stderr, /^[^\n]+\n$/);
  assertStringIncludes(stdout, "Stopped: 0 pages are kept");
});

Deno.test({
  name: "mirror stopped by Ctrl-C keeps what is complete, and the next run goes on from there",
  // There a signal from another process ends it at once.
  ignore: Deno.build.os === "windows",
  async fn() {
    const held = new Future<void>();
    const hold = async () => {
      await held.promise;
      return html("at last");
    };
    await using site = serveSite({
      "/": linking("/one.html", "/held.html", "/two.html", "/also-held.html"),
      "/one.html": "one",
      "/two.html": "two",
      "/held.html": hold,
      "/also-held.html": hold,
    });
    await using folder = await tempFolder();
    const flags = allow("127.0.0.1", folder.path);
    const args = [site.url().href, "--out", folder.path];

    const child = start(flags, args);
    const { stdout } = await untilPrinted(child, /one\.html$/m, /two\.html$/m);
    child.kill("SIGINT");
    const [text, { code }] = await gather([() => stdout.rest(), child.status]);
    await child.stderr.cancel();
    assertEquals(code, 130);
    assertStringIncludes(
      text,
      "Stopped: 3 pages are kept, 2 in work were undone, 0 known ones were not begun.\n",
    );
    assertStringIncludes(text, "The same command goes on from here.\n");
    assertEquals(await disagreements(folder.path), []);
    assertEquals((await recordsIn(`${folder.path}/index.kv`)).length, 3);

    site.log.length = 0;
    held.setResult();
    const again = await ended(start(flags, args));
    assertEquals([again.code, again.stderr], [0, ""]);
    // The two held requests of the first run end only now, for nobody.
    assertEquals(
      new Set(site.log),
      new Set([
        "/ 304",
        "/one.html 304",
        "/two.html 304",
        "/held.html 200",
        "/also-held.html 200",
      ]),
    );
    assertEquals(await disagreements(folder.path), []);
    assertEquals((await recordsIn(`${folder.path}/index.kv`)).length, 5);
  },
});

Deno.test("mirror knows the demo site again, though it has another port in each run", async () => {
  await using folder = await tempFolder();
  const lines: (string | undefined)[] = [];
  for (let i = 0; i < 2; i++) {
    const { stdout } = await run(folder.path, "--depth=0", "--timeout=60000");
    lines.push(stdout.split("\n\n")[1]);
  }
  assertEquals(lines, ["new         4.6 kB  /", "unchanged   4.6 kB  /"]);
});

Deno.test({
  name: "mirror draws a bar and colours on a terminal, and no colours with NO_COLOR",
  // `script` gives it a terminal; elsewhere its options differ.
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using site = serveSite({ "/": linking("/missing.html") });
    await using folder = await tempFolder();
    const flags = [...STD_FLAGS, ...allow("127.0.0.1", folder.path)];
    const line = [Deno.execPath(), "run", ...flags, "examples/mirror.ts", site.url().href, "--out", folder.path];
    const outputs = await gather(
      ["", "1"].map((NO_COLOR) => async () => {
        const command = new Deno.Command("script", {
          args: ["-qec", line.join(" "), "/dev/null"],
          cwd: ROOT,
          env: { NO_COLOR },
          stdin: "null",
        });
        const { code, stdout } = await command.output();
        assertEquals(code, 0);
        return new TextDecoder().decode(stdout).replaceAll("\x1b", "ESC");
      }),
      { concurrency: 1 },
    );
    for (const output of outputs) {
      assertMatch(output, /\rESC\[K\d\d:\d\d [█░]+ \d of \d pages/);
      // The bar goes; no line a page.
      assertMatch(output, /\rESC\[K\r\n(ESC\[2m)? +pages/);
      assertNotMatch(output, /^new .* \/\r$/m);
    }
    assertEquals(outputs.map((output) => /ESC\[\d+m/.test(output)), [true, false]);
  },
});

Deno.test("deno task start mirrors the demo site with the least permissions", async () => {
  await using folder = await tempFolder();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "start", "--out", folder.path],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { code, stdout, stderr } = await ended(child);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^all +200 /m);
  assertMatch(stdout, /page-01\.html +3 +silent for 600 ms$/m);
  assertMatch(stdout, / times as fast: the first is the sum of what each of the 200 pages took,$/m);
  assertEquals(await disagreements(folder.path), []);
});

/** Reads what a program prints until all of `patterns` have been seen. */
async function untilPrinted(
  child: Deno.ChildProcess,
  ...patterns: RegExp[]
): Promise<{ stdout: { rest(): Promise<string> } }> {
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const rest = async () => {
    for (let step = await reader.read(); !step.done; step = await reader.read()) text += step.value;
    return text;
  };
  while (!patterns.every((pattern) => pattern.test(text))) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`The program ended before, and printed: ${text}`);
    text += value;
  }
  return { stdout: { rest } };
}
