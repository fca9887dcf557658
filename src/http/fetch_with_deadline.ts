/**
 * A request that carries the caller's deadline.
 *
 * @module
 */

import { currentDeadline, currentSignal } from "../task/current.ts";
import { formatTimeout, HEADER } from "./grpc_timeout.ts";

/**
 * Fetches a resource in the ambient scope: an abort of the scope ends the request, and the server gets the time that is
 * left until the nearest deadline. Otherwise the same as `fetch`.
 *
 * - **Cancellation**: rejects with the reason of the scope or of the request's own signal. The body of the response
 *   belongs to the scope too: read it there.
 *
 * @param input What to fetch.
 * @param init Its options. A header `grpc-timeout` among them is kept.
 * @returns The response.
 *
 * @example Give up after a second, also at the server
 * ```ts
 * import { timeout } from "@weft/async";
 * import { fetchWithDeadline } from "@weft/async/http";
 *
 * await using server = Deno.serve({ port: 0, onListen() {} }, (request) => {
 *   return new Response(request.headers.get("grpc-timeout"));
 * });
 * const url = `http://127.0.0.1:${server.addr.port}/`;
 * await timeout(1000, async () => {
 *   const response = await fetchWithDeadline(url);
 *   console.log(await response.text()); // 999m
 * });
 * ```
 *
 * @see deadlines of gRPC.
 */
export async function fetchWithDeadline(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const ambient = currentSignal();
  ambient.throwIfAborted();
  const request = new Request(input, init);
  const { headers } = request;
  const left = currentDeadline();
  if (left !== Infinity && !headers.has(HEADER)) headers.set(HEADER, formatTimeout(left));
  return await fetch(request, { signal: AbortSignal.any([ambient, request.signal]) });
}
