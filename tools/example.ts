/**
 * Lists the numbered examples, or runs one with exactly the permissions that
 * the `deno run …` line in its header comment gives it.
 *
 * ```sh
 * deno task example        # list
 * deno task example 3      # run examples/03_*.ts
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
  /** The flags of its `deno run` line. */
  flags: string[];
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
  return { question, flags: command?.split(" ").filter(Boolean) ?? [] };
}

async function examples(): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(FOLDER)) {
      if (/^\d+_.*\.ts$/.test(name)) names.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort((a, b) => parseInt(a) - parseInt(b));
}

async function header(name: string): Promise<Header> {
  return parseHeader(await Deno.readTextFile(new URL(name, FOLDER)));
}

async function main([number, ...rest]: string[]): Promise<number> {
  const names = await examples();
  if (number === undefined) {
    for (const name of names) {
      console.log(`${name.split("_")[0]}  ${(await header(name)).question}`);
    }
    return 0;
  }
  const name = names.find((name) => /^\d+$/.test(number) && parseInt(name) === parseInt(number));
  if (name === undefined) {
    console.error(
      `No example ${number}: \`deno task example\` lists what there is`,
    );
    return 2;
  }
  const { flags } = await header(name);
  const args = ["run", ...flags, `examples/${name}`];
  return await runDeno([...withStd(args, await stdFlags()), ...rest]);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
