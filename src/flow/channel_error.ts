/**
 * What the use of a closed channel comes to.
 *
 * @module
 */

/** What is closed: the end that was used, all receivers, or all senders. */
export type ClosedPart = "self" | "receivers" | "senders";

/**
 * Nothing can be sent or received, because something is closed.
 *
 * One class, since whoever catches it does one thing: stop. {@linkcode ChannelClosedError.prototype.closed} tells the
 * cases apart: `"self"` is the end that was used, which is a mistake; with `"receivers"` nobody is left to send to; with
 * `"senders"` the channel is at its end, which a `for await` takes as the end of the loop.
 *
 * @example Stop when nobody listens any more
 * ```ts
 * import { Channel, ChannelClosedError } from "@weft/async";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const { sender, receiver } = new Channel<string>(10);
 * receiver.close();
 * const error = await assertRejects(() => sender.send("news"), ChannelClosedError);
 * assertEquals(error.closed, "receivers");
 * ```
 *
 * @see trio.ClosedResourceError, BrokenResourceError and EndOfChannel of trio 0.31: `"self"`, `"receivers"` and
 * `"senders"`.
 */
export class ChannelClosedError extends Error {
  /** `"ChannelClosedError"`. */
  override readonly name = "ChannelClosedError";
  /** What is closed. */
  readonly closed: ClosedPart;

  /**
   * Makes the error of a closed channel.
   *
   * @param message What cannot be done, and why.
   * @param closed What is closed.
   */
  constructor(message: string, closed: ClosedPart) {
    super(message);
    this.closed = closed;
  }
}
