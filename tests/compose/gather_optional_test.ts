import { asCompleted, gather } from "@weft/async";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { assertType, type IsExact } from "@std/testing/types";

const off = false as boolean;

Deno.test("gather() takes absent entries, whose results are undefined", async () => {
  const list = await gather([() => 1, off ? () => "a" : undefined, Promise.resolve(true)]);
  assertEquals(list, [1, undefined, true]);
  assertType<IsExact<typeof list, [number, string | undefined, boolean]>>(true);
  const record = await gather({ user: () => "Ada", posts: off ? () => ["post"] : undefined });
  assertEquals(record, { user: "Ada", posts: undefined });
  assertType<IsExact<typeof record, { user: string; posts: string[] | undefined }>>(true);
  assertEquals(await gather([undefined, () => 2, undefined], { concurrency: 1 }), [undefined, 2, undefined]);
  assertEquals(await gather([undefined]), [undefined]);
});

Deno.test("gather() with settled shows an absent entry as fulfilled with undefined", async () => {
  const results = await gather([undefined, () => 1], { settled: true });
  assertEquals(results, [{ status: "fulfilled", value: undefined }, { status: "fulfilled", value: 1 }]);
});

Deno.test("gather() discards nothing for an absent entry", async () => {
  const discarded: unknown[] = [];
  await assertRejects(() =>
    gather([undefined, () => 1, () => Promise.reject(new Error("no"))], {
      onDiscard: (value) => discarded.push(value),
    })
  );
  assertEquals(discarded, [1]);
});

Deno.test("Only undefined is an absent entry, and only of gather()", async () => {
  const wrong = [null] as unknown as (() => void)[];
  await assertRejects(() => gather(wrong), TypeError, '"entries[0]" must be a function or a promise, received null');
  const absent = [undefined] as unknown as (() => void)[];
  assertThrows(() => asCompleted(absent), TypeError, '"entries[0]" must be a function or a promise');
});
