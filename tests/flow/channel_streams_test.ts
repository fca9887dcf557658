import { Channel, ChannelClosedError, InvalidStateError, Receiver, scope } from "@weft/async";
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { logUnhandled, report, settle } from "../support.ts";

/** A stream that counts what is taken from it, and says what becomes of it. */
function counted(length: number, log: string[] = []) {
  let taken = 0;
  const readable = new ReadableStream<number>({
    pull(controller) {
      if (taken === length) controller.close();
      else controller.enqueue(++taken);
    },
    cancel: (reason) => void log.push(`cancelled: ${reason}`),
  }, { highWaterMark: 0 });
  return { readable, taken: () => taken, log };
}

Deno.test("Receiver.toReadable() gives the values and then ends, and closes the receiver", async () => {
  const { sender, receiver } = new Channel<number | undefined>(3);
  for (const value of [1, undefined, 3]) sender.trySend(value);
  sender.close();
  assertEquals(await Array.fromAsync(receiver.toReadable()), [1, undefined, 3]);
  assertEquals(receiver.closed, true);
});

Deno.test("Receiver.toReadable() takes a value only when somebody reads", async () => {
  const { sender, receiver } = new Channel<number>(0);
  const reader = receiver.toReadable().getReader();
  const log: string[] = [];
  for (const value of [1, 2]) report(log, sender.send(value).then(() => value));
  await settle();
  log.push("reads");
  await reader.read();
  await settle();
  assertEquals([log, sender.statistics().waitingSenders], [["reads", "returns 1"], 1]);
  await reader.cancel();
});

Deno.test("Receiver.toReadable() closes the receiver when it is cancelled, also while a read waits", async () => {
  const { sender, receiver } = new Channel<number>(0);
  const reader = receiver.toReadable().getReader();
  const read = reader.read();
  await settle();
  assertEquals(sender.statistics().waitingReceivers, 1);
  await reader.cancel("enough");
  assertEquals([(await read).done, receiver.closed, sender.statistics().waitingReceivers], [true, true, 0]);
  await assertRejects(() => sender.send(1), ChannelClosedError, "all receivers are closed");
});

Deno.test("Receiver.toReadable() fails when the receiver is closed by hand", async () => {
  const { receiver } = new Channel<number>(0);
  const reader = receiver.toReadable().getReader();
  const read = reader.read();
  await settle();
  receiver.close();
  await assertRejects(() => read, ChannelClosedError, "this Receiver is closed");
});

Deno.test("Receiver.toReadable() fails with the abort of the scope that made it, whoever reads", async () => {
  const { sender, receiver } = new Channel<number>(0);
  const log: string[] = [];
  let readable!: ReadableStream<number>;
  let reading!: Promise<void>;
  await scope(async (_signal, self) => {
    readable = receiver.toReadable();
    const reader = readable.getReader();
    reading = report(log, reader.read());
    await settle();
    self.cancel("stop");
    await reading;
    reader.releaseLock();
  });
  await report(log, readable.getReader().read());
  assertEquals([log, receiver.closed, sender.statistics().openReceivers], [["throws stop", "throws stop"], true, 0]);
});

Deno.test("Receiver.toReadable() goes on when the scope that reads is cancelled", async () => {
  const { sender, receiver } = new Channel<number>(0);
  const reader = receiver.toReadable().getReader();
  let read!: Promise<ReadableStreamReadResult<number>>;
  await settle();
  await scope(async (_signal, self) => {
    read = reader.read();
    await settle();
    self.cancel("stop");
  });
  sender.trySend(1);
  assertEquals(await read, { done: false, value: 1 });
  await reader.cancel();
});

Deno.test("Sender.toWritable() writes into the channel, and closes the sender with itself", async () => {
  const { sender, receiver } = new Channel<number>(5);
  await ReadableStream.from([1, 2, 3]).pipeTo(sender.toWritable());
  assertEquals([await Array.fromAsync(receiver), sender.closed], [[1, 2, 3], true]);
});

