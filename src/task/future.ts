/**
 * A result that somebody sets by hand.
 *
 * @example Hand a value from a callback to whoever waits
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
 * **Cancellation**: an abort of the scope that awaits ends only that wait. **Cost**: waiting and giving up again
 * leaves nothing on it.
 *
 * @typeParam T What it comes to.
 *
 * @example Wait with a deadline, again and again
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
 */
export class Future<T> extends Awaitable<T> {
  readonly #id = ++futures;
  readonly #name: string | undefined;

  /**
   * Makes a pending future.
   *
   * @param options Its name.
   * @throws {TypeError} If `options` is not an object, or `name` not a string.
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

  /** The name it was given, or one with a number. */
  get name(): string {
    return this.#name ?? `Future-${this.#id}`;
  }

  /**
   * Gives it its result. Whoever waits goes on in the next microtask, in order of arrival.
   *
   * @param value The result.
   * @throws {InvalidStateError} If it is done.
   */
  setResult(value: T): void {
    this.#checkPending("set the result");
    this.settle("fulfilled", value);
  }

  /**
   * Makes it fail. When nobody has asked for it by the next macrotask, it becomes an unhandled rejection.
   *
   * @param error What whoever waits is thrown.
   * @throws {InvalidStateError} If it is done.
   */
  setException(error: unknown): void {
    this.#checkPending("set the exception");
    this.settle("rejected", error);
  }

  /**
   * Cancels it: whoever waits is thrown the reason.
   *
   * @param reason What to throw; a `CancelledError` by default.
   * @returns False when it is done already.
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
