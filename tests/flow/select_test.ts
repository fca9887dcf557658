import { Channel, ChannelClosedError, scope, select, type Selected } from "@weft/async";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { assertType, type IsExact } from "@std/testing/types";
import { countedSignal, report, settle } from "../support.ts";

/** How many wait at the two ends, and how many values are there, of each channel. */
function states(...channels: Channel<unknown>[]): number[][] {
  return channels.map((channel) => {
    const { buffered, waitingSenders, waitingReceivers } = channel.statistics();
    return [buffered, waitingSenders, waitingReceivers];
  });
}

function channels<T = string>(...capacities: number[]): Channel<T>[] {
  return capacities.map((capacity) => new Channel<T>(capacity));
}

Deno.test("select() does the one that is ready, and takes nothing from the others", async () => {
  const [empty, full, filled] = channels(1, 1, 1) as [Channel<string>, Channel<string>, Channel<string>];
  full.sender.trySend("in the way");
  filled.sender.trySend("value");
  const result = await select([empty.receiver.receiving(), full.sender.sending("no"), filled.receiver.receiving()]);
  assertEquals(result, { index: 2, value: "value" });
  assertEquals(states(empty, full, filled), [[0, 0, 0], [1, 0, 0], [0, 0, 0]]);
});

Deno.test("select() sends the value when that case is ready", async () => {
  const [empty, roomy] = channels(1, 1) as [Channel<string>, Channel<string>];
  const result = await select([empty.receiver.receiving(), roomy.sender.sending("sent")]);
  assertEquals([result, roomy.receiver.tryReceive()], [{ index: 1, value: undefined }, { value: "sent" }]);
});

Deno.test("select() waits for the first of all, and then stands in no queue", async () => {
  const [a, b, c] = channels(1, 1, 0) as [Channel<string>, Channel<string>, Channel<string>];
  const log: string[] = [];
  report(log, select([a.receiver.receiving(), b.receiver.receiving(), c.sender.sending("sent")]));
  assertEquals(states(a, b, c), [[0, 0, 1], [0, 0, 1], [0, 1, 0]]);
  b.sender.trySend("first");
  assertEquals(states(a, b, c), [[0, 0, 0], [0, 0, 0], [0, 0, 0]]);
  a.sender.trySend("too late");
  await settle();
  assertEquals([log, c.receiver.tryReceive()], [['returns {"index":1,"value":"first"}'], undefined]);
  assertEquals(a.receiver.tryReceive(), { value: "too late" });
});

Deno.test("select() that waits sends when a receiver comes", async () => {
  const [a, b] = channels(0, 0) as [Channel<string>, Channel<string>];
  const log: string[] = [];
  report(log, select([a.receiver.receiving(), b.sender.sending("sent")]));
  report(log, b.receiver.receive());
  await settle();
  assertEquals([log, states(a, b)], [['returns {"index":1}', 'returns "sent"'], [[0, 0, 0], [0, 0, 0]]]);
});

Deno.test("select() moves up from a full buffer like any send", async () => {
  const [a, b] = channels(0, 1) as [Channel<string>, Channel<string>];
  const log: string[] = [];
  b.sender.trySend("1");
  report(log, select([a.receiver.receiving(), b.sender.sending("2")]));
  assertEquals(b.receiver.tryReceive(), { value: "1" });
  await settle();
  assertEquals([log, states(a, b)], [['returns {"index":1}'], [[0, 0, 0], [1, 0, 0]]]);
});

Deno.test("select() stands in each queue in order of arrival", async () => {
  const [a, b] = channels(0, 0) as [Channel<string>, Channel<string>];
  const log: string[] = [];
  report(log, a.receiver.receive().then((value) => `before ${value}`));
  report(log, select([a.receiver.receiving(), b.receiver.receiving()]));
  report(log, a.receiver.receive().then((value) => `after ${value}`));
  for (const value of ["1", "2", "3"]) a.sender.trySend(value);
  await settle();
  assertEquals(log.toSorted(), ['returns "after 3"', 'returns "before 1"', 'returns {"index":0,"value":"2"}']);
});

