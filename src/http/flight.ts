/**
 * A request in flight, which is answered within its deadline.
 *
 * @module
 */

import { isCancellationOf } from "../core/failures.ts";
import type { Scope } from "../core/scope.ts";
import type { CallKind } from "../core/structured_call.ts";
import { TimeoutError } from "../errors.ts";
import { type CancelScope, runBlock } from "../task/cancel_scope.ts";
import { HEADER, parseTimeout } from "./grpc_timeout.ts";

const REQUEST: CallKind = { name: "request" };

/** A request in flight. */
export class Flight {
  readonly #request: Request;
  #scope: CancelScope | null = null;
  // The signal of the request, once it was listened to.
  #signal: AbortSignal | null = null;
  #ended = false;

  constructor(request: Request) {
    this.#request = request;
  }

  readonly #abort = (): void => void this.#scope!.cancel(this.#signal!.reason);

  /** Cancels the handler when the client leaves. Called once the handler has begun; does nothing after its end. */
  watch(): void {
    if (this.#ended) return;
    this.#signal = this.#request.signal;
    if (this.#signal.aborted) this.#abort();
    else this.#signal.addEventListener("abort", this.#abort);
  }

  /**
   * Calls `handler` in a scope of its own below `outer`, with the deadline that the client asks for, at most `max` ms.
   * Answers 400 to a malformed header, 504 if the deadline has cut the handler short, and 499 if the client has left.
   * Rejects with any other failure.
   */
  async answer(handler: () => Response | Promise<Response>, max: number, outer?: Scope): Promise<Response> {
    const header = this.#request.headers.get(HEADER);
    const asked = header === null ? Infinity : parseTimeout(header);
    if (asked === null) return new Response(`Malformed ${HEADER}\n`, { status: 400 });
    const begin = (_signal: AbortSignal, scope: CancelScope) => {
      this.#scope = scope;
      return handler();
    };
    try {
      return await runBlock(REQUEST, begin, undefined, Math.min(asked, max), undefined, outer);
    } catch (error) {
      const late = this.#scope?.cutShort === true && this.#scope.expired && error instanceof TimeoutError;
      if (late) return new Response("The deadline has passed\n", { status: 504 });
      if (this.#signal !== null && isCancellationOf(error, this.#signal)) return new Response(null, { status: 499 });
      throw error;
    } finally {
      this.#ended = true;
      this.#signal?.removeEventListener("abort", this.#abort);
    }
  }
}
