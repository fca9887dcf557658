/**
 * What one would pick instead, where it comes from npm: the benchmarks are the only place that uses it.
 * `@std/async` is mapped in `deno.json`.
 *
 * @module
 */

export { default as pLimit } from "npm:p-limit@^7";
export { default as pMap, pMapIterable } from "npm:p-map@^7";
export { Mutex, Semaphore as MutexSemaphore } from "npm:async-mutex@^0.5";
