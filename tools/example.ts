/**
 * Lists the examples, or runs one with exactly the permissions that the `deno run …` line in its header comment gives it.
 *
 * ```sh
 * deno task example                   # list
 * deno task example 13                # run examples/13_gather.ts
 * deno task example gather            # the same
 * deno task example connection_pool   # run examples/connection_pool.ts
 * ```
 *
 * @module
 */

import { runDeno, stdFlags, withStd } from "./deno.ts";

const FOLDER = new URL("../examples/", import.meta.url);

/** What the header comment of an example says. */
export interface Header {
  /** Its first line that ends with a question mark, else its first line. */
  question: string;
  /** The flags of its `deno run` line; `null` where there is none, because it is run otherwise. */
  flags: string[] | null;
}

export function parseHeader(source: string): Header {
  const comment = /^(?:#!.*\n)?\s*(?:\/\*\*?[\s\S]*?\*\/|(?:\/\/.*\n?)+)/
    .exec(source)?.[0] ?? "";
  const lines = comment.split("\n")
    .map((line) =>
      line.replace(/^\s*(?:\/\*\*?|\/\/|\*\/|\*)/, "")
        .replace(/\*\/\s*$/, "").trim()
    )
    .filter((line) => line !== "" && !line.startsWith("#!"));
  const question = lines.find((line) => line.endsWith("?")) ?? lines[0] ?? "";
  const command = /\bdeno run((?: -[^\s`]+)*) /.exec(lines.join("\n"))?.[1];
  return { question, flags: command?.split(" ").filter(Boolean) ?? null };
}

async function examples(): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(FOLDER)) {
      if (/^[^_.].*\.ts$/.test(name) && (await header(name)).flags !== null) names.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  // The numbered ones first, as a course; then the others by name.
  const place = (name: string) => /^\d/.test(name) ? parseInt(name) : Infinity;
  return names.sort((a, b) => place(a) === place(b) ? a.localeCompare(b) : place(a) - place(b));
}

/** The number of an example, or nothing, and what it is called. */
function idOf(name: string): [number: string, stem: string] {
  const [, number = "", stem] = /^(?:(\d+)_)?(.*)\.ts$/.exec(name)!;
  return [number, stem!];
}

/** Whether `id`, from the command line, means this example: by its number, its words, or both. */
function isMeant(id: string, name: string): boolean {
  const [number, stem] = idOf(name);
  if (/^\d+$/.test(id)) return number !== "" && Number(number) === Number(id);
  return id === stem || id === `${number}_${stem}`;
}

async function header(name: string): Promise<Header> {
  return parseHeader(await Deno.readTextFile(new URL(name, FOLDER)));
}

async function main([id, ...rest]: string[]): Promise<number> {
  const names = await examples();
  if (id === undefined) {
    const width = Math.max(...names.map((name) => idOf(name)[1].length));
    for (const name of names) {
      const [number, stem] = idOf(name);
      console.log(`${number.padStart(2)}  ${stem.padEnd(width)}  ${(await header(name)).question}`);
    }
    console.log(
      "\nexamples/README.md is the course that goes with them; `deno task start` runs the largest example, the mirror",
    );
    return 0;
  }
  const name = names.find((name) => isMeant(id.replace(/^examples\/|\.ts$/g, ""), name));
  if (name === undefined) {
    console.error(`No example ${id}: \`deno task example\` lists what there is`);
    return 2;
  }
  const { flags } = await header(name);
  const args = ["run", ...flags!, `examples/${name}`];
  return await runDeno([...withStd(args, await stdFlags()), ...rest]);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
