/**
 * Measures everything that the plots show, one after another, and draws them: `figures/*.json` and `figures/*.svg`.
 *
 * ```sh
 * deno task figures          # measures and draws (10 min, on a machine that does nothing else)
 * deno task figures --draw   # draws what was measured
 * deno task figures --quick --folder /tmp/figures   # to see that everything runs
 * ```
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "@std/cli/parse-args";

import { drawGrowth, drawIo, drawOverload, drawRatios } from "./plots.ts";

const flags = parseArgs(Deno.args, { boolean: ["draw", "quick"], string: ["folder"] });
const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const folder = flags.folder ?? path("figures");

/** What each program is started with. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  bench: ["-A", path("bench.ts"), "--growth"],
  io: ["-A", "--unstable-kv", path("io.ts")],
  overload: ["-A", "--unstable-no-legacy-abort", path("overload.ts")],
  memory: ["-A", "--v8-flags=--expose-gc", path("memory.ts")],
  weight: ["-A", path("weight.ts")],
};

const file = (name: string) => `${folder}/${name}.json`;

if (!flags.draw) {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, args] of Object.entries(PROGRAMS)) {
    console.log(`\n# ${name}`);
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        path("../tools/deno.ts"),
        "run",
        ...args,
        "--json",
        file(name),
        ...flags.quick ? ["--quick"] : [],
      ],
    }).spawn().status;
    if (!success) throw new Error(`${name} failed`);
  }
}

const read = async (name: string) => JSON.parse(await Deno.readTextFile(file(name)));
const [bench, io, overload] = [await read("bench"), await read("io"), await read("overload")];
const plots = {
  ratios: drawRatios(bench),
  growth: drawGrowth(bench),
  io: drawIo(io),
  overload: drawOverload(overload),
};
for (const [name, svg] of Object.entries(plots)) await Deno.writeTextFile(`${folder}/${name}.svg`, svg);
console.log(`\nDrawn in ${folder}: ${Object.keys(plots).join(", ")}`);