Deno.test("Sender.toWritable() holds writes back while there is no place", async () => {
  const { sender, receiver } = new Channel<number>(1);
  const writer = sender.toWritable().getWriter();
  const log: string[] = [];
  for (const value of [1, 2, 3]) report(log, writer.write(value).then(() => value));
  await settle();
  assertEquals([log, writer.desiredSize, sender.statistics().waitingSenders], [["returns 1"], -1, 1]);
  assertEquals(receiver.tryReceive(), { value: 1 });
  await settle();
  assertEquals([log, writer.desiredSize], [["returns 1", "returns 2"], 0]);
  await writer.abort();
});

Deno.test("Sender.toWritable() that is aborted tells receivers the reason after the last value", async () => {
  const { sender, receiver } = new Channel<number>(1);
  const writer = sender.toWritable().getWriter();
  const reason = new Error("the source broke");
  await writer.write(1);
  const waiting = assertRejects(() => writer.write(2));
  await writer.abort(reason);
  assertStrictEquals(await waiting, reason);
  assertEquals([await receiver.receive(), sender.closed], [1, true]);
  assertStrictEquals(await assertRejects(() => receiver.receive()), reason);
  assertStrictEquals(assertThrows(() => receiver.tryReceive()), reason);
  assertStrictEquals(await assertRejects(() => Array.fromAsync(receiver)), reason);
});

Deno.test("Sender.toWritable() that is aborted tells receivers that wait, once no other sender is open", async () => {
  const { sender, receiver } = new Channel<number>(0);
  const other = sender.clone();
  const log: string[] = [];
  report(log, receiver.receive());
  report(log, receiver[Symbol.asyncIterator]().next());
  await sender.toWritable().abort("broke");
  other.trySend(1);
  await settle();
  log.push("the other closes");
  other.close();
  await settle();
  assertEquals(log, ["returns 1", "the other closes", "throws broke"]);
});

Deno.test("Sender.toWritable() fails when all receivers are closed, before anything is written", async () => {
  const { sender, receiver } = new Channel<number>(0);
  const writer = sender.toWritable().getWriter();
  const closed = assertRejects(() => writer.closed, ChannelClosedError, "all receivers are closed");
  await settle();
  receiver.close();
  await closed;
  assertEquals(sender.closed, true);
});

Deno.test("Sender.toWritable() fails when all receivers are closed already, and when the sender is", async () => {
  for (const end of ["receiver", "sender"] as const) {
    const channel = new Channel<number>(0);
    channel[end].close();
    const writer = channel.sender.toWritable().getWriter();
    await assertRejects(() => writer.closed, ChannelClosedError);
  }
});

Deno.test("Sender.toWritable() fails with the abort of the scope that made it, and so does the channel", async () => {
  const { sender, receiver } = new Channel<number>(0);
  const log: string[] = [];
  await scope(async (_signal, self) => {
    const writer = sender.toWritable().getWriter();
    report(log, writer.closed);
    await settle();
    self.cancel("stop");
    await settle();
    const late = sender.toWritable().getWriter();
    report(log, late.closed);
    await settle();
  });
  await report(log, receiver.receive());
  assertEquals(log, ["throws stop", "throws stop", "throws stop"]);
});

Deno.test("Sender.toWritable() goes on when the scope that writes is cancelled", async () => {
  const { sender, receiver } = new Channel<number>(0);
  const writer = sender.toWritable().getWriter();
  let write!: Promise<void>;
  await settle();
  await scope(async (_signal, self) => {
    write = writer.write(1);
    await settle();
    self.cancel("stop");
  });
  assertEquals(receiver.tryReceive(), { value: 1 });
  await write;
  await writer.close();
});

Deno.test("Sender.toWritable() fails when the sender is closed by hand, before anything is written", async () => {
  const { sender } = new Channel<number>(0);
  const writer = sender.toWritable().getWriter();
  const closed = assertRejects(() => writer.closed, ChannelClosedError, "this Sender is closed");
  await settle();
  sender.close();
  await closed;
});

Deno.test("Sender.toWritable() leaves nothing that waits when it is closed", async () => {
  const { sender, receiver } = new Channel<number>(0);
  const log: string[] = [];
  await scope(async (_signal, self) => {
    const writer = sender.toWritable().getWriter();
    await writer.close();
    report(log, writer.closed);
    self.cancel("too late");
    await settle();
  });
  receiver.close();
  await settle();
  assertEquals(log, ["returns undefined"]);
});

