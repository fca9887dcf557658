/**
 * Races: the first result wins.
 *
 * @module
 */

import { orReject } from "../core/foreign.ts";
import { currentScope, runInScope } from "../core/ambient.ts";
import { CancelledError } from "../errors.ts";
import { isCancellationOf } from "../core/failures.ts";
import { abortAll, Scope } from "../core/scope.ts";
import { StructuredCall } from "../core/structured_call.ts";
import type { CallKind, StructuredOptions, TaskFunction } from "../core/structured_call.ts";
import { type Alarm, arm, disarm } from "../core/clock.ts";
import { surface } from "../core/next_turn.ts";
import { Reentry } from "../core/reentry.ts";
import { checkCount, checkMs, outOfRange } from "../core/validate.ts";
import { ignoreFailure } from "../task/awaitable.ts";
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
 * Options of {@linkcode race} and {@linkcode firstSuccess}.
 *
 * @category Combine
 */
export interface RaceOptions<T = unknown> extends StructuredOptions, DiscardOptions<T> {
  /**
   * The number of functions that may run at once; the others start as these fail.
   *
   * @default {Infinity}
   */
  concurrency?: number | undefined;
  /**
   * Starts one function, and the next one when the one before has failed or this many ms later: "happy eyeballs" for
   * addresses, a hedged request for servers. By default, all start at once.
   *
   * @see RFC 8305
   */
  delay?: number | undefined;
}

type Winner = { value: unknown } | { error: unknown };

const RACE: CallKind = { name: "race" };
const FIRST_SUCCESS: CallKind = { name: "firstSuccess" };

class RaceCall extends StructuredCall<unknown> {
  readonly #kind: CallKind;
  readonly #entries: EntryList;
  readonly #options: RaceOptions | undefined;
  // The failures, in the order of the entries. Invariant: an index is present ⇔ that entry has failed.
  readonly #errors: unknown[] = [];
  // The functions that have not started, the last one first, and what starts the next one in the context of the call.
  #rest: number[] = [];
  #reentry: Reentry | null = null;
  #active = 0;
  #alarm: Alarm | null = null;
  #allFailed: AggregateError | null = null;
  readonly #running = new Set<number>();
  // One scope for each started function, because any may win, and one for all promises. A scope stays here after its
  // function has settled: all end together, so that work which one has left running is cancelled with the others.
  readonly #scopes: Scope[] = [];
  #promises: Scope | null = null;
  // The index of the first scope that still had children when the call last tried to end.
  #open = 0;
  #winner: Winner | null = null;
  #reason: CancelledError | null = null;

  constructor(kind: CallKind, outer: Scope, entries: EntryList, options: RaceOptions | undefined) {
    super(kind, outer, options);
    this.#kind = kind;
    this.#entries = entries;
    this.#options = options;
  }

