/**
 * Lets many readers or one writer in.
 *
 * @module
 */

import { InvalidStateError } from "../core/errors.ts";
import { attachInspect } from "../core/inspect.ts";
import type { Scope } from "../core/scope.ts";
import { CancelScope, type ScopeFunction } from "../task/cancel_scope.ts";
import { checkFunction, checkWait } from "../core/validate.ts";
import { beginWait, enqueue, WaitQueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { Hold, RunHold } from "./hold.ts";

export { CancelScope, Hold, type ScopeFunction, type WaitOptions };

type Side = "read" | "write";

interface Request {
  readonly hold: Hold;
  readonly side: Side;
}

/**
 * Lets many readers in at once, or one writer alone.
 *
 * **Order**: first come, first served. Readers that come after a waiting writer wait behind it, so that writers do not
 * starve; readers next to each other in the queue are let in together. **Cancellation**: an aborted wait takes nothing,
 * and lets those in whom it was blocking. **Failure**: see {@linkcode RwLock.prototype.runRead} for what acquiring it
 * again does.
 *
 * @example Readers together, the writer alone
 * ```ts
 * import { gather, RwLock, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const lock = new RwLock();
 * const seen: string[] = [];
 * const read = () => lock.runRead(() => sleep(1).then(() => seen.push(`read beside ${lock.readers - 1}`)));
 * const write = () => lock.runWrite(() => sleep(1).then(() => seen.push("write alone")));
 * await gather([read, read, write]);
 * assertEquals(seen[2], "write alone");
 * ```
 *
 * @see sync.RWMutex of Go 1.25: the same rule for writers that wait; here acquiring again is told inside a callback.
 */
export class RwLock {
  // Invariant: a writer ⇒ no reader. The head of #queue does not fit beside them.
  readonly #readers = new Set<Hold>();
  #writer: Hold | null = null;
  readonly #queue = new WaitQueue<Request>(() => this.#admit());
  // The scopes of the callbacks that hold it.
  readonly #scopes = new Set<Scope>();
  readonly #giveBack = (hold: Hold): void => {
    if (this.#writer === hold) this.#writer = null;
    else this.#readers.delete(hold);
    this.#admit();
  };

  /** How many hold it for reading. */
  get readers(): number {
    return this.#readers.size;
  }

  /** Whether somebody holds it for writing. */
  get writing(): boolean {
    return this.#writer !== null;
  }

  /** How many wait, on both sides. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Takes the lock for reading, and waits if it is held for writing or somebody waits already.
   *
   * @param options Its signal.
   * @returns What to release.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {InvalidStateError} If the callback that it is called in holds the lock.
   * @throws {TypeError} If an option is of the wrong kind.
   */
  acquireRead(options?: WaitOptions): Promise<Hold> {
    return this.#acquire("read", new Hold(this.#giveBack), options);
  }

  /**
   * Takes the lock for writing, and waits until nobody else holds it.
   *
   * @param options Its signal.
   * @returns What to release.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {InvalidStateError} If the callback that it is called in holds the lock.
   * @throws {TypeError} If an option is of the wrong kind.
   *
   * @example Release with the block
   * ```ts
   * import { RwLock } from "@weft/async";
   *
   * const lock = new RwLock();
   * {
   *   using _hold = await lock.acquireWrite();
   *   console.log(lock.writing, lock.tryAcquireRead()); // true undefined
   * }
   * console.log(lock.writing); // false
   * ```
   */
  acquireWrite(options?: WaitOptions): Promise<Hold> {
    return this.#acquire("write", new Hold(this.#giveBack), options);
  }

  /**
   * Takes the lock for reading if it is not held for writing and nobody waits.
   *
   * @returns What to release, or `undefined`.
   */
  tryAcquireRead(): Hold | undefined {
    return this.#tryAcquire("read");
  }

  /**
   * Takes the lock for writing if nobody holds it.
   *
   * @returns What to release, or `undefined`.
   */
  tryAcquireWrite(): Hold | undefined {
    return this.#tryAcquire("write");
  }

  /**
   * Calls `fn` in a scope of its own while holding the lock for reading, and releases it when all work in that scope
   * has ended.
   *
   * **Failure**: acquiring the lock again anywhere inside throws at once. Reading inside of reading too: it would wait
   * for ever as soon as a writer waits in between. **Cancellation**: aborted before `fn` is called, it never is;
   * `signal` ends the wait for the lock only.
   *
   * @typeParam T What `fn` returns.
   * @param fn Called with the signal of its scope, and the scope.
   * @param options The signal of the acquire.
   * @returns What `fn` returns.
   * @throws The reason of an abort, or what `fn` throws.
   * @throws {InvalidStateError} If the callback that it is called in holds the lock.
   * @throws {TypeError} If an argument is of the wrong kind.
   */
  runRead<T>(fn: ScopeFunction<T>, options?: WaitOptions): Promise<T> {
    return this.#run("read", fn, options);
  }

  /**
   * Calls `fn` in a scope of its own while holding the lock for writing, and releases it when all work in that scope
   * has ended.
   *
   * **Failure**: acquiring the lock again anywhere inside throws at once. **Cancellation**: aborted before `fn` is
   * called, it never is; `signal` ends the wait for the lock only.
   *
   * @typeParam T What `fn` returns.
   * @param fn Called with the signal of its scope, and the scope.
   * @param options The signal of the acquire.
   * @returns What `fn` returns.
   * @throws The reason of an abort, or what `fn` throws.
   * @throws {InvalidStateError} If the callback that it is called in holds the lock.
   * @throws {TypeError} If an argument is of the wrong kind.
   */
  runWrite<T>(fn: ScopeFunction<T>, options?: WaitOptions): Promise<T> {
    return this.#run("write", fn, options);
  }

  /** Shows who holds it, and how many wait. */
  toString(): string {
    return `RwLock { readers: ${this.readers}, writing: ${this.writing}, waiting: ${this.waiting} }`;
  }

  static {
    attachInspect(RwLock.prototype);
  }

  #acquire(side: Side, hold: Hold, options: WaitOptions | undefined): Promise<Hold> {
    return beginWait("acquire lock", options, (scope, signal) => {
      if (this.#isHeldAround(scope)) {
        throw new InvalidStateError("Cannot acquire lock: the callback that asks for it holds it");
      }
      if (!this.#isFreeFor(side)) return enqueue(this.#queue, { hold, side }, scope, signal);
      return Promise.resolve(this.#take(side, hold));
    });
  }

  #tryAcquire(side: Side): Hold | undefined {
    return this.#isFreeFor(side) ? this.#take(side, new Hold(this.#giveBack)) : undefined;
  }

  #run<T>(side: Side, fn: ScopeFunction<T>, options: WaitOptions | undefined): Promise<T> {
    try {
      checkFunction("run with lock", "fn", fn);
      const signal = checkWait("acquire lock", options);
      const hold = new RunHold(this.#giveBack);
      const acquired = this.#acquire(side, hold, { signal });
      return hold.run(side === "read" ? "RwLock.runRead" : "RwLock.runWrite", acquired, signal, fn, this.#scopes);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  // Up from the scope, not through the callbacks: readers may be many.
  #isHeldAround(scope: Scope): boolean {
    if (this.#scopes.size === 0) return false;
    for (let at: Scope | null = scope; at !== null; at = at.parent) {
      if (this.#scopes.has(at)) return true;
    }
    return false;
  }

  #isFreeFor(side: Side): boolean {
    return this.#queue.size === 0 && this.#fits(side);
  }

  #fits(side: Side): boolean {
    return this.#writer === null && (side === "read" || this.#readers.size === 0);
  }

  #take(side: Side, hold: Hold): Hold {
    if (side === "write") this.#writer = hold;
    else this.#readers.add(hold);
    return hold;
  }

  #admit(): void {
    for (let node = this.#queue.head(); node !== null; node = this.#queue.head()) {
      const { side, hold } = node.payload;
      if (!this.#fits(side)) return;
      node.claim.grant(this.#take(side, hold));
    }
  }
}