Deno.test("Receiver.from() gives the chunks of a stream, and takes no more than one ahead", async () => {
  const { readable, taken } = counted(5);
  using receiver = Receiver.from(readable);
  await settle();
  assertEquals(taken(), 1);
  assertEquals(await receiver.receive(), 1);
  await settle();
  assertEquals(taken(), 2);
  assertEquals(await Array.fromAsync(receiver), [2, 3, 4, 5]);
});

Deno.test("Receiver.from() hands each chunk to one of the clones", async () => {
  const { readable } = counted(6);
  const receiver = Receiver.from(readable);
  const all: number[] = [];
  await Promise.all([receiver, receiver.clone(), receiver.clone()].map(async (end) => {
    using _ = end;
    for await (const chunk of end) all.push(chunk);
  }));
  assertEquals(all, [1, 2, 3, 4, 5, 6]);
});

Deno.test("Receiver.from() rejects with what the stream fails with, after what came before", async () => {
  const failure = new Error("broken pipe");
  const readable = new ReadableStream<number>({
    start: (controller) => controller.enqueue(1),
    pull() {
      throw failure;
    },
  }, { highWaterMark: 1 });
  const log: string[] = [];
  using _ = logUnhandled(log);
  using receiver = Receiver.from(readable);
  const values: number[] = [];
  const error = await assertRejects(async () => {
    for await (const value of receiver) values.push(value);
  });
  assertStrictEquals(error, failure);
  await settle();
  assertEquals([values, log], [[1], []]);
});

Deno.test("Receiver.from() cancels the stream when the last clone is closed, also while that has nothing", async () => {
  const log: string[] = [];
  using _ = logUnhandled(log);
  const silent = new ReadableStream<number>({ cancel: (reason) => void log.push(`silent: ${reason.message}`) });
  Receiver.from(silent).close();
  const { readable } = counted(5, log);
  const receiver = Receiver.from(readable);
  const other = receiver.clone();
  receiver.close();
  assertEquals(await other.receive(), 1);
  await settle();
  log.push("the last one closes");
  other.close();
  await settle();
  const why = "Cannot send: all receivers are closed";
  assertEquals(log, [`silent: ${why}`, "the last one closes", `cancelled: ChannelClosedError: ${why}`]);
});

Deno.test("Receiver.from() cancels the stream when the scope around is aborted, and rejects with the reason", async () => {
  const log: string[] = [];
  let receiver!: Receiver<number>;
  await scope(async (_signal, self) => {
    receiver = Receiver.from(counted(5, log).readable);
    await settle();
    self.cancel("stop");
  });
  await report(log, receiver.receive());
  await settle();
  assertEquals(log.toSorted(), ["cancelled: stop", "throws stop"]);
});

Deno.test("Receiver.from() lets a failure of the stream's cancel surface", async () => {
  const log: string[] = [];
  using _ = logUnhandled(log);
  const readable = new ReadableStream<number>({
    cancel() {
      throw new Error("cannot cancel");
    },
  });
  Receiver.from(readable).close();
  await settle(5);
  assertEquals(log, ["surfaces Error: cannot cancel"]);
});

Deno.test("Receiver.from() refuses what is no stream, and a stream that is locked", () => {
  const { readable } = counted(1);
  readable.getReader();
  const message = "Cannot receive from stream: it is locked";
  assertEquals(assertThrows(() => Receiver.from(readable), InvalidStateError).message, message);
  assertThrows(() => Receiver.from([1] as never), TypeError, '"readable" must be a ReadableStream');
});

Deno.test("Channel stands between two streams, and neither runs ahead", async () => {
  const { readable, taken } = counted(100);
  const { sender, receiver } = new Channel<number>(3);
  const written: number[] = [];
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const slow = new WritableStream<number>({
    async write(value) {
      await gate;
      written.push(value);
    },
  }, { highWaterMark: 1 });
  const pipes = Promise.all([readable.pipeTo(sender.toWritable()), receiver.toReadable().pipeTo(slow)]);
  await settle(10);
  // One in the writer's hands, three in the buffer, one on its way.
  assertEquals([taken(), written.length], [5, 0]);
  open();
  await pipes;
  assertEquals(written, Array.from({ length: 100 }, (_, i) => i + 1));
});
