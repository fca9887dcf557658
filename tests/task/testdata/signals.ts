/** Programs that end by a signal, one for each argument. They say "ready" when the signal may come. */

import { createTask, Future, gather, run, scope, shield, sleepForever, yieldNow } from "@weft/async";

/** Says that it is ready, waits to be cancelled, and cleans up. */
async function work(name = "main", turns = 1): Promise<void> {
  console.log("ready");
  try {
    await sleepForever();
  } finally {
    await shield(async () => {
      for (let i = 0; i < turns; i++) await yieldNow();
      console.log(`${name} is cleaned up`);
    });
  }
}

function keepAlive(): void {
  setInterval(() => {}, 60_000);
}

function listeners(): string {
  return `${process.listenerCount("SIGINT")} ${process.listenerCount("SIGTERM")}`;
}

const programs: Record<string, () => unknown> = {
  async cleanup() {
    await run(() => work());
    console.log("never");
  },

  async caught() {
    await run(async () => {
      createTask(() => work("task"));
      await work().catch((error) => console.log(`main caught: ${error.message}`));
    });
    console.log("never");
  },

  /** Ignores the first signal. */
  deaf() {
    keepAlive();
    return run((signal) => {
      signal.addEventListener("abort", () => console.log("first signal"));
      console.log("ready");
      return new Promise(() => {});
    });
  },

  grace() {
    keepAlive();
    return run(() => {
      console.log("ready");
      return new Promise(() => {});
    }, { grace: 0 });
  },

  async after() {
    await run(() => console.log(`in run: ${listeners()}`));
    console.log(`after run: ${listeners()}`);
    keepAlive();
    console.log("ready");
  },

  async alone() {
    await run(() => console.log("main ends"));
  },

  async two() {
    const slow = run(() => work("slow", 5));
    const quick = run(() => work("quick"));
    console.log(`two runs: ${listeners()}`);
    await Promise.allSettled([slow, quick]);
    console.log("never");
  },

  async oneOfTwo() {
    const second = run(() => work("second"));
    await run(() => console.log(`first: ${listeners()}`));
    await second;
  },

  async nested() {
    await run(() => run(() => scope(() => (console.log(listeners()), work()))));
  },

  async unsignalled() {
    console.log("without: ", await run(listeners, { signals: false }));
    await run(() => work(), { signals: false });
  },

  async mixed() {
    const without = run(() => work("unsignalled"), { signals: false });
    await Promise.allSettled([run(() => work("signalled")), without]);
  },

  /** What begins while another run unwinds is aborted from its beginning. */
  async late() {
    const first = run(async () => {
      await work().catch(() => {});
      late.resolve();
      await shield(() => yieldNow());
    });
    const late = Promise.withResolvers<void>();
    await late.promise;
    await run(() => console.log("never")).catch((error) => console.log(`late: ${error.message}`));
    await first;
  },

  /** Hears signals itself, too. */
  async listening() {
    let count = 0;
    process.on("SIGINT", () => {
      console.log(`listener: ${++count}`);
      if (count === 2) Deno.exit(7);
    });
    await run(() => work()).catch(() => {});
    console.log("never");
  },

  /** Hears signals itself, too, and ignores the first. */
  deafListening() {
    Deno.addSignalListener("SIGINT", () => console.log("listener"));
    return programs.deaf!();
  },

  /** Hears signals itself, too, and does nothing about them. */
  async cleanupListening() {
    Deno.addSignalListener("SIGTERM", () => console.log("listener"));
    await run(() => work());
    console.log("never");
  },

  /** Ends its runs on the second signal, and begins another while that is raised again. */
  async endListening() {
    const end = Promise.withResolvers<void>();
    let count = 0;
    const never = () => console.log("never");
    Deno.addSignalListener("SIGINT", () => {
      console.log(`listener: ${++count}`);
      if (count === 2) end.resolve();
      if (count === 3) run(never).finally(never);
    });
    const other = run(() => end.promise).finally(never);
    await run(() => (console.log("ready"), end.promise)).finally(never);
    await other;
  },

  async failedCleanup() {
    await run(async () => {
      console.log("ready");
      try {
        await sleepForever();
      } finally {
        // deno-lint-ignore no-unsafe-finally -- the failure of a cleanup
        throw new Error("could not save");
      }
    });
  },

  async failedLeftover() {
    await run(async () => {
      createTask(async () => {
        await sleepForever().catch(() => {});
        throw new Error("task could not save");
      });
      console.log("ready");
      await sleepForever().catch(() => {});
    });
  },

  /** The signal arrives while main computes up to its end. */
  async computing() {
    await run(() => {
      Deno.kill(Deno.pid, "SIGINT");
      console.log("computed");
    });
    console.log("never");
  },

  /** Work that was accepted is finished by tasks, of which the last starts after the signal. */
  async draining() {
    await run(async () => {
      const go = new Future<void>();
      const first = createTask(async () => {
        await go;
        console.log("first is done");
      });
      console.log("ready");
      try {
        await sleepForever();
      } finally {
        await shield(async () => {
          go.setResult();
          await first;
          await createTask(() => console.log("second is done"));
        });
        console.log(`cancelled: ${first.cancelled}`);
      }
    });
  },

  /** Unwinding takes more than two seconds. */
  async slow() {
    const { setTimeout } = globalThis;
    globalThis.setTimeout = ((fn: () => void, ms: number) => {
      // Some ms of it have passed already.
      console.log(`after ${(Math.ceil(ms / 100) / 10).toFixed(1)} s`);
      return setTimeout(fn, 0);
    }) as typeof setTimeout;
    await run(async () => {
      createTask(() => shield(() => sleepForever()), { name: "writer" });
      console.log("ready");
      await sleepForever().catch(() => {});
      await shield(() => gather({ db: () => sleepForever() }, { name: "close" }));
    });
  },

  async copies() {
    const copy: { run: typeof run } = await import(Deno.args[1]!);
    const slow = run(() => work("slow", 5));
    const quick = copy.run(() => work("quick"));
    console.log(`two copies: ${listeners()}`);
    await Promise.allSettled([slow, quick]);
  },
};

await programs[Deno.args[0]!]!();
