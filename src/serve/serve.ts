/**
 * A server over `Deno.serve`.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { arm, disarm } from "../core/clock.ts";
import { isCancellationOf } from "../core/failures.ts";
import { orReject } from "../core/foreign.ts";
import { inNextTurn } from "../core/next_turn.ts";
import type { Scope } from "../core/scope.ts";
import { outsideAbort } from "../core/structured_call.ts";
import {
  checkCount,
  checkFunction,
  checkMs,
  checkSignal,
  outOfRange,
  readOptions,
  wrongKind,
} from "../core/validate.ts";
import { asWait } from "../core/wait_queue.ts";
import { CancelledError } from "../errors.ts";
import { Flight } from "../http/flight.ts";
import { shield } from "../task/shield.ts";

const MAX_PORT = 65_535;

/** Answers a request. Called with the request, and with what `Deno.serve` knows of the connection. */
export type ServeHandler = (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response>;

/** Options of {@linkcode serve}. */
export interface ServeOptions {
  /** The address to listen on. */
  hostname?: string | undefined;
  /**
   * The port; 0 for a free one.
   *
   * @default {8000}
   */
  port?: number | undefined;
  /** Called with the address once the server listens. */
  onListen?: ((address: Deno.NetAddr) => void) | undefined;
  /** Stops the server when it is aborted, as an abort of the scope of the call does. */
  signal?: AbortSignal | undefined;
  /**
   * The longest time, in ms, that requests in flight may take after a stop. Then they are cancelled, and bodies that are
   * still being sent are abandoned.
   *
   * @default {Infinity}
   */
  grace?: number | undefined;
  /**
   * The longest time, in ms, that a request may take. A client may ask for less with the header `grpc-timeout`.
   *
   * @default {Infinity}
   */
  timeout?: number | undefined;
  /**
   * The number of requests that may be in flight at once. Others are answered with status 503 and `Retry-After`.
   *
   * @default {Infinity}
   */
  concurrency?: number | undefined;
  /** Called with each error of the handler, whose request is answered with status 500. By default, it is printed. */
  onError?: ((error: unknown, request: Request) => void) | undefined;
}

/** A server and its requests in flight. */
class Server {
  readonly #handler: ServeHandler;
  readonly #options: ServeOptions;
  // The scope of the requests. It is shielded: a stop must not cut them.
  readonly #scope: Scope;
  readonly #concurrency: number;
  #active = 0;
  // The requests that have come in this turn. Their signals are listened to in the next one: most are answered by then,
  // and a listener would cost them more than all the rest.
  #fresh: Flight[] = [];

  constructor(handler: ServeHandler, options: ServeOptions, scope: Scope) {
    this.#handler = handler;
    this.#options = options;
    this.#scope = scope;
    this.#concurrency = options.concurrency ?? Infinity;
  }

  // Called by the platform in an empty context.
  readonly answer = async (request: Request, info: Deno.ServeHandlerInfo): Promise<Response> => {
    if (this.#active >= this.#concurrency) {
      return new Response("Too many requests in flight\n", { status: 503, headers: { "retry-after": "1" } });
    }
    const flight = new Flight(request);
    this.#active++;
    this.#watch(flight);
    try {
      const max = this.#options.timeout ?? Infinity;
      const response: unknown = await flight.answer(() => this.#handler(request, info), max, this.#scope);
      if (response instanceof Response) return response;
      throw new TypeError("The handler must return a Response");
    } catch (error) {
      if (isCancellationOf(error, this.#scope)) return new Response("The server has stopped\n", { status: 503 });
      this.#report(error, request);
      return new Response("Internal server error\n", { status: 500 });
    } finally {
      this.#active--;
    }
  };

  #watch(flight: Flight): void {
    if (this.#fresh.push(flight) > 1) return;
    inNextTurn(() => {
      const flights = this.#fresh;
      this.#fresh = [];
      for (const flight of flights) flight.watch();
    });
  }

  #report(error: unknown, request: Request): void {
    const { onError } = this.#options;
    if (onError === undefined) return console.error("A request failed:", error);
    try {
      onError(error, request);
    } catch (error) {
      console.error("The callback onError of serve failed:", error);
    }
  }
}

/**
 * Serves HTTP until the scope of the call or `signal` is aborted; then it stops accepting connections, and ends when the
 * requests in flight have been answered.
 *
 * Each request has a scope of its own, which is aborted when its client leaves, when its deadline passes, or `grace` ms
 * after a stop. The call is structured: no request outlives it.
 *
 * - **Failure**: a handler that throws answers with status 500, and ends nothing. A server that cannot listen rejects.
 * - **Cancellation**: rejects with the reason once the last request has ended.
 *
 * A task that a handler makes with `createTask` belongs to the `run` around the server, and ends that if it fails. Give
 * such work a `TaskGroup` with `onError` around `serve`.
 *
 * Deno 2.9 prints a notice about the signals of requests, once, unless it is started with `--unstable-no-legacy-abort`.
 * `serve` works with that flag and without.
 *
 * @param handler Called for each request, in the scope of that request.
 * @param options Address, limits, deadlines and signal.
 * @throws {RangeError} If a number is out of range.
 *
 * @example Answer one request, and stop
 * ```ts
 * import { moveOnAfter, scope } from "@weft/async";
 * import { serve } from "@weft/async/serve";
 *
 * await scope(async (_signal, self) => {
 *   await serve(() => new Response("hello"), {
 *     hostname: "127.0.0.1",
 *     port: 0,
 *     async onListen({ port }) {
 *       const response = await fetch(`http://127.0.0.1:${port}/`);
 *       console.log(await response.text()); // hello
 *       self.cancel();
 *     },
 *   });
 * });
 * ```
 *
 * @see axum::serve(…).with_graceful_shutdown of axum 0.8.
 */
export function serve(handler: ServeHandler, options?: ServeOptions): Promise<void> {
  return orReject(() => {
    const own = check(handler, options);
    const scope = currentScope();
    return asWait(scope, own.signal, start(handler, own, scope));
  });
}

async function start(handler: ServeHandler, options: ServeOptions, outer: Scope): Promise<void> {
  const { signal, grace = Infinity } = options;
  const before = outsideAbort(outer, signal);
  if (before !== null) throw before.reason;
  await shield(async (_signal, all) => {
    const server = listen(new Server(handler, options, currentScope()), options);
    const stopped = await firstOf([outer.signal, ...signal === undefined ? [] : [signal]], server.finished);
    if (!stopped) return;
    const over = Promise.withResolvers<void>();
    const ring = () => {
      all.cancel(new CancelledError(`The server was stopped ${grace} ms ago`));
      // Bodies may still be sent. Deno 2.9 cannot cut them: an abort of the server's signal throws after `shutdown`.
      server.unref();
      over.resolve();
    };
    const alarm = arm({ ring }, grace);
    await Promise.race([server.shutdown(), over.promise]);
    disarm(alarm);
  });
  const outside = outsideAbort(outer, signal);
  if (outside !== null) throw outside.reason;
}

function listen({ answer }: Server, options: ServeOptions): Deno.HttpServer<Deno.NetAddr> {
  const { hostname, port, onListen = () => {} } = options;
  const address = { ...hostname !== undefined && { hostname }, ...port !== undefined && { port } };
  return Deno.serve({ ...address, onListen }, answer);
}

/** Waits until one of `signals` is aborted or `end` has settled. Returns whether it was a signal. */
function firstOf(signals: AbortSignal[], end: Promise<void>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const settle = (aborted: boolean) => {
      for (const signal of signals) signal.removeEventListener("abort", abort);
      resolve(aborted);
    };
    const abort = () => settle(true);
    for (const signal of signals) signal.addEventListener("abort", abort);
    end.then(() => settle(false), reject);
  });
}

function check(handler: unknown, options: ServeOptions | undefined): ServeOptions {
  const action = "serve";
  checkFunction(action, "handler", handler);
  const own = readOptions<ServeOptions>(action, options, [
    "hostname",
    "port",
    "onListen",
    "signal",
    "grace",
    "timeout",
    "concurrency",
    "onError",
  ]) ?? {};
  checkSignal(action, own.signal);
  if (own.hostname !== undefined && typeof own.hostname !== "string") {
    throw wrongKind(action, "hostname", "a string", own.hostname);
  }
  if (own.port !== undefined) {
    checkCount(action, "port", own.port, 0, false);
    if (own.port > MAX_PORT) throw outOfRange(action, "port", `at most ${MAX_PORT}`, own.port);
  }
  if (own.grace !== undefined) checkMs(action, "grace", own.grace, false);
  if (own.timeout !== undefined) checkMs(action, "timeout", own.timeout, false);
  if (own.concurrency !== undefined) checkCount(action, "concurrency", own.concurrency, 1, true);
  if (own.onError !== undefined) checkFunction(action, "onError", own.onError);
  if (own.onListen !== undefined) checkFunction(action, "onListen", own.onListen);
  return own;
}