Deno.test("select() gives all that are ready the same chance, whatever their places", async () => {
  const [a, never, b] = channels(1, 0, 1) as [Channel<string>, Channel<string>, Channel<string>];
  const counts = [0, 0, 0];
  for (let i = 0; i < 1000; i++) {
    a.sender.trySend("a");
    b.sender.trySend("b");
    const { index } = await select([a.receiver.receiving(), never.receiver.receiving(), b.receiver.receiving()]);
    counts[index]!++;
  }
  // Five hundred each, and far more than ten standard deviations to either side.
  assert(counts[1] === 0 && counts.every((count, i) => i === 1 || count > 300), `${counts}`);
});

Deno.test("select() with fair: false does the first that is ready", async () => {
  const [empty, a, b] = channels(1, Infinity, Infinity) as [Channel<string>, Channel<string>, Channel<string>];
  for (let i = 0; i < 20; i++) {
    a.sender.trySend("a");
    b.sender.trySend("b");
  }
  const cases = [empty.receiver.receiving(), a.receiver.receiving(), b.receiver.receiving()] as const;
  const chosen: string[] = [];
  for (let i = 0; i < 21; i++) chosen.push((await select(cases, { fair: false })).value);
  assertEquals(chosen, [...Array.from({ length: 20 }, () => "a"), "b"]);
});

Deno.test("select() does not meet itself, and two of them meet", async () => {
  const [channel] = channels(0) as [Channel<string>];
  const cases = (value: string) => [channel.receiver.receiving(), channel.sender.sending(value)] as const;
  const log: string[] = [];
  report(log, select(cases("from the first")));
  await settle();
  assertEquals([log, states(channel)], [[], [[0, 1, 1]]]);
  report(log, select(cases("from the second"), { fair: false }));
  await settle();
  assertEquals(log, ['returns {"index":1}', 'returns {"index":0,"value":"from the first"}']);
  assertEquals(states(channel), [[0, 0, 0]]);
});

Deno.test("select() may have the same end twice, and does one of the two", async () => {
  const [channel] = channels(0) as [Channel<string>];
  const log: string[] = [];
  report(log, select([channel.receiver.receiving(), channel.receiver.receiving()]));
  for (const value of ["1", "2"]) log.push(`${value} ${channel.sender.trySend(value)}`);
  await settle();
  assertEquals(log, ["1 true", "2 false", 'returns {"index":0,"value":"1"}']);
});

Deno.test("select() does nothing when it is aborted, and leaves no queue entry and no listener", async () => {
  const [a, b] = channels(0, 0) as [Channel<string>, Channel<string>];
  const { controller, signal, listeners } = countedSignal();
  const log: string[] = [];
  report(log, select([a.receiver.receiving(), b.sender.sending("sent")], { signal }));
  assertEquals([states(a, b), listeners()], [[[0, 0, 1], [0, 1, 0]], 1]);
  controller.abort("enough");
  assertEquals([states(a, b), listeners()], [[[0, 0, 0], [0, 0, 0]], 0]);
  assertEquals([a.sender.trySend("1"), b.receiver.tryReceive()], [false, undefined]);
  await settle();
  assertEquals(log, ["throws enough"]);
});

Deno.test("select() keeps what was handed over in the turn of an abort that comes after it", async () => {
  const [a, b] = channels(0, 0) as [Channel<string>, Channel<string>];
  const { controller, signal, listeners } = countedSignal();
  const wait = select([a.receiver.receiving(), b.receiver.receiving()], { signal });
  b.sender.trySend("value");
  controller.abort("too late");
  assertEquals([await wait, listeners()], [{ index: 1, value: "value" }, 0]);
});

