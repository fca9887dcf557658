/**
 * Several pieces of work at once, all results together.
 *
 * @example One after the other takes the sum, at once takes the longest
 * ```ts
 * import { gather, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const [name, age] = await gather([
 *   () => sleep(2).then(() => "Ada"),
 *   () => sleep(1).then(() => 36),
 * ]);
 * assertEquals(`${name} ${age}`, "Ada 36");
 * ```
 *
 * @module
 */

import { currentScope, runInScope } from "../core/ambient.ts";
import { isCancellationOf } from "../core/failures.ts";
import type { Scope } from "../core/scope.ts";
import {
  checkStructured,
  outsideAbort,
  StructuredCall,
  type StructuredOptions,
} from "../core/structured_call.ts";
import type { TaskFunction } from "../core/structured_call.ts";
import { checkCount, checkFlag } from "../core/validate.ts";
import { checkDiscard, discard, readEntries, startEntry } from "./entries.ts";
import type {
  DiscardOptions,
  Entry,
  EntryList,
  EntryResult,
} from "./entries.ts";

export type {
  DiscardOptions,
  Entry,
  EntryResult,
  StructuredOptions,
  TaskFunction,
};

/** Options of {@linkcode gather}. */
export interface GatherOptions extends StructuredOptions, DiscardOptions {
  /**
   * Takes a failure as a result instead of aborting the rest: each result is a `PromiseSettledResult`.
   *
   * @default {false}
   */
  settled?: boolean | undefined;
  /**
   * How many functions may run at once; the others start in order as these end.
   *
   * @default {Infinity}
   */
  concurrency?: number | undefined;
}

/** The results of a tuple, array or record of entries, in its shape. */
export type Gathered<T> = { -readonly [K in keyof T]: EntryResult<T[K]> };

/** The settled results of a tuple, array or record of entries, in its shape. */
export type GatheredSettled<T> = {
  -readonly [K in keyof T]: PromiseSettledResult<EntryResult<T[K]>>;
};

class GatherCall extends StructuredCall<unknown> {
  readonly #entries: EntryList;
  readonly #options: GatherOptions | undefined;
  readonly #settled: boolean;
  // Invariant: an index is in it ⇔ that entry has come to something that is a result.
  readonly #results: unknown[];
  #next = 0;

  constructor(
    outer: Scope,
    entries: EntryList,
    options: GatherOptions | undefined,
  ) {
    super(outer, options);
    this.#entries = entries;
    this.#options = options;
    this.#settled = options?.settled === true;
    this.#results = new Array(entries.list.length);
  }

  override get label(): string {
    return this.scope.name === undefined
      ? "gather"
      : `gather ${JSON.stringify(this.scope.name)}`;
  }

  start(): Promise<unknown> {
    // One for the call itself, so that it does not end while it starts.
    this.begin();
    runInScope(this.scope, (concurrency) => {
      if (concurrency < this.#entries.list.length) {
        this.#startWorkers(concurrency);
      } else this.#startAll();
    }, this.#options?.concurrency ?? Infinity);
    this.end();
    return this.promise;
  }

  #startAll(): void {
    const { list } = this.#entries;
    const { signal } = this.scope;
    const no = (error: unknown) => this.fail(error);
    for (let i = 0; i < list.length; i++) {
      if (this.#stopped()) return;
      this.begin();
      startEntry(
        list[i]!,
        this.scope,
        signal,
        (value) => this.#done(i, value),
        this.#settled ? (error) => this.#failed(i, error) : no,
      );
    }
  }

  /** Whether no further entry may start. One that failed synchronously, or aborts the outside, stops the rest. */
  #stopped(): boolean {
    if (!this.scope.aborted) return false;
    this.cancelled = true;
    return true;
  }

