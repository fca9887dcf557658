/**
 * What a channel is made of: a buffer, two queues of waits, and the ends through which it is used.
 *
 * ```text
 * send:    does a receiver wait? it gets the value · else is there room? into the buffer · else wait
 * receive: is the buffer not empty? its first, and the first of the waiting senders moves up
 *          · else does a sender wait? its value · else wait
 * ```
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { checkWait } from "../core/validate.ts";
import { Claim, refusal, WaitQueue } from "../core/wait_queue.ts";
import type { WaitNode, WaitOptions } from "../core/wait_queue.ts";
import { ChannelClosedError } from "./channel_error.ts";
import { Fifo } from "../core/fifo.ts";

/** What whoever sends or receives is told: the bare value, a step of a loop, which one of several cases. */
export interface Told<V> {
  /** What the call comes to. */
  ok(value: V): unknown;
  /** What it comes to when something is closed; `atEnd`: as it should be, after the last value. May throw. */
  no(error: unknown, atEnd: boolean): unknown;
}

/** The value is what the call comes to, and an error what it rejects with. */
export const PLAINLY: Told<unknown> = {
  ok: (value) => value,
  no(error) {
    throw error;
  },
};

/** The value is a step of a loop, and the end of the channel that of the loop. */
export const STEPWISE: Told<unknown> = {
  ok: (value) => ({ done: false, value }),
  no(error, atEnd) {
    if (!atEnd) throw error;
    return { done: true, value: undefined };
  },
};

/** What {@linkcode End.now} returns when it has to wait. */
export const LATER: unique symbol = Symbol("later");

/** What one who waits in a queue of senders offers. */
interface Offer<T> {
  readonly value: T;
  readonly told: Told<undefined>;
}

/** Ends the wait of `node`, because something is closed. */
function refuse({ claim }: WaitNode<unknown>, told: Told<never>, error: unknown, atEnd = false): void {
  let result: unknown;
  try {
    result = told.no(error, atEnd);
  } catch (error) {
    claim.fail(error);
    return;
  }
  claim.grant(result);
}

/** One channel, as its ends see it. */
export class ChannelCore<T> {
  readonly capacity: number;
  readonly buffer = new Fifo<T>();
  // Invariant: a sender waits ⇒ the buffer is full, and no receiver waits unless it is a case of the same select.
  readonly senders = new WaitQueue<Offer<T>>();
  // Invariant: a receiver waits ⇒ the buffer is empty.
  readonly receivers = new WaitQueue<Told<T>>();
  /** Those who want to hear of the end of all receivers. */
  readonly watchers = new WaitQueue<Told<undefined>>();
  openSenders = 0;
  openReceivers = 0;
  /** What a sender failed with. Receivers get it where the end would be. */
  failure: { readonly error: unknown } | null = null;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** What there is in place of a value after the last one. */
  get endError(): unknown {
    if (this.failure !== null) return this.failure.error;
    return new ChannelClosedError("Cannot receive: all senders are closed", "senders");
  }

  /** Why nobody can send. */
  get brokenError(): ChannelClosedError {
    return new ChannelClosedError("Cannot send: all receivers are closed", "receivers");
  }

  /** One sender less. Receivers that wait after the last one know that the buffer is empty. */
  senderClosed(): void {
    if (--this.openSenders > 0 || this.receivers.size === 0) return;
    const { endError, failure } = this;
    for (let node = this.receivers.head(); node !== null; node = this.receivers.head()) {
      refuse(node, node.payload, endError, failure === null);
    }
  }

  /** One receiver less. After the last one, what is in the buffer is for nobody. */
  receiverClosed(): void {
    if (--this.openReceivers > 0) return;
    this.buffer.clear();
    this.watchers.grantAll(undefined);
    if (this.senders.size === 0) return;
    const { brokenError } = this;
    for (let node = this.senders.head(); node !== null; node = this.senders.head()) {
      refuse(node, node.payload.told, brokenError);
    }
  }
}

/** One clone of one side of a channel. */
export abstract class End<T, V> {
  readonly core: ChannelCore<T>;
  closed = false;
  // Everyone who waits through this end, in the channel's queue too: so that `close` finds its own in no time.
  protected readonly blocked = new WaitQueue<Told<never>>();

  constructor(core: ChannelCore<T>) {
    this.core = core;
  }

  /** What it does and what it is called, in messages. */
  abstract readonly action: "send" | "receive";
  abstract readonly name: "Sender" | "Receiver";

  /** Whether it need not wait, because it can or because something is closed. */
  abstract get ready(): boolean;

  /** Does it, and returns what the call comes to; or returns {@linkcode LATER}. May throw. */
  abstract now(told: Told<V>, value?: T): unknown;

