/**
 * Child processes that end with the scope that started them, and their own children with them.
 *
 * @example The lines of a program as they come
 * ```ts
 * import { exec } from "@weft/async/process";
 *
 * const args = ["eval", "console.log('one\\ntwo')"];
 * const { code } = await exec(Deno.execPath(), {
 *   args,
 *   onLine: (line) => console.log(line), // one, two
 * });
 * console.log(code); // 0
 * ```
 *
 * @module
 */

export { exec, ExecError, type ExecOptions, type ExecResult } from "./exec.ts";
