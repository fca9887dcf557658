/**
 * Bridges from cancellation to APIs that know nothing of scopes and signals.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import type { Disposes } from "../core/dispose.ts";
import { checkFunction } from "../core/validate.ts";
import { sleepForever } from "../time/sleep.ts";

export type { Disposes };

/**
 * Calls `fn` when the scope of the caller is aborted, to stop foreign work: a query, a socket, a child process.
 *
 * - **Order**: `fn` is called once, after the waits in the scope were rejected; at once if the scope is aborted already.
 * - **Failure**: if `fn` throws, the platform reports the error as that of an event listener.
 *
 * @param fn Called with the reason of the abort.
 * @returns An object that removes the callback at the end of a block with `using`.
 *
 * @example Cancel a query of a driver that takes no signal
 * ```ts
 * import { moveOnAfter, waitFor } from "@weft/async";
 * import { onCancel } from "@weft/async/patterns";
 * import { assertEquals } from "@std/assert";
 *
 * const query = {
 *   cancelled: false,
 *   result: new Promise<string>(() => {}),
 *   cancel() {
 *     this.cancelled = true;
 *   },
 * };
 * await moveOnAfter(5, async () => {
 *   using _cancel = onCancel(() => query.cancel());
 *   return await waitFor(query.result);
 * });
 * assertEquals(query.cancelled, true);
 * ```
 */
export function onCancel(fn: (reason: unknown) => void): Disposes<"dispose"> {
  checkFunction("add cancel callback", "fn", fn);
  const { signal } = currentScope();
  const call = () => fn(signal.reason);
  if (signal.aborted) call();
  else signal.addEventListener("abort", call, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", call) } as Disposes<"dispose">;
}

/**
 * Waits until the scope of the caller is aborted, and keeps the program alive until then.
 *
 * @returns The reason of the abort. It does not reject, so that a loop can end by itself.
 *
 * @example Serve until the program ends
 * ```ts
 * import { moveOnAfter } from "@weft/async";
 * import { untilCancelled } from "@weft/async/patterns";
 *
 * await moveOnAfter(5, async () => {
 *   const server = Deno.serve({ port: 0, onListen() {} }, () => new Response());
 *   await untilCancelled();
 *   await server.shutdown();
 * });
 * ```
 */
export function untilCancelled(): Promise<unknown> {
  return sleepForever().catch((reason) => reason);
}
