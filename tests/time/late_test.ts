/** A deadline passes also in a program that never lets the event loop turn, because none of its waits has to wait. */

import { assertEquals } from "@std/assert";
import { Channel, gather, Lock, map, moveOnAfter, Queue, scope, Semaphore, TaskGroup } from "@weft/async";

/** How often each case would go round, in vain, if nothing ended it: for a second or so. */
const ROUNDS = 3_000_000;

const CASES: Record<string, () => Promise<unknown>> = {
  async "Semaphore.acquire()"() {
    const semaphore = new Semaphore(1);
    for (let i = 0; i < ROUNDS; i++) (await semaphore.acquire()).release();
  },
  async "Lock.run()"() {
    const lock = new Lock();
    for (let i = 0; i < ROUNDS; i++) await lock.run(() => i);
  },
  async "Queue.put() and get()"() {
    const queue = new Queue<number>();
    for (let i = 0; i < ROUNDS; i++) {
      await queue.put(i);
      await queue.get();
    }
  },
  async "a rendezvous of two tasks"() {
    const { sender, receiver } = new Channel<number>(0);
    await gather([
      async () => {
        for (let i = 0; i < ROUNDS; i++) await sender.send(i);
        sender.close();
      },
      () => Array.fromAsync(receiver),
    ]);
  },
  async "gather()"() {
    for (let i = 0; i < ROUNDS; i++) await gather([() => i]);
  },
  async "TaskGroup.run()"() {
    for (let i = 0; i < ROUNDS; i++) await TaskGroup.run(() => i);
  },
  async "scope()"() {
    for (let i = 0; i < ROUNDS; i++) await scope(() => i);
  },
  async "map()"() {
    for await (const _ of map(Array(ROUNDS).keys(), (i) => i, { concurrency: 4 }));
  },
};

for (const [name, work] of Object.entries(CASES)) {
  Deno.test(`A deadline passes while ${name} never has to wait`, async () => {
    let ended = false;
    await moveOnAfter(5, async () => {
      await work();
      ended = true;
    });
    assertEquals(ended, false);
  });
}
