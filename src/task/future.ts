/**
 * A result that is set by hand.
 *
 * @example Pass a value from a callback to a waiter
 * ```ts
 * import { Future } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const ready = new Future<number>();
 * setTimeout(() => ready.setResult(42), 5);
 * assertEquals(await ready, 42);
 * ```
 *
 * @module
 */

import { CancelledError, InvalidStateError } from "../errors.ts";
import { checkOptions, wrongKind } from "../core/validate.ts";
import { Awaitable } from "./awaitable.ts";

export type { Awaitable };

let futures = 0;

/**
 * A result that comes later and is set by hand: the bridge from callbacks to `await`.
 *
 * - **Cancellation**: an abort of the scope that awaits ends only that wait.
 * - **Cost**: a wait that is given up leaves nothing behind on the future.
 *
 * @typeParam T The type of the result.
 *
 * @example Wait repeatedly, with a deadline
 * ```ts
 * import { Future, moveOnAfter } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = new Future<string>({ name: "answer" });
 * assertEquals(await moveOnAfter(1, () => answer), undefined);
 * answer.setResult("yes");
 * assertEquals(await moveOnAfter(1, () => answer), "yes");
 * ```
 *
 * @see asyncio.Future of Python 3.14: the same, but awaiting it from a cancelled task leaves the future alone.
 * @category Run and start
 */
export class Future<T> extends Awaitable<T> {
  readonly #id = ++futures;
  readonly #name: string | undefined;

  /**
   * Creates a pending future.
   *
   * @param options Its name.
   */
  constructor(options?: { readonly name?: string | undefined }) {
    super();
    checkOptions("create future", options);
    const name = options?.name;
    if (name !== undefined && typeof name !== "string") {
      throw wrongKind("create future", "name", "a string", name);
    }
    this.#name = name;
  }

  /** The name it was given, or a generated name with a number. */
  get name(): string {
    return this.#name ?? `Future-${this.#id}`;
  }

  /**
   * Sets the result. The waiters continue in the next microtask, in order of arrival.
   *
   * @param value The result.
   * @throws {InvalidStateError} If the future is already done.
   */
  setResult(value: T): void {
    this.#checkPending("set the result");
    this.settle("fulfilled", value);
  }

  /**
   * Makes the future fail. If nobody has asked for the error by the next macrotask, it becomes an unhandled rejection.
   *
   * @param error The error that the waiters throw.
   * @throws {InvalidStateError} If the future is already done.
   */
  setException(error: unknown): void {
    this.#checkPending("set the exception");
    this.settle("rejected", error);
  }

  /**
   * Cancels the future: the waiters throw the reason.
   *
   * @param reason The reason that the waiters throw; a `CancelledError` by default.
   * @returns False if the future is already done.
   */
  cancel(reason?: unknown): boolean {
    if (this.done) return false;
    this.settle("cancelled", reason === undefined ? new CancelledError(`${this.name} was cancelled`) : reason);
    return true;
  }

  #checkPending(action: string): void {
    if (this.done) {
      throw new InvalidStateError(`Cannot ${action}: ${this.name} is already done`);
    }
  }
}
