import { Channel, ChannelClosedError, isCancellation, type Receiver, scope, type Sender } from "@weft/async";
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { collectGarbage, countedSignal, settle } from "../support.ts";

interface How<End> {
  signal?: AbortSignal;
  through?: End;
}

/** A channel, and calls that write into a log what became of them. */
function logged(capacity: number) {
  const channel = new Channel<string>(capacity);
  const { sender, receiver } = channel;
  const log: string[] = [];
  const why = (reason: unknown) => reason instanceof ChannelClosedError ? `closed: ${reason.closed}` : String(reason);
  const send = (value: string, { through = sender, signal }: How<Sender<string>> = {}) => {
    through.send(value, { signal }).then(
      () => log.push(`${value} sent`),
      (reason) => log.push(`${value} not sent, ${why(reason)}`),
    );
  };
  const receive = (name: string, { through = receiver, signal }: How<Receiver<string>> = {}) => {
    through.receive({ signal }).then(
      (value) => log.push(`${name} got ${value}`),
      (reason) => log.push(`${name} got none, ${why(reason)}`),
    );
  };
  const state = () => {
    const { buffered, waitingSenders, waitingReceivers } = channel.statistics();
    return [buffered, waitingSenders, waitingReceivers];
  };
  return { channel, sender, receiver, log, send, receive, state };
}

function closedError(call: () => unknown, closed: ChannelClosedError["closed"], message: string): void {
  const error = assertThrows(call, ChannelClosedError);
  assertEquals([error.closed, error.message, error.name], [closed, message, "ChannelClosedError"]);
}

Deno.test("Sender.send() fills the buffer at once, and Receiver.receive() empties it in order", async () => {
  const { log, send, receive, state } = logged(2);
  for (const value of ["1", "2"]) send(value);
  assertEquals(state(), [2, 0, 0]);
  for (const name of ["a", "b"]) receive(name);
  assertEquals(state(), [0, 0, 0]);
  await settle();
  assertEquals(log, ["1 sent", "2 sent", "a got 1", "b got 2"]);
});

Deno.test("Sender.send() waits while the buffer is full, and moves up in order when something is received", async () => {
  const { log, send, receive, state } = logged(1);
  for (const value of ["1", "2", "3"]) send(value);
  await settle();
  assertEquals([log, state()], [["1 sent"], [1, 2, 0]]);
  receive("a");
  assertEquals(state(), [1, 1, 0]);
  receive("b");
  receive("c");
  await settle();
  assertEquals(log, ["1 sent", "2 sent", "a got 1", "3 sent", "b got 2", "c got 3"]);
  assertEquals(state(), [0, 0, 0]);
});

Deno.test("Receiver.receive() waits while the buffer is empty, and gets values in order of arrival", async () => {
  const { log, send, receive, state } = logged(5);
  for (const name of ["a", "b", "c"]) receive(name);
  assertEquals(state(), [0, 0, 3]);
  for (const value of ["1", "2"]) send(value);
  assertEquals(state(), [0, 0, 1]);
  await settle();
  assertEquals(log, ["a got 1", "1 sent", "b got 2", "2 sent"]);
});

Deno.test("Sender.send() with capacity 0 ends when the value is received", async () => {
  const { log, send, receive, state, sender, receiver } = logged(0);
  assertEquals(sender.trySend("0"), false);
  send("1");
  await settle();
  assertEquals([log, state()], [[], [0, 1, 0]]);
  receive("a");
  receive("b");
  await settle();
  assertEquals([log, state()], [["1 sent", "a got 1"], [0, 0, 1]]);
  assertEquals([sender.trySend("2"), receiver.tryReceive()], [true, undefined]);
  await settle();
  assertEquals([log.at(-1), state()], ["b got 2", [0, 0, 0]]);
});

Deno.test("Receiver.tryReceive() takes from a sender that waits with capacity 0", async () => {
  const { log, send, receiver, state } = logged(0);
  send("1");
  assertEquals(receiver.tryReceive(), { value: "1" });
  await settle();
  assertEquals([log, state()], [["1 sent"], [0, 0, 0]]);
});

Deno.test("Channel with capacity Infinity never makes a sender wait", async () => {
  const { sender, receiver, channel } = logged(Infinity);
  for (let n = 0; n < 5000; n++) await sender.send(String(n));
  assertEquals(channel.statistics().buffered, 5000);
  for (let n = 0; n < 5000; n++) assertEquals(receiver.tryReceive(), { value: String(n) });
  assertEquals(receiver.tryReceive(), undefined);
});

