/** Programs on a platform that lacks something or breaks, one for each argument. */

import { AsyncLocalStorage } from "node:async_hooks";

const [name] = Deno.args;

if (name !== "start") Reflect.deleteProperty(Promise, "withResolvers");

const weft = await import("@weft/async");
const { gather, sleep, sleepForever } = weft;

/** Waits for all calls, and says what each comes to. */
async function tell(calls: Record<string, () => PromiseLike<unknown>>): Promise<void> {
  for (const [name, call] of Object.entries(calls)) {
    const told = await Promise.resolve().then(call).then(() => "ends", (error) => `throws ${error.message}`);
    console.log(`${name} ${told}`);
  }
}

async function readAll(results: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of results);
}

const work = () => sleep(1);
const programs: Record<string, () => Promise<unknown>> = {
  calls: () => {
    const channel = new weft.Channel<number>(1);
    const condition = new weft.Condition();
    return tell({
      scope: () => weft.scope(work),
      timeout: () => weft.timeout(60_000, work),
      moveOnAfter: () => weft.moveOnAfter(0, sleepForever.bind(null, {})),
      shield: () => weft.shield(work),
      run: () => weft.run(() => weft.createTask(work).promise),
      createTask: () => weft.createTask(work),
      group: () => weft.TaskGroup.run((group) => group.start((_signal, started) => work().then(started))),
      join: async () => {
        await using group = new weft.TaskGroup();
        group.createTask(work);
        await group.join();
      },
      gather: () => gather([work, Promise.resolve()], { concurrency: 1 }),
      asCompleted: () => readAll(weft.asCompleted([work, Promise.resolve()])),
      map: () => readAll(weft.map([1, 2], work)),
      race: () => weft.race([work, () => sleepForever()]),
      firstSuccess: () => weft.firstSuccess([work]),
      wait: () => weft.wait([Promise.resolve()]),
      waitFor: () => weft.waitFor(work(), { timeout: 60_000 }),
      yieldNow: () => weft.yieldNow(),
      future: () => {
        const future = new weft.Future<void>();
        setImmediate(() => future.setResult());
        return future;
      },
      semaphore: () => new weft.Semaphore(1).run(work),
      lock: () => new weft.Lock().run(work),
      rwLock: () => new weft.RwLock().runWrite(work),
      event: () => {
        const event = new weft.AsyncEvent();
        setImmediate(() => event.set());
        return event.wait();
      },
      barrier: () => new weft.Barrier(1).wait(),
      condition: () => condition.lock.run(() => condition.waitUntil(() => true)),
      queue: () => gather([() => queue.get(), () => queue.put(1)]),
      channel: () => gather([() => channel.receiver.receive(), () => channel.sender.send(1)]),
      select: () => weft.select([channel.sender.sending(2)]),
      limiter: () => new weft.RateLimiter({ limit: 1, interval: 1 }).run(work),
    });
  },

  /** Ended from outside, by SIGINT. */
  signalled: () =>
    weft.run(async () => {
      console.log("ready");
      await sleepForever().finally(() => console.log("main ends"));
    }),

  /** Nothing that a task could be started with works. */
  start: async () => {
    const { run, enterWith } = AsyncLocalStorage.prototype;
    const fail = () => {
      throw new Error("No store");
    };
    // Reaches the task's function, whose turn comes in a microtask.
    Object.assign(AsyncLocalStorage.prototype, { run: fail, enterWith: fail });
    const task = weft.createTask(() => {}).promise;
    const told = task.then(() => "ends", (error) => `throws ${error.message}`);
    console.log(`task ${await told}`);
    Object.assign(AsyncLocalStorage.prototype, { run, enterWith });
    await tell({ next: () => weft.createTask(work), scope: () => weft.scope(work) });
  },
};
const queue = new weft.Queue<number>();

await programs[name!]!();
