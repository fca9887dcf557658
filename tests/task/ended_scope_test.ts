import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import {
  createTask,
  currentSignal,
  Future,
  moveOnAfter,
  run,
  scope,
  Semaphore,
  shield,
  sleep,
  sleepForever,
  type Task,
  throwIfCancelled,
  timeout,
  waitFor,
} from "@weft/async";
import { collectGarbage, report, settle } from "../support.ts";

/** Runs `work` in a scope that ends without it, and returns what `work` comes to. */
async function outlive<T>(work: () => Promise<T>): Promise<{ ended: Promise<T> }> {
  let ended!: Promise<T>;
  await scope(() => scope(() => void (ended = work())));
  return { ended };
}

Deno.test("A wait that is pending when its scope ends goes on in the nearest open ancestor", async () => {
  const log: string[] = [];
  const reason = new Error("enough");
  await scope(async (_signal, around) => {
    const future = new Future<string>();
    const { ended } = await outlive(() => report(log, future));
    const { ended: cut } = await outlive(() => report(log, sleepForever()));
    future.setResult("value");
    await ended;
    around.cancel(reason);
    await cut;
  });
  assertEquals(log, ['returns "value"', "throws Error: enough"]);
});

Deno.test("A wait that is pending when its scope ends is rejected at once where the ancestor is aborted already", async () => {
  const log: string[] = [];
  await scope(async (_signal, around) => {
    around.cancel(new Error("enough"));
    await shield(() => {
      void report(log, sleepForever());
      return settle();
    });
    log.push("shield ends");
    await settle();
  });
  assertEquals(log, ["throws Error: enough", "shield ends"]);
});

Deno.test("A wait that begins after the end of its scope belongs to the nearest open ancestor", async () => {
  const log: unknown[] = [];
  const reason = new Error("enough");
  const gate = Promise.withResolvers<void>();
  await scope(async (signal, around) => {
    const { ended } = await outlive(async () => {
      await gate.promise;
      log.push(currentSignal() === signal);
      await scope(() => settle(1));
      throwIfCancelled();
      log.push("a wait of its own ends");
      await sleepForever();
    });
    const told = assertRejects(() => ended);
    gate.resolve();
    await settle();
    around.cancel(reason);
    assertStrictEquals(await told, reason);
  });
  assertEquals(log, [true, "a wait of its own ends"]);
});

Deno.test("A scope that was aborted cancels nothing any more once it has ended", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  let late!: Promise<void>;
  await scope((_signal, self) => {
    late = gate.promise.then(() => report(log, scope(() => Promise.resolve("value"))));
    self.cancel();
  });
  gate.resolve();
  await late;
  assertEquals(log, ['returns "value"']);
});

Deno.test("A structured call that begins after the end of its scope is joined by the nearest open ancestor", async () => {
  const log: string[] = [];
  await scope(async () => {
    const gate = Promise.withResolvers<void>();
    await outlive(async () => {
      await gate.promise;
      void scope(async () => {
        await settle();
        log.push("call ends");
      });
    });
    gate.resolve();
    await settle(1);
    log.push("around returns");
  });
  log.push("around ends");
  assertEquals(log, ["around returns", "call ends", "around ends"]);
});

/** A pool that opens its one connection when that is first needed; `start` starts the worker behind it. */
class Pool {
  readonly #permits = new Semaphore(1);
  readonly #start: (worker: () => Promise<never>) => void;
  #asked: Future<{ question: string; answer: Future<string> }> | null = null;

  constructor(start: (worker: () => Promise<never>) => void) {
    this.#start = start;
  }

  ask(question: string): Promise<string> {
    return this.#permits.run(async () => {
      if (this.#asked === null) this.#open();
      const answer = new Future<string>();
      this.#asked!.setResult({ question, answer });
      return await answer;
    });
  }

  #open(): void {
    this.#asked = new Future();
    this.#start(async () => {
      for (;;) {
        const { question, answer } = await this.#asked!;
        this.#asked = new Future();
        answer.setResult(`${question}!`);
      }
    });
  }
}

Deno.test("A resource pool created lazily inside a timeout can be used after it", async () => {
  const pool = new Pool((worker) => void worker());
  const log = [await timeout(60_000, () => pool.ask("inside"))];
  log.push(await pool.ask("after"));
  await scope(async () => void log.push(await pool.ask("in a scope")));
  await createTask(async () => void log.push(await pool.ask("in a task")));
  assertEquals(log, ["inside!", "after!", "in a scope!", "in a task!"]);
});

Deno.test("A resource pool whose worker is an independent task outlives also a timeout that has expired", async () => {
  const workers: Task<never>[] = [];
  const pool = new Pool((worker) => workers.push(createTask(worker)));
  const log: string[] = [];
  await moveOnAfter(Infinity, async (_signal, deadline) => {
    log.push(await pool.ask("inside"));
    deadline.reschedule(0);
    await pool.ask("too late").catch((error) => log.push(error.name));
  });
  log.push(await pool.ask("after"));
  for (const worker of workers) worker.cancel();
  assertEquals(log, ["inside!", "TimeoutError", "after!"]);
});

Deno.test("What is armed for the whole process keeps nothing of whoever was first alive", async () => {
  const storage = new AsyncLocalStorage<object>();
  const longLived = { signal: new AbortController(), promise: Promise.withResolvers<void>(), run: new Future<void>() };
  const { signal } = longLived.signal;
  const waits: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
    clock: (signal) => sleep(60_000, { signal }),
    "abort hub": (own) => scope(() => sleepForever({ signal }), { signal: own }),
    "promise hub": (signal) => waitFor(longLived.promise.promise, { signal }),
    "signal handlers": (signal) => run(() => sleepForever(), { signal }),
  };
  const held: Record<string, boolean> = {};
  for (const [name, wait] of Object.entries(waits)) {
    const [one, other] = [new AbortController(), new AbortController()];
    // Whoever waits first has it armed; whoever waits longer has it stay so.
    const ref = await (async () => {
      const local = {};
      const ended = storage.run(local, () => wait(one.signal).catch(() => {}));
      await settle(1);
      const others = wait(other.signal).catch(() => {});
      one.abort();
      await ended;
      return { ref: new WeakRef(local), others };
    })();
    await collectGarbage();
    held[name] = ref.ref.deref() !== undefined;
    other.abort();
    await ref.others;
  }
  longLived.promise.resolve();
  assertEquals(held, { clock: false, "abort hub": false, "promise hub": false, "signal handlers": false });
});
