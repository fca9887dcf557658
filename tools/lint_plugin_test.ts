import { assertEquals } from "@std/assert";
import plugin from "./lint_plugin.ts";

/** The rules that fire for `code` in the file `path` of this repository. */
function rules(path: string, code: string): string[] {
  const filename = decodeURIComponent(
    new URL(`../${path}`, import.meta.url).pathname,
  );
  return Deno.lint.runPlugin(plugin, filename, code)
    .map((diagnostic) => diagnostic.id);
}

const LAYERS = ["house/layers"];
const MESSAGES = ["house/messages"];
const SYNTAX = ["house/plain-syntax"];

Deno.test("layers lets src import downwards only", () => {
  const cases: [path: string, specifier: string, expected: string[]][] = [
    ["src/core/a.ts", "./b.ts", []],
    ["src/core/a.ts", "../task/task.ts", LAYERS],
    ["src/task/a.ts", "../core/b.ts", []],
    ["src/compose/a.ts", "../task/b.ts", []],
    ["src/compose/a.ts", "../time/b.ts", LAYERS],
    ["src/time/a.ts", "../sync/b.ts", LAYERS],
    ["src/flow/a.ts", "../sync/b.ts", []],
    ["src/workers/a.ts", "../flow/b.ts", []],
    ["src/task/a.ts", "../testing/b.ts", LAYERS],
    ["src/task/a.ts", "../../mod.ts", LAYERS],
    ["mod.ts", "./src/sync/a.ts", []],
  ];
  for (const [path, specifier, expected] of cases) {
    const code = `export { x } from "${specifier}";`;
    assertEquals(rules(path, code), expected, `${path} -> ${specifier}`);
  }
});

Deno.test("layers keeps src free of dependencies", () => {
  for (const specifier of ["npm:x", "jsr:@a/b", "node:fs", "@std/assert"]) {
    assertEquals(rules("src/core/a.ts", `import "${specifier}";`), LAYERS);
    assertEquals(rules("tools/a.ts", `import "${specifier}";`), []);
  }
});

Deno.test("layers sees every form of import", () => {
  for (
    const code of [
      `import type { X } from "node:fs";`,
      `export * from "node:fs";`,
      `export { x } from "node:fs";`,
      `await import("node:fs");`,
    ]
  ) assertEquals(rules("src/core/a.ts", code), LAYERS, code);
});

Deno.test("layers lets tests import public entries only", () => {
  const check = (path: string, specifier: string) => rules(path, `import { x } from "${specifier}";`);
  assertEquals(check("tests/sync/a_test.ts", "@weft/async/semaphore"), []);
  assertEquals(check("tests/sync/a_test.ts", "../settle.ts"), []);
  assertEquals(check("tests/sync/a_test.ts", "../../src/sync/a.ts"), LAYERS);
  assertEquals(check("tests/a_test.ts", "../mod.ts"), LAYERS);
  assertEquals(check("tests/core/a_test.ts", "../../src/core/a.ts"), []);
  assertEquals(check("tests/core/a_test.ts", "../../src/task/a.ts"), LAYERS);
});

Deno.test("messages accepts the house style", () => {
  const code = [
    'new TypeError(`Cannot sleep: "ms" must be a number, received ${x}`);',
    'new Error("Cannot join: the group\'s scope is closed");',
    "new RangeError(`${name} is too small`);",
    'new AggregateError(errors, "Several tasks failed");',
    "new TypeError(message);",
    'new Map("x.");',
  ].join("\n");
  assertEquals(rules("src/core/a.ts", code), []);
});

Deno.test("messages rejects what is not in the house style", () => {
  const cases = [
    'new TypeError("cannot sleep");',
    'new RangeError("Cannot sleep.");',
    "new InvalidStateError(`Cannot use ${x}!`);",
    'new DOMException("It\'s over", "AbortError");',
    'new Error("Can\'t sleep");',
    'new AggregateError(errors, "several");',
  ];
  for (const code of cases) {
    assertEquals(rules("src/core/a.ts", code), MESSAGES, code);
    assertEquals(rules("examples/a.ts", code), [], code);
  }
});

Deno.test("plain-syntax keeps src to what every engine loads", () => {
  const cases = [
    "using a = b;",
    "async function f() { await using a = b; }",
    "enum A { B }",
    "class A { constructor(private b: number) {} }",
    "export default 1;",
  ];
  for (const code of cases) {
    assertEquals(rules("src/core/a.ts", code), SYNTAX, code);
    assertEquals(rules("tests/core/a_test.ts", code), [], code);
  }
});

Deno.test("no-deno keeps Deno to the clock and workers", () => {
  const code = `Deno.addSignalListener("SIGINT", f);`;
  assertEquals(rules("src/core/a.ts", code), ["house/no-deno"]);
  assertEquals(rules("src/core/a.ts", "globalThis.Deno;"), ["house/no-deno"]);
  assertEquals(rules("src/core/clock.ts", code), []);
  assertEquals(rules("src/workers/pool.ts", code), []);
});

Deno.test("plain-english finds riddles in comments of src, also across two lines", () => {
  const english = ["house/plain-english"];
  const cases: [code: string, expected: string[]][] = [
    ["/** Releases the permit and hands it to the longest-waiting caller. */", []],
    ["/** Hands it to who waits longest. */", [...english, ...english]],
    ["/**\n * The dying take nothing, and\n * this is\n * told.\n */", [...english, ...english]],
    ["// A deadlock that is told.", english],
    ["/** @see trio.CancelScope 0.31: the same. */", []],
    ["/**\n * @see trio.CancelScope 0.31: `cancel` is the same.\n */", english],
    [`/**\n * \`\`\`ts\n * ${"x".repeat(78)}\n * \`\`\`\n */`, []],
    [`/**\n * \`\`\`ts\n * ${"x".repeat(79)}\n * \`\`\`\n */`, english],
  ];
  for (const [comment, expected] of cases) {
    const code = `${comment}\nexport const x = 1;`;
    assertEquals(rules("src/core/a.ts", code), expected, comment);
    assertEquals(rules("tests/a.ts", code), []);
  }
});
