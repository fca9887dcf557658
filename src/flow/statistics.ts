/**
 * What can be seen of a channel from outside.
 *
 * @module
 */

import type { ChannelCore } from "./channel_core.ts";

/** What is in a channel, and who is at its ends. */
export interface ChannelStatistics {
  /** How many values are in the buffer. */
  readonly buffered: number;
  /** How many there is room for. */
  readonly capacity: number;
  /** How many senders are open. */
  readonly openSenders: number;
  /** How many receivers are open. */
  readonly openReceivers: number;
  /** How many sends wait. */
  readonly waitingSenders: number;
  /** How many receives wait. */
  readonly waitingReceivers: number;
}

/** Those of `core`. */
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