Deno.test("Sender.trySend() and send() cannot take the place that a receive gave to a waiting sender", async () => {
  const { log, send, receive, sender, state } = logged(1);
  for (const value of ["1", "2"]) send(value);
  receive("a");
  send("newcomer");
  log.push(`trySend: ${sender.trySend("pushy")}`);
  await settle();
  assertEquals([log, state()], [["trySend: false", "1 sent", "2 sent", "a got 1"], [1, 1, 0]]);
});

Deno.test("Receiver.tryReceive() and receive() cannot take what was handed to a waiting receiver", async () => {
  const { log, send, receive, receiver } = logged(1);
  receive("waiter");
  send("1");
  receive("newcomer");
  log.push(`tryReceive: ${receiver.tryReceive()}`);
  await settle();
  assertEquals(log, ["tryReceive: undefined", "waiter got 1", "1 sent"]);
});

Deno.test("Receiver.receive() keeps a value handed over in the turn of an abort that comes after it", async () => {
  const { log, send, receive, state } = logged(1);
  const controller = new AbortController();
  receive("first", { signal: controller.signal });
  receive("second");
  send("1");
  controller.abort("too late");
  await settle();
  assertEquals([log, state()], [["first got 1", "1 sent"], [0, 0, 1]]);
});

Deno.test("Receiver.receive() leaves the value to the next one when the abort comes first in one turn", async () => {
  const { log, send, receive, state } = logged(1);
  const controller = new AbortController();
  receive("first", { signal: controller.signal });
  receive("second");
  controller.abort("gone");
  send("1");
  await settle();
  assertEquals([log, state()], [["first got none, gone", "second got 1", "1 sent"], [0, 0, 0]]);
});

Deno.test("Receiver.receive() that was aborted leaves the value in the buffer when nobody else waits", async () => {
  const { log, send, receive, receiver } = logged(1);
  const controller = new AbortController();
  receive("first", { signal: controller.signal });
  controller.abort("gone");
  send("1");
  await settle();
  assertEquals([log, receiver.tryReceive()], [["first got none, gone", "1 sent"], { value: "1" }]);
});

Deno.test("Sender.send() that was aborted never appears, and the place that opens goes to the next", async () => {
  const { log, send, receive, state } = logged(1);
  const controller = new AbortController();
  send("1");
  send("2", { signal: controller.signal });
  send("3");
  controller.abort("gone");
  for (const name of ["a", "b", "c"]) receive(name);
  await settle();
  assertEquals(log, ["1 sent", "2 not sent, gone", "3 sent", "a got 1", "b got 3"]);
  assertEquals(state(), [0, 0, 1]);
});

Deno.test("Sender.send() has sent when the abort comes after the place in one turn", async () => {
  const { log, send, receive, receiver } = logged(1);
  const controller = new AbortController();
  send("1");
  send("2", { signal: controller.signal });
  receive("a");
  controller.abort("too late");
  await settle();
  assertEquals([log, receiver.tryReceive()], [["1 sent", "2 sent", "a got 1"], { value: "2" }]);
});

Deno.test("Channel hands nothing to those whose signal is aborted but has not told them yet", async () => {
  const { log, send, receive, state } = logged(0);
  const controller = new AbortController();
  const { signal } = controller;
  // The platform calls this listener before ours.
  signal.addEventListener("abort", () => send("1"));
  for (const name of ["doomed", "doomed too"]) receive(name, { signal });
  receive("alive");
  controller.abort("stop");
  await settle();
  assertEquals(log, ["doomed got none, stop", "doomed too got none, stop", "alive got 1", "1 sent"]);
  assertEquals(state(), [0, 0, 0]);
});

Deno.test("Channel takes nothing from senders whose signal is aborted but has not told them yet", async () => {
  const { log, send, receive, receiver, state } = logged(0);
  const controller = new AbortController();
  const { signal } = controller;
  signal.addEventListener("abort", () => receive("a"));
  send("doomed", { signal });
  send("alive");
  controller.abort("stop");
  await settle();
  assertEquals(log, ["doomed not sent, stop", "alive sent", "a got alive"]);
  assertEquals([state(), receiver.tryReceive()], [[0, 0, 0], undefined]);
});