  start(): Promise<unknown> {
    const { list } = this.#entries;
    const { concurrency = Infinity, delay } = this.#options ?? {};
    const some = delay !== undefined || concurrency < list.length;
    this.begin();
    for (let i = 0; i < list.length; i++) {
      const entry = list[i]!;
      if (typeof entry === "function") {
        if (some) this.#rest.push(i);
        else if (!this.#stopped()) this.#start(i, entry, this.#newScope());
      } // A promise runs already and cannot be stopped.
      else if (this.#winner !== null) ignoreFailure(entry);
      else this.#start(i, entry, this.#promises ??= this.#newScope());
    }
    this.#rest.reverse();
    if (this.#rest.length > 0) this.#startInTurn(concurrency, delay);
    this.end();
    return this.promise;
  }

  /** Starts the functions in turn: as places become free, and as the delay passes. */
  #startInTurn(concurrency: number, delay: number | undefined): void {
    // Counts the functions that have not started as pending.
    this.begin();
    const next = () => {
      if (this.#alarm !== null) disarm(this.#alarm);
      this.#alarm = null;
      while (this.#rest.length > 0 && !this.#stopped() && this.#active < concurrency) {
        const index = this.#rest.pop()!;
        this.#active++;
        this.#start(index, this.#entries.list[index]!, this.#newScope());
        if (delay !== undefined) break;
      }
      if (this.#rest.length > 0 && this.#stopped()) this.#rest = [];
      if (this.#rest.length === 0) {
        if (this.#reentry !== null) this.end();
        this.#reentry = null;
      } else if (delay !== undefined && this.#active < concurrency) {
        this.#alarm = arm({ ring: () => this.#reentry?.ask() }, delay);
      }
    };
    this.#reentry = new Reentry(next);
    next();
  }

  override aborted(scope: Scope): void {
    super.aborted(scope);
    if (scope === this.scope) this.#reentry?.ask();
  }

  #newScope(): Scope {
    const scope = new Scope(this.scope);
    scope.keeper = this;
    this.#scopes.push(scope);
    return scope;
  }

  #start(index: number, entry: Entry<unknown>, scope: Scope): void {
    this.begin();
    this.#running.add(index);
    const ok = (value: unknown) => this.#arrived(index, scope, { value });
    const no = (error: unknown) => this.#lost(index, scope, error);
    runInScope(scope, () => startEntry(entry, scope, scope, ok, no));
  }

  /** Whether no further function may start, because one won synchronously or aborted the outside. */
  #stopped(): boolean {
    if (this.#winner !== null) return true;
    if (!this.scope.aborted) return false;
    this.cancelled = true;
    return true;
  }

  #arrived(index: number, scope: Scope, winner: Winner): void {
    this.#running.delete(index);
    if (this.#winner === null && this.state === "open") this.#win(scope, winner);
    else if ("value" in winner) discard(this.#options, winner.value, this.#entries, index);
    this.end();
  }

  #lost(index: number, scope: Scope, error: unknown): void {
    // The failures of losers, genuine or not, are dropped.
    if (this.#winner !== null) return this.#arrived(index, scope, { error });
    if (this.state !== "open") {
      // The call has rejected without a winner, so nobody else can receive this failure.
      if (!isCancellationOf(error, this.scope)) surface(error);
    } else if (isCancellationOf(error, this.scope)) this.cancelled = true;
    else if (this.#kind === RACE) return this.#arrived(index, scope, { error });
    else this.#errors[index] = error;
    this.#running.delete(index);
    if (this.#reentry !== null && typeof this.#entries.list[index] === "function") {
      this.#active--;
      this.#reentry.ask();
    }
    this.end();
  }

  #win(scope: Scope, winner: Winner): void {
    this.#winner = winner;
    this.#reentry?.ask();
    // It wins even if the outside was aborted meanwhile.
    this.cancelled = false;
    if (this.scope.aborted) return;
    if ("error" in winner) return this.abortBecauseOf(winner.error);
    // Not the scope of the winner: its signal may belong to a response whose body has not been read yet.
    const dropped = this.#scopes.filter((at) => at !== scope || at === this.#promises);
    if (scope.childCount > 0) {
      const left = this.#newScope();
      scope.giveChildren(left);
      dropped.push(left);
    }
    if (dropped.length === 0) return;
    this.#reason = new CancelledError(`The ${this.#kind.name} has been won`);
    abortAll(dropped, this.#reason);
  }

  override tryEnd(): void {
    if (this.pending > 0) return;
    if (this.#winner === null && this.#errors.length > 0 && !this.scope.aborted) {
      this.abortBecauseOf(this.#failure());
    }
    const scopes = this.#scopes;
    // Starts where the last attempt stopped, so that scopes that end one by one are not all checked again each time.
    for (let i = 0; i < scopes.length; i++) {
      if (!scopes[this.#open]!.settleChildren()) return;
      this.#open = (this.#open + 1) % scopes.length;
    }
    for (const scope of scopes) scope.end();
    super.tryEnd();
  }

  protected override value(): unknown {
    const winner = this.#winner;
    if (winner === null) throw this.#failure();
    if ("error" in winner) throw winner.error;
    return winner.value;
  }

  #failure(): AggregateError {
    // Without the indices of the entries that have not failed.
    const failures = Object.values(this.#errors);
    return this.#allFailed ??= new AggregateError(failures, `All ${failures.length} entries failed`);
  }

  protected override discard(): void {
    if (this.state !== "left" || this.#winner === null) return;
    // The call has rejected because of stragglers, so nobody receives the winner's value.
    this.scope.abort(this.#reason);
    if ("value" in this.#winner) discard(this.#options, this.#winner.value);
  }

  override stragglers(): string[] {
    return [...this.#running].map((index) => nameOfEntry(this.#entries, index));
  }
}

function start(kind: CallKind, entries: unknown, options: RaceOptions | undefined): Promise<unknown> {
  const action = kind === RACE ? "race" : "find the first success";
  return orReject(() => {
    checkEntries(action, entries);
    const own = checkCombinator(action, options, ["concurrency", "delay"]);
    if (own?.concurrency !== undefined) checkCount(action, "concurrency", own.concurrency, 1, true);
    if (own?.delay !== undefined) checkMs(action, "delay", own.delay, false);
    const read = readEntries(action, entries);
    // A wait for the first of no entries would never end.
    if (read.list.length === 0) {
      throw outOfRange(action, "entries", "at least one function or promise", entries);
    }
    const outer = currentScope();
    return refuseEntries(read, outer, own) ?? new RaceCall(kind, outer, read, own).start();
  });
}

/**
 * Runs several pieces of work at once, and returns or throws the outcome of the first that settles.
 *
 * - **Order**: Functions start synchronously, in order, each with its own signal.
 * - **Failure**: If the first to settle fails, the call rejects with that failure unchanged. Failures of losers are
 *   dropped.
 * - **Cancellation**: Losers are aborted, and have ended before the call settles. The signal of the winner is not
 *   aborted, so the body of a response can be read afterwards. Structured calls and iterators that the winner has left
 *   open are cancelled and joined with the losers. An abort from outside reaches all entries until the call settles. If
 *   it cut all of them short, the call rejects with its reason; otherwise the first that ends with a value nevertheless
 *   wins.
 *
 * @typeParam T The tuple, array, iterable or record of entries.
 * @param entries Functions and promises, at least one. A promise that loses continues.
 * @param options Concurrency, delay, signal, name, grace, onDiscard.
 * @returns The value of the winner.
 * @throws {RangeError} If there are no entries.
 *
 * @example The faster of two mirrors
 * ```ts
 * import { race, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const first = await race([
 *   () => sleep(60_000).then(() => "far"),
 *   () => sleep(1).then(() => "near"),
 * ]);
 * assertEquals(first, "near");
 * ```
 *
 * @see Promise.race of ECMAScript 2026: it leaves the losers running.
 * @category Combine
 */
export function race<
  const T extends Entries | object,
>(entries: T & Entries<T>, options?: RaceOptions<EntriesResult<T>>): Promise<EntriesResult<T>> {
  return start(RACE, entries, options as RaceOptions | undefined) as Promise<EntriesResult<T>>;
}

/**
 * Runs several pieces of work at once, and returns the first value.
 *
 * - **Order**: Functions start synchronously, in order, each with its own signal.
 * - **Failure**: If all entries fail, the call rejects with an `AggregateError` of all failures in order of the entries.
 *   Otherwise failures are dropped.
 * - **Cancellation**: Losers, including those that have failed, are aborted, and have ended before the call settles.
 *   The signal of the winner is not aborted, so the body of a response can be read afterwards. Structured calls and
 *   iterators that the winner has left open are cancelled and joined with the losers. An abort from outside reaches all
 *   entries until the call settles. The call rejects with its reason, unless an entry succeeds nevertheless.
 *
 * @typeParam T The tuple, array, iterable or record of entries.
 * @param entries Functions and promises, at least one. A promise that loses continues.
 * @param options Concurrency, delay, signal, name, grace, onDiscard.
 * @returns The first value.
 * @throws {AggregateError} If all entries fail.
 * @throws {RangeError} If there are no entries.
 *
 * @example One mirror is down
 * ```ts
 * import { firstSuccess } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const page = await firstSuccess([
 *   () => Promise.reject(new Error("down")),
 *   async () => "page",
 * ]);
 * assertEquals(page, "page");
 * ```
 *
 * @example Ask a second server if the first takes long
 * ```ts
 * import { firstSuccess, sleep } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = await firstSuccess([
 *   () => sleep(60_000).then(() => "slow"),
 *   () => sleep(1).then(() => "fast"),
 * ], { delay: 2 });
 * assertEquals(answer, "fast");
 * ```
 *
 * @see Promise.any of ECMAScript 2026: it leaves the losers running.
 * @category Combine
 */
export function firstSuccess<
  const T extends Entries | object,
>(entries: T & Entries<T>, options?: RaceOptions<EntriesResult<T>>): Promise<EntriesResult<T>> {
  return start(FIRST_SUCCESS, entries, options as RaceOptions | undefined) as Promise<EntriesResult<T>>;
}