  #startWorkers(concurrency: number): void {
    for (let i = 0; i < concurrency; i++) {
      this.begin();
      void this.#work();
    }
  }

  async #work(): Promise<void> {
    const { list } = this.#entries;
    const { signal } = this.scope;
    while (this.#next < list.length && !this.#stopped()) {
      const i = this.#next++;
      const entry = list[i]!;
      try {
        this.#keep(
          i,
          await (typeof entry === "function"
            ? entry(signal)
            : this.#promiseOf(entry)),
        );
      } catch (error) {
        if (this.#settled) this.#keepFailure(i, error);
        else if (isCancellationOf(error, this.scope)) this.cancelled = true;
        else this.record(error, true);
      }
    }
    this.end();
  }

  #promiseOf(entry: PromiseLike<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) =>
      startEntry(entry, this.scope, this.scope.signal, resolve, reject)
    );
  }

  #done(index: number, value: unknown): void {
    this.#keep(index, value);
    this.end();
  }

  #failed(index: number, error: unknown): void {
    this.#keepFailure(index, error);
    this.end();
  }

  #keep(index: number, value: unknown): void {
    if (this.state !== "open") discard(this.#options, value);
    else {this.#results[index] = this.#settled
        ? { status: "fulfilled", value }
        : value;}
  }

  #keepFailure(index: number, reason: unknown): void {
    if (isCancellationOf(reason, this.scope)) this.cancelled = true;
    else if (this.state !== "open") this.record(reason, false);
    else this.#results[index] = { status: "rejected", reason };
  }

  protected override value(): unknown {
    const { keys } = this.#entries;
    return keys === null
      ? this.#results
      : Object.fromEntries(keys.map((key, i) => [key, this.#results[i]]));
  }

  protected override discard(): void {
    if (this.#options?.onDiscard === undefined) return;
    this.#results.forEach((result) => {
      if (!this.#settled) discard(this.#options, result);
      else if (
        (result as PromiseSettledResult<unknown>).status === "fulfilled"
      ) {
        discard(
          this.#options,
          (result as PromiseFulfilledResult<unknown>).value,
        );
      }
    });
  }

  protected override stragglers(): string[] {
    const { list, keys } = this.#entries;
    const names = list.map((entry, i) =>
      keys?.[i] ??
        (typeof entry === "function" && entry.name || `entries[${i}]`)
    );
    return names.filter((_, i) => !(i in this.#results));
  }
}

/**
 * Runs several pieces of work at once, and returns all results in the shape of what was passed.
 *
 * Functions are started and owned: the call ends only when all have ended. Promises are awaited and not owned.
 *
 * **Order**: functions start synchronously, in order; results stand in the order of the input. **Failure**: the
 * first one aborts the rest, and once these have ended the call rejects with it as it is; if others failed
 * genuinely too, with an `AggregateError`, the first one first. With `settled: true` failures are results. **Cancellation**:
 * an abort from outside aborts the functions, waits for them, and rejects with that reason, with `settled` too.
 * **Cost**: below twice `Promise.all`.
 *
 * @typeParam T The tuple, array, iterable or record of entries.
 * @param entries Functions and promises: an iterable, read to its end first, or a record.
 * @param options Concurrency, settled, signal, name, grace, onDiscard.
 * @returns The results.
 * @throws {TypeError} If an argument is of the wrong kind; then nothing was started.
 * @throws {RangeError} If `concurrency` is not a whole number of at least 1 or `Infinity`.
 * @throws {AggregateError} If several failed.
 * @throws {StragglerError} If work still runs `grace` ms after an abort.
 *
 * @example A record, three at a time
 * ```ts
 * import { gather } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const { one, two } = await gather({ one: () => 1, two: async () => "2" }, { concurrency: 3 });
 * assertEquals([one, two], [1, "2"]);
 * ```
 *
 * @example Failures as results
 * ```ts
 * import { gather } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const [result] = await gather([() => Promise.reject(new Error("no"))], { settled: true });
 * assertEquals(result.status, "rejected");
 * ```
 *
 * @see asyncio.gather of Python 3.14: it leaves siblings of a failure running, this aborts and joins them;
 * `return_exceptions` is `settled`.
 */
export function gather<const T extends readonly Entry<unknown>[] | readonly []>(
  entries: T,
  options?: GatherOptions & { settled?: false | undefined },
): Promise<Gathered<T>>;
/** With `settled: true`. */
export function gather<const T extends readonly Entry<unknown>[] | readonly []>(
  entries: T,
  options: GatherOptions & { settled: true },
): Promise<GatheredSettled<T>>;
/** With `settled` known at run time only. */
export function gather<const T extends readonly Entry<unknown>[] | readonly []>(
  entries: T,
  options: GatherOptions,
): Promise<Gathered<T> | GatheredSettled<T>>;
/** With an iterable of entries of one type. */
export function gather<T>(
  entries: Iterable<Entry<T>>,
  options?: GatherOptions & { settled?: false | undefined },
): Promise<Awaited<T>[]>;
/** With an iterable and `settled: true`. */
export function gather<T>(
  entries: Iterable<Entry<T>>,
  options: GatherOptions & { settled: true },
): Promise<PromiseSettledResult<Awaited<T>>[]>;
/** With an iterable and `settled` known at run time only. */
export function gather<T>(
  entries: Iterable<Entry<T>>,
  options: GatherOptions,
): Promise<Awaited<T>[] | PromiseSettledResult<Awaited<T>>[]>;
/** With a record. */
export function gather<
  const T extends Readonly<Record<string, Entry<unknown>>>,
>(
  entries: T,
  options?: GatherOptions & { settled?: false | undefined },
): Promise<Gathered<T>>;
/** With a record and `settled: true`. */
export function gather<
  const T extends Readonly<Record<string, Entry<unknown>>>,
>(
  entries: T,
  options: GatherOptions & { settled: true },
): Promise<GatheredSettled<T>>;
/** With a record and `settled` known at run time only. */
export function gather<
  const T extends Readonly<Record<string, Entry<unknown>>>,
>(
  entries: T,
  options: GatherOptions,
): Promise<Gathered<T> | GatheredSettled<T>>;
export function gather(
  entries: Iterable<Entry<unknown>> | Readonly<Record<string, Entry<unknown>>>,
  options?: GatherOptions,
): Promise<unknown> {
  let read: EntryList;
  try {
    checkStructured("gather", options);
    checkDiscard("gather", options);
    checkFlag("gather", "settled", options?.settled);
    if (options?.concurrency !== undefined) {
      checkCount("gather", "concurrency", options.concurrency, 1, true);
    }
    read = readEntries("gather", entries);
  } catch (error) {
    return Promise.reject(error);
  }
  const outer = currentScope();
  const outside = outsideAbort(outer, options?.signal);
  if (outside !== null) return Promise.reject(outside.reason);
  return new GatherCall(outer, read, options).start();
}