  /** Has `claim` wait for its turn. */
  abstract wait(claim: Claim<unknown>, told: Told<V>, value?: T): void;

  /** Why nothing can be done through it when it is closed. */
  closedError(action: string): ChannelClosedError {
    return new ChannelClosedError(`Cannot ${action}: this ${this.name} is closed`, "self");
  }

  /** Closes it for those who wait through it. False if it is closed already. */
  protected shut(): boolean {
    if (this.closed) return false;
    this.closed = true;
    if (this.blocked.size === 0) return true;
    const error = this.closedError(this.action);
    for (let node = this.blocked.head(); node !== null; node = this.blocked.head()) refuse(node, node.payload, error);
    return true;
  }
}

/** What a `Sender` does. */
export class SendEnd<T> extends End<T, undefined> {
  override readonly action = "send";
  override readonly name = "Sender";

  constructor(core: ChannelCore<T>) {
    super(core);
    core.openSenders++;
  }

  override get ready(): boolean {
    const { core } = this;
    return this.closed || core.openReceivers === 0 || core.buffer.size < core.capacity ||
      core.receivers.head() !== null;
  }

  override now(told: Told<undefined>, value: T): unknown {
    if (this.closed) return told.no(this.closedError("send"), false);
    const { core } = this;
    if (core.openReceivers === 0) return told.no(core.brokenError, false);
    // Nobody is overtaken: no sender waits where a receiver waits or there is room.
    const node = core.receivers.head();
    if (node !== null) node.claim.grant(node.payload.ok(value));
    else if (core.buffer.size < core.capacity) core.buffer.push(value);
    else return LATER;
    return told.ok(undefined);
  }

  override wait(claim: Claim<unknown>, told: Told<undefined>, value: T): void {
    this.core.senders.push(claim.node({ value, told }));
    this.blocked.push(claim.node(told));
  }

  /** Another one, for another part of the program to close. Throws if this one is closed. */
  clone(): SendEnd<T> {
    if (this.closed) throw this.closedError("clone");
    return new SendEnd(this.core);
  }

  /** Has `claim` wait until all receivers are closed. */
  watch(claim: Claim<unknown>): void {
    if (this.closed) return void claim.fail(this.closedError("send"));
    if (this.core.openReceivers === 0) return void claim.grant(undefined);
    this.core.watchers.push(claim.node(PLAINLY));
    this.blocked.push(claim.node(PLAINLY));
  }

  /** Closes it; with a failure, which receivers get where the end would be. */
  close(failure: { readonly error: unknown } | null = null): void {
    if (!this.shut()) return;
    this.core.failure ??= failure;
    this.core.senderClosed();
  }
}

/** What a `Receiver` does. */
export class ReceiveEnd<T> extends End<T, T> {
  override readonly action = "receive";
  override readonly name = "Receiver";

  constructor(core: ChannelCore<T>) {
    super(core);
    core.openReceivers++;
  }

  override get ready(): boolean {
    const { core } = this;
    return this.closed || core.openSenders === 0 || core.buffer.size > 0 || core.senders.head() !== null;
  }

  override now(told: Told<T>): unknown {
    if (this.closed) return told.no(this.closedError("receive"), false);
    const { core } = this;
    const { buffer, senders } = core;
    const node = senders.head();
    if (buffer.size === 0 && node === null) {
      return core.openSenders > 0 ? LATER : told.no(core.endError, core.failure === null);
    }
    // Who waits to send moves up into the place that gets free; where there are no places, it hands over.
    if (node !== null) buffer.push(node.payload.value);
    const value = buffer.shift();
    if (node !== null) node.claim.grant(node.payload.told.ok(undefined));
    return told.ok(value);
  }

  override wait(claim: Claim<unknown>, told: Told<T>): void {
    this.core.receivers.push(claim.node(told));
    this.blocked.push(claim.node(told));
  }

  /** Another one, for another part of the program to close. Throws if this one is closed. */
  clone(): ReceiveEnd<T> {
    if (this.closed) throw this.closedError("clone");
    return new ReceiveEnd(this.core);
  }

  /** Closes it. */
  close(): void {
    if (this.shut()) this.core.receiverClosed();
  }
}

/** Sends or receives through `end`, in the ambient scope, and waits if need be. */
export function use<R, T, V>(end: End<T, V>, told: Told<V>, options: WaitOptions | undefined, value?: T): Promise<R> {
  try {
    const signal = checkWait(end.action, options);
    const scope = currentScope();
    // Before anything is said of what is closed: in a scope that is aborted that would be a failure.
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    const result = end.now(told, value);
    if (result !== LATER) return Promise.resolve(result as R);
    const claim = new Claim<R>(scope, signal);
    end.wait(claim as Claim<unknown>, told, value);
    return claim.promise;
  } catch (error) {
    return Promise.reject(error);
  }
}
