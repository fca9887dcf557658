// Channels and selects against a model without promises, under random sends, receives, aborts and closes.

import { Channel, ChannelClosedError, type Receiver, scope, select, type Sender } from "@weft/async";
import { assertEquals } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { countedSignal, settle, withSeeds } from "../support.ts";

/** One end, as the model and the test see it. */
type ModelEnd =
  & { channel: ModelChannel; open: boolean }
  & (
    | { kind: "send"; real: Sender<number> }
    | { kind: "receive"; real: Receiver<number> }
  );

interface ModelCase {
  end: ModelEnd;
  /** What to send. */
  value: number;
}

interface Operation {
  id: number;
  cases: ModelCase[];
  lane: Lane;
}

/** What a channel is, said without promises: every question is answered anew from plain arrays. */
class ModelChannel {
  readonly capacity: number;
  readonly real: Channel<number>;
  readonly ends: ModelEnd[];
  buffer: number[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
    this.real = new Channel(capacity);
    const { sender, receiver } = this.real;
    this.ends = [
      { channel: this, open: true, kind: "send", real: sender },
      { channel: this, open: true, kind: "receive", real: receiver },
    ];
  }

  open(kind: ModelEnd["kind"]): number {
    return this.ends.filter((end) => end.kind === kind && end.open).length;
  }
}

class Model {
  /** All that wait, in order of arrival. */
  queue: Operation[] = [];
  readonly outcomes = new Map<number, string>();

  /** Those who wait at one side of a channel, with the case by which they do. */
  waiting(channel: ModelChannel, kind: ModelEnd["kind"]): { operation: Operation; index: number; value: number }[] {
    return this.queue.flatMap((operation) =>
      operation.cases.flatMap(({ end, value }, index) =>
        end.channel === channel && end.kind === kind ? [{ operation, index, value }] : []
      )
    );
  }

  settle({ id }: Operation, outcome: string): void {
    this.outcomes.set(id, outcome);
    this.queue = this.queue.filter((waiting) => waiting.id !== id);
  }

  /** Does one case, if it need not wait. */
  attempt({ end, value }: ModelCase, index: number): string | undefined {
    const { channel, kind } = end;
    if (!end.open) return "closed: self";
    const other = kind === "send" ? "receive" : "send";
    const partner = this.waiting(channel, other)[0];
    if (kind === "send") {
      if (channel.open("receive") === 0) return "closed: receivers";
      if (partner !== undefined) this.settle(partner.operation, `${partner.index} got ${value}`);
      else if (channel.buffer.length < channel.capacity) channel.buffer.push(value);
      else return;
      return `${index} sent`;
    }
    if (partner !== undefined) {
      channel.buffer.push(partner.value);
      this.settle(partner.operation, `${partner.index} sent`);
    }
    if (channel.buffer.length > 0) return `${index} got ${channel.buffer.shift()}`;
    if (channel.open("send") === 0) return "closed: senders";
  }

  begin(operation: Operation): void {
    for (const [index, one] of operation.cases.entries()) {
      const outcome = this.attempt(one, index);
      if (outcome !== undefined) return this.settle(operation, outcome);
    }
    this.queue.push(operation);
  }

  abort(lane: Lane): void {
    for (const operation of this.queue.filter((operation) => operation.lane === lane)) this.settle(operation, "random");
  }

  close(end: ModelEnd): void {
    end.open = false;
    for (const operation of this.queue.filter(({ cases }) => cases.some((one) => one.end === end))) {
      this.settle(operation, "closed: self");
    }
    const { channel, kind } = end;
    if (channel.open(kind) > 0) return;
    const [others, outcome] = kind === "send" ? ["receive", "closed: senders"] as const : [
      "send",
      "closed: receivers",
    ] as const;
    if (kind === "receive") channel.buffer = [];
    for (const { operation } of this.waiting(channel, others)) this.settle(operation, outcome);
  }
}

/** Operations that are aborted together. */
interface Lane {
  enter<R>(fn: (signal: AbortSignal | undefined) => R): R;
  abort(): void;
  /** Ends it; returns how many listeners it has left behind. */
  close(): Promise<number>;
}

function signalLane(): Lane {
  const { controller, signal, listeners } = countedSignal();
  return {
    enter: (fn) => fn(signal),
    abort: () => controller.abort("random"),
    close: () => Promise.resolve(listeners()),
  };
}

