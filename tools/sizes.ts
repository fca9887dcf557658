/**
 * What a program that imports one name pays for it: the size of its bundle, minified, and compressed as it travels.
 * Fails if one has grown above its limit, as it would if a class were kept that nobody uses.
 *
 * @module
 */

import { build } from "npm:esbuild@0.25.12";

/** The most bytes of a minified bundle that imports only this name. */
const LIMITS: Record<string, number> = {
  sleep: 12_000,
  timeout: 21_000,
  gather: 25_000,
  Semaphore: 26_000,
  Queue: 15_000,
  Channel: 18_000,
  TaskGroup: 32_000,
  run: 30_000,
};

const MOD = new URL("../mod.ts", import.meta.url).pathname;

let ok = true;
for (const [name, limit] of Object.entries(LIMITS)) {
  const { minified, compressed } = await sizeOf(name);
  ok &&= minified <= limit;
  console.log(
    `${name.padEnd(10)} ${kilobytes(minified)} KB, compressed ${kilobytes(compressed)} KB` +
      (minified <= limit ? "" : `: above the limit of ${kilobytes(limit)} KB`),
  );
}
// esbuild keeps a child process.
Deno.exit(ok ? 0 : 1);

/** The sizes, in bytes, of a bundle that uses only `name`. */
async function sizeOf(name: string): Promise<{ minified: number; compressed: number }> {
  const { outputFiles } = await build({
    stdin: { contents: `export { ${name} } from ${JSON.stringify(MOD)};`, resolveDir: "/", loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  const code = outputFiles[0]!.contents;
  const stream = new Blob([new Uint8Array(code)]).stream().pipeThrough(new CompressionStream("gzip"));
  return { minified: code.length, compressed: (await new Response(stream).bytes()).length };
}

function kilobytes(bytes: number): string {
  return (bytes / 1000).toFixed(1).padStart(4);
}
