/**
 * Runs several pieces of work at once and returns all results together.
 *
 * @example Run two functions at the same time
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

import { orReject } from "../core/foreign.ts";
import { currentScope, runInScope } from "../core/ambient.ts";
import { isCancellationOf } from "../core/failures.ts";
import { MANY, Reentry } from "../core/reentry.ts";
import type { Scope } from "../core/scope.ts";
import { StructuredCall } from "../core/structured_call.ts";
import type { CallKind, StructuredOptions, TaskFunction } from "../core/structured_call.ts";
import { checkCount, checkFlag } from "../core/validate.ts";
import {
  checkCombinator,
  checkEntries,
  discard,
  nameOfEntry,
  readEntries,
  refuseEntries,
  startEntry,
} from "./entries.ts";
import type { DiscardOptions, Entries, EntriesResult, Entry, EntryList, EntryResult } from "./entries.ts";

export type { DiscardOptions, Entries, EntriesResult, Entry, EntryResult, StructuredOptions, TaskFunction };

/**
 * Options of {@linkcode gather}.
 *
 * @category Combine
 */
export interface GatherOptions<T = unknown, S extends boolean = boolean> extends StructuredOptions, DiscardOptions<T> {
  /**
   * Whether failures are results instead of aborting the rest: each result is a `PromiseSettledResult`.
   *
   * @default {false}
   */
  settled?: S | undefined;
  /**
   * The number of functions that may run at once; the others start in order as these end. Promises do not count,
   * because their work runs already.
   *
   * @default {Infinity}
   */
  concurrency?: number | undefined;
}

/**
 * The results of the entries `T`, in their shape. With `S` = `true`, they are settled results.
 *
 * @category Combine
 */
export type Gathered<T, S extends boolean = false> = S extends true
  ? T extends readonly unknown[] ? { -readonly [K in keyof T]: PromiseSettledResult<EntryResult<T[K]>> }
  : T extends Iterable<infer E> ? PromiseSettledResult<EntryResult<E>>[]
  : { -readonly [K in keyof T]: PromiseSettledResult<EntryResult<T[K]>> }
  : T extends readonly unknown[] ? { -readonly [K in keyof T]: EntryResult<T[K]> }
  : T extends Iterable<infer E> ? EntryResult<E>[]
  : { -readonly [K in keyof T]: EntryResult<T[K]> };

const GATHER: CallKind = { name: "gather" };

class GatherCall extends StructuredCall<unknown> {
  readonly #entries: EntryList;
  readonly #options: GatherOptions | undefined;
  readonly #settled: boolean;
  // Invariant: an index is present ⇔ that entry has a result.
  readonly #results: unknown[];
  // The entries that have started and not ended; recorded only with `grace`, for the names of stragglers.
  readonly #running: Set<number> | null;
  #next = 0;

  constructor(outer: Scope, entries: EntryList, options: GatherOptions | undefined) {
    super(GATHER, outer, options);
    this.#entries = entries;
    this.#options = options;
    this.#settled = options?.settled === true;
    this.#results = new Array(entries.list.length);
    this.#running = options?.grace === undefined ? null : new Set();
  }

  start(): Promise<unknown> {
    // Counts the call itself as pending, so that it cannot end while it starts.
    this.begin();
    runInScope(this.scope, (concurrency) => {
      const few = concurrency < this.#entries.list.length;
      this.#startAll(few);
      if (few) this.#openPlaces(concurrency);
    }, this.#options?.concurrency ?? Infinity);
    this.end();
    return this.promise;
  }

  #startAll(promisesOnly: boolean): void {
    const { list } = this.#entries;
    const own = { signal: this.scope.signal };
    // One closure for all entries, if nobody needs to know which entry failed.
    const no = this.#settled || this.#running !== null ? null : (error: unknown) => this.fail(error);
    for (let i = 0; i < list.length; i++) {
      const entry = list[i];
      if (entry === undefined) {
        this.#keep(i, undefined);
        continue;
      }
      // A promise runs already, so it takes no place and cannot be stopped.
      if (typeof entry === "function" && (promisesOnly || this.#stopped())) continue;
      this.begin();
      this.#running?.add(i);
      startEntry(
        entry,
        this.scope,
        own,
        (value) => {
          this.#keep(i, value);
          this.end();
        },
        no ?? ((error) => {
          this.#keepFailure(i, error);
          this.end();
        }),
      );
    }
  }

  /** Whether no further function may start, because one failed synchronously or aborted the outside. */
  #stopped(): boolean {
    // A failure does not abort the scope if nothing else is running, so check for both.
    if (!this.scope.aborted && this.failures === null) return false;
    this.cancelled = true;
    return true;
  }

  /**
   * Starts as many functions as may run at once, and then another one for each that ends. They start in the context of
   * the call, not in the context of the function that has ended.
   */
  #openPlaces(concurrency: number): void {
    let free: (() => void)[] = [];
    const reentry = new Reentry(() => {
      if (free.length < MANY) {
        free.pop()!();
        if (free.length > 0) reentry.ask();
        return;
      }
      const starts = free;
      free = [];
      for (const start of starts) start();
    });
    const restart = (start: () => void) => {
      free.push(start);
      reentry.ask();
    };
    const own = { signal: this.scope.signal };
    for (let i = 0; i < concurrency; i++) {
      this.begin();
      this.#openPlace(own, restart);
    }
  }

