/**
 * A handler that works only as long as its client waits.
 *
 * @module
 */

import { checkFunction, checkMs, checkOptions } from "../core/validate.ts";
import { Flight } from "./flight.ts";

/** Options of {@linkcode serveWithDeadline}. */
export interface ServeWithDeadlineOptions {
  /**
   * The longest time, in ms, that a request may take, whatever its client asks for.
   *
   * @default {Infinity}
   */
  max?: number | undefined;
}

/**
 * Makes a handler for `Deno.serve` that runs `handler` with a deadline: the time in the header `grpc-timeout` of the
 * request, at most `max`. The work is also aborted when the client closes the connection.
 *
 * - **Failure**: a request whose deadline has passed is answered with status 504, one whose header is malformed with
 *   400. An error of `handler` is passed on, for `onError` of the server.
 * - **Cancellation**: an abort cuts short the waits of this package and calls that were given the signal.
 *
 * @typeParam A The further arguments that the server passes.
 * @param handler Called with the request and what the server passes.
 * @param options The longest time.
 * @returns The handler.
 * @throws {RangeError} If `max` is NaN or negative.
 *
 * @example Answer in time or not at all
 * ```ts
 * import { sleep } from "@weft/async";
 * import { serveWithDeadline } from "@weft/async/http";
 * import { assertEquals } from "@std/assert";
 *
 * const handler = serveWithDeadline(async () => {
 *   await sleep(60_000);
 *   return new Response("too late");
 * }, { max: 5 });
 * const response = await handler(new Request("http://localhost/"));
 * assertEquals(response.status, 504);
 * ```
 *
 * @see deadlines of gRPC.
 */
export function serveWithDeadline<A extends unknown[]>(
  handler: (request: Request, ...args: A) => Response | Promise<Response>,
  options?: ServeWithDeadlineOptions,
): (request: Request, ...args: A) => Promise<Response> {
  const action = "serve with deadline";
  checkFunction(action, "handler", handler);
  checkOptions(action, options);
  const max = options?.max ?? Infinity;
  checkMs(action, "max", max, false);
  return async (request, ...args) => {
    if (request.signal.aborted) return new Response(null, { status: 499 });
    const flight = new Flight(request);
    return await flight.answer(() => {
      flight.watch();
      return handler(request, ...args);
    }, max);
  };
}
