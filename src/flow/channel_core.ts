/**
 * The parts of a channel: a buffer, two wait queues, and the ends through which it is used.
 *
 * ```text
 * send:    a receiver waits        → hand it the value
 *          there is room           → put the value into the buffer
 *          else                    → wait
 * receive: the buffer has a value  → take it, and buffer the first waiting send
 *          a sender waits          → take its value
 *          else                    → wait
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

/** Presents the outcome of a send or receive: as a bare value, as a step of a loop, or as a case of a select. */
export interface Told<V> {
  /** Returns the result of a call that succeeded. */
  ok(value: V): unknown;
  /** Returns or throws the result of a call that met a closed end. `atEnd`: the channel ended without a failure. */
  no(error: unknown, atEnd: boolean): unknown;
}

/** The call resolves with the value, or rejects with the error. */
export const PLAINLY: Told<unknown> = {
  ok: (value) => value,
  no(error) {
    throw error;
  },
};

/** The value is a step of a loop, and the end of the channel ends the loop. */
export const STEPWISE: Told<unknown> = {
  ok: (value) => ({ done: false, value }),
  no(error, atEnd) {
    if (!atEnd) throw error;
    return { done: true, value: undefined };
  },
};

/** Returned by {@linkcode End.now} if the call has to wait. */
export const LATER: unique symbol = /* @__PURE__ */ Symbol("later");

/** The payload of a waiting sender. */
interface Offer<T> {
  readonly value: T;
  readonly told: Told<undefined>;
}

/** Ends the wait of `node`, because an end of the channel is closed. */
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

/** The state of a channel, shared by its ends. */
export class ChannelCore<T> {
  readonly capacity: number;
  readonly buffer = new Fifo<T>();
  // Invariant: if a sender waits, the buffer is full, and no receiver waits except as a case of the same select.
  readonly senders = new WaitQueue<Offer<T>>();
  // Invariant: if a receiver waits, the buffer is empty.
  readonly receivers = new WaitQueue<Told<T>>();
  /** Waits for the end of all receivers. */
  readonly watchers = new WaitQueue<Told<undefined>>();
  openSenders = 0;
  openReceivers = 0;
  /** The failure of a sender. Receivers get it instead of the end. */
  failure: { readonly error: unknown } | null = null;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** The error that a receive gets after the last value. */
  get endError(): unknown {
    if (this.failure !== null) return this.failure.error;
    return new ChannelClosedError("Cannot receive: all senders are closed", "senders");
  }

  /** The error that a send gets once all receivers are closed. */
  get brokenError(): ChannelClosedError {
    return new ChannelClosedError("Cannot send: all receivers are closed", "receivers");
  }

  /** Counts a closed sender. After the last one, ends the waits of receivers: the buffer is empty if there are any. */
  senderClosed(): void {
    if (--this.openSenders > 0 || this.receivers.size === 0) return;
    const { endError, failure } = this;
    for (let node = this.receivers.head(); node !== null; node = this.receivers.head()) {
      refuse(node, node.payload, endError, failure === null);
    }
  }

  /** Counts a closed receiver. After the last one, drops the buffered values and rejects the waiting senders. */
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
  // All waits through this end. They also stand in the channel's queue; this one lets `close` find its own waits in
  // O(1).
  protected readonly blocked = new WaitQueue<Told<never>>();

  constructor(core: ChannelCore<T>) {
    this.core = core;
  }

  /** The action and the name of this end in messages. */
  abstract readonly action: "send" | "receive";
  abstract readonly name: "Sender" | "Receiver";

  /** Whether a call need not wait, because it can proceed or because an end is closed. */
  abstract get ready(): boolean;

  /** Sends or receives, and returns the result of the call; or returns {@linkcode LATER}. May throw. */
  abstract now(told: Told<V>, value?: T): unknown;

  /** Queues `claim` for a send or receive. */
  abstract wait(claim: Claim<unknown>, told: Told<V>, value?: T): void;

  /** The error of a call through this end once it is closed. */
  closedError(action: string): ChannelClosedError {
    return new ChannelClosedError(`Cannot ${action}: this ${this.name} is closed`, "self");
  }

  /** Closes this end and rejects the waits through it. Returns false if it is closed already. */
  protected shut(): boolean {
    if (this.closed) return false;
    this.closed = true;
    if (this.blocked.size === 0) return true;
    const error = this.closedError(this.action);
    for (let node = this.blocked.head(); node !== null; node = this.blocked.head()) refuse(node, node.payload, error);
    return true;
  }
}

/** The engine of a `Sender`. */
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
    // This overtakes no sender: none waits while a receiver waits or there is room.
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

  /** Makes another end of the same kind, to be closed separately. Throws if this one is closed. */
  clone(): SendEnd<T> {
    if (this.closed) throw this.closedError("clone");
    return new SendEnd(this.core);
  }

  /** Makes `claim` wait until all receivers are closed. */
  watch(claim: Claim<unknown>): void {
    if (this.closed) return void claim.fail(this.closedError("send"));
    if (this.core.openReceivers === 0) return void claim.grant(undefined);
    this.core.watchers.push(claim.node(PLAINLY));
    this.blocked.push(claim.node(PLAINLY));
  }

  /** Closes this end. Receivers get `failure`, if there is one, instead of the end. */
  close(failure: { readonly error: unknown } | null = null): void {
    if (!this.shut()) return;
    this.core.failure ??= failure;
    this.core.senderClosed();
  }
}

/** The engine of a `Receiver`. */
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
    // The value of the first waiting sender moves into the place that becomes free, or, with capacity 0, is taken
    // directly.
    if (node !== null) buffer.push(node.payload.value);
    const value = buffer.shift();
    if (node !== null) node.claim.grant(node.payload.told.ok(undefined));
    return told.ok(value);
  }

  override wait(claim: Claim<unknown>, told: Told<T>): void {
    this.core.receivers.push(claim.node(told));
    this.blocked.push(claim.node(told));
  }

  /** Makes another end of the same kind, to be closed separately. Throws if this one is closed. */
  clone(): ReceiveEnd<T> {
    if (this.closed) throw this.closedError("clone");
    return new ReceiveEnd(this.core);
  }

  /** Closes this end. */
  close(): void {
    if (this.shut()) this.core.receiverClosed();
  }
}

/** Sends or receives through `end` in the ambient scope, and waits if necessary. */
export function use<R, T, V>(end: End<T, V>, told: Told<V>, options: WaitOptions | undefined, value?: T): Promise<R> {
  try {
    const signal = checkWait(end.action, options);
    const scope = currentScope();
    // Checked before closed ends: in an aborted scope, a `ChannelClosedError` would count as a failure.
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
