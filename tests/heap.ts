/** What a million operations leave on the heap. */

import { scope } from "@weft/async";
import { assert } from "@std/assert";
import { collectGarbage } from "./support.ts";

/** A million, or a tenth of it unless the tests run in full. */
export const COUNT = Deno.env.get("FULL") === undefined ? 100_000 : 1_000_000;
const BATCH = 1_000;
const ALLOWED = 128 * 1024;
const REASON = "enough";

type Operation = (signal: AbortSignal) => unknown;

/** What is on the heap after a collection. Twice, because finalizers run after the first. */
async function heapUsed(): Promise<number> {
  await collectGarbage();
  await collectGarbage();
  return Deno.memoryUsage().heapUsed;
}

/**
 * A test that `run` with so many operations leaves nothing on the heap. The engine may compile code at any time, and
 * keeps it once; what is left behind by the operations would show each time.
 */
export function test(name: string, run: (count: number) => Promise<void>, count = COUNT): void {
  Deno.test(`${name}, ${count.toLocaleString("en")} times, leaves nothing on the heap`, async () => {
    await run(count / 10);
    const growth: number[] = [];
    let before = await heapUsed();
    do {
      await run(count);
      const after = await heapUsed();
      growth.push(after - before);
      before = after;
    } while (growth.at(-1)! > ALLOWED && growth.length < 3);
    assert(growth.at(-1)! <= ALLOWED, `${growth.join(", then ")} bytes are left`);
  });
}

/** One after the other, with a signal that lives for ever. */
export function oneByOne(operation: Operation): (count: number) => Promise<void> {
  const { signal } = new AbortController();
  return async (count) => {
    for (let i = 0; i < count; i++) await operation(signal);
  };
}

/** Many at a time, with a signal that lives for ever. */
export function together(operation: Operation): (count: number) => Promise<void> {
  const { signal } = new AbortController();
  return async (count) => {
    for (let done = 0; done < count; done += BATCH) await batch(operation, signal);
  };
}

/** Many at a time, with a signal that is aborted while they wait. */
export function aborted(operation: Operation): (count: number) => Promise<void> {
  return async (count) => {
    for (let done = 0; done < count; done += BATCH) {
      const controller = new AbortController();
      const waits = batch(operation, controller.signal);
      controller.abort(REASON);
      await waits;
    }
  };
}

/** Many at a time in a scope that is cancelled while they wait, with a signal that lives for ever. */
export function cancelled(operation: Operation): (count: number) => Promise<void> {
  const { signal } = new AbortController();
  return async (count) => {
    for (let done = 0; done < count; done += BATCH) {
      await scope(async (_signal, self) => {
        const waits = batch(operation, signal);
        self.cancel(REASON);
        await waits;
      });
    }
  };
}

function batch(operation: Operation, signal: AbortSignal): Promise<unknown> {
  return Promise.allSettled(Array.from({ length: BATCH }, () => operation(signal)));
}