  /** Opens one place, which runs one function at a time. `restart` calls its argument in the context of the call. */
  #openPlace(own: { readonly signal: AbortSignal }, restart: (start: () => void) => void): void {
    const { list } = this.#entries;
    let index = 0;
    const ok = (value: unknown) => {
      this.#keep(index, value);
      restart(start);
    };
    const no = (error: unknown) => {
      this.#keepFailure(index, error);
      restart(start);
    };
    const start = () => {
      while (this.#next < list.length && typeof list[this.#next] !== "function") this.#next++;
      if (this.#next === list.length || this.#stopped()) return this.end();
      index = this.#next++;
      this.#running?.add(index);
      startEntry(list[index]!, this.scope, own, ok, no);
    };
    start();
  }

  #keep(index: number, value: unknown): void {
    this.#running?.delete(index);
    if (this.state !== "open") discard(this.#options, value, this.#entries, index);
    else this.#results[index] = this.#settled ? { status: "fulfilled", value } : value;
  }

  #keepFailure(index: number, reason: unknown): void {
    this.#running?.delete(index);
    if (isCancellationOf(reason, this.scope)) this.cancelled = true;
    else if (!this.#settled || this.state !== "open") this.record(reason, !this.#settled);
    else this.#results[index] = { status: "rejected", reason };
  }

  protected override value(): unknown {
    const { keys } = this.#entries;
    return keys === null ? this.#results : Object.fromEntries(keys.map((key, i) => [key, this.#results[i]]));
  }

  protected override discard(): void {
    if (this.#options?.onDiscard === undefined) return;
    this.#results.forEach((result, index) => {
      if (!this.#settled) return discard(this.#options, result, this.#entries, index);
      const { status, value } = result as { status: PromiseSettledResult<unknown>["status"]; value?: unknown };
      if (status === "fulfilled") discard(this.#options, value, this.#entries, index);
    });
  }

  override stragglers(): string[] {
    const running = this.#running ?? [...this.#entries.list.keys()].filter((index) => !(index in this.#results));
    const names = [...running].map((index) => nameOfEntry(this.#entries, index));
    // Without `grace`, nothing tells the cancelled entries from the running ones.
    return names.length === this.pending ? names : [`${this.pending} of ${names.join(", ")}`];
  }
}

/**
 * Runs several pieces of work at once, and returns all results in the shape of the input.
 *
 * The call starts and owns functions: it ends only when all of them have ended. It awaits promises, but does not own
 * them.
 *
 * - **Order**: Functions start synchronously, in order. Results are in the order of the input.
 * - **Failure**: The first failure aborts the rest. Once these have ended, the call rejects with that failure
 *   unchanged, or, if others failed genuinely too, with an `AggregateError` that has the first failure first. With
 *   `settled: true`, failures are results.
 * - **Cancellation**: An abort from outside aborts the functions and waits for them. If it cut one of them short, the
 *   call rejects with the reason of the abort, even with `settled`. If all return a value nevertheless, the call
 *   returns the results.
 * - **Context**: A function that starts after another one has ended does not see that function's `enterWith`. Functions
 *   that start together, at the call or by the dozen in one turn, may see each other's.
 * - **Cost**: Less than twice `Promise.all`. The async stack trace of a failure ends at the function, not at the caller
 *   of `gather`.
 *
 * @typeParam T The tuple, array, iterable or record of entries.
 * @typeParam S Whether the results are settled results.
 * @param entries Functions and promises: an iterable, which is read to its end first, or a record. The result of an entry
 * that is `undefined` is `undefined`.
 * @param options Concurrency, settled, signal, name, grace, onDiscard.
 * @returns The results.
 * @throws {RangeError} If `concurrency` is not a whole number of at least 1 or `Infinity`.
 * @throws {AggregateError} If several entries failed.
 * @throws {StragglerError} If work still runs `grace` ms after an abort.
 *
 * @example A record, three at a time
 * ```ts
 * import { gather } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const work = { one: () => 1, two: async () => "2" };
 * const { one, two } = await gather(work, { concurrency: 3 });
 * assertEquals([one, two], [1, "2"]);
 * ```
 *
 * @example Failures as results
 * ```ts
 * import { gather } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const fail = () => Promise.reject(new Error("no"));
 * const [result] = await gather([fail], { settled: true });
 * assertEquals(result.status, "rejected");
 * ```
 *
 * @see asyncio.gather of Python 3.14: it leaves the siblings of a failure running, while this aborts and joins them;
 * return_exceptions is called settled here.
 *
 * @category Combine
 */
export function gather<
  const T extends Entries | object,
  const S extends boolean = false,
>(entries: T & Entries<T, undefined>, options?: GatherOptions<EntriesResult<T>, S>): Promise<Gathered<T, S>> {
  return orReject(() => {
    checkEntries("gather", entries);
    const own = checkCombinator("gather", options as GatherOptions | undefined, ["settled", "concurrency"]);
    checkFlag("gather", "settled", own?.settled);
    if (own?.concurrency !== undefined) checkCount("gather", "concurrency", own.concurrency, 1, true);
    const read = readEntries("gather", entries, true);
    const outer = currentScope();
    return refuseEntries(read, outer, own) ??
      (new GatherCall(outer, read, own).start() as Promise<Gathered<T, S>>);
  });
}
