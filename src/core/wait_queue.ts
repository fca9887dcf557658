/**
 * The one place where anything waits.
 *
 * A {@linkcode Claim} is one wait: a promise, and what may end it. It stands in a queue through a
 * {@linkcode WaitNode}; a wait on one of several things has one claim and a node in each queue.
 *
 * ```text
 *            grant, fail            cancel (scope, signal)
 * queued ───────────────► granted   queued ───────────────► cancelled
 * ```
 *
 * Whichever comes first in the same turn counts; the other finds the claim no longer queued.
 *
 * @module
 */

import { type AbortLink, attachToSignal } from "./abort_hub.ts";
import { currentScope, openScope } from "./ambient.ts";
import { lookAtClock } from "./clock.ts";
import { isCancellationOf } from "./failures.ts";
import { abortOf, cancelledPromise, nothing } from "./foreign.ts";
import { Link } from "./link.ts";
import { Cancellable, type Scope } from "./scope.ts";
import { checkWait } from "./validate.ts";

/** Where a node may stand: a {@linkcode WaitQueue}, or something else that has to hear when a wait is over. */
export interface Waitable<P> {
  /** Forgets `node`, whose claim is no longer queued. */
  remove(node: WaitNode<P>, cancelled: boolean): void;
}

/** One place in one queue. */
export class WaitNode<P = unknown> extends Link {
  readonly claim: Claim<unknown>;
  /** What its queue has to know of it: the weight asked for, the value offered. */
  readonly payload: P;
  /** Where it stands. */
  home: Waitable<P> | null = null;
  /** The next node of the same claim. */
  sibling: WaitNode | null = null;

  constructor(claim: Claim<unknown>, payload: P) {
    super();
    this.claim = claim;
    this.payload = payload;
  }
}

/** How a claim's promise is settled. */
export type Settle = (
  claim: Claim<unknown>,
  outcome: "resolve" | "reject",
  value: unknown,
) => void;

let settleClaim: Settle | null = null;

/**
 * Replaces the function through which every wait is settled; `null` restores the direct one.
 * For tests that explore interleavings.
 */
export function setSettle(settle: Settle | null): void {
  settleClaim = settle;
}

/** One wait. */
export class Claim<T> extends Cancellable {
  state: "queued" | "granted" | "cancelled" = "queued";
  readonly promise: Promise<T>;
  resolve!: (value: T | PromiseLike<T>) => void;
  reject!: (reason: unknown) => void;
  #scope: Scope;
  readonly #signal: AbortSignal | undefined;
  #link: AbortLink | null = null;
  #node: WaitNode | null = null;

  constructor(scope: Scope, signal?: AbortSignal) {
    super();
    this.#scope = scope;
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    scope.attach(this);
    this.#signal = signal;
    if (signal !== undefined) this.#attach(signal);
  }

