/**
 * A program whose first use of the package is inside a context of its own, as that of the first request to a server. Its
 * later uses are in another context. It tells whether they see the first one, and whether the first can be collected.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  AsyncEvent,
  createTask,
  currentSignal,
  run,
  scope,
  shield,
  sleep,
  sleepForever,
  TaskGroup,
  timeout,
  wait,
  waitFor,
  yieldNow,
} from "@weft/async";

class Store {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const storage = new AsyncLocalStorage<Store>();

/** Says in which context `what` has happened; a context of neither is as good as the second. */
function tell(what: string): void {
  console.log(`${what}: ${storage.getStore()?.name === "first" ? "in the first context" : "not in the first context"}`);
}

/** A thenable that keeps its `then` for later, and tells in which context it is called. */
const thenable = (): PromiseLike<void> => ({
  then(fulfilled) {
    tell("then");
    return Promise.resolve().then(fulfilled);
  },
});

const tellAbort = (signal: AbortSignal) => signal.addEventListener("abort", () => tell("abort listener"));

/** One part of the package each: its first use, and its later one. */
const PARTS: Record<string, { first(): unknown; second(): unknown }> = {
  clock: {
    first: () => sleep(1),
    async second() {
      for (const ms of [1, 2]) {
        await timeout(ms, (signal) => (tellAbort(signal), sleepForever())).catch(() => tell("timeout"));
      }
    },
  },

  // While no wait has to wait, it is the waits that look at the clock.
  busyClock: {
    first: () => sleep(1),
    async second() {
      const set = new AsyncEvent();
      set.set();
      await timeout(1, async (signal) => {
        tellAbort(signal);
        for (;;) await set.wait();
      }).catch(() => tell("timeout"));
    },
  },

  // The alarm of the first use has still to ring when that of the second does.
  pendingClock: {
    first: () => {
      const controller = new AbortController();
      void sleep(20, { signal: controller.signal }).catch(() => {});
      end = () => controller.abort();
    },
    second: () => timeout(1, (signal) => (tellAbort(signal), sleepForever())).catch(() => tell("timeout")),
  },

  abortHub: {
    async first() {
      const controller = new AbortController();
      const sleeping = sleepForever({ signal: controller.signal }).catch(() => {});
      controller.abort();
      await sleeping;
    },
    async second() {
      const controller = new AbortController();
      const scoped = scope((signal) => (tellAbort(signal), sleepForever()), { signal: controller.signal });
      setTimeout(() => controller.abort(), 1);
      await scoped.catch(() => tell("abort"));
    },
  },

  // The first use has made the listener that aborts what comes second.
  sharedAbortHub: {
    first: () => void scope(() => event.wait(), { signal: shared.signal }).catch(() => {}),
    async second() {
      const scoped = scope((signal) => (tellAbort(signal), sleepForever()), { signal: shared.signal });
      setTimeout(() => shared.abort(), 1);
      await scoped.catch(() => tell("abort"));
    },
  },

  promiseHub: {
    first: () => waitFor(Promise.resolve()),
    async second() {
      await waitFor(thenable());
      await wait([thenable()]);
    },
  },

  yieldNow: {
    first: () => yieldNow(),
    async second() {
      await scope(async (signal, self) => {
        tellAbort(signal);
        await yieldNow();
        self.cancel();
      });
    },
  },

  root: {
    first: () => createTask(() => {}),
    async second() {
      const task = createTask(() => (tellAbort(currentSignal()), sleepForever()));
      await yieldNow();
      task.cancel();
      await task.promise.catch(() => tell("task"));
    },
  },

  group: {
    first: () => TaskGroup.run((group) => void group.createTask(() => {})),
    async second() {
      await TaskGroup.run(async (group) => {
        group.createTask(() => (tellAbort(currentSignal()), sleepForever()));
        await yieldNow();
        group.cancel();
      });
    },
  },

  shield: {
    first: () => shield(() => {}, { timeout: 60_000 }),
    second: () =>
      shield(() => (tellAbort(currentSignal()), sleepForever()), { timeout: 1 }).catch(() => tell("timeout")),
  },

  run: {
    first: () => run(() => {}),
    second: () => run(() => tell("main")),
  },

  // The run of the first use has made the listener for signals, and is still open.
  signals: {
    first: () => void run(() => sleepForever()).catch(() => {}),
    async second() {
      const ended = run(async (signal) => {
        tellAbort(signal);
        await sleepForever().finally(() => tell("main"));
      });
      await yieldNow();
      Deno.kill(Deno.pid, "SIGTERM");
      await ended;
    },
  },
};

const event = new AsyncEvent();
const shared = new AbortController();
let end = () => {};

const { first, second } = PARTS[Deno.args[0]!]!;

async function firstUse(): Promise<WeakRef<Store>> {
  const store = new Store("first");
  await storage.run(store, async () => void await first());
  return new WeakRef(store);
}

const store = await firstUse();
await storage.run(new Store("second"), async () => void await second());
end();
setFlagsFromString("--expose-gc");
for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
runInNewContext("gc")();
console.log(`the first context is ${store.deref() === undefined ? "collected" : "kept"}`);
