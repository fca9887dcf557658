/**
 * Defers work to the next turn of the event loop.
 *
 * @module
 */

import { runOutside } from "./context.ts";

/** The platform functions that can lead into the next turn. */
export interface Platform {
  readonly scheduler?: { yield?(): Promise<void> };
  readonly setImmediate?: (fn: () => void) => unknown;
  readonly MessageChannel?: new () => MessageChannel;
}

/**
 * Returns the fastest way into the next turn that `platform` has. A timer of 0 ms is too slow: platforms raise it to 1
 * ms or, if nested, to 4 ms.
 */
export function wayToNextTurn({ scheduler, setImmediate, MessageChannel }: Platform): (fn: () => void) => void {
  if (typeof scheduler?.yield === "function") {
    // It rejects inside an aborted task of `scheduler.postTask`; that abort does not concern us.
    return (fn) => void scheduler.yield!().then(fn, fn);
  }
  if (typeof setImmediate === "function") return setImmediate;
  return throughChannel(MessageChannel!);
}

function throughChannel(Channel: new () => MessageChannel): (fn: () => void) => void {
  const posted = new Map<number, () => void>();
  let count = 0;
  let channel: MessageChannel | undefined;
  return (fn) => {
    if (channel === undefined) {
      channel = new Channel();
      channel.port1.onmessage = ({ data }) => {
        const fn = posted.get(data)!;
        posted.delete(data);
        fn();
      };
    }
    posted.set(count, fn);
    channel.port2.postMessage(count++);
  };
}

const toNextTurn = wayToNextTurn(globalThis as Platform);

/** Calls `fn` in the next turn of the event loop, in an empty context. */
export function inNextTurn(fn: () => void): void {
  runOutside(() => toNextTurn(fn));
}

/**
 * Makes `error` an unhandled rejection in the next turn, unless `taken` returns true by then. It is for failures that
 * no caller can receive.
 */
export function surface(error: unknown, taken: () => boolean = () => false): void {
  inNextTurn(() => {
    if (taken()) return;
    void Promise.reject(error);
    // Deno 2.9 does not report a rejection in the last turn of a program whose top-level await never ends.
    inNextTurn(() => {});
  });
}
