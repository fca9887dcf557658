/**
 * The one place where anything waits.
 *
 * A {@linkcode Claim} is one wait: a promise, and all that may end it. A {@linkcode WaitNode} is its place in a queue;
 * a wait for one of several things has one claim, with a node in each queue.
 *
 * ```text
 *            grant, fail            cancel (scope, signal)
 * queued ───────────────► granted   queued ───────────────► cancelled
 * ```
 *
 * If both come in the same turn, the first one counts; the other one finds that the claim is no longer queued.
 *
 * @module
 */

import { type AbortLink, attachToSignal } from "./abort_hub.ts";
import { currentScope, openScope } from "./ambient.ts";
import { lookAtClock } from "./clock.ts";
import { isCancellationOf } from "./failures.ts";
import { abortOf, cancelledPromise, nothing } from "./foreign.ts";
import { Cancellable, type Scope } from "./scope.ts";
import { checkWait } from "./validate.ts";

/** The home of a node: a {@linkcode WaitQueue}, or another object that must be notified when a wait is over. */
export interface Waitable<P> {
  /** Removes `node`, whose claim is no longer queued. */
  remove(node: WaitNode<P>, cancelled: boolean): void;
}

/** One place in one queue: a {@linkcode Claim} itself, or, if it waits in several queues, an object of its own. */
export interface WaitNode<P = unknown> extends Place {
  readonly claim: Claim<unknown>;
  /** The data of the queue, such as the requested weight or the offered value. */
  readonly payload: P;
  /** The queue that this node is in. */
  home: Waitable<P> | null;
}

/** The neighbours in the ring of a queue. A claim is in the ring of its scope too, so these have names of their own. */
interface Place {
  before: Place;
  after: Place;
}

/** The place of a claim in one more queue. */
interface FurtherNode extends WaitNode {
  /** The next node of the same claim. */
  readonly sibling: FurtherNode | null;
}

/** The payload of a claim that is in no queue. */
const NONE: unique symbol = Symbol();
const NOWHERE = null as unknown as Place;

/** The function that settles the promise of a claim. */
export type Settle = (claim: Claim<unknown>, outcome: "resolve" | "reject", value: unknown) => void;

let settleClaim: Settle | null = null;

/**
 * Replaces the function that settles every wait; `null` restores the direct one. For tests that explore interleavings.
 */
export function setSettle(settle: Settle | null): void {
  settleClaim = settle;
}

// One function for all promises: with a closure for each, the garbage of a wait cost a twentieth of its time.
// deno-lint-ignore no-explicit-any
let resolvePromise: (value: any) => void;
let rejectPromise: (reason: unknown) => void;
function takeFunctions(resolve: typeof resolvePromise, reject: typeof rejectPromise): void {
  resolvePromise = resolve;
  rejectPromise = reject;
}

/** One wait, and its place in the first queue: almost every wait has just one, and needs no other object for it. */
export class Claim<T> extends Cancellable implements WaitNode {
  // Only while it is in a queue.
  before: Place = NOWHERE;
  after: Place = NOWHERE;
  readonly claim: Claim<unknown> = this as unknown as Claim<unknown>;
  payload: unknown = NONE;
  home: Waitable<unknown> | null = null;
  state: "queued" | "granted" | "cancelled" = "queued";
  readonly promise: Promise<T>;
  readonly resolve: (value: T | PromiseLike<T>) => void;
  readonly reject: (reason: unknown) => void;
  #scope: Scope;
  #link: AbortLink | null = null;
  #further: FurtherNode | null = null;

  constructor(scope: Scope, signal?: AbortSignal) {
    super();
    this.#scope = scope;
    this.promise = new Promise<T>(takeFunctions);
    this.resolve = resolvePromise;
    this.reject = rejectPromise;
    // They would keep the promise and its value alive until the next wait.
    resolvePromise = rejectPromise = nothing;
    scope.attach(this);
    if (signal !== undefined) this.#attach(signal);
  }