Deno.test("Channel delivers before a cancel of its scope, which the next wait sees", async () => {
  const { sender, receiver, state } = logged(0);
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    const wait = receiver.receive();
    sender.trySend("1");
    self.cancel("stop");
    log.push(await wait);
    await receiver.receive().catch((reason) => log.push(reason));
    await sender.send("2").catch((reason) => log.push(reason, isCancellation(reason)));
  });
  assertEquals([log, state()], [["1", "stop", "stop", true], [0, 0, 0]]);
});

Deno.test("Channel ends the waits of a cancelled scope, and leaves those of others", async () => {
  const { log, send, receive, state } = logged(0);
  receive("outside");
  await scope(async (_signal, self) => {
    receive("inside");
    self.cancel("stop");
    await settle();
  });
  send("1");
  await settle();
  assertEquals([log, state()], [["inside got none, stop", "outside got 1", "1 sent"], [0, 0, 0]]);
});

Deno.test("Sender.send() and Receiver.receive() that are aborted already reject and take nothing", async () => {
  const { sender, receiver, state } = logged(2);
  sender.trySend("1");
  const reason = new Error("over");
  const signal = AbortSignal.abort(reason);
  assertStrictEquals(await assertRejects(() => sender.send("2", { signal })), reason);
  assertStrictEquals(await assertRejects(() => receiver.receive({ signal })), reason);
  assertEquals(state(), [1, 0, 0]);
});

Deno.test("Sender.send() and Receiver.receive() say in an aborted scope that it is, not that something is closed", async () => {
  const { sender, receiver } = logged(1);
  sender.close();
  const other = logged(1);
  other.receiver.close();
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    self.cancel("stop");
    for (const call of [() => sender.send("1"), () => receiver.receive(), () => other.sender.send("1")]) {
      await call().catch((reason) => log.push(reason));
    }
    await receiver[Symbol.asyncIterator]().next().catch((reason) => log.push(reason));
  });
  assertEquals(log, ["stop", "stop", "stop", "stop"]);
});

Deno.test("Channel leaves no queue entry and no listener behind when waits are aborted or served", async () => {
  const { log, send, receive, state } = logged(0);
  const { controller, signal, listeners } = countedSignal();
  receive("a", { signal });
  send("1", { signal });
  assertEquals([state(), listeners()], [[0, 0, 0], 0]);
  receive("b", { signal });
  receive("c", { signal });
  assertEquals([state(), listeners()], [[0, 0, 2], 1]);
  controller.abort("enough");
  assertEquals([state(), listeners()], [[0, 0, 0], 0]);
  await settle();
  assertEquals(log, ["a got 1", "1 sent", "b got none, enough", "c got none, enough"]);
});

Deno.test("Channel puts no listener on the signal when nobody need wait", () => {
  const { send, receive } = logged(1);
  const { signal, listeners } = countedSignal();
  send("1", { signal });
  receive("a", { signal });
  assertEquals(listeners(), 0);
});

Deno.test("Receiver.receive() goes on until all senders are closed and the buffer is empty", async () => {
  const { log, sender, receive, receiver, state } = logged(2);
  const other = sender.clone();
  sender.trySend("1");
  other.trySend("2");
  sender.close();
  for (const name of ["a", "b", "c"]) receive(name);
  await settle();
  assertEquals([log, state()], [["a got 1", "b got 2"], [0, 0, 1]]);
  other.trySend("3");
  other.trySend("4");
  other.close();
  receive("d");
  receive("e");
  await settle();
  assertEquals(log.slice(2), ["c got 3", "d got 4", "e got none, closed: senders"]);
  closedError(() => receiver.tryReceive(), "senders", "Cannot receive: all senders are closed");
});

Deno.test("Sender.close() of the last one ends all receives that wait", async () => {
  const { log, sender, receiver, receive, state } = logged(0);
  receive("a");
  receive("b", { through: receiver.clone() });
  sender.close();
  assertEquals(state(), [0, 0, 0]);
  await settle();
  assertEquals(log, ["a got none, closed: senders", "b got none, closed: senders"]);
});

Deno.test("Receiver.close() of the last one rejects the sends that wait and all later ones, and drops the buffer", async () => {
  const { log, sender, receiver, send, state } = logged(1);
  const other = receiver.clone();
  for (const value of ["1", "2", "3"]) send(value);
  receiver.close();
  await settle();
  assertEquals([log, state()], [["1 sent"], [1, 2, 0]]);
  other.close();
  assertEquals(state(), [0, 0, 0]);
  send("4");
  await settle();
  assertEquals(log.slice(1), ["2", "3", "4"].map((value) => `${value} not sent, closed: receivers`));
  closedError(() => sender.trySend("5"), "receivers", "Cannot send: all receivers are closed");
});

