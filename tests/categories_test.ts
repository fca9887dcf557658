/** The documentation groups what mod.ts exports as mod.ts does. */

import { assertEquals } from "@std/assert";

const MOD = new URL("../mod.ts", import.meta.url);

/** The exported names by the comment that they stand under in mod.ts. */
function groups(source: string): Record<string, string> {
  const byName: Record<string, string> = {};
  let group = "";
  for (const line of source.split("\n")) {
    group = /^\/\/ (.+)$/.exec(line)?.[1] ?? group;
    const names = /^export (?:type )?\{(.+)\} from/.exec(line)?.[1] ?? "";
    for (const name of names.split(",").filter(Boolean)) byName[name.replace("type ", "").trim()] = group;
  }
  return byName;
}

/** The categories of the exported names, as the documentation has them. */
async function categories(): Promise<Record<string, string>> {
  const command = new Deno.Command(Deno.execPath(), { args: ["doc", "--json", MOD.pathname], stderr: "null" });
  const { stdout } = await command.output();
  interface Symbol {
    name: string;
    declarations: { jsDoc?: { tags?: { kind: string; doc?: string }[] } }[];
  }
  const doc = JSON.parse(new TextDecoder().decode(stdout)) as { nodes: Record<string, { symbols: Symbol[] }> };
  const symbols = Object.values(doc.nodes).flatMap(({ symbols }) => symbols);
  return Object.fromEntries(symbols.map(({ name, declarations }) => {
    const tags = declarations.flatMap(({ jsDoc }) => jsDoc?.tags ?? []);
    return [name, tags.find(({ kind }) => kind === "category")?.doc?.trim() ?? "none"];
  }));
}

Deno.test("every exported name has the category of its group in mod.ts", async () => {
  assertEquals(await categories(), groups(await Deno.readTextFile(MOD)));
});
