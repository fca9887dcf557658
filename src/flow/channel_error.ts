/**
 * The error of a closed channel.
 *
 * @module
 */

/**
 * Reports that nothing can be sent or received, because an end of the channel is closed.
 *
 * There is one class for all cases, because the code that catches it does the same thing in each: it stops.
 * {@linkcode ChannelClosedError.prototype.closed} distinguishes them. `"self"`: the end that was used is closed, which
 * is a mistake. `"receivers"`: no receiver is left to send to. `"senders"`: the channel is at its end, which also ends
 * a `for await` loop.
 *
 * @example Stop when there is no receiver any more
 * ```ts
 * import { Channel, ChannelClosedError } from "@weft/async";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const { sender, receiver } = new Channel<string>(10);
 * receiver.close();
 * const send = () => sender.send("news");
 * const error = await assertRejects(send, ChannelClosedError);
 * assertEquals(error.closed, "receivers");
 * ```
 *
 * @see trio.ClosedResourceError, BrokenResourceError and EndOfChannel of trio 0.31: one class each for self, receivers
 * and senders.
 *
 * @category Pass on
 */
export class ChannelClosedError extends Error {
  /** `"ChannelClosedError"`. */
  override readonly name = "ChannelClosedError";
  /** The part that is closed. */
  readonly closed: "self" | "receivers" | "senders";

  /**
   * Makes the error.
   *
   * @param message The action that failed, and why.
   * @param closed The part that is closed.
   */
  constructor(message: string, closed: "self" | "receivers" | "senders") {
    super(message);
    this.closed = closed;
  }
}
