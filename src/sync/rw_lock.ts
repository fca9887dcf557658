/**
 * A lock for many readers or one writer.
 *
 * @module
 */

import { orReject } from "../core/foreign.ts";
import { InvalidStateError } from "../errors.ts";
import { printAsText } from "../core/inspect.ts";
import type { CallKind } from "../core/structured_call.ts";
import type { Disposes } from "../core/dispose.ts";
import type { Scope } from "../core/scope.ts";
import { CancelScope, type ScopeFunction } from "../task/cancel_scope.ts";
import { checkFunction, checkWait } from "../core/validate.ts";
import { beginWait, enqueue, WaitQueue } from "../core/wait_queue.ts";
import type { WaitOptions } from "../core/wait_queue.ts";
import { LockPermit, type Permit, type PermitOwner, RunPermit, runWith } from "./permit.ts";

export { CancelScope, type Disposes, type Permit, type ScopeFunction, type WaitOptions };

const RUN_READ: CallKind = { name: "RwLock.runRead" };
const RUN_WRITE: CallKind = { name: "RwLock.runWrite" };

type Side = "read" | "write";

interface Request {
  readonly permit: Permit;
  readonly side: Side;
}

/**
 * Gives access to many readers at once, or to one writer alone.
 *
 * - **Order**: First come, first served. Readers that arrive after a waiting writer wait behind it, so that writers do
 *   not starve. Adjacent readers in the queue acquire the lock together.
 * - **Failure**: Acquiring the lock again while holding it can wait for ever. Inside a callback it throws; see
 *   {@linkcode RwLock.prototype.runRead}.
 * - **Cancellation**: An aborted wait takes nothing, and the waiters that it blocked acquire the lock.
 *
 * @example Readers together, the writer alone
 * ```ts
 * import { gather, RwLock, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const lock = new RwLock();
 * const seen: string[] = [];
 * const read = () =>
 *   lock.runRead(async () => {
 *     await sleep(1);
 *     seen.push(`read beside ${lock.readers - 1}`);
 *   });
 * const write = () =>
 *   lock.runWrite(async () => {
 *     await sleep(1);
 *     seen.push("write alone");
 *   });
 * await gather([read, read, write]);
 * assertEquals(seen[2], "write alone");
 * ```
 *
 * @see sync.RWMutex of Go 1.25: the same rule for waiting writers; here acquiring again inside a callback throws.
 * @category Synchronise
 */
export class RwLock {
  static readonly #printed: void = /* @__PURE__ */ printAsText(RwLock);
  // Invariant: a writer ⇒ no reader. The head of #queue cannot hold the lock beside the current holders.
  readonly #readers = new Set<Permit>();
  #writer: Permit | null = null;
  readonly #queue = new WaitQueue<Request>(() => this.#admit());
  // The scopes of the callbacks that hold the lock.
  readonly #scopes = new Set<Scope>();
  readonly #owner: PermitOwner = {
    giveBack: (permit) => {
      if (this.#writer === permit) this.#writer = null;
      else this.#readers.delete(permit);
      this.#admit();
    },
  };

  /** The number of readers that hold the lock. */
  get readers(): number {
    return this.#readers.size;
  }

  /** Whether a writer holds the lock. */
  get writing(): boolean {
    return this.#writer !== null;
  }

  /** The number of waiters, readers and writers together. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Acquires the lock for reading, and waits while a writer holds it or other callers wait for it.
   *
   * @param options Its signal.
   * @returns The permit.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {InvalidStateError} If it is called inside a callback that holds the lock.
   */
  acquireRead(options?: WaitOptions): Promise<Permit> {
    return this.#acquire("read", new LockPermit(this.#owner), options);
  }

  /**
   * Acquires the lock for writing, and waits until nobody else holds it.
   *
   * @param options Its signal.
   * @returns The permit.
   * @throws The reason of an abort; then nothing was taken.
   * @throws {InvalidStateError} If it is called inside a callback that holds the lock.
   *
   * @example Release with the block
   * ```ts
   * import { RwLock } from "@weft/async";
   *
   * const lock = new RwLock();
   * {
   *   using _permit = await lock.acquireWrite();
   *   console.log(lock.writing, lock.tryAcquireRead()); // true undefined
   * }
   * console.log(lock.writing); // false
   * ```
   */
  acquireWrite(options?: WaitOptions): Promise<Permit> {
    return this.#acquire("write", new LockPermit(this.#owner), options);
  }

