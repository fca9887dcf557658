/**
 * Items from ten senders to ten receivers, ten in between.
 *
 * @module
 */

import { Channel } from "@weft/async";
import { type Load, Mailbox, type Work } from "./floors.ts";
import { Effect, EffectQueue } from "./peers.ts";
import { theme } from "./theme.ts";

const [ENDS, CAPACITY] = [10, 10];

/** Ten that send, and ten that receive until all items have come. */
async function tenByTen(
  load: Load,
  send: (work: Work) => Promise<unknown>,
  receive: () => Promise<unknown>,
): Promise<number> {
  let [sent, asked, received] = [0, 0, 0];
  const sender = async () => {
    while (sent < load.length) await send(load[sent++]!);
  };
  const receiver = async () => {
    while (asked++ < load.length) {
      await receive();
      received++;
    }
  };
  await Promise.all(Array.from({ length: ENDS }, () => [sender(), receiver()]).flat());
  return received;
}

export default theme({
  name: "channel",
  title: "an item from 10 senders to 10 receivers",
  floor: "arrays by hand",
  calls: false,
  contenders: {
    "arrays by hand": (load) => {
      const mailbox = new Mailbox<Work>(CAPACITY);
      return tenByTen(load, (work) => mailbox.put(work), () => mailbox.get());
    },
    "weft Channel": (load) => {
      const { sender, receiver } = new Channel<Work>(CAPACITY);
      return tenByTen(load, (work) => sender.send(work), () => receiver.receive());
    },
    Effect: (load) =>
      Effect.runPromise(Effect.gen(function* () {
        const queue = yield* EffectQueue.bounded<Work>(CAPACITY);
        let [sent, asked, received] = [0, 0, 0];
        const sender = Effect.gen(function* () {
          while (sent < load.length) yield* EffectQueue.offer(queue, load[sent++]!);
        });
        const receiver = Effect.gen(function* () {
          while (asked++ < load.length) {
            yield* EffectQueue.take(queue);
            received++;
          }
        });
        yield* Effect.all(Array.from({ length: ENDS }, () => [sender, receiver]).flat(), { concurrency: "unbounded" });
        return received;
      })),
  },
  cannot: {
    Effection: "has channels that hold nobody back",
    "p-queue": "queues functions, not items",
    "es-toolkit": "has no channel",
    "async-mutex": "has no channel",
    "@std/async": "has no channel",
  },
});
