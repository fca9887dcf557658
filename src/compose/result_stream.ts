/**
 * The engine of `map` and `asCompleted`: processes the items of a source, and lets a reader take the results one by
 * one.
 *
 * ```text
 * source ──pull──► in flight ──ok──► waiting to be read ──next()──► reader
 *          (only while fewer than `bound` are in flight or waiting)
 * ```
 *
 * Items start in the async context in which the stream was opened, not in that of an item that has ended; see
 * {@linkcode Reentry}.
 *
 * @module
 */

import { currentScope, runInScope } from "../core/ambient.ts";
import { CancelledError } from "../errors.ts";
import { isCancellationOf } from "../core/failures.ts";
import { Fifo } from "../core/fifo.ts";
import { cancelledPromise, nothing } from "../core/foreign.ts";
import { Link } from "../core/link.ts";
import { MANY, Reentry } from "../core/reentry.ts";
import { surface } from "../core/next_turn.ts";
import { Scope } from "../core/scope.ts";
import { type CallKind, StructuredCall, type StructuredOptions } from "../core/structured_call.ts";
import { enqueue, refusal, WaitQueue } from "../core/wait_queue.ts";
import { discard, type DiscardOptions } from "./entries.ts";
import { type Opener, type SourceReader, StreamSource } from "./stream_source.ts";

/** How a stream reads its source, starts the work, and presents the results. */
export interface StreamPlan<I, R> {
  /** Quiet, because the reader receives each result, and abandonable. */
  readonly kind: CallKind;
  /** The name, in messages, of the work for one item. */
  name(index: number): string;
  readonly open: Opener<I>;
  /** Starts the work for one item. `own` makes the item's signal on demand. */
  start(
    item: I,
    scope: Scope,
    own: ItemSignal,
    index: number,
    ok: (value: unknown) => void,
    no: (error: unknown) => void,
  ): void;
  /** Whether the item has the same value as an earlier one, for which that value is delivered or discarded. */
  repeats?(index: number): boolean;
  /** Returns the result that the reader gets for a value. */
  fulfilled(value: unknown, index: number): R;
  /** Returns the result that the reader gets for a failure. If absent, a failure ends the stream. */
  rejected?: ((reason: unknown, index: number) => R) | undefined;
  /** The number of items that may be in flight, not counting those that take no place. */
  readonly concurrency: number;
  /** Whether an item takes no place, because its work runs already. */
  free?(item: I): boolean;
  /** The number of items that may be in flight or wait to be read; 0: as many as there are readers that wait. */
  readonly bound: number;
  readonly ordered: boolean;
}

/** The source of the signal for one item. */
export interface ItemSignal {
  readonly signal: AbortSignal;
}

/** A result on its way to the reader; in a ring while it is in flight. */
class Slot<R> extends Link implements ItemSignal {
  readonly index: number;
  // Each item has its own, so that a result which the reader has received, such as a response whose body has not been
  // read yet, is not aborted with the rest.
  controller: AbortController | null = null;
  state: "running" | "ready" | "failed" = "running";
  value: R | undefined = undefined;
  /** The value for `onDiscard`, if the result is a value. */
  raw: unknown = undefined;
  hasRaw = false;

  constructor(index: number) {
    super();
    this.index = index;
  }

  get signal(): AbortSignal {
    return (this.controller ??= new AbortController()).signal;
  }

  abort(reason: unknown): void {
    this.controller?.abort(reason);
  }

  get hasSignal(): boolean {
    return this.controller !== null;
  }
}

// Surfaces the failures of iterators that were garbage collected unread.
const lost = /* @__PURE__ */ new FinalizationRegistry<unknown>((error) => surface(error));