  /**
   * Acquires the lock for reading if no writer holds it and there are no waiters.
   *
   * @returns The permit, or `undefined`.
   */
  tryAcquireRead(): Permit | undefined {
    return this.#tryAcquire("read");
  }

  /**
   * Acquires the lock for writing if nobody holds it.
   *
   * @returns The permit, or `undefined`.
   */
  tryAcquireWrite(): Permit | undefined {
    return this.#tryAcquire("write");
  }

  /**
   * Calls `fn` in a scope of its own while holding the lock for reading, and releases the lock when all work in that
   * scope has ended.
   *
   * - **Failure**: Acquiring the lock again anywhere inside throws at once, even for reading: a nested read would wait
   *   for ever as soon as a writer waits in between.
   * - **Cancellation**: After an abort before the call of `fn`, `fn` is not called. `signal` ends only the wait for the
   *   lock.
   *
   * @typeParam T The result of `fn`.
   * @param fn Called with the signal of its scope, and the scope.
   * @param options The signal of the acquire.
   * @returns The result of `fn`.
   * @throws The reason of an abort, or the error of `fn`.
   * @throws {InvalidStateError} If it is called inside a callback that holds the lock.
   */
  runRead<T>(fn: ScopeFunction<T>, options?: WaitOptions): Promise<T> {
    return this.#run("read", fn, options);
  }

  /**
   * Calls `fn` in a scope of its own while holding the lock for writing, and releases the lock when all work in that
   * scope has ended.
   *
   * - **Failure**: Acquiring the lock again anywhere inside throws at once.
   * - **Cancellation**: After an abort before the call of `fn`, `fn` is not called. `signal` ends only the wait for the
   *   lock.
   *
   * @typeParam T The result of `fn`.
   * @param fn Called with the signal of its scope, and the scope.
   * @param options The signal of the acquire.
   * @returns The result of `fn`.
   * @throws The reason of an abort, or the error of `fn`.
   * @throws {InvalidStateError} If it is called inside a callback that holds the lock.
   */
  runWrite<T>(fn: ScopeFunction<T>, options?: WaitOptions): Promise<T> {
    return this.#run("write", fn, options);
  }

  /** Shows the holders and the number of waiters. */
  toString(): string {
    return `RwLock { readers: ${this.readers}, writing: ${this.writing}, waiting: ${this.waiting} }`;
  }

  #acquire(side: Side, permit: Permit, options: WaitOptions | undefined): Promise<Permit> {
    return beginWait("acquire lock", options, (scope, signal) => {
      if (this.#isHeldAround(scope)) {
        throw new InvalidStateError("Cannot acquire lock: the surrounding callback already holds it");
      }
      if (!this.#isFreeFor(side)) return enqueue(this.#queue, { permit, side }, scope, signal);
      return Promise.resolve(this.#take(side, permit));
    });
  }

  #tryAcquire(side: Side): Permit | undefined {
    return this.#isFreeFor(side) ? this.#take(side, new LockPermit(this.#owner)) : undefined;
  }

  #run<T>(side: Side, fn: ScopeFunction<T>, options: WaitOptions | undefined): Promise<T> {
    return orReject(() => {
      checkFunction("run with lock", "fn", fn);
      const signal = checkWait("acquire lock", options);
      const permit = new RunPermit(this.#owner);
      const acquired = this.#acquire(side, permit, { signal });
      return runWith(side === "read" ? RUN_READ : RUN_WRITE, acquired, signal, (own, _permit, self) => fn(own, self), {
        begun: (scope) => this.#scopes.add(permit.scope = scope),
        ended: () => {
          if (permit.scope !== null) this.#scopes.delete(permit.scope);
          permit.release();
        },
      });
    });
  }

  // Walks up from the scope instead of over the callbacks, because there may be many readers.
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

  #take(side: Side, permit: Permit): Permit {
    if (side === "write") this.#writer = permit;
    else this.#readers.add(permit);
    return permit;
  }

  #admit(): void {
    for (let node = this.#queue.head(); node !== null; node = this.#queue.head()) {
      const { side, permit } = node.payload;
      if (!this.#fits(side)) return;
      node.claim.grant(this.#take(side, permit));
    }
  }
}
