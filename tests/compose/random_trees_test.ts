/**
 * Trees of combinators made at random, with all kinds of work as leaves, aborted at random.
 *
 * Whatever happens: what a call has started has ended when the call settles; each value is either received or
 * discarded, and that once; each source that was opened is closed; no rejection is unhandled.
 */

import { assertEquals } from "@std/assert";
import {
  asCompleted,
  firstSuccess,
  gather,
  map,
  race,
  type Results,
  scope,
  shield,
  sleepForever,
  TaskGroup,
  waitFor,
} from "@weft/async";
import { settle, unhandledIn, withSeeds } from "../support.ts";

type Work = (signal: AbortSignal) => unknown;

/** What a leaf or a call returns: each one of its own, so that it can be followed. */
class Value {}

class Failure extends Error {}

/** One call: what it has started, and what became of the values. */
class Call {
  #running = 0;
  #open = 0;
  readonly #returned = new Set<unknown>();
  readonly #kept = new Set<unknown>();
  readonly #problems: string[];
  readonly #kind: string;

  constructor(kind: string, problems: string[]) {
    this.#kind = kind;
    this.#problems = problems;
  }

  /** Follows a function that the call is to start. */
  own(work: Work): Work {
    return (signal) => {
      this.#running++;
      let value: unknown;
      try {
        value = work(signal);
      } catch (error) {
        this.#running--;
        throw error;
      }
      if (!(value instanceof Promise)) return this.#ended(value);
      return value.then((value) => this.#ended(value), (error) => {
        this.#running--;
        throw error;
      });
    };
  }

  #ended(value: unknown): unknown {
    this.#running--;
    this.#returned.add(value);
    return value;
  }

  /** Takes a value, as a result or to discard it. */
  readonly keep = (value: unknown): void => {
    if (this.#kept.has(value)) this.#problem("keeps a value twice");
    this.#kept.add(value);
  };

  *source(works: Work[]): Generator<Work> {
    this.#open++;
    try {
      yield* works;
    } finally {
      this.#open--;
    }
  }

  async *slowSource(works: Work[]): AsyncGenerator<Work> {
    this.#open++;
    try {
      for (const work of works) {
        await waitFor(settle(1));
        yield work;
      }
    } finally {
      await settle(1);
      this.#open--;
    }
  }

  ended(): void {
    if (this.#running !== 0) this.#problem(`leaves ${this.#running} running`);
    if (this.#open !== 0) this.#problem("leaves its source open");
  }

  /** Looks, in the moment in which the call has settled. */
  settled(discards: boolean): void {
    this.ended();
    if (discards && this.#kept.size !== this.#returned.size) {
      this.#problem(`keeps ${this.#kept.size} of ${this.#returned.size} values`);
    }
  }

  #problem(problem: string): void {
    this.#problems.push(`${this.#kind} ${problem}`);
  }
}

class Tree {
  readonly problems: string[] = [];
  readonly #calls: Call[] = [];
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #maybe(): boolean {
    return this.#random() < 0.5;
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)]!;
  }

  /** Looks, in the moment in which the outermost call has settled, also at the calls that nobody has awaited. */
  ended(): void {
    for (const call of this.#calls) call.ended();
  }

  /** Some microtasks or some turns. */
  async #pause(): Promise<void> {
    if (this.#maybe()) await settle(this.#below(4));
    else for (let i = this.#below(6); i > 0; i--) await null;
  }

  #leaf(): Work {
    const pause = () => this.#pause();
    const fail = (): never => {
      throw new Failure("a leaf fails");
    };
    return this.#pick<Work>([
      () => new Value(),
      async () => await new Value(),
      () => pause().then(() => new Value()),
      () => waitFor(pause()).then(() => new Value()),
      fail,
      () => pause().then(fail),
      () => waitFor(pause()).then(fail),
      () => sleepForever(),
      () => sleepForever().finally(() => shield(pause)),
      () => sleepForever().finally(pause),
      () => sleepForever().catch(() => pause().then(() => new Value())),
      () => sleepForever().catch(() => pause().then(fail)),
      () =>
        sleepForever().catch(() => {
          throw new DOMException("my own", "AbortError");
        }),
    ]);
  }

  work(depth: number): Work {
    if (depth === 0 || this.#random() < 0.3) return this.#leaf();
    const works = Array.from({ length: 1 + this.#below(4) }, () => this.work(depth - 1));
    const kind = this.#pick(Object.keys(this.#kinds));
    const run = async () => {
      const call = new Call(kind, this.problems);
      this.#calls.push(call);
      try {
        await this.#kinds[kind]!(call, works.map((work) => call.own(work)), this.#signal());
      } finally {
        call.settled(DISCARDS.has(kind));
      }
      return new Value();
    };
    if (this.#random() < 0.9 || STREAMS.has(kind)) return run;
    // One that does not await what it has begun: whoever called it joins that all the same. Not a stream, because the
    // failure of one that is left like that surfaces.
    return () => {
      run().catch(() => {});
      return new Value();
    };
  }

  /** A signal that sometimes aborts. */
  #signal(): AbortSignal {
    const controller = new AbortController();
    if (this.#random() < 0.3) this.#pause().then(() => controller.abort(new Error("aborted by its signal")));
    return controller.signal;
  }

  /** Reads all or some of the results, and ends it. */
  async #read(results: Results<unknown>, call: Call, settled: boolean): Promise<void> {
    let left = this.#maybe() ? Infinity : this.#below(3);
    await using _ = results;
    for await (const result of results) {
      if (!settled) call.keep(result);
      else if ((result as PromiseSettledResult<unknown>).status === "fulfilled") {
        call.keep((result as PromiseFulfilledResult<unknown>).value);
      }
      if (left-- <= 0) break;
      if (this.#maybe()) await this.#pause();
    }
  }

  /** Runs works through one kind of call. */
  readonly #kinds: Record<string, (call: Call, works: Work[], signal: AbortSignal) => Promise<void>> = {
    gather: async (call, works, signal) => {
      const concurrency = this.#pick([1, 2, Infinity]);
      const settled = this.#maybe();
      const results = await gather(works, { signal, concurrency, settled, onDiscard: call.keep });
      for (const result of results) {
        if (!settled) call.keep(result);
        else if ((result as PromiseSettledResult<unknown>).status === "fulfilled") {
          call.keep((result as PromiseFulfilledResult<unknown>).value);
        }
      }
    },
    race: async (call, works, signal) => {
      call.keep(await race(works, { signal, onDiscard: call.keep }));
    },
    firstSuccess: async (call, works, signal) => {
      call.keep(await firstSuccess(works, { signal, onDiscard: call.keep }));
    },
    asCompleted: async (call, works, signal) => {
      const concurrency = this.#pick([1, 2, Infinity]);
      const settled = this.#maybe();
      await this.#read(asCompleted(works, { signal, concurrency, settled, onDiscard: call.keep }), call, settled);
    },
    map: async (call, works, signal) => {
      const concurrency = this.#pick([1, 2, 10]);
      const settled = this.#maybe();
      const source = this.#maybe() ? call.source(works) : call.slowSource(works);
      const options = { signal, concurrency, settled, ordered: this.#maybe(), onDiscard: call.keep };
      await this.#read(map(source, (work, signal) => work(signal), options), call, settled);
    },
    TaskGroup: async (_call, works, signal) => {
      const options = { signal, concurrency: this.#pick([1, 2, Infinity]), supervise: this.#maybe() };
      await TaskGroup.run(async (group) => {
        for (const work of works) {
          if (!group.closed) group.createTask(work, { eager: this.#maybe() });
        }
        await this.#pause();
        if (this.#random() < 0.2) group.cancel();
      }, options);
    },
    scope: async (_call, [work], signal) => {
      await scope(async (signal, self) => {
        if (this.#maybe()) this.#pause().then(() => self.cancel());
        await work!(signal);
      }, { signal });
    },
    shield: async (_call, [work]) => {
      // It has to have an end of its own.
      await shield(() =>
        scope(async (signal, self) => {
          this.#pause().then(() => self.cancel());
          await work!(signal);
        })
      );
    },
  };
}

/** The calls that promise to tell what became of each value. */
const DISCARDS = new Set(["gather", "race", "firstSuccess", "asCompleted", "map"]);

const STREAMS = new Set(["asCompleted", "map"]);

Deno.test("trees of combinators leave nothing running, lose no value and cause no unhandled rejection", async () => {
  await withSeeds(500, async (random) => {
    const tree = new Tree(random);
    const controller = new AbortController();
    const unhandled = await unhandledIn(async () => {
      const call = gather([tree.work(4), tree.work(4)], { signal: controller.signal, settled: true });
      const abort = settle(Math.floor(random() * 12)).then(() => controller.abort(new Error("enough")));
      await call.catch(() => {});
      tree.ended();
      await abort;
    });
    assertEquals({ problems: tree.problems, unhandled }, { problems: [], unhandled: [] });
  });
});