/** The engine of one iteration. */
export class ResultStream<I, R> extends StructuredCall<void> implements SourceReader<I> {
  readonly #plan: StreamPlan<I, R>;
  readonly #options: DiscardOptions | undefined;
  readonly #outer: Scope;
  readonly #source: StreamSource<I>;
  readonly #readers = new WaitQueue<null>();
  // In order of the input if `ordered`, else in order of completion.
  readonly #slots = new Fifo<Slot<R>>();
  readonly #running = new Link();
  #inFlight = 0;
  #index = 0;
  #heldBack = false;
  #stopped = false;
  // The number of items that have taken a place, and of those that have also ended.
  #placed = 0;
  #ended = 0;
  // Invariant: not null ⇔ the stream has been opened.
  #reentry: Reentry | null = null;
  #outcome: { error: unknown } | "done" | null = null;
  // The error that a reader gets after the remaining results, because the end of the surrounding scope lost some.
  #loss: { error: CancelledError } | null = null;
  #dropped: CancelledError | null = null;
  #surfaced = false;
  // The object that the reader holds. Held weakly, only to find out whether the reader still holds it.
  #handle: WeakRef<object> | null = null;
  #place: Scope | null = null;

  constructor(outer: Scope, plan: StreamPlan<I, R>, options: (StructuredOptions & DiscardOptions) | undefined) {
    super(plan.kind, outer, options);
    this.#outer = outer;
    this.#plan = plan;
    this.#options = options;
    this.#source = new StreamSource<I>(this, plan.kind.name, plan.open);
    // Counts the source as pending until it is closed.
    this.begin();
    this.promise.then(() => this.#finish("done"), (error) => this.#finish({ error }));
  }

  /** Opens the source and starts the first work. All later work starts in the same async context. */
  open(): void {
    if (this.#reentry !== null || this.scope.aborted) return;
    runInScope(this.scope, () => {
      this.#reentry = new Reentry(() => this.#pump());
      if (this.#source.open()) this.#pump();
    });
  }

  /** Sets the object through which the stream is read. */
  readThrough(handle: object): void {
    // Needed only outside every scope: there, no end of a scope reveals that the stream was abandoned.
    if (this.#outer.parent === null) this.#handle = new WeakRef(handle);
  }

  /** Returns the next result for the reader. */
  next(): Promise<IteratorResult<R, undefined>> {
    const scope = currentScope();
    const refused = refusal(scope);
    if (refused !== null) return refused;
    this.open();
    const slot = this.#slots.first;
    // If a result is ready, no reader waits, because `#deliver` would have granted it.
    if (slot?.state === "ready") {
      return Promise.resolve(this.#take());
    }
    if (this.#outcome !== null) return this.#takeOutcome();
    const wait = enqueue<IteratorResult<R, undefined>, null>(this.#readers, null, scope);
    if (this.#plan.bound === 0) {
      this.#heldBack = false;
      this.#pumpSoon();
    }
    return wait;
  }

  /** Ends the stream early, and waits until none of its work runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#loss = null;
    this.#drop();
    if (this.#outcome === null) {
      this.scope.abort(new CancelledError(`${this.label} was abandoned before its end`));
      await this.promise.catch(() => {});
    } else this.#abandon();
  }

  /** Returns the failure that nobody has received yet, and counts it as received by the caller. */
  takeFailure(): { error: unknown } | null {
    const outcome = this.#outcome;
    if (outcome === null || outcome === "done") return null;
    this.#outcome = "done";
    this.#releasePlace();
    lost.unregister(this);
    return outcome;
  }

  override aborted(scope: Scope): void {
    super.aborted(scope);
    const running: Slot<R>[] = [];
    for (let at = this.#running.next; at !== this.#running; at = at.next) running.push(at as Slot<R>);
    for (const slot of running) slot.abort(this.scope.reason);
    this.#source.close();
  }

  override abandoned(): void {
    if (!this.#stopped) this.scope.abort(this.#lose());
  }

  override stragglers(): string[] {
    const names: string[] = [];
    for (let at = this.#running.next; at !== this.#running; at = at.next) {
      names.push(this.#plan.name((at as Slot<R>).index));
    }
    if (!this.#source.closed) names.push("its source");
    return names;
  }

  protected override value(): void {}

  /** The number of items that are in flight or wait to be read. */
  get #taken(): number {
    return this.#slots.size + (this.#plan.ordered ? 0 : this.#inFlight);
  }

  /** Takes items from the source while there is room. Runs in the stream's async context. */
  #pump(): void {
    const { concurrency, bound } = this.#plan;
    // The first items start together, and so do many that start in one turn.
    const together = this.#placed < concurrency || concurrency - this.#inFlight >= MANY;
    while (this.#source.ready && this.#inFlight < concurrency) {
      this.#heldBack = this.#taken >= (bound || this.#readers.size);
      if (this.#heldBack) return;
      const ended = this.#ended;
      this.#source.pull();
      // The step may have changed the async context.
      if (!together || (this.#ended > ended && this.#placed >= concurrency)) return this.#pumpSoon();
    }
  }

  #pumpSoon(): void {
    if (!this.#heldBack && this.#inFlight < this.#plan.concurrency && this.#source.ready) this.#reentry!.ask();
  }

  stepped(): void {
    this.#pumpSoon();
  }

  sourceClosed(cut: boolean): void {
    // Even if all started items completed, the source would have had more.
    if (cut) this.cancelled = true;
    this.end();
  }

  sourceFailed(error: unknown): void {
    this.fail(error);
  }

  lateFailure(error: unknown): void {
    if (!isCancellationOf(error, this.scope)) this.record(error, true);
  }

  pulled(item: I): void {
    const { free, ordered, rejected } = this.#plan;
    const places = free?.(item) === true ? 0 : 1;
    const slot = new Slot<R>(this.#index++);
    slot.insertBefore(this.#running);
    if (ordered) this.#slots.push(slot);
    this.#inFlight += places;
    this.#placed += places;
    this.begin();
    this.#plan.start(item, this.scope, slot, slot.index, (value) => {
      this.#inFlight -= places;
      this.#ended += places;
      slot.raw = value;
      slot.hasRaw = true;
      this.#settled(slot, this.#plan.fulfilled(value, slot.index));
    }, (error) => {
      this.#inFlight -= places;
      this.#ended += places;
      if (rejected !== undefined && this.#wanted && !isCancellationOf(error, this.scope)) {
        if (slot.hasSignal) {
          slot.abort(new CancelledError(`${this.#plan.name(slot.index)} has failed`, { cause: error }));
        }
        return this.#settled(slot, rejected(error, slot.index));
      }
      slot.state = "failed";
      // Before it leaves the ring of running items, so that its own signal is aborted too.
      this.fail(error);
      slot.unlink();
    });
  }

  /** Whether a further result is for the reader: not after a failure, an early end, or the end of the scope. */
  get #wanted(): boolean {
    return this.failures === null && !this.#stopped && this.#loss === null && this.state === "open";
  }

  #settled(slot: Slot<R>, value: R): void {
    slot.unlink();
    if (this.#wanted) {
      slot.state = "ready";
      slot.value = value;
      if (!this.#plan.ordered) this.#slots.push(slot);
      this.#deliver();
      this.#pumpSoon();
    } else {
      slot.state = "failed";
      this.#discard(slot);
    }
    this.end();
  }

  #deliver(): void {
    for (let reader = this.#readers.head(); reader !== null; reader = this.#readers.head()) {
      const slot = this.#slots.first;
      if (slot?.state !== "ready") return;
      reader.claim.grant(this.#shift());
    }
  }

  #take(): IteratorResult<R, undefined> {
    const result = this.#shift();
    if (this.#heldBack && this.#taken <= this.#plan.concurrency) {
      this.#heldBack = false;
      this.#pumpSoon();
    }
    return result;
  }

  #shift(): IteratorResult<R, undefined> {
    const { value } = this.#slots.shift();
    if (this.#slots.size === 0 && this.#unreadFailure === null) this.#releasePlace();
    return { done: false, value: value as R };
  }

  /** Discards a result. Without `onDiscard`, whose callback may still use the value, the item's signal is aborted. */
  #discard(slot: Slot<R>): void {
    if (!slot.hasRaw) return;
    if (this.#options?.onDiscard === undefined) slot.abort(this.#dropReason);
    else if (this.#plan.repeats?.(slot.index) !== true) discard(this.#options, slot.raw);
  }

  get #dropReason(): unknown {
    if (this.scope.aborted) return this.scope.reason;
    return this.#dropped ??= new CancelledError(`A result of ${this.label} was abandoned`);
  }

  #drop(from = 0): void {
    for (const slot of this.#slots.takeFrom(from)) {
      if (slot.state === "ready") this.#discard(slot);
    }
  }

  /** Called when no work of the stream runs any more. Results that are ready can still be read. */
  #finish(outcome: { error: unknown } | "done"): void {
    this.#outcome = outcome;
    // With `ordered`, results behind a failed or cancelled item are never reached.
    const gap = this.#slots.findIndex((slot) => slot.state !== "ready");
    if (gap !== -1) this.#drop(gap);
    if (this.#stopped) this.#abandon();
    else this.#deliver();
    for (let reader = this.#readers.head(); reader !== null; reader = this.#readers.head()) {
      const end = this.#takeEnd();
      if (end !== null) {
        reader.claim.fail(end.error);
        if (!end.genuine) reader.claim.promise.catch(nothing);
      } else reader.claim.grant({ done: true, value: undefined });
    }
    if (!this.#stopped) this.#keepPlace();
  }

  #takeOutcome(): Promise<IteratorResult<R, undefined>> {
    const end = this.#stopped ? null : this.#takeEnd();
    if (end === null) return Promise.resolve({ done: true, value: undefined });
    return end.genuine ? Promise.reject(end.error) : cancelledPromise(end.error);
  }

  /** Returns, once, the error that a reader gets instead of `done` after it has read all ready results. */
  #takeEnd(): { error: unknown; genuine: boolean } | null {
    const genuine = this.#unreadFailure !== null;
    const end = this.takeFailure() ?? this.#loss;
    this.#loss = null;
    return end === null ? null : { error: end.error, genuine };
  }

  /** The failure, not a cancellation, with which the stream ended and that nobody has received yet. */
  get #unreadFailure(): { error: unknown } | null {
    const outcome = this.#outcome;
    if (outcome === null || outcome === "done") return null;
    return this.failures !== null || this.state === "left" ? outcome : null;
  }

  // An unread failure or result keeps a place in the tree, so that the end of the surrounding scope finds it.
  #keepPlace(): void {
    const discards = this.#options?.onDiscard !== undefined && this.#slots.size > 0;
    if (!discards && this.#unreadFailure === null) return;
    if (this.#outer.ended) return this.#abandonUnread();
    if (this.#outer.parent === null) {
      // The root never ends, so it would keep a place under it for ever.
      if (this.#unreadFailure !== null) this.#surfaceWhenLost(this.#unreadFailure.error);
      return;
    }
    this.#place = new Scope(this.#outer, this.label, true, true);
    this.#place.keeper = { aborted() {}, childless() {}, abandoned: () => this.#abandonUnread() };
  }

  #releasePlace(): void {
    this.#place?.end();
    this.#place = null;
  }

  /** Called when the reader has ended the iteration early. */
  #abandon(): void {
    this.#drop();
    this.#surface();
  }

  /** Called when the surrounding scope ends after the stream. */
  #abandonUnread(): void {
    if (this.#options?.onDiscard !== undefined && this.#slots.size > 0) this.#lose();
    this.#surface();
  }

  /**
   * Called when the surrounding scope ends. Perhaps nobody reads any more, so the unread results go to `onDiscard`;
   * without one, they can still be read.
   */
  #lose(): CancelledError {
    const error = new CancelledError(`${this.label} was abandoned before its end: the scope it was made in has ended`);
    this.#loss = { error };
    if (this.#options?.onDiscard !== undefined) this.#drop();
    return error;
  }

  #surface(): void {
    this.#releasePlace();
    const failure = this.#unreadFailure;
    if (failure === null || this.#surfaced) return;
    this.#surfaced = true;
    // A reader or `await using` may still receive it before the next turn.
    surface(failure.error, () => this.#outcome === "done");
  }

  /** Surfaces the failure when the iterator is garbage collected: outside every scope, it can be read until then. */
  #surfaceWhenLost(error: unknown): void {
    const handle = this.#handle?.deref();
    if (handle !== undefined) lost.register(handle, error, this);
  }
}
