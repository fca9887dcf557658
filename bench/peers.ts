/**
 * What one would pick instead. The benchmarks are the only place that uses it.
 *
 * @module
 */

export { deadline } from "@std/async/deadline";
export { delay } from "@std/async/delay";
export { pooledMap } from "@std/async/pool";
export { retry as stdRetry } from "@std/async/retry";

export { Mutex as AsyncMutex, Semaphore as MutexSemaphore } from "npm:async-mutex@^0.5";
export { Sema } from "npm:async-sema@^3";
export { Effect, Fiber, Queue as EffectQueue, Semaphore as EffectSemaphore } from "npm:effect@^4.1";
export * as effection from "npm:effection@^4.1";
export * as toolkit from "npm:es-toolkit@^1.53";
export { default as pLimit } from "npm:p-limit@^7";
export { default as pMap, pMapIterable } from "npm:p-map@^7";
export { default as PQueue } from "npm:p-queue@^10";