Deno.test("select() obeys the scope around it", async () => {
  const [a] = channels(0) as [Channel<string>];
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    const wait = select([a.receiver.receiving()]).catch((reason) => log.push(reason));
    self.cancel("stop");
    await wait;
    await select([a.receiver.receiving()]).catch((reason) => log.push(reason));
  });
  assertEquals([log, states(a)], [["stop", "stop"], [[0, 0, 0]]]);
});

Deno.test("select() rejects when one of the channels is closed, before or while it waits", async () => {
  const [a, b] = channels(0, 0) as [Channel<string>, Channel<string>];
  const wait = select([a.receiver.receiving(), b.receiver.receiving()]);
  b.sender.close();
  assertEquals((await assertRejects(() => wait, ChannelClosedError)).closed, "senders");
  assertEquals(states(a, b), [[0, 0, 0], [0, 0, 0]]);
  const after = select([a.receiver.receiving(), b.receiver.receiving()]);
  assertEquals((await assertRejects(() => after, ChannelClosedError)).closed, "senders");
  const own = select([a.receiver.receiving()]);
  a.receiver.close();
  assertEquals((await assertRejects(() => own, ChannelClosedError)).closed, "self");
  const broken = select([a.sender.sending("1")]);
  assertEquals((await assertRejects(() => broken, ChannelClosedError)).closed, "receivers");
});

Deno.test("select() with settled: true says which channel is at its end, before or while it waits", async () => {
  const [a, b] = channels(1, 1) as [Channel<string>, Channel<string>];
  const log: string[] = [];
  let open = [a, b];
  const merge = (async () => {
    while (open.length > 0) {
      const result = await select(open.map(({ receiver }) => receiver.receiving()), { settled: true });
      if (result.status === "fulfilled") log.push(result.value);
      else {
        log.push(`${result.index} of ${open.length}: ${result.reason.message}`);
        open = open.toSpliced(result.index, 1);
      }
    }
  })();
  await settle();
  b.sender.trySend("b");
  await settle();
  b.sender.close();
  a.sender.trySend("a");
  a.sender.close();
  await merge;
  const end = "Cannot receive: all senders are closed";
  assertEquals(log, ["b", `1 of 2: ${end}`, "a", `0 of 1: ${end}`]);
});

Deno.test("select() with settled: true still rejects when it is aborted", async () => {
  const [a] = channels(0) as [Channel<string>];
  const reason = new Error("enough");
  const controller = new AbortController();
  const wait = select([a.receiver.receiving()], { settled: true, signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => wait), reason);
});

Deno.test("select() takes no case twice that was made once and selected again and again", async () => {
  const [a] = channels(Infinity) as [Channel<string>];
  const sending = a.sender.sending("again");
  for (let i = 0; i < 3; i++) await select([sending]);
  assertEquals(a.statistics().buffered, 3);
});

// Never called: the compiler looks at it, and that is the test.
export async function inferred(words: Channel<string>, numbers: Channel<number>, settled: boolean): Promise<void> {
  const cases = [words.receiver.receiving(), numbers.sender.sending(1), numbers.receiver.receiving()] as const;
  const result = await select([words.receiver.receiving(), numbers.sender.sending(1), numbers.receiver.receiving()]);
  type Expected =
    | { readonly index: 0; readonly value: string }
    | { readonly index: 1; readonly value: undefined }
    | { readonly index: 2; readonly value: number };
  assertType<IsExact<typeof result, Expected>>(true);
  if (result.index === 0) assertType<IsExact<typeof result.value, string>>(true);
  const list = await select([words, words].map(({ receiver }) => receiver.receiving()));
  assertType<IsExact<typeof list, { readonly index: number; readonly value: string }>>(true);
  const told = await select(cases, { settled: true });
  if (told.index === 2 && told.status === "fulfilled") assertType<IsExact<typeof told.value, number>>(true);
  const either = await select(cases, { settled });
  assertType<IsExact<typeof either, Selected<typeof cases> | Selected<typeof cases, true>>>(true);
  // @ts-expect-error A case of another kind
  await select([words.receiver]);
  // @ts-expect-error A value of another kind
  words.sender.sending(1);
}
