/**
 * `@std/cli` from npm: the parser only, because its `mod.js` imports a file
 * that the package does not have.
 *
 * @module
 */

// @ts-types="./cli.d.ts"
export { parseArgs } from "npm:deno-std@1.4.0/cli/parse_args.js";
export type * from "./cli.d.ts";
