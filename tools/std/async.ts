/**
 * `@std/async` from npm, file by file: its `mod.js` imports a file that the
 * package does not have.
 *
 * @module
 */

// @ts-types="./async.d.ts"
export { abortable } from "npm:deno-std@1.4.0/async/abortable.js";
// @ts-types="./async.d.ts"
export { deadline } from "npm:deno-std@1.4.0/async/deadline.js";
// @ts-types="./async.d.ts"
export { delay } from "npm:deno-std@1.4.0/async/delay.js";
// @ts-types="./async.d.ts"
export { pooledMap } from "npm:deno-std@1.4.0/async/pool.js";
// @ts-types="./async.d.ts"
export { retry, RetryError } from "npm:deno-std@1.4.0/async/retry.js";
export type * from "./async.d.ts";
