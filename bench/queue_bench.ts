/**
 * Items through a queue of a hundred, from one that puts to one that gets.
 *
 * @module
 */

import { Channel, Queue } from "@weft/async";
import { throughArray, type Work } from "./floors.ts";
import { Effect, EffectQueue } from "./peers.ts";
import { theme } from "./theme.ts";

const CAPACITY = 100;

export default theme({
  name: "queue",
  title: "an item through a queue of 100",
  floor: "array and wake promises by hand",
  calls: false,
  contenders: {
    "array and wake promises by hand": throughArray,
    "weft Queue": async (load) => {
      const queue = new Queue<Work>(CAPACITY);
      const putting = (async () => {
        for (const work of load) await queue.put(work);
      })();
      let count = 0;
      for (; count < load.length; count++) await queue.get();
      await putting;
      return count;
    },
    "weft Channel": async (load) => {
      const { sender, receiver } = new Channel<Work>(CAPACITY);
      const sending = (async () => {
        for (const work of load) await sender.send(work);
      })();
      let count = 0;
      for (; count < load.length; count++) await receiver.receive();
      await sending;
      return count;
    },
    Effect: (load) =>
      Effect.runPromise(Effect.gen(function* () {
        const queue = yield* EffectQueue.bounded<Work>(CAPACITY);
        yield* Effect.forkChild(Effect.forEach(load, (work) => EffectQueue.offer(queue, work), { discard: true }));
        let count = 0;
        for (; count < load.length; count++) yield* EffectQueue.take(queue);
        return count;
      })),
  },
  cannot: {
    Effection: "has no bounded queue",
    "p-queue": "queues functions, not items",
    "p-limit": "queues functions, not items",
    "es-toolkit": "has no queue",
    "async-mutex": "has no queue",
    "@std/async": "has no queue",
  },
});
