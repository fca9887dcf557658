/**
 * The public statistics of a channel.
 *
 * @module
 */

import type { ChannelCore } from "./channel_core.ts";

/**
 * A snapshot of a channel: its buffered values, open ends and waiters.
 *
 * @category Pass on
 */
export interface ChannelStatistics {
  /** The number of values in the buffer. */
  readonly buffered: number;
  /** The number of values that the buffer can hold. */
  readonly capacity: number;
  /** The number of open senders. */
  readonly openSenders: number;
  /** The number of open receivers. */
  readonly openReceivers: number;
  /** The number of waiting sends. */
  readonly waitingSenders: number;
  /** The number of waiting receives. */
  readonly waitingReceivers: number;
}

/** Returns the statistics of `core`. */
export function statisticsOf(core: ChannelCore<unknown>): ChannelStatistics {
  return {
    buffered: core.buffer.size,
    capacity: core.capacity,
    openSenders: core.openSenders,
    openReceivers: core.openReceivers,
    waitingSenders: core.senders.size,
    waitingReceivers: core.receivers.size,
  };
}
