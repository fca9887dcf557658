/** What an item of a limited call puts into its context with `enterWith` ends with the item. */

import { assertEquals } from "@std/assert";
import { asCompleted, gather, map, yieldNow } from "@weft/async";
import { storage, store, within } from "./support.ts";

const ITEMS = 8;

/** How an item changes its context. */
const ITEM_KINDS: Record<string, (name: string) => unknown> = {
  "a function that returns at once": (name) => storage.enterWith(name),
  async "an item, before its first wait"(name) {
    storage.enterWith(name);
    await yieldNow();
  },
  async "an item, after a wait"(name) {
    await yieldNow();
    storage.enterWith(name);
  },
  "a function that throws"(name) {
    storage.enterWith(name);
    throw new Error(name);
  },
};

type Item = (index: number) => unknown;

function functions(item: Item): (() => unknown)[] {
  return Array.from({ length: ITEMS }, (_, index) => () => item(index));
}

async function* asyncIndices(): AsyncGenerator<number> {
  for (let index = 0; index < ITEMS; index++) {
    await yieldNow();
    yield index;
  }
}

async function drained(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

const indices = () => Array(ITEMS).keys();
const settled = true;

const CALLS: Record<string, (item: Item, concurrency: number) => Promise<unknown>> = {
  "gather()": (item, concurrency) => gather(functions(item), { concurrency, settled }),
  "asCompleted()": (item, concurrency) => drained(asCompleted(functions(item), { concurrency, settled })),
  "map() of a list": (item, concurrency) => drained(map(indices(), item, { concurrency, settled })),
  "map() of a list, ordered": (item, concurrency) =>
    drained(map(indices(), item, { concurrency, settled, ordered: true })),
  "map() of an async source": (item, concurrency) => drained(map(asyncIndices(), item, { concurrency, settled })),
  "map() of an async source, ordered": (item, concurrency) =>
    drained(map(asyncIndices(), item, { concurrency, settled, ordered: true })),
};

for (const [name, call] of Object.entries(CALLS)) {
  for (const concurrency of [1, 3]) {
    for (const [kind, change] of Object.entries(ITEM_KINDS)) {
      Deno.test(`${name} with concurrency ${concurrency} starts no item in what ${kind} has put into its context`, {
        timeout: 10_000,
      }, async () => {
        const seen: string[] = [];
        await within("caller", () =>
          call((index) => {
            seen[index] = store();
            return change(`item ${index}`);
          }, concurrency));
        // Those that start together may see each other's: the ones behind them begin after another has ended.
        const behind = seen.slice(concurrency);
        assertEquals(behind, Array(ITEMS - concurrency).fill("caller"));
      });
    }
  }

  Deno.test(`${name} leaves the context of its caller as it was, whatever an item does to its own`, {
    timeout: 10_000,
  }, async () => {
    const log: string[] = [];
    await within("caller", async () => {
      const ended = call((index) => storage.enterWith(`item ${index}`), ITEMS);
      log.push(store());
      await ended;
      log.push(store());
    });
    assertEquals(log, ["caller", "caller"]);
  });
}
