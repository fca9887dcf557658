/**
 * An HTTP server that ends well: each request has a scope, and a stop finishes what was accepted.
 *
 * @example A server under `run`: SIGTERM drains it
 * ```ts ignore
 * import { run } from "@weft/async";
 * import { serve } from "@weft/async/serve";
 *
 * await run(() =>
 *   serve(() => new Response("hello"), { port: 8000, grace: 10_000 })
 * );
 * ```
 *
 * @module
 */

export { serve, type ServeHandler, type ServeOptions } from "./serve.ts";
