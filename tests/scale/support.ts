/** What the tests of scale share. */

import { AssertionError } from "@std/assert";
import { scope, yieldNow } from "@weft/async";
import { assertLinear } from "../core/steps.ts";
import { unhandledIn } from "../support.ts";

// A twentieth tells linear from quadratic as well, in a twentieth of the time; `deno task full` runs the rest.
const FULL = Deno.env.get("FULL") !== undefined;
const PART = 20;

/** The number that a test is about, or its part in the short form. */
export function size(full: number): number {
  return FULL ? full : full / PART;
}

/** The name with the numbers of the form that runs. */
function named(name: string): string {
  return name.replaceAll(/\d+(,\d{3})+/g, (number) => size(Number(number.replaceAll(",", ""))).toLocaleString("en"));
}

/**
 * Registers a test that `work` takes steps in proportion to `n`, and rejects nothing that nobody handles. The time limit
 * is for what is not counted: a loop over all of 100,000 for each of them would take minutes.
 */
export function linear(name: string, sizes: readonly [number, number], work: (n: number) => unknown): void {
  const [few, many] = FULL ? sizes : [sizes[0] / 10, sizes[1] / PART];
  Deno.test(named(name), { timeout: 30_000 }, () => handled(() => assertLinear(work, [few, many])));
}

/** Registers a test that `work` ends, and rejects nothing that nobody handles. */
export function ends(name: string, work: () => unknown): void {
  Deno.test(named(name), { timeout: 30_000 }, () => handled(work));
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
