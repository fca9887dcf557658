/**
 * The scope tree: who is cancelled together with whom, and which scope a wait belongs to.
 *
 * @module
 */

import { Link } from "./link.ts";
import { surface } from "./next_turn.ts";

/** Something queued in a scope that an abort has to reject: every wait of ours. */
export abstract class Cancellable extends Link {
  /** Ends the wait with `reason`, takes nothing, and leaves every queue. Runs no foreign code. */
  abstract cancel(reason: unknown): void;
  /** Tells it that its scope has ended and `heir`, an ancestor, has taken it over. */
  abstract moveTo(heir: Scope): void;
}

/** One abort, shared by all scopes that it has reached. */
export interface Abort {
  readonly reason: unknown;
  /** The outermost of these scopes: from any of them up to this one the reason is the same. */
  readonly root: Scope;
}

/** Whoever runs a scope. */
export interface ScopeKeeper {
  /** The scope was aborted, and nothing in its subtree can be handed anything any more. */
  aborted(scope: Scope): void;
  /** The last child that is not abandonable has ended; or, later, the last of all. */
  childless(scope: Scope): void;
  /** The parent's own work has ended, so that nobody is left to end this abandonable scope. Called once. */
  abandoned(scope: Scope): void;
  /** Rings the deadline of the scope now if it has passed, instead of at the next turn of the clock. */
  ringIfDue?(): void;
}

// The scopes whose keepers have still to hear that they are childless. Whoever finds `telling` false works the list
// off: one that ends may end its parent, and a recursion would overflow the stack where 10,000 end one after another.
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
  /** How far it is below the root. */
  readonly depth: number;
  /** The abort that has reached this scope. All scopes that one abort has reached share it. */
  abortedBy: Abort | null = null;
  // Invariant: ended ⇒ it is in no ring, and nothing it could keep alive hangs on it.
  ended = false;
  /** The innermost task that this scope is part of. */
  task: { readonly name: string } | null;
  /** The scope of the innermost `run` around it: what owns its independent tasks. */
  run: Scope | null;
  /** Who runs this scope and hears of what happens to it. */
  keeper: ScopeKeeper | null = null;
  childCount = 0;
  abandonableCount = 0;
  #children: Link | null = null;
  // Abandonable children that have not heard yet that they are abandoned. Each hears it once, so that the end of a scope
  // takes time in proportion to them, however many there are and however each of them ends.
  #unheard: Link | null = null;
  #waits: Link | null = null;
  #controller: AbortController | null = null;

  /**
   * @param parent What it is cancelled with.
   * @param name Shown by diagnostics.
   * @param shielded The parent's abort does not reach it.
   * @param abandonable Nobody may be left to end it, so the parent aborts it once only such children are left.
   */
  constructor(
    parent: Scope | null,
    name?: string,
    shielded = false,
    abandonable = false,
  ) {
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

  /** What diagnostics call it. */
  get label(): string {
    if (this.name !== undefined) return this.name;
    const { task } = this;
    return task !== null && task !== this.parent?.task ? task.name : "a nested call";
  }

  /** The native signal of this scope, made when somebody first asks for it. */
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
   * Moves the children that an abort of this scope would reach to `heir`, a sibling that is not aborted: they can then
   * be aborted from outside them without this one.
   */
  giveChildren(heir: Scope): void {
    for (const child of this.children()) {
      if (child.shielded) continue;
      child.leave();
      child.parent = heir;
      heir.#insert(child);
    }
  }

  /** Marks a new scope as aborted from its beginning. It holds nothing yet that would have to be cancelled. */
  beginAborted(reason: unknown): void {
    this.abortedBy = { reason, root: this };
  }

  /** The children that have not ended: those that are not abandonable first, and each kind oldest first. */
  children(): Scope[] {
    const list: Scope[] = [];
    for (const anchor of [this.#children, this.#unheard]) {
      if (anchor === null) continue;
      for (let at = anchor.next; at !== anchor; at = at.next) list.push(at as Scope);
    }
    return list;
  }

  /**
   * To be called when the work of this scope has ended. Once only abandonable children are left (iterators nobody
   * reads to the end), tells each of them so, once. Returns whether no child is open.
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
   * It makes three passes, because cancelled waiters must take nothing: a waiter that is rejected in the second pass may
   * free what another one of the same subtree waits for, and a listener that fires in the third may release something.
   */
  abort(reason: unknown): boolean {
    if (this.aborted || this.ended) return false;
    abortAll([this], reason);
    return true;
  }

  /** Ends this scope: it leaves the tree, and lets go of what it held. */
  end(): void {
    if (this.ended) return;
    this.leave();
    this.ended = true;
    this.#bequeath();
    this.task = null;
    this.keeper = null;
    this.#controller = null;
  }

  /** Gives the waits of code that outlives this scope to the nearest open ancestor. */
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

  /** Leaves the tree without ending: stragglers stay cancelled, but no ancestor waits for them. */
  leave(): void {
    const parent = this.parent;
    if (this.next === this || parent === null) return;
    this.unlink();
    parent.childCount--;
    if (this.abandonable) parent.abandonableCount--;
    if (parent.childCount === parent.abandonableCount && parent.keeper !== null) tellChildless(parent);
  }

  /** Marks this scope aborted by `abort`, and puts it on `list`. */
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
    // The platform reports what a listener throws, and goes on.
    this.#controller?.abort(this.reason);
  }
}

function markRing(anchor: Link, abort: Abort, list: Scope[]): void {
  for (let at = anchor.next; at !== anchor; at = at.next) {
    if (!(at as Scope).shielded) (at as Scope).mark(abort, list);
  }
}

// An abort reaches all that it is for: what goes wrong with one of them is no reason to leave the others waiting.
function cancelWait(wait: Cancellable, reason: unknown): void {
  try {
    wait.cancel(reason);
  } catch (error) {
    surface(error);
  }
}

/** Aborts several scopes as one, and `waits` with them: all are marked before any wait is rejected. */
export function abortAll(
  scopes: Iterable<Scope>,
  reason: unknown,
  waits: Iterable<Cancellable> = [],
): void {
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

/** Whether `inner` is `outer` or below it, and so ends before it. */
export function isWithin(inner: Scope, outer: Scope): boolean {
  let at = inner;
  while (at.depth > outer.depth) at = at.parent!;
  return at === outer;
}
