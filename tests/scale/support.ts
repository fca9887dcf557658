/** What the tests of scale share. */

import { AssertionError } from "@std/assert";
import { scope, yieldNow } from "@weft/async";
import { assertLinear } from "../core/steps.ts";
import { unhandledIn } from "../support.ts";

/**
 * Registers a test that `work` takes steps in proportion to `n`, and rejects nothing that nobody handles. The time limit
 * is for what is not counted: a loop over all of 100,000 for each of them would take minutes.
 */
export function linear(name: string, sizes: readonly [number, number], work: (n: number) => unknown): void {
  Deno.test(name, { timeout: 30_000 }, () => handled(() => assertLinear(work, sizes)));
}

/** Registers a test that `work` ends, and rejects nothing that nobody handles. */
export function ends(name: string, work: () => unknown): void {
  Deno.test(name, { timeout: 30_000 }, () => handled(work));
}

async function handled(work: () => unknown): Promise<void> {
  let thrown: { error: unknown } | null = null;
  const unhandled = await unhandledIn(async () => {
    try {
      await work();
    } catch (error) {
      thrown = { error };
    }
  });
  // The first is enough: there may be 100,000 of them.
  const [first] = unhandled;
  if (unhandled.length > 0) {
    throw new AssertionError(`${unhandled.length} unhandled rejections, the first: ${first}`, {
      cause: thrown ?? first,
    });
  }
  if (thrown !== null) throw (thrown as { error: unknown }).error;
}

/** Runs `work` in a scope that is aborted from outside, once all that begins with it has begun. */
export async function aborted(work: (signal: AbortSignal) => unknown): Promise<void> {
  await scope(async (signal, self) => {
    const ended = Promise.resolve(work(signal)).catch(() => {});
    await yieldNow();
    self.cancel("enough");
    await ended;
  });
}

/** Does nothing, successfully. */
export const nothing = () => {};

/** Fails. */
export const fail = () => Promise.reject(new Error("no luck"));
