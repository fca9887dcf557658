/**
 * The scope tree: it records which work is cancelled together, and which scope a wait belongs to.
 *
 * @module
 */

import { Link } from "./link.ts";
import { surface } from "./next_turn.ts";

/** A wait in a scope, which an abort of the scope rejects. Every wait of this package is one. */
export abstract class Cancellable extends Link {
  /** Rejects the wait with `reason` and removes it from every queue. It takes nothing, and runs no foreign code. */
  abstract cancel(reason: unknown): void;
  /** Called when the scope of the wait has ended and `heir`, an ancestor, has taken the wait over. */
  abstract moveTo(heir: Scope): void;
}

/** One abort, shared by all the scopes that it has reached. */
export interface Abort {
  readonly reason: unknown;
  /** The outermost of these scopes. From any of them up to this one, the reason is the same. */
  readonly root: Scope;
}

/** The owner of a scope, which is notified of its events. */
export interface ScopeKeeper {
  /** Called after an abort of the scope, when no wait in its subtree can be granted any more. */
  aborted(scope: Scope): void;
  /** Called when the last child that is not abandonable has ended and, later, when the last child of all has ended. */
  childless(scope: Scope): void;
  /**
   * Called once, when the parent's own work has ended, so that no code is left that would end this abandonable scope.
   */
  abandoned(scope: Scope): void;
  /** The name of the call in messages. */
  readonly label?: string;
  /** Returns the names of the work that has not ended, with the path to it. */
  stragglers?(): string[];
  /** The deadline of the scope, if it has one. */
  readonly deadline?: { readonly remaining: number } | null;
  /** Rings the deadline of the scope now if it has passed, without waiting for the clock's next turn. */
  ringIfDue?(): void;
}

// The scopes whose keepers are still to be notified that they are childless. The outermost call works through the list:
// a scope that ends may end its parent, and recursion would overflow the stack when 10,000 end one after another.
const emptied: Scope[] = [];
let telling = false;

function tellChildless(scope: Scope): void {
  emptied.push(scope);
  if (telling) return;
  telling = true;
  for (let next = emptied.pop(); next !== undefined; next = emptied.pop()) {
    try {
      next.keeper?.childless(next);
    } catch (error) {
      surface(error);
    }
  }
  telling = false;
}

/**
 * A node of the scope tree. Two copies of the package in one program share the tree, so its public fields and methods
 * are a protocol (`@weft/async/scope@1`), and nothing outside touches a `#private` field.
 */
export class Scope extends Link {
  /** Changes only in {@linkcode giveChildren}. */
  parent: Scope | null;
  readonly name: string | undefined;
  readonly shielded: boolean;
  readonly abandonable: boolean;
  /** The distance from the root. */
  readonly depth: number;
  /** The abort that has reached this scope, shared by all the scopes that it has reached. */
  abortedBy: Abort | null = null;
  // Invariant: ended ⇒ it is in no ring, and refers to nothing that it could keep alive.
  ended = false;
  /** The innermost task that this scope is part of. */
  task: { readonly name: string } | null;
  /** The scope of the innermost `run` around it, which owns its independent tasks. */
  run: Scope | null;
  /** The owner of this scope, which is notified of its events. */
  keeper: ScopeKeeper | null = null;
  childCount = 0;
  abandonableCount = 0;
  #children: Link | null = null;
  // The abandonable children that have not been notified of being abandoned. Each is notified once, so that the end of
  // a scope takes linear time, whatever the children do.
  #unheard: Link | null = null;
  #waits: Link | null = null;
  #controller: AbortController | null = null;

  /**
   * @param parent The scope whose abort reaches this one.
   * @param name The name for diagnostics.
   * @param shielded Whether the parent's abort does not reach this scope.
   * @param abandonable Whether its code may never end it. Once only such children are left, the parent notifies them.
   */
  constructor(parent: Scope | null, name?: string, shielded = false, abandonable = false) {
    super();
    this.parent = parent;
    this.name = name;
    this.shielded = shielded;
    this.abandonable = abandonable;
    this.depth = parent === null ? 0 : parent.depth + 1;
    this.task = null;
    this.run = null;
    if (parent !== null) parent.adopt(this);
  }

  get aborted(): boolean {
    return this.abortedBy !== null;
  }

  get reason(): unknown {
    return this.abortedBy?.reason;
  }

  /** The name in diagnostics. */
  get label(): string {
    if (this.name !== undefined) return this.name;
    const { task } = this;
    return task !== null && task !== this.parent?.task ? task.name : "a nested call";
  }

  /** The native signal of this scope, made at first use. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.aborted) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  /** Puts a new child under this scope. A child of an aborted scope starts aborted. */
  adopt(child: Scope): void {
    child.task = this.task;
    child.run = this.run;
    this.#insert(child);
    if (!child.shielded) child.abortedBy = this.abortedBy;
  }