  #attach(signal: AbortSignal): void {
    try {
      this.#link = attachToSignal(signal, this);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Whether its scope or signal is aborted, even if the abort has not rejected this wait yet. */
  get doomed(): boolean {
    return this.#scope.aborted || this.#abort() !== null;
  }

  /** Cancels a doomed wait now, before the abort gets to it. */
  expel(): void {
    this.cancel(this.#abort()?.reason);
  }

  /** The abort of its signal. */
  #abort(): { readonly reason: unknown } | null {
    return this.#link === null ? null : abortOf(this.#link.signal);
  }

  override moveTo(heir: Scope): void {
    this.#scope = heir;
  }

  /** Returns a node of this claim for a queue. */
  node<P>(payload: P): WaitNode<P> {
    if (this.payload === NONE) {
      this.payload = payload;
      return this as unknown as WaitNode<P>;
    }
    const node = { before: NOWHERE, after: NOWHERE, claim: this.claim, payload, home: null, sibling: this.#further };
    this.#further = node as FurtherNode;
    return node;
  }

  /** Hands `value` to the waiter. Returns false if the wait is already over; the caller then keeps the value. */
  grant(value: T): boolean {
    if (!this.#end("granted")) return false;
    this.#leaveQueues();
    if (settleClaim === null) this.resolve(value);
    else settleClaim(this as unknown as Claim<unknown>, "resolve", value);
    return true;
  }

  /** Rejects the wait with a failure of its subject. Returns false if the wait is already over. */
  fail(error: unknown): boolean {
    return this.#rejectAs("granted", error);
  }

  /**
   * Rejects the wait because its scope or signal is aborted. The reason of the scope takes precedence over `reason`. A
   * cancellation is no failure, so it never becomes an unhandled rejection.
   */
  override cancel(reason: unknown): void {
    if (this.#rejectAs("cancelled", this.#scope.aborted ? this.#scope.reason : reason)) this.promise.catch(nothing);
  }

  #rejectAs(state: "granted" | "cancelled", error: unknown): boolean {
    if (!this.#end(state)) return false;
    if (settleClaim === null) this.reject(error);
    else settleClaim(this as unknown as Claim<unknown>, "reject", error);
    // After the settling, so that the waiters that a queue then expels or admits settle later than this one.
    this.#leaveQueues();
    return true;
  }

  /** Marks the wait as over, so that nothing else can end it. Returns false if it is over already. */
  #end(state: "granted" | "cancelled"): boolean {
    if (this.state !== "queued") return false;
    this.state = state;
    this.unlink();
    if (this.#link !== null) this.#link.detach();
    this.#link = null;
    return true;
  }

  #leaveQueues(): void {
    const cancelled = this.state === "cancelled";
    for (let node = this.#further; node !== null; node = node.sibling) leave(node, cancelled);
    this.#further = null;
    leave(this, cancelled);
  }
}

function leave(node: WaitNode, cancelled: boolean): void {
  const { home } = node;
  node.home = null;
  home?.remove(node, cancelled);
}

/** A first-in, first-out queue of waits. */
export class WaitQueue<P = unknown> implements Waitable<P> {
  // Invariant: every node in the ring has a queued claim and this queue as its home.
  readonly #anchor = {} as Place;
  readonly #onCancel: (() => void) | null;
  #size = 0;

  /** @param onCancel Called after a cancelled wait has left the queue, whose head may have changed. */
  constructor(onCancel: (() => void) | null = null) {
    this.#onCancel = onCancel;
    this.#anchor.before = this.#anchor.after = this.#anchor;
  }

  /** The number of waiters. */
  get size(): number {
    return this.#size;
  }

  /** Adds a node at the end, unless its wait is over already. */
  push(node: WaitNode<P>): void {
    if (node.claim.state !== "queued") return;
    node.home = this;
    node.before = this.#anchor.before;
    node.after = this.#anchor;
    node.before.after = this.#anchor.before = node;
    this.#size++;
  }

  /** Returns the longest-waiting node that can still be granted, or `null`. Expels the doomed nodes before it. */
  head(): WaitNode<P> | null {
    for (;;) {
      const node = this.#anchor.after;
      if (node === this.#anchor) return null;
      const { claim } = node as WaitNode<P>;
      if (!claim.doomed) return node as WaitNode<P>;
      // Something was released after an abort has begun but before it has reached this wait. Cancelled waiters must
      // take nothing.
      (node as WaitNode<P>).home = null;
      this.remove(node as WaitNode<P>, false);
      claim.expel();
    }
  }

  /** Cancels the doomed waits, and returns the number of the others. It examines every node. */
  prune(): number {
    const doomed: Claim<unknown>[] = [];
    for (let at = this.#anchor.after; at !== this.#anchor; at = at.after) {
      const { claim } = at as WaitNode<P>;
      if (claim.doomed) doomed.push(claim);
    }
    for (const claim of doomed) claim.expel();
    return this.#size;
  }

  /** Fails the waits whose payload passes `test`. It examines every node. */
  failWhere(test: (payload: P) => boolean, error: (payload: P) => unknown): void {
    const failed: WaitNode<P>[] = [];
    for (let at = this.#anchor.after; at !== this.#anchor; at = at.after) {
      if (test((at as WaitNode<P>).payload)) failed.push(at as WaitNode<P>);
    }
    for (const { claim, payload } of failed) {
      if (claim.doomed) claim.expel();
      else claim.fail(error(payload));
    }
  }

  /** Removes a node. */
  remove(node: WaitNode<P>, cancelled: boolean): void {
    node.before.after = node.after;
    node.after.before = node.before;
    this.#size--;
    if (cancelled) this.#onCancel?.();
  }

  /** Hands `value` to all current waiters. */
  grantAll(value: unknown): void {
    for (let node = this.head(); node !== null; node = this.head()) {
      node.claim.grant(value);
    }
  }

  /** Fails all current waiters. */
  failAll(error: unknown): void {
    for (let node = this.head(); node !== null; node = this.head()) {
      node.claim.fail(error);
    }
  }
}

/**
 * Options of every wait.
 *
 * @category Time
 */
export interface WaitOptions {
  /** Rejects the wait with its reason when it is aborted. */
  signal?: AbortSignal | undefined;
}

/**
 * Makes the check that every wait begins with. If its scope or signal is aborted, the wait must not begin, and this
 * returns the rejected promise to return instead. Otherwise it returns `null` and allocates nothing.
 */
export function refusal(scope: Scope, signal?: AbortSignal): Promise<never> | null {
  lookAtClock();
  if (scope.aborted) return cancelledPromise(scope.reason);
  if (signal === undefined) return null;
  const abort = abortOf(signal);
  return abort === null ? null : cancelledPromise(abort.reason);
}

/** Checks the options of a wait and begins it in the ambient scope, or returns a rejected promise. Never throws. */
export function beginWait<T>(
  action: string,
  options: WaitOptions | undefined,
  begin: (scope: Scope, signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  try {
    const signal = checkWait(action, options);
    const scope = currentScope();
    return refusal(scope, signal) ?? begin(scope, signal);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Begins a wait at the end of `queue`, in `scope`. The caller has called {@linkcode refusal}. */
export function enqueue<T, P>(queue: WaitQueue<P>, payload: P, scope: Scope, signal?: AbortSignal): Promise<T> {
  const claim = new Claim<T>(scope, signal);
  queue.push(claim.node(payload));
  return claim.promise;
}

/**
 * Turns `work`, the promise of an async function that waits, into a wait: a rejection by an abort of its scope or
 * signal is marked as handled, because a cancellation is no failure.
 */
export function asWait<T>(scope: Scope, signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  const promise = new Promise<T>((resolve, reject) =>
    void work.then(resolve, (error) => {
      if (isCutShort(error, scope, signal)) promise.catch(nothing);
      reject(error);
    })
  );
  return promise;
}

function isCutShort(error: unknown, scope: Scope, signal: AbortSignal | undefined): boolean {
  // The scope may have ended; then the wait belongs to an ancestor, which may be the aborted one.
  return isCancellationOf(error, scope) || isCancellationOf(error, openScope(scope)) ||
    (signal !== undefined && abortOf(signal)?.reason === error);
}