Deno.test("Sender.close() of a clone rejects only the sends that wait through it", async () => {
  const { log, sender, send, receive, state } = logged(0);
  const other = sender.clone();
  send("1");
  send("2", { through: other });
  send("3");
  send("4", { through: other });
  other.close();
  assertEquals(state(), [0, 2, 0]);
  for (const name of ["a", "b"]) receive(name);
  await settle();
  assertEquals(log, [
    ...["2 not sent, closed: self", "4 not sent, closed: self"],
    ...["1 sent", "a got 1", "3 sent", "b got 3"],
  ]);
});

Deno.test("Receiver.close() of a clone rejects only the receives that wait through it", async () => {
  const { log, receiver, send, receive, state } = logged(0);
  const other = receiver.clone();
  receive("a");
  receive("b", { through: other });
  receive("c");
  other.close();
  assertEquals(state(), [0, 0, 2]);
  for (const value of ["1", "2"]) send(value);
  await settle();
  assertEquals(log, ["b got none, closed: self", "a got 1", "1 sent", "c got 2", "2 sent"]);
});

Deno.test("Sender and Receiver that are closed refuse to be used, each in its words", async () => {
  const { sender, receiver, channel } = logged(1);
  // So that nothing else is closed.
  sender.clone();
  receiver.clone();
  for (const end of [sender, receiver]) {
    assertEquals(end.closed, false);
    end.close();
    end.close();
    assertEquals(end.closed, true);
  }
  assertEquals([channel.statistics().openSenders, channel.statistics().openReceivers], [1, 1]);
  closedError(() => sender.trySend("1"), "self", "Cannot send: this Sender is closed");
  closedError(() => sender.clone(), "self", "Cannot clone: this Sender is closed");
  closedError(() => receiver.tryReceive(), "self", "Cannot receive: this Receiver is closed");
  closedError(() => receiver.clone(), "self", "Cannot clone: this Receiver is closed");
  await assertRejects(() => sender.send("1"), ChannelClosedError, "Cannot send: this Sender is closed");
  await assertRejects(() => receiver.receive(), ChannelClosedError, "Cannot receive: this Receiver is closed");
});

Deno.test("Sender and Receiver close themselves at the end of a block with using", () => {
  const { channel, sender, receiver } = logged(1);
  {
    using _sender = sender;
    using _receiver = receiver.clone();
    assertEquals(channel.statistics().openReceivers, 2);
  }
  const { openSenders, openReceivers } = channel.statistics();
  assertEquals([sender.closed, receiver.closed, openSenders, openReceivers], [true, false, 0, 1]);
});

Deno.test("Receiver is iterated until the end of the channel", async () => {
  const { sender, receiver } = logged(2);
  const log: string[] = [];
  const loop = (async () => {
    for await (const value of receiver) log.push(value);
    log.push("end");
  })();
  for (const value of ["1", "2", "3"]) await sender.send(value);
  await settle();
  sender.trySend("4");
  sender.close();
  await loop;
  assertEquals([log, receiver.closed], [["1", "2", "3", "4", "end"], false]);
  assertEquals(await receiver[Symbol.asyncIterator]().next(), { done: true, value: undefined });
});

Deno.test("Receiver ends a loop that waits when the last sender is closed", async () => {
  const { sender, receiver, state } = logged(0);
  const next = receiver[Symbol.asyncIterator]().next();
  sender.close();
  assertEquals([await next, state()], [{ done: true, value: undefined }, [0, 0, 0]]);
});

Deno.test("Receiver is left open by a break, and a later loop goes on", async () => {
  const { sender, receiver } = logged(3);
  for (const value of ["1", "2", "3"]) sender.trySend(value);
  const log: string[] = [];
  for await (const value of receiver) {
    log.push(value);
    break;
  }
  sender.close();
  for await (const value of receiver) log.push(`then ${value}`);
  assertEquals(log, ["1", "then 2", "then 3"]);
});

