import { assertEquals, assertThrows } from "@std/assert";
import { HELP, type Options, parseOptions, UsageError } from "../../../examples/mirror/options.ts";

function parse(...args: string[]): Options {
  const options = parseOptions(args);
  if (options === "help") throw new Error("Asked for help");
  return options;
}

Deno.test("parseOptions() has defaults for everything", () => {
  assertEquals(parse("https://a.example/x#part"), {
    urls: [new URL("https://a.example/x")],
    concurrency: 10,
    timeout: 10_000,
    depth: 5,
    out: "./mirror",
    kv: "./mirror/index.kv",
  });
});

Deno.test("parseOptions() without a URL means the demo site, whose silent page is not waited for", () => {
  const { urls, timeout } = parse();
  assertEquals([urls, timeout], [[], 600]);
});

Deno.test("parseOptions() takes every option, in both forms", () => {
  assertEquals(
    parse("--concurrency=3", "--timeout", "50", "http://a.example", "--depth=0", "--out", "o", "--kv=k.db"),
    {
      urls: [new URL("http://a.example/")],
      concurrency: 3,
      timeout: 50,
      depth: 0,
      out: "o",
      kv: "k.db",
    },
  );
  assertEquals(parse("--out=o").kv, "o/index.kv");
});

Deno.test("parseOptions() knows a call for help", () => {
  for (const flag of ["--help", "-h"]) assertEquals(parseOptions([flag]), "help");
});

Deno.test("HELP names every option, and fits 80 columns", () => {
  for (const flag of ["concurrency", "timeout", "depth", "out", "kv", "help"]) {
    assertEquals(HELP.includes(`--${flag}`), true, flag);
  }
  for (const line of HELP.split("\n")) assertEquals(line.length <= 80, true, line);
});

const WRONG: [args: string[], message: string][] = [
  [["--foo"], 'Unknown option "--foo"'],
  [["--foo=1"], 'Unknown option "--foo=1"'],
  [["-x"], 'Unknown option "-x"'],
  [["--no-out"], 'Unknown option "--no-out"'],
  [["--depth", "-1"], 'Unknown option "-1"'],
  [["a.example"], 'Not an http or https URL: "a.example"'],
  [["ftp://a.example/"], 'Not an http or https URL: "ftp://a.example/"'],
  [["http://"], 'Not an http or https URL: "http://"'],
  [["12"], 'Not an http or https URL: "12"'],
  [["one\ntwo"], 'Not an http or https URL: "one\\ntwo"'],
  [["https://me:secret@a.example/"], 'A URL must not have a user name: "https://me:secret@a.example/"'],
  [["--concurrency=0"], '--concurrency must be a whole number of at least 1, received "0"'],
  [["--concurrency=1.5"], '--concurrency must be a whole number of at least 1, received "1.5"'],
  [["--concurrency=0x10"], '--concurrency must be a whole number of at least 1, received "0x10"'],
  [["--concurrency"], '--concurrency must be a whole number of at least 1, received ""'],
  [["--concurrency=NaN"], '--concurrency must be a whole number of at least 1, received "NaN"'],
  [["--depth=-1"], '--depth must be a whole number of at least 0, received "-1"'],
  [["--depth=all"], '--depth must be a whole number of at least 0, received "all"'],
  [["--depth=99999999999999999999"], '--depth must be a whole number of at least 0, received "99999999999999999999"'],
  [["--timeout=0"], '--timeout must be a whole number from 1 to 2147483647, received "0"'],
  [["--timeout=1e3"], '--timeout must be a whole number from 1 to 2147483647, received "1e3"'],
  [["--timeout=2147483648"], '--timeout must be a whole number from 1 to 2147483647, received "2147483648"'],
  [["--out"], "--out must be a path"],
  [["--kv="], "--kv must be a path"],
];

Deno.test("parseOptions() says in one line what is wrong", () => {
  for (const [args, message] of WRONG) {
    const error = assertThrows(() => parseOptions(args), UsageError);
    assertEquals(error.message, message);
  }
});
