/** What the tests share: turns of the event loop instead of real time, and looks at what is left behind. */

/** Lets the event loop go round until everything that needs no time has happened. */
export async function settle(turns = 3): Promise<void> {
  for (let i = 0; i < turns; i++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Runs `fn` and returns what became an unhandled rejection meanwhile, and in the turns after. */
export async function unhandledIn(fn: () => unknown): Promise<unknown[]> {
  const seen: unknown[] = [];
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    seen.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  try {
    await fn();
    await settle(4);
  } finally {
    globalThis.removeEventListener("unhandledrejection", listener);
  }
  return seen;
}

/** A signal that counts the listeners that are on it. */
export function countedSignal(): {
  controller: AbortController;
  signal: AbortSignal;
  listeners: () => number;
} {
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = function (
    ...args: Parameters<typeof addEventListener>
  ) {
    count++;
    return addEventListener.apply(signal, args);
  } as typeof addEventListener;
  signal.removeEventListener = function (
    ...args: Parameters<typeof removeEventListener>
  ) {
    count--;
    return removeEventListener.apply(signal, args);
  } as typeof removeEventListener;
  return { controller, signal, listeners: () => count };
}

/** A repeatable source of numbers in [0, 1), for interleavings: print the seed where a test fails. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