  #insert(child: Scope): void {
    this.childCount++;
    if (child.abandonable) {
      this.abandonableCount++;
      child.insertBefore(this.#unheard ??= new Link());
    } else child.insertBefore(this.#children ??= new Link());
  }

  /**
   * Moves the children that an abort of this scope would reach to `heir`, a sibling that is not aborted. An abort of
   * `heir` then reaches them without this scope.
   */
  giveChildren(heir: Scope): void {
    for (const child of this.children()) {
      if (child.shielded) continue;
      child.leave();
      child.parent = heir;
      heir.#insert(child);
    }
  }

  /** Marks a new scope as aborted from the start. It holds nothing yet that would have to be cancelled. */
  beginAborted(reason: unknown): void {
    this.abortedBy = { reason, root: this };
  }

  /**
   * Returns the children that have not ended, oldest first. The abandonable children that have not been notified come
   * last.
   */
  children(): Scope[] {
    const list: Scope[] = [];
    for (const anchor of [this.#children, this.#unheard]) {
      if (anchor === null) continue;
      for (let at = anchor.next; at !== anchor; at = at.next) list.push(at as Scope);
    }
    return list;
  }

  /**
   * Called when the work of this scope has ended. Once only abandonable children are left (iterators that are not read
   * to the end), notifies each of them once. Returns whether no child is open.
   */
  settleChildren(): boolean {
    const unheard = this.#unheard;
    if (unheard !== null && this.childCount === this.abandonableCount) {
      while (unheard.next !== unheard) {
        const child = unheard.next as Scope;
        child.unlink();
        child.insertBefore(this.#children ??= new Link());
        try {
          child.keeper?.abandoned(child);
        } catch (error) {
          surface(error);
        }
      }
    }
    return this.childCount === 0;
  }

  /** Lets an abort of this scope reach `wait`. */
  attach(wait: Cancellable): void {
    this.#waits ??= new Link();
    wait.insertBefore(this.#waits);
  }

  /**
   * Aborts this scope and all unshielded scopes below it. Returns false if that changes nothing.
   *
   * It makes three passes (mark, reject, fire), because cancelled waiters must take nothing: a wait that is rejected
   * in the second pass may free what another wait in the same subtree needs, and a listener that fires in the third
   * may release something.
   */
  abort(reason: unknown): boolean {
    if (this.aborted || this.ended) return false;
    abortAll([this], reason);
    return true;
  }

  /** Ends this scope: it leaves the tree and releases all that it held. */
  end(): void {
    if (this.ended) return;
    this.leave();
    this.ended = true;
    this.#bequeath();
    this.task = null;
    this.keeper = null;
    this.#controller = null;
  }

  /** Moves the waits of code that outlives this scope to the nearest open ancestor. */
  #bequeath(): void {
    const anchor = this.#waits;
    if (anchor === null) return;
    let heir = this.parent!;
    while (heir.ended) heir = heir.parent!;
    while (anchor.next !== anchor) {
      const wait = anchor.next as Cancellable;
      wait.unlink();
      wait.moveTo(heir);
      if (heir.aborted) cancelWait(wait, heir.reason);
      else heir.attach(wait);
    }
  }

  /** Leaves the tree without ending: stragglers stay cancelled, but no ancestor waits for them any more. */
  leave(): void {
    const parent = this.parent;
    if (this.next === this || parent === null) return;
    this.unlink();
    parent.childCount--;
    if (this.abandonable) parent.abandonableCount--;
    if (parent.childCount === parent.abandonableCount && parent.keeper !== null) tellChildless(parent);
  }

  /** Marks this scope as aborted by `abort`, and adds it to `list`. */
  mark(abort: Abort, list: Scope[]): void {
    if (this.abortedBy !== null || this.ended) return;
    this.abortedBy = abort;
    list.push(this);
  }

  /** Marks the children that are not shielded. */
  markChildren(list: Scope[]): void {
    if (this.#children !== null) markRing(this.#children, this.abortedBy!, list);
    if (this.#unheard !== null) markRing(this.#unheard, this.abortedBy!, list);
  }

  rejectWaits(): void {
    const anchor = this.#waits;
    if (anchor === null) return;
    while (anchor.next !== anchor) {
      const wait = anchor.next as Cancellable;
      wait.unlink();
      cancelWait(wait, this.reason);
    }
  }

  fireSignal(): void {
    try {
      this.keeper?.aborted(this);
    } catch (error) {
      surface(error);
    }
    // The platform reports an error that a listener throws, and continues.
    this.#controller?.abort(this.reason);
  }
}

function markRing(anchor: Link, abort: Abort, list: Scope[]): void {
  for (let at = anchor.next; at !== anchor; at = at.next) {
    if (!(at as Scope).shielded) (at as Scope).mark(abort, list);
  }
}

// An error in one wait must not keep an abort from reaching the others.
function cancelWait(wait: Cancellable, reason: unknown): void {
  try {
    wait.cancel(reason);
  } catch (error) {
    surface(error);
  }
}

/** Aborts several scopes and `waits` together: all scopes are marked before any wait is rejected. */
export function abortAll(scopes: Iterable<Scope>, reason: unknown, waits: Iterable<Cancellable> = []): void {
  const marked: Scope[] = [];
  for (const scope of scopes) scope.mark({ reason, root: scope }, marked);
  // `marked` grows while it is walked, so a deep tree needs no deep stack.
  for (let i = 0; i < marked.length; i++) {
    marked[i]!.markChildren(marked);
  }
  for (const wait of waits) cancelWait(wait, reason);
  for (const scope of marked) scope.rejectWaits();
  for (const scope of marked) scope.fireSignal();
}

/** Returns whether `inner` is `outer` or a scope below it, which ends before it. */
export function isWithin(inner: Scope, outer: Scope): boolean {
  let at = inner;
  while (at.depth > outer.depth) at = at.parent!;
  return at === outer;
}
