/**
 * Deadlines over HTTP: a client tells the server how much time is left, and the server stops working when it has passed.
 *
 * The time travels as the header `grpc-timeout`, which is relative, so that the clocks of the machines need not agree.
 *
 * @example A client and a server
 * ```ts
 * import { currentDeadline, timeout } from "@weft/async";
 * import { fetchWithDeadline, serveWithDeadline } from "@weft/async/http";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const handler = serveWithDeadline(() => {
 *   assert(currentDeadline() <= 1000);
 *   return new Response("in time");
 * }, { max: 5000 });
 * const options = { port: 0, onListen: () => {} };
 * await using server = Deno.serve(options, handler);
 * const url = `http://127.0.0.1:${server.addr.port}/`;
 *
 * const text = await timeout(1000, async () => {
 *   const response = await fetchWithDeadline(url);
 *   return await response.text();
 * });
 * assertEquals(text, "in time");
 * ```
 *
 * @see gRPC over HTTP/2, Timeout
 *
 * @module
 */

export { fetchWithDeadline } from "./fetch_with_deadline.ts";
export { serveWithDeadline, type ServeWithDeadlineOptions } from "./serve_with_deadline.ts";
