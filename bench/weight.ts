/**
 * What a program pays for an import: the bytes of a minified bundle, and the time until it runs.
 *
 * ```sh
 * deno run -A tools/deno.ts run -A bench/weight.ts [--quick] [--json weight.json]
 * ```
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "@std/cli/parse-args";
import { build } from "npm:esbuild@0.25.12";

import { quantile } from "./measure.ts";

const MOD = fileURLToPath(new URL("../mod.ts", import.meta.url));

/** The imports that do about the same: a limit on the number of functions at a time. */
const IMPORTS: Readonly<Record<string, { bundle: string; load: string }>> = {
  "weft gather": {
    bundle: `export { gather } from ${JSON.stringify(MOD)}`,
    load: new URL("../mod.ts", import.meta.url).href,
  },
  "p-limit": { bundle: `export { default } from "p-limit"`, load: "npm:p-limit@^7" },
  "p-map": { bundle: `export { default } from "p-map"`, load: "npm:p-map@^7" },
  "p-queue": { bundle: `export { default } from "p-queue"`, load: "npm:p-queue@^10" },
  "es-toolkit": { bundle: `export { mapAsync } from "es-toolkit"`, load: "npm:es-toolkit@^1.53" },
  Effect: { bundle: `export { Effect } from "effect"`, load: "npm:effect@^4.1" },
  Effection: { bundle: `export { run, all } from "effection"`, load: "npm:effection@^4.1" },
};

/** What a run writes as JSON. */
export type Weights = Record<string, { bytes: number | null; ms: number }>;

const flags = parseArgs(Deno.args, { boolean: ["quick"], string: ["json"] });
const rounds = flags.quick ? 1 : 11;

/** The ms that a program takes which only imports `specifier`. */
async function start(specifier: string | null): Promise<number> {
  const code = specifier === null ? "" : `await import(${JSON.stringify(specifier)})`;
  const begin = performance.now();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", code],
    cwd: folder,
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot import ${specifier}`);
  return performance.now() - begin;
}

async function sizeOf(contents: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: folder, loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "node",
    write: false,
  });
  return outputFiles[0]!.contents.length;
}

/** Installs the peers where a bundler finds them. */
async function install(folder: string): Promise<void> {
  const names = ["p-limit@7", "p-map@7", "p-queue@10", "es-toolkit@1.53", "effect@4.1", "effection@4.1"];
  await Deno.writeTextFile(`${folder}/package.json`, `{ "private": true }`);
  const { success, stderr } = await new Deno.Command("npm", {
    args: ["install", "--no-audit", "--no-fund", "--no-package-lock", "--silent", ...names],
    cwd: folder,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

const folder = await Deno.makeTempDir();
const weights: Weights = {};
try {
  await install(folder);
  const times: Record<string, number[]> = {};
  for (let round = -1; round < rounds; round++) {
    const empty = await start(null);
    for (const [name, { load }] of Object.entries(IMPORTS)) {
      const ms = await start(load) - empty;
      // The first round fills the caches.
      if (round >= 0) (times[name] ??= []).push(ms);
    }
  }
  for (const [name, { bundle }] of Object.entries(IMPORTS)) {
    const bytes = await sizeOf(bundle);
    const ms = Math.round(quantile(times[name]!, 0.5) * 10) / 10;
    weights[name] = { bytes, ms };
    console.log(
      `${name.padEnd(14)} ${`${(bytes / 1000).toFixed(1)} KB`.padStart(10)} ${`${ms.toFixed(0)} ms`.padStart(8)}`,
    );
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
if (flags.json !== undefined) await Deno.writeTextFile(flags.json, `${JSON.stringify(weights, null, 1)}\n`);
// esbuild keeps a child process.
Deno.exit();