function scopeLane(): Lane {
  const { promise: end, resolve: close } = Promise.withResolvers<void>();
  let enter!: <R>(fn: () => R) => R;
  let cancel!: () => void;
  const ended = scope(async (_signal, self) => {
    enter = AsyncLocalStorage.snapshot();
    cancel = () => self.cancel("random");
    await end;
  });
  return {
    enter: (fn) => enter(() => fn(undefined)),
    abort: () => cancel(),
    close: () => (close(), ended.then(() => 0)),
  };
}

/** Begins `operation` in earnest: one case by the method of its end, now and then by `select` too. */
async function really({ cases, lane }: Operation, direct: boolean): Promise<string> {
  const [{ end, value }] = cases as [ModelCase];
  const done = (index: number, kind: ModelEnd["kind"], value: unknown) =>
    kind === "send" ? `${index} sent` : `${index} got ${value}`;
  try {
    if (direct && end.kind === "send") {
      await lane.enter((signal) => end.real.send(value, { signal }));
      return done(0, "send", undefined);
    }
    if (direct && end.kind === "receive") {
      return done(0, "receive", await lane.enter((signal) => end.real.receive({ signal })));
    }
    const list = cases.map(({ end, value }) => end.kind === "send" ? end.real.sending(value) : end.real.receiving());
    const result = await lane.enter((signal) => select(list, { fair: false, signal }));
    return done(result.index, cases[result.index]!.end.kind, result.value);
  } catch (error) {
    return error instanceof ChannelClosedError ? `closed: ${error.closed}` : String(error);
  }
}

Deno.test("Channel and select() do what a simple model does under random operations, aborts and closes", async () => {
  await withSeeds(300, async (random) => {
    const below = (n: number) => Math.floor(random() * n);
    const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
    const model = new Model();
    const channels = [new ModelChannel(0), new ModelChannel(1 + below(3))];
    const newLane = () => pick([signalLane, scopeLane])();
    const lanes = [newLane(), newLane(), newLane()];
    const closed: Lane[] = [];
    const outcomes = new Map<number, string>();
    let values = 0;
    let ids = 0;

    const anEnd = () => pick(pick(channels).ends);

    function begin(): void {
      const direct = random() < 0.7;
      const cases = Array.from({ length: direct ? 1 : 1 + below(3) }, () => ({ end: anEnd(), value: values++ }));
      const operation = { id: ids++, cases, lane: pick(lanes) };
      really(operation, direct).then((outcome) => outcomes.set(operation.id, outcome));
      model.begin(operation);
    }
    function tryOne(): void {
      const end = anEnd();
      const value = values++;
      if (!end.open || end.channel.open(end.kind === "send" ? "receive" : "send") === 0) return;
      const outcome = model.attempt({ end, value }, 0);
      if (end.kind === "send") assertEquals(end.real.trySend(value), outcome === "0 sent");
      else assertEquals(end.real.tryReceive(), outcome === undefined ? undefined : { value: Number(outcome.slice(6)) });
    }
    function abort(): void {
      const [lane] = lanes.splice(below(3), 1, newLane());
      model.abort(lane!);
      lane!.abort();
      closed.push(lane!);
    }
    function clone(): void {
      const end = anEnd();
      if (end.open) end.channel.ends.push({ ...end, real: end.real.clone() } as ModelEnd);
    }
    function close(end = anEnd()): void {
      // Not the last ones all too soon.
      if (end.channel.open(end.kind) === 1 && random() < 0.8) return;
      model.close(end);
      end.real.close();
    }
    async function compare(): Promise<void> {
      await settle(1);
      const sorted = (map: Map<number, string>) => [...map].toSorted(([a], [b]) => a - b);
      assertEquals(sorted(outcomes), sorted(model.outcomes));
    }

    const operations = [begin, begin, begin, begin, begin, begin, tryOne, tryOne, abort, clone, close, compare];
    for (let i = 0; i < 80; i++) {
      await pick(operations)();
      for (const channel of channels) {
        assertEquals(channel.real.statistics(), {
          buffered: channel.buffer.length,
          capacity: channel.capacity,
          openSenders: channel.open("send"),
          openReceivers: channel.open("receive"),
          waitingSenders: model.waiting(channel, "send").length,
          waitingReceivers: model.waiting(channel, "receive").length,
        });
      }
    }
    await compare();
    for (const lane of lanes) {
      model.abort(lane);
      lane.abort();
    }
    await compare();
    assertEquals(outcomes.size, ids);
    for (const lane of [...lanes, ...closed]) assertEquals(await lane.close(), 0);
  });
});
