/**
 * The error of a queue that is shut down.
 *
 * @module
 */

/**
 * Reports that the queue is shut down: no item can be put any more, or no item is left to get.
 *
 * @example Detect the shutdown
 * ```ts
 * import { Queue, QueueShutDownError } from "@weft/async";
 * import { assertRejects } from "@std/assert";
 *
 * const queue = new Queue<string>();
 * queue.shutdown();
 * await assertRejects(() => queue.get(), QueueShutDownError);
 * ```
 *
 * @see asyncio.QueueShutDown of Python 3.14.
 * @category Pass on
 */
export class QueueShutDownError extends Error {
  /** `"QueueShutDownError"`. */
  override readonly name = "QueueShutDownError";
}
