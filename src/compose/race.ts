/**
 * Several pieces of work at once, of which one counts.
 *
 * @module
 */

import { currentScope, runInScope } from "../core/ambient.ts";
import { CancelledError } from "../core/errors.ts";
import { isCancellationOf } from "../core/failures.ts";
import type { Scope } from "../core/scope.ts";
import { checkStructured, StructuredCall, type StructuredOptions } from "../core/structured_call.ts";
import type { TaskFunction } from "../core/structured_call.ts";
import { outOfRange } from "../core/validate.ts";
import { checkDiscard, discard, nameOfEntry, readEntries, refuseEntries, startEntry } from "./entries.ts";
import type { DiscardOptions, Entry, EntryList, EntryResult } from "./entries.ts";

export type { DiscardOptions, Entry, EntryResult, StructuredOptions, TaskFunction };

/** Options of {@linkcode race} and {@linkcode firstSuccess}. */
export interface RaceOptions extends StructuredOptions, DiscardOptions {}

type Winner = { value: unknown } | { error: unknown };

class RaceCall extends StructuredCall<unknown> {
  readonly #kind: "race" | "firstSuccess";
  readonly #entries: EntryList;
  readonly #options: RaceOptions | undefined;
  readonly #errors: unknown[] = [];
  readonly #running = new Set<number>();
  #winner: Winner | null = null;

  constructor(
    kind: "race" | "firstSuccess",
    outer: Scope,
    entries: EntryList,
    options: RaceOptions | undefined,
  ) {
    super(outer, options);
    this.#kind = kind;
    this.#entries = entries;
    this.#options = options;
  }

  protected override get kind(): string {
    return this.#kind;
  }

  start(): Promise<unknown> {
    const { list } = this.#entries;
    this.begin();
    runInScope(this.scope, (signal) => {
      for (let i = 0; i < list.length; i++) {
        const entry = list[i]!;
        // A promise runs already, and nothing stops it.
        if (typeof entry === "function" && this.#stopped()) continue;
        this.begin();
        this.#running.add(i);
        startEntry(
          entry,
          this.scope,
          signal,
          (value) => this.#arrived(i, { value }),
          (error) => this.#lost(i, error),
        );
      }
    }, this.scope.signal);
    this.end();
    return this.promise;
  }

  /** Whether no further function may start. One may have won synchronously, or have aborted the outside. */
  #stopped(): boolean {
    if (!this.scope.aborted) return false;
    if (this.#winner === null) this.cancelled = true;
    return true;
  }

  #arrived(index: number, winner: Winner): void {
    this.#running.delete(index);
    if (this.#winner === null && this.state === "open") this.#win(winner);
    else if ("value" in winner) discard(this.#options, winner.value);
    this.end();
  }

  #lost(index: number, error: unknown): void {
    // What losers fail with, genuine or not, is theirs.
    if (this.#winner !== null) return this.#arrived(index, { error });
    if (isCancellationOf(error, this.scope)) this.cancelled = true;
    else if (this.#kind === "race") return this.#arrived(index, { error });
    else this.#errors.push(error);
    this.#running.delete(index);
    this.end();
  }

  #win(winner: Winner): void {
    this.#winner = winner;
    // It has won even if the outside was aborted meanwhile.
    this.cancelled = false;
    if (this.pending > 1) {
      this.scope.abort(
        new CancelledError(`Another one has won the ${this.#kind}`),
      );
    }
  }

  protected override value(): unknown {
    const winner = this.#winner;
    if (winner === null) {
      throw new AggregateError(
        this.#errors,
        `None of ${this.#errors.length} has succeeded`,
      );
    }
    if ("error" in winner) throw winner.error;
    return winner.value;
  }

  protected override discard(): void {
    // Nobody gets it when stragglers have let the call reject.
    if (
      this.state === "left" && this.#winner !== null && "value" in this.#winner
    ) {
      discard(this.#options, this.#winner.value);
    }
  }

  protected override stragglers(): string[] {
    return [...this.#running].map((index) => nameOfEntry(this.#entries, index));
  }
}

function start(
  kind: "race" | "firstSuccess",
  entries: unknown,
  options: RaceOptions | undefined,
): Promise<unknown> {
  const action = kind === "race" ? "race" : "find the first success";
  let read: EntryList;
  try {
    checkStructured(action, options);
    checkDiscard(action, options);
    read = readEntries(action, entries);
    // Waiting for the first of nobody would never end.
    if (read.list.length === 0) {
      throw outOfRange(action, "entries", "at least one function or promise", entries);
    }
  } catch (error) {
    return Promise.reject(error);
  }
  const outer = currentScope();
  return refuseEntries(read, outer, options) ?? new RaceCall(kind, outer, read, options).start();
}

/**
 * Runs several pieces of work at once, and returns what the first of them comes to, value or failure.
 *
 * **Order**: functions start synchronously, in order. **Failure**: of the first to settle, as it is; those of losers are
 * dropped. **Cancellation**: losers are aborted, and have ended before the call settles; an abort from outside before
 * anything has settled rejects with that reason.
 *
 * @typeParam E The entries.
 * @param entries Functions and promises, at least one. A promise that loses goes on.
 * @param options Signal, name, grace, onDiscard.
 * @returns The value of the first.
 * @throws {TypeError} If an argument is of the wrong kind; then nothing was started.
 * @throws {RangeError} If there are no entries.
 *
 * @example The faster of two mirrors
 * ```ts
 * import { race, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const first = await race([() => sleep(60_000).then(() => "far"), () => sleep(1).then(() => "near")]);
 * assertEquals(first, "near");
 * ```
 *
 * @see Promise.race of ECMAScript 2026: it leaves the losers running.
 */
export function race<E extends Entry<unknown>>(
  entries: Iterable<E> | Readonly<Record<string, E>>,
  options?: RaceOptions,
): Promise<EntryResult<E>> {
  return start("race", entries, options) as Promise<EntryResult<E>>;
}

/**
 * Runs several pieces of work at once, and returns the first value.
 *
 * **Order**: functions start synchronously, in order. **Failure**: when all have failed, an `AggregateError` of all
 * failures in order of completion; otherwise failures are dropped. **Cancellation**: losers are aborted, and have ended
 * before the call settles; an abort from outside before anything has succeeded rejects with that reason.
 *
 * @typeParam E The entries.
 * @param entries Functions and promises, at least one. A promise that loses goes on.
 * @param options Signal, name, grace, onDiscard.
 * @returns The first value.
 * @throws {AggregateError} If all have failed.
 * @throws {TypeError} If an argument is of the wrong kind; then nothing was started.
 * @throws {RangeError} If there are no entries.
 *
 * @example One mirror is down
 * ```ts
 * import { firstSuccess } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const page = await firstSuccess([() => Promise.reject(new Error("down")), async () => "page"]);
 * assertEquals(page, "page");
 * ```
 *
 * @see Promise.any of ECMAScript 2026: it leaves the losers running.
 */
export function firstSuccess<E extends Entry<unknown>>(
  entries: Iterable<E> | Readonly<Record<string, E>>,
  options?: RaceOptions,
): Promise<EntryResult<E>> {
  return start("firstSuccess", entries, options) as Promise<EntryResult<E>>;
}
