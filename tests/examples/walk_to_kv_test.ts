import { assertEquals, assertMatch } from "@std/assert";
import { gather } from "@weft/async";
import { parseHeader } from "../../tools/example.ts";
import { Program } from "../support.ts";

const ROOT = new URL("../../", import.meta.url);
const EXAMPLE = new URL("examples/walk_to_kv.ts", ROOT);
const { flags } = parseHeader(await Deno.readTextFile(EXAMPLE));

function run(flags: string[], ...args: string[]) {
  return new Program(EXAMPLE, { args, flags: ["--no-prompt", ...flags] }).end();
}

/** The lines of all files below `folder`, by path. */
async function linesIn(folder: string): Promise<[path: string, lines: number][]> {
  const found: [string, number][] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(`${folder}/`, ROOT))) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await linesIn(path));
    else found.push([path, (await Deno.readTextFile(new URL(path, ROOT))).match(/\n/g)?.length ?? 0]);
  }
  return found;
}

Deno.test("walk_to_kv counts the lines of all files, under the permissions it names", async () => {
  assertEquals(flags, ["--allow-read=src"]);
  const { code, stdout, stderr } = await run(flags!);
  assertEquals([code, stderr], [0, ""]);
  const files = await linesIn("src");
  const total = files.reduce((sum, [, lines]) => sum + lines, 0);
  const [summary, empty, ...longest] = stdout.trimEnd().split("\n");
  assertEquals(summary, `${files.length} files, ${total} lines, ${Math.ceil(files.length / 20)} commits`);
  assertEquals(empty, "");
  const sorted = files.toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  assertEquals(longest, sorted.slice(0, 5).map(([path, lines]) => `${String(lines).padStart(6)}  ${path}`));
});

Deno.test("walk_to_kv keeps the records in the file that it is given", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/walk.kv`;
  try {
    await Deno.mkdir(`${folder}/tree/deep`, { recursive: true });
    for (let i = 0; i < 45; i++) await Deno.writeTextFile(`${folder}/tree/deep/${i}.txt`, "line\n".repeat(i));
    const granted = [`--allow-read=${folder}/tree,${file}`, `--allow-write=${file}`];
    const { code, stdout, stderr } = await run(granted, `${folder}/tree`, file);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^45 files, 990 lines, 3 commits\n/);
    using kv = await Deno.openKv(file);
    const records = await Array.fromAsync(kv.list<number>({ prefix: ["lines"] }));
    assertEquals(records.map(({ value }) => value).toSorted((a, b) => a - b), Array.from({ length: 45 }, (_, i) => i));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("walk_to_kv says which permission is missing, and exits with 1", async () => {
  const { code, stdout, stderr } = await run([]);
  assertEquals([code, stdout, stderr], [1, "", "No read access to src: add --allow-read=src\n"]);
  const all = [["read", "src"], ["read", "walk.kv"], ["write", "walk.kv"]] as const;
  await gather(all.map((missing) => async () => {
    const granted = all.filter((one) => one !== missing).map(([name, what]) => `--allow-${name}=${what}`);
    const { code, stderr } = await run(granted, "src", "walk.kv");
    const [name, what] = missing;
    assertEquals([code, stderr], [1, `No ${name} access to ${what}: add --allow-${name}=${what}\n`]);
  }));
});

Deno.test("walk_to_kv ends with what a task fails with", async () => {
  const { code, stdout, stderr } = await run(["--allow-read"], "no such folder");
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, /NotFound: .*no such folder/);
});
