/**
 * What `AsyncLocalStorage.run` costs in Deno, and what it would cost if a context had a fixed shape. See
 * `async_context.md`.
 *
 * The last two contenders use Deno's internal functions, which no program should: they show what Deno itself could do.
 *
 * ```sh
 * deno task async-context
 * ```
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";

import type { Load } from "./floors.ts";
import { CLOCKS, measure, quantile, QUICK, type Side, THOROUGH } from "./measure.ts";

type Call = <R>(store: object, fn: () => R) => R;

/** The functions of Deno that read and set the context of the running code. */
interface Internals {
  getAsyncContext(): unknown;
  setAsyncContext(context: unknown): void;
}

// deno-lint-ignore no-explicit-any
const { getAsyncContext, setAsyncContext } = (Deno as any)[(Deno as any).internal].core as Internals;

const storage = new AsyncLocalStorage<object>();

/** A variable of the way that Deno 2.9 works in: an object with a key for each variable, and a weak map of values. */
class DictionaryVariable {
  readonly #id = 1_000_000;
  readonly #values = new WeakMap<object, object>();

  readonly run: Call = (store, fn) => {
    const before = getAsyncContext();
    const entry = { id: this.#id };
    this.#values.set(entry, store);
    setAsyncContext({ __proto__: null, ...before as object, [this.#id]: entry });
    try {
      return fn();
    } finally {
      setAsyncContext(before);
    }
  };

  get(): object | undefined {
    const entry = (getAsyncContext() as Record<number, object> | undefined)?.[this.#id];
    return entry === undefined ? undefined : this.#values.get(entry);
  }
}

/** A context of a fixed shape: one variable with its value, and the context around it. */
class Frame {
  readonly variable: object;
  readonly value: object;
  readonly outer: unknown;

  constructor(variable: object, value: object, outer: unknown) {
    this.variable = variable;
    this.value = value;
    this.outer = outer;
  }
}

/** A variable that is looked up in the frames, from the innermost to the outermost. */
class FrameVariable {
  readonly run: Call = (store, fn) => {
    const before = getAsyncContext();
    setAsyncContext(new Frame(this, store, before));
    try {
      return fn();
    } finally {
      setAsyncContext(before);
    }
  };

  get(): object | undefined {
    for (let at = getAsyncContext(); at instanceof Frame; at = at.outer) {
      if (at.variable === this) return at.value;
    }
    return undefined;
  }
}

const [dictionary, frames] = [new DictionaryVariable(), new FrameVariable()];

/** For each contender: how to call a function in a context, and how to read the value there. */
const CONTENDERS: Readonly<Record<string, readonly [Call, () => object | undefined]>> = {
  "a bare call": [(_store, fn) => fn(), () => undefined],
  "AsyncLocalStorage.run": [(store, fn) => storage.run(store, fn), () => storage.getStore()],
  "a dictionary and a weak map": [dictionary.run, () => dictionary.get()],
  "frames of a fixed shape": [frames.run, () => frames.get()],
};

for (const [name, [call, get]] of Object.entries(CONTENDERS)) {
  if (name === "a bare call") continue;
  const store = {};
  const read = await call(store, async () => {
    await null;
    return [get(), call({}, get) === store];
  });
  assertEquals(read, [store, false], `${name} must keep the value over an await`);
  assertEquals(get(), undefined, `${name} must restore the context`);
}

const flags = parseArgs(Deno.args, { boolean: ["quick"] });
const N = 20_000;

function side(label: string, call: Call): Side {
  return { label, n: N, run: (load: Load) => Promise.all(load.map((work) => call({}, work))) };
}

const sides = Object.entries(CONTENDERS).map(([label, [call]]) => side(label, call));
const times = await measure(sides, flags.quick ? 1 : 25, CLOCKS.cpu, flags.quick ? QUICK : THOROUGH);
const [bare] = [...times.values()].map((list) => quantile(list, 0.5)) as [number];
console.log(
  `Deno ${Deno.version.deno}: ${N.toLocaleString("en")} async functions, each called in a context of its own`,
);
for (const [{ label, n }, list] of times) {
  const median = quantile(list, 0.5);
  console.log(
    `  ${label.padEnd(28)} ${(median * 1e6 / n).toFixed(0).padStart(6)} ns ${(median / bare).toFixed(1).padStart(6)} ×`,
  );
}
