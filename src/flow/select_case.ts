/**
 * A send or receive that `select` may do.
 *
 * @module
 */

import type { End } from "./channel_core.ts";

/**
 * A case of `select`, made by `Receiver.receiving` or `Sender.sending`: a send or receive that does nothing until
 * `select` is called with it.
 *
 * @typeParam T The value of the case: the received value, or `undefined` for a send.
 * @category Pass on
 */
export class SelectCase<T> {
  // Private, but not `#private`, for `select`.
  private readonly end: End<unknown, unknown>;
  private readonly value: unknown;
  /** Exists for the types only; always absent. */
  declare readonly type?: T;

  /** @internal Use `Receiver.receiving` or `Sender.sending`. */
  constructor(end: object, value?: unknown) {
    this.end = end as End<unknown, unknown>;
    this.value = value;
  }
}
