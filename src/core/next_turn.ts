/**
 * The next turn of the event loop, and what is put off until then.
 *
 * @module
 */

import { runOutside } from "./ambient.ts";

function fromMessageChannel(): (fn: () => void) => void {
  const queue: (() => void)[] = [];
  let channel: MessageChannel | undefined;
  return (fn) => {
    if (channel === undefined) {
      channel = new MessageChannel();
      channel.port1.onmessage = () => queue.shift()!();
    }
    queue.push(fn);
    channel.port2.postMessage(null);
  };
}

// A timer of 0 ms is no substitute: platforms raise it to 1 ms or, when nested, to 4.
const nextMacrotask: (fn: () => void) => void = typeof setImmediate === "function"
  ? setImmediate
  : fromMessageChannel();

/** Calls `fn` in the next turn of the event loop, in an empty context. */
export function inNextTurn(fn: () => void): void {
  runOutside(() => nextMacrotask(fn));
}

/**
 * Makes `error` the platform's unhandled rejection in the next turn, unless `taken` says by then that
 * somebody has received it: where a failure goes that nobody can receive.
 */
export function surface(
  error: unknown,
  taken: () => boolean = () => false,
): void {
  inNextTurn(() => {
    if (!taken()) void Promise.reject(error);
  });
}
