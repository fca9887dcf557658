// Each program of bench/ runs once with a few operations, so that none rots.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../", import.meta.url);
const path = (name: string) => fileURLToPath(new URL(name, ROOT));

/** Runs a program of bench/, and returns what it prints. */
async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", path("tools/deno.ts"), "run", "--quiet", ...args],
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const [output, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)) as [string, string];
  assertEquals(code, 0, `${args.join(" ")}: ${errors}`);
  return output;
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const themes = [...Deno.readDirSync(path("bench"))].map(({ name }) => name).filter((name) => name.endsWith("_bench.ts"))
  .map((name) => name.replace("_bench.ts", ""));

Deno.test("deno task figures measures all themes, IO, overload, memory and weight, and draws them", () =>
  inFolder(async (folder) => {
    await run("-A", path("bench/figures.ts"), "--quick", "--folder", folder);
    const read = async (name: string) => JSON.parse(await Deno.readTextFile(`${folder}/${name}.json`));
    const bench = await read("bench");
    // deno-lint-ignore no-explicit-any
    assertEquals(bench.themes.map(({ name }: any) => name).toSorted(), themes.toSorted());
    for (const { name, floor, results } of bench.themes) {
      assert(results.length > 2, `${name} has contenders`);
      for (const { name: contender, median, ratio, growth } of results) {
        assert(median > 0 && ratio > 0 && growth[0].ns > 0, `${name}: ${contender} was measured`);
        if (contender === floor) assertEquals(ratio, 1);
      }
    }
    for (const name of ["io", "overload", "memory", "weight"]) assert(Object.keys(await read(name)).length > 1, name);
    for (const name of ["ratios", "growth", "io", "overload"]) {
      assertMatch(await Deno.readTextFile(`${folder}/${name}.svg`), /^<svg [^]*<\/svg>\n$/);
    }
  }));

Deno.test("deno task ratios measures each case against its floor", async () => {
  const output = await run("-A", path("bench/ratios.ts"), "--quick");
  assertMatch(output, /^ {2}gather +\d+ ns {2}Promise\.all of plain calls +\d+ ns +\d+\.\d+ +2/m);
  assertMatch(output, /(All within their targets|\d+ over the target)\n$/);
});

Deno.test("deno bench runs a theme as any other benchmark", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", path("tools/deno.ts"), "bench", "-A", "--json", "--filter=weft", path("bench/sleep_bench.ts")],
    stdin: "null",
    stderr: "null",
  }).output();
  assertEquals(code, 0);
  // deno-lint-ignore no-explicit-any
  const names = JSON.parse(new TextDecoder().decode(stdout)).benches.map(({ name }: any) => name);
  assertEquals(names, ["weft sleep"]);
});

Deno.test("bench/serve.ts compares serve with bare Deno.serve", async () => {
  const output = await run("-A", path("bench/serve.ts"), "--quick");
  assertMatch(output, /^Deno\.serve \d+\/s, serve \d+\/s, ratio \d\.\d+$/m);
});

Deno.test("deno task async-context measures contexts that keep their values", async () => {
  const output = await run("-A", path("bench/async_context.ts"), "--quick");
  assertMatch(output, /^ {2}AsyncLocalStorage\.run +\d+ ns +\d+\.\d ×$/m);
});