  #attach(signal: AbortSignal): void {
    try {
      this.#link = attachToSignal(signal, this);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Whether its scope or signal is aborted, though its turn to be rejected has not come yet. */
  get doomed(): boolean {
    return this.#scope.aborted || (this.#signal !== undefined && abortOf(this.#signal) !== null);
  }

  /** Cancels a doomed wait now. */
  expel(): void {
    this.cancel(this.#signal === undefined ? undefined : abortOf(this.#signal)?.reason);
  }

  /** Its scope has ended and `heir`, an ancestor, takes it over. */
  override moveTo(heir: Scope): void {
    this.#scope = heir;
  }

  /** Makes a node of this claim, to be put into a queue. */
  node<P>(payload: P): WaitNode<P> {
    const node = new WaitNode(this as unknown as Claim<unknown>, payload);
    node.sibling = this.#node;
    this.#node = node as unknown as WaitNode;
    return node;
  }

  /** Hands `value` over. False when the wait is already over: then the caller keeps the value. */
  grant(value: T): boolean {
    if (!this.#end("granted")) return false;
    this.#leaveQueues();
    if (settleClaim === null) this.resolve(value);
    else settleClaim(this as unknown as Claim<unknown>, "resolve", value);
    return true;
  }

  /** Ends the wait with a failure of what was waited for. */
  fail(error: unknown): boolean {
    return this.#rejectAs("granted", error);
  }

  /**
   * Ends the wait because of its scope or signal, whose reason wins over the one given. That is no failure, so it never
   * becomes an unhandled rejection.
   */
  override cancel(reason: unknown): void {
    if (this.#rejectAs("cancelled", this.#scope.aborted ? this.#scope.reason : reason)) this.promise.catch(nothing);
  }

  #rejectAs(state: "granted" | "cancelled", error: unknown): boolean {
    if (!this.#end(state)) return false;
    if (settleClaim === null) this.reject(error);
    else settleClaim(this as unknown as Claim<unknown>, "reject", error);
    // Only now, so that those whom a queue then expels or admits come after it.
    this.#leaveQueues();
    return true;
  }

  /** Lets nothing else end the wait. False when it is already over. */
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
    for (let node = this.#node; node !== null; node = node.sibling) {
      const home = node.home;
      node.home = null;
      home?.remove(node, cancelled);
    }
    this.#node = null;
  }
}

/** A first-in, first-out queue of waits. */
export class WaitQueue<P = unknown> implements Waitable<P> {
  // Invariant: every node in the ring has a queued claim and this queue as its home.
  readonly #anchor = new Link();
  readonly #onCancel: (() => void) | null;
  #size = 0;

  /** @param onCancel Called after a wait left by cancellation, when the queue has to look at its head again. */
  constructor(onCancel: (() => void) | null = null) {
    this.#onCancel = onCancel;
  }

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Puts a node at the end, unless its wait is over already. */
  push(node: WaitNode<P>): void {
    if (node.claim.state !== "queued") return;
    node.home = this;
    node.insertBefore(this.#anchor);
    this.#size++;
  }

  /** The longest waiting one that can still be handed something. */
  head(): WaitNode<P> | null {
    for (;;) {
      const node = this.#anchor.next;
      if (node === this.#anchor) return null;
      const { claim } = node as WaitNode<P>;
      if (!claim.doomed) return node as WaitNode<P>;
      // Something was released between an abort and its arrival here. Cancelled waiters must take nothing.
      (node as WaitNode<P>).home = null;
      this.remove(node as WaitNode<P>, false);
      claim.expel();
    }
  }

  /** Cancels those who are doomed, and tells how many can still be handed something. Takes a look at each. */
  prune(): number {
    const doomed: Claim<unknown>[] = [];
    for (let at = this.#anchor.next; at !== this.#anchor; at = at.next) {
      const { claim } = at as WaitNode<P>;
      if (claim.doomed) doomed.push(claim);
    }
    for (const claim of doomed) claim.expel();
    return this.#size;
  }

  /** Fails those of a payload that `test` holds of. Takes a look at each. */
  failWhere(test: (payload: P) => boolean, error: (payload: P) => unknown): void {
    const failed: WaitNode<P>[] = [];
    for (let at = this.#anchor.next; at !== this.#anchor; at = at.next) {
      if (test((at as WaitNode<P>).payload)) failed.push(at as WaitNode<P>);
    }
    for (const { claim, payload } of failed) {
      if (claim.doomed) claim.expel();
      else claim.fail(error(payload));
    }
  }

  /** Takes a node out. */
  remove(node: WaitNode<P>, cancelled: boolean): void {
    node.unlink();
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

/** What every wait takes. */
export interface WaitOptions {
  /** Ends the wait with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/**
 * The check that every wait begins with: the promise to return when the wait may not begin, because its
 * scope or signal is aborted. It allocates nothing otherwise.
 */
export function refusal(
  scope: Scope,
  signal?: AbortSignal,
): Promise<never> | null {
  lookAtClock();
  if (scope.aborted) return cancelledPromise(scope.reason);
  if (signal === undefined) return null;
  const abort = abortOf(signal);
  return abort === null ? null : cancelledPromise(abort.reason);
}

/** Checks the options of a wait and begins it in the ambient scope; or returns why it may not begin. Never throws. */
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

/** Begins a wait at the end of `queue`, in the ambient scope. The caller has asked {@linkcode refusal}. */
export function enqueue<T, P>(
  queue: WaitQueue<P>,
  payload: P,
  scope: Scope,
  signal?: AbortSignal,
): Promise<T> {
  const claim = new Claim<T>(scope, signal);
  queue.push(claim.node(payload));
  return claim.promise;
}

/**
 * `work`, an async function that waits, as a wait: rejected by an abort of its scope or signal it is no unhandled
 * rejection, because that is no failure.
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
  // Its scope may have ended since it was aborted, and the wait belongs to another one since then.
  return isCancellationOf(error, scope) || isCancellationOf(error, openScope(scope)) ||
    (signal !== undefined && abortOf(signal)?.reason === error);
}
