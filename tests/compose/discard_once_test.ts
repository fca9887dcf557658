/** The same promise several times among the entries: one value, which has one owner. */

import { assertEquals, assertRejects } from "@std/assert";
import {
  asCompleted,
  createTask,
  type Entry,
  firstSuccess,
  Future,
  gather,
  race,
  scope,
  sleepForever,
  StragglerError,
} from "@weft/async";
import { settle } from "../support.ts";

const LIMIT = { timeout: 10_000 };

const failure = new Error("no luck");
const fails = () => settle(2).then(() => Promise.reject(failure));

/** What can stand among the entries twice, and comes to `value` after a turn. */
const TWICE: Record<string, (value: unknown) => PromiseLike<unknown>> = {
  "a promise": (value) => settle(1).then(() => value),
  "a promise that has settled": (value) => Promise.resolve(value),
  "a task": (value) => createTask(() => settle(1).then(() => value)),
  "a future": (value) => {
    const future = new Future<unknown>();
    setImmediate(() => future.setResult(value));
    return future;
  },
  "a thenable": (value) => {
    const promise = settle(1).then(() => value);
    return { then: (ok, no) => promise.then(ok, no) };
  },
};

type Start = (entries: Entry<unknown>[], onDiscard: (value: unknown) => void) => Promise<unknown>;

/** Calls that reject with the failure of an entry. */
const REJECTING: Record<string, Start> = {
  "gather()": (entries, onDiscard) => gather(entries, { onDiscard }),
  "gather() with concurrency": (entries, onDiscard) => gather(entries, { onDiscard, concurrency: 1 }),
  // In a scope: outside of all, a failure that nobody reads surfaces before the end of the block.
  "asCompleted() left with await using": (entries, onDiscard) =>
    scope(async () => {
      await using _results = asCompleted(entries, { onDiscard });
      await settle(5);
    }),
};

for (const [what, make] of Object.entries(TWICE)) {
  for (const [name, start] of Object.entries(REJECTING)) {
    Deno.test(`${name} of ${what} twice and a failure discards the value once`, LIMIT, async () => {
      const resource = { name: "resource" };
      const entry = make(resource);
      const discarded: unknown[] = [];
      assertEquals(
        await start([entry, entry, fails], (value) => discarded.push(value)).catch((error) => error),
        failure,
      );
      await settle();
      assertEquals(discarded, [resource]);
    });
  }

  for (const [name, start] of Object.entries({ race, firstSuccess })) {
    Deno.test(`${name}() of ${what} twice discards nothing of what its caller gets`, LIMIT, async () => {
      const resource = { name: "resource" };
      const entry = make(resource);
      const discarded: unknown[] = [];
      const value = await start([entry, entry], { onDiscard: (value) => discarded.push(value) });
      await settle();
      assertEquals([value, discarded], [resource, []]);
    });

    Deno.test(`${name}() won by a function discards the value of ${what} twice at most once`, LIMIT, async () => {
      const resource = { name: "resource" };
      const entry = make(resource);
      const discarded: unknown[] = [];
      const value = await start([entry, () => "winner", entry], { onDiscard: (value) => discarded.push(value) });
      await settle();
      assertEquals([value, discarded.length <= 1], ["winner", true]);
    });
  }

  Deno.test(`asCompleted() of ${what} twice discards nothing once a reader has got the value`, LIMIT, async () => {
    const resource = { name: "resource" };
    const entry = make(resource);
    const discarded: unknown[] = [];
    const results = asCompleted([entry, entry, () => sleepForever()], { onDiscard: (value) => discarded.push(value) });
    const { value } = await results.next();
    await settle(5);
    await results.return();
    assertEquals([value, discarded], [resource, []]);
  });

  Deno.test(
    `asCompleted() with settled of ${what} twice that nobody reads discards the value once`,
    LIMIT,
    async () => {
      const resource = { name: "resource" };
      const entry = make(resource);
      const discarded: unknown[] = [];
      const options = { settled: true as const, onDiscard: (value: unknown) => discarded.push(value) };
      const results = asCompleted([entry, entry], options);
      await settle(4);
      await results.return();
      assertEquals(discarded, [resource]);
    },
  );

  Deno.test(`gather() with settled of ${what} twice that is aborted discards the value once`, LIMIT, async () => {
    const resource = { name: "resource" };
    const entry = make(resource);
    const discarded: unknown[] = [];
    const controller = new AbortController();
    const call = gather([entry, entry, new Promise<never>(() => {})], {
      settled: true,
      signal: controller.signal,
      onDiscard: (value) => discarded.push(value),
    });
    await settle(4);
    controller.abort(failure);
    await assertRejects(() => call);
    assertEquals(discarded, [resource]);
  });
}

Deno.test(
  "gather() discards the values of different promises, and of a function that stands there twice, one by one",
  LIMIT,
  async () => {
    const discarded: unknown[] = [];
    let count = 0;
    const fn = () => ++count;
    const entries = [Promise.resolve("a"), fn, Promise.resolve("b"), fn, fails];
    await assertRejects(() => gather(entries, { onDiscard: (value) => discarded.push(value) }));
    assertEquals(discarded, ["a", 1, "b", 2]);
  },
);

Deno.test(
  "gather() whose stragglers cost it the value of a promise that stands there twice discards it once",
  LIMIT,
  async () => {
    const discarded: unknown[] = [];
    const end = Promise.withResolvers<void>();
    const controller = new AbortController();
    const promise = Promise.resolve("value");
    const call = gather([promise, () => end.promise, promise], {
      grace: 0,
      signal: controller.signal,
      onDiscard: (value) => discarded.push(value),
    });
    await settle(1);
    controller.abort();
    await assertRejects(() => call, StragglerError);
    end.resolve();
    await settle();
    assertEquals(discarded.filter((value) => value !== undefined), ["value"]);
  },
);