Deno.test("Receiver throws in the loop that waits through it when it is closed, not in that of a clone", async () => {
  const { sender, receiver, log } = logged(0);
  const loop = async (name: string, end: Receiver<string>) => {
    for await (const value of end) log.push(`${name} got ${value}`);
    log.push(`${name} ended`);
  };
  const mine = assertRejects(() => loop("mine", receiver), ChannelClosedError, "this Receiver is closed");
  const other = loop("other", receiver.clone());
  await settle();
  receiver.close();
  await mine;
  sender.trySend("1");
  sender.close();
  await other;
  assertEquals(log, ["other got 1", "other ended"]);
});

Deno.test("Receiver hands promises over as they are in a loop and by tryReceive(), and receive() awaits them", async () => {
  const { sender, receiver } = new Channel<Promise<number>>(3);
  const promise = Promise.resolve(1);
  for (let i = 0; i < 3; i++) sender.trySend(promise);
  assertStrictEquals((await receiver[Symbol.asyncIterator]().next()).value, promise);
  assertStrictEquals(receiver.tryReceive()?.value, promise);
  assertEquals(await receiver.receive(), 1);
});

Deno.test("Receiver.tryReceive() tells a value that is undefined from none", () => {
  const { sender, receiver } = new Channel<undefined>(1);
  assertEquals(receiver.tryReceive(), undefined);
  sender.trySend(undefined);
  assertEquals(receiver.tryReceive(), { value: undefined });
});

Deno.test("Channel lets go of what was received", async () => {
  const { sender, receiver } = new Channel<object>(2);
  const received = (() => {
    for (let i = 0; i < 2; i++) sender.trySend({});
    return new WeakRef(receiver.tryReceive()!.value);
  })();
  await collectGarbage();
  assertEquals([received.deref(), receiver.statistics().buffered], [undefined, 1]);
});

Deno.test("Channel takes capacities that are whole numbers of zero or more, or Infinity", () => {
  for (const capacity of [0, 1, 2 ** 40, Infinity]) {
    assertEquals(new Channel(capacity).statistics().capacity, capacity);
  }
  for (const capacity of [-1, 0.5, NaN, -Infinity]) {
    assertThrows(() => new Channel(capacity), RangeError, 'Cannot create Channel: "capacity" must be');
  }
});

Deno.test("Channel and its ends tell the same statistics", () => {
  const { channel, sender, receiver, send } = logged(1);
  for (const value of ["1", "2", "3"]) send(value);
  sender.clone();
  receiver.clone();
  const expected = {
    buffered: 1,
    capacity: 1,
    openSenders: 2,
    openReceivers: 2,
    waitingSenders: 2,
    waitingReceivers: 0,
  };
  assertEquals([channel.statistics(), sender.statistics(), receiver.statistics()], [expected, expected, expected]);
});

Deno.test("Channel, Sender and Receiver show their state", () => {
  const { channel, sender, receiver, send } = logged(1);
  for (const value of ["1", "2"]) send(value);
  assertEquals(String(channel), "Channel { buffered: 1, capacity: 1, waitingSenders: 1, waitingReceivers: 0 }");
  assertEquals(String(sender), "Sender { state: open, buffered: 1, capacity: 1, waiting: 1 }");
  receiver.close();
  assertEquals(String(receiver), "Receiver { state: closed, buffered: 0, capacity: 1, waiting: 0 }");
  for (const one of [channel, sender, receiver]) assertEquals(Deno.inspect(one), String(one));
});

Deno.test("Sender.close(reason) gives receivers the values and then the reason, instead of the end", async () => {
  const reason = new Error("upstream failed");
  const { sender, receiver } = new Channel<number>(5);
  const clone = sender.clone();
  sender.trySend(1);
  clone.close(reason);
  sender.trySend(2);
  const log: unknown[] = [];
  const read = (async () => {
    for await (const value of receiver) log.push(value);
  })().catch((error) => log.push(error));
  await settle();
  sender.close();
  await read;
  assertEquals(log, [1, 2, reason]);
});

Deno.test("Receiver.values() with a signal ends a wait with its reason, and takes nothing", async () => {
  const { sender, receiver } = new Channel<number>(5);
  const controller = new AbortController();
  const reason = new Error("client is gone");
  const log: unknown[] = [];
  const read = (async () => {
    for await (const value of receiver.values({ signal: controller.signal })) log.push(value);
  })().catch((error) => log.push(error));
  sender.trySend(1);
  await settle();
  controller.abort(reason);
  sender.trySend(2);
  await read;
  assertEquals([log, receiver.tryReceive()], [[1, reason], { value: 2 }]);
});
