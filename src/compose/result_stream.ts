/**
 * The engine of `map` and `asCompleted`: work over a source, its results read one by one.
 *
 * ```text
 * source ──pull──► in flight ──ok──► waiting to be read ──next()──► reader
 *          (only while fewer than `bound` are in flight or waiting)
 * ```
 *
 * Items start in the async context in which the stream was opened, not in that of one that has ended; see
 * {@linkcode Reentry}.
 *
 * @module
 */

import { currentScope, runInScope } from "../core/ambient.ts";
import { CancelledError } from "../core/errors.ts";
import { isCancellationOf } from "../core/failures.ts";
import { Fifo } from "../core/fifo.ts";
import { cancelledPromise, nothing } from "../core/foreign.ts";
import { Link } from "../core/link.ts";
import { MANY, Reentry } from "../core/reentry.ts";
import { surface } from "../core/next_turn.ts";
import { Scope } from "../core/scope.ts";
import { StructuredCall, type StructuredOptions } from "../core/structured_call.ts";
import { enqueue, refusal, WaitQueue } from "../core/wait_queue.ts";
import { discard, type DiscardOptions } from "./entries.ts";
import { type Opener, type SourceReader, StreamSource } from "./stream_source.ts";

/** What a stream works on. */
export interface StreamPlan<I, R> {
  readonly kind: string;
  /** What messages call the work for one item. */
  name(index: number): string;
  readonly open: Opener<I>;
  /** Starts the work for one item, whose signal `own` makes. */
  start(
    item: I,
    scope: Scope,
    own: ItemSignal,
    index: number,
    ok: (value: unknown) => void,
    no: (error: unknown) => void,
  ): void;
  /** Whether the item comes to the same value as one before it, which gets that value or gives it away. */
  repeats?(index: number): boolean;
  /** What the reader gets for a value. */
  fulfilled(value: unknown, index: number): R;
  /** What the reader gets for a failure; absent: the failure ends the stream. */
  rejected?: ((reason: unknown, index: number) => R) | undefined;
  /** How many items may be in flight, without those that take no place. */
  readonly concurrency: number;
  /** Whether an item takes no place, because it runs already. */
  free?(item: I): boolean;
  /** How many items may be in flight or wait to be read. */
  readonly bound: number;
  readonly ordered: boolean;
}

/** Where the work for one item gets its signal. */
export interface ItemSignal {
  readonly signal: AbortSignal;
}

/** A result on its way to the reader; in a ring while it is in flight. */
class Slot<R> extends Link implements ItemSignal {
  readonly index: number;
  // Each item has one of its own: what the reader has got, such as a response whose body is not read yet, is not aborted
  // with the rest.
  controller: AbortController | null = null;
  state: "running" | "ready" | "failed" = "running";
  value: R | undefined = undefined;
  /** What `onDiscard` gets, if the result is a value. */
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

// The failures of iterators that nobody can read any more.
const lost = new FinalizationRegistry<unknown>((error) => surface(error));

/** The engine of one iteration. */
export class ResultStream<I, R> extends StructuredCall<void> implements SourceReader<I> {
  readonly #plan: StreamPlan<I, R>;
  readonly #options: DiscardOptions | undefined;
  readonly #outer: Scope;
  readonly #source: StreamSource<I>;
  readonly #readers = new WaitQueue<null>();
  // In order of the input when `ordered`, else of completion.
  readonly #slots = new Fifo<Slot<R>>();
  readonly #running = new Link();
  #inFlight = 0;
  #index = 0;
  #heldBack = false;
  #stopped = false;
  // How many items have taken a place, and how many of these have ended.
  #placed = 0;
  #ended = 0;
  // Not null ⇔ it has been opened.
  #reentry: Reentry | null = null;
  #outcome: { error: unknown } | "done" | null = null;
  // What a reader is told after the rest, because the end of the scope around has cost it results.
  #loss: { error: CancelledError } | null = null;
  #dropped: CancelledError | null = null;
  #surfaced = false;
  // What the reader has, of which nothing here knows but whether it is still there.
  #handle: WeakRef<object> | null = null;
  #place: Scope | null = null;

  constructor(
    outer: Scope,
    plan: StreamPlan<I, R>,
    options: (StructuredOptions & DiscardOptions) | undefined,
  ) {
    super(outer, options, { abandonable: true });
    this.#outer = outer;
    this.#plan = plan;
    this.#options = options;
    this.#source = new StreamSource<I>(this, plan.kind, plan.open);
    // The source, until it is closed.
    this.begin();
    this.promise.then(
      () => this.#finish("done"),
      (error) => this.#finish({ error }),
    );
  }

  protected override get kind(): string {
    return this.#plan.kind;
  }

  /** Opens the source and starts the first work, in the context that all the rest starts in. */
  open(): void {
    if (this.#reentry !== null || this.scope.aborted) return;
    runInScope(this.scope, () => {
      this.#reentry = new Reentry(() => this.#pump());
      if (this.#source.open()) this.#pump();
    });
  }

  /** Says through what it is read. */
  readThrough(handle: object): void {
    // Only outside of every scope nothing else tells that it is lost.
    if (this.#outer.parent === null) this.#handle = new WeakRef(handle);
  }

  /** The next result for the reader. */
  next(): Promise<IteratorResult<R, undefined>> {
    const scope = currentScope();
    const refused = refusal(scope);
    if (refused !== null) return refused;
    this.open();
    const slot = this.#slots.first;
    // Nobody waits for one that is ready: `#deliver` has seen to that.
    if (slot?.state === "ready") {
      return Promise.resolve(this.#take());
    }
    if (this.#outcome === null) return enqueue(this.#readers, null, scope);
    return this.#takeOutcome();
  }

  /** Ends the stream before its end, and waits until nothing of it runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#loss = null;
    this.#drop();
    if (this.#outcome === null) {
      this.scope.abort(
        new CancelledError(`${this.label} was left before its end`),
      );
      await this.promise.catch(() => {});
    } else this.#forsake();
  }

  /** The failure that nobody has been given, which from now on is the caller's. */
  takeFailure(): { error: unknown } | null {
    const outcome = this.#outcome;
    if (outcome === null || outcome === "done") return null;
    this.#outcome = "done";
    this.#releasePlace();
    lost.unregister(this);
    return outcome;
  }

  override aborted(): void {
    super.aborted();
    const running: Slot<R>[] = [];
    for (let at = this.#running.next; at !== this.#running; at = at.next) running.push(at as Slot<R>);
    for (const slot of running) slot.abort(this.scope.reason);
    this.#source.close();
  }

  override abandoned(): void {
    if (!this.#stopped) this.scope.abort(this.#lose());
  }

  protected override stragglers(): string[] {
    const names: string[] = [];
    for (let at = this.#running.next; at !== this.#running; at = at.next) {
      names.push(this.#plan.name((at as Slot<R>).index));
    }
    if (!this.#source.closed) names.push("its source");
    return names;
  }

  protected override value(): void {}

  protected override ownAbort(): void {}

  /** How many items are in flight or wait to be read. */
  get #taken(): number {
    return this.#slots.size +
      (this.#plan.ordered ? 0 : this.#inFlight);
  }

  /** Takes from the source while there is room. Runs in the stream's context. */
  #pump(): void {
    const { concurrency, bound } = this.#plan;
    // Those with which the stream begins start together.
    const together = this.#placed < concurrency || concurrency - this.#inFlight >= MANY;
    while (this.#source.ready && this.#inFlight < concurrency) {
      this.#heldBack = this.#taken >= bound;
      if (this.#heldBack) return;
      const ended = this.#ended;
      this.#source.pull();
      // It may have left us in a context of its own.
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
    // Whatever had completed, there would have been more.
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
      // While it still stands among those that run: its own signal is aborted too.
      this.fail(error);
      slot.unlink();
    });
  }

  /** Whether a further result is for the reader, not for nobody: after a failure, and when either side has left. */
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
    for (
      let reader = this.#readers.head();
      reader !== null;
      reader = this.#readers.head()
    ) {
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

  /** What nobody gets. Whoever is given it by `onDiscard` still uses it; otherwise its signal is aborted. */
  #discard(slot: Slot<R>): void {
    if (!slot.hasRaw) return;
    if (this.#options?.onDiscard === undefined) slot.abort(this.#dropReason);
    else if (this.#plan.repeats?.(slot.index) !== true) discard(this.#options, slot.raw);
  }

  get #dropReason(): unknown {
    if (this.scope.aborted) return this.scope.reason;
    return this.#dropped ??= new CancelledError(`Nobody has read the result of ${this.label}`);
  }

  #drop(from = 0): void {
    for (const slot of this.#slots.takeFrom(from)) {
      if (slot.state === "ready") this.#discard(slot);
    }
  }

  /** Nothing of the stream runs any more. What is ready to be read still is. */
  #finish(outcome: { error: unknown } | "done"): void {
    this.#outcome = outcome;
    // In order, what stands behind a failure or a cancelled one is never reached.
    const gap = this.#slots.findIndex((slot) => slot.state !== "ready");
    if (gap !== -1) this.#drop(gap);
    if (this.#stopped) this.#forsake();
    else this.#deliver();
    for (
      let reader = this.#readers.head();
      reader !== null;
      reader = this.#readers.head()
    ) {
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

  /** What a reader who has read all that is ready gets instead of `done`, once. */
  #takeEnd(): { error: unknown; genuine: boolean } | null {
    const genuine = this.#unreadFailure !== null;
    const end = this.takeFailure() ?? this.#loss;
    this.#loss = null;
    return end === null ? null : { error: end.error, genuine };
  }

  /** The failure, not the cancellation, that the stream ended with and nobody has been given. */
  get #unreadFailure(): { error: unknown } | null {
    const outcome = this.#outcome;
    if (outcome === null || outcome === "done") return null;
    return this.failures !== null || this.state === "left" ? outcome : null;
  }

  // What is not read yet keeps a place in the tree, so that the end of the scope around finds it.
  #keepPlace(): void {
    const discards = this.#options?.onDiscard !== undefined && this.#slots.size > 0;
    if (!discards && this.#unreadFailure === null) return;
    if (this.#outer.ended) return this.#orphan();
    if (this.#outer.parent === null) {
      // Nothing ends the root, so a place under it would be kept for ever.
      if (this.#unreadFailure !== null) this.#surfaceWhenLost(this.#unreadFailure.error);
      return;
    }
    this.#place = new Scope(this.#outer, this.label, true, true);
    this.#place.keeper = {
      aborted() {},
      childless() {},
      abandoned: () => this.#orphan(),
    };
  }

  #releasePlace(): void {
    this.#place?.end();
    this.#place = null;
  }

  /** The reader has left. */
  #forsake(): void {
    this.#drop();
    this.#surface();
  }

  /** The scope around has ended after the stream. */
  #orphan(): void {
    if (this.#options?.onDiscard !== undefined && this.#slots.size > 0) this.#lose();
    this.#surface();
  }

  /** The scope around has ended, and perhaps nobody reads any more: what has an owner goes back, the rest stays. */
  #lose(): CancelledError {
    const error = new CancelledError(`${this.label} was left before its end: the scope it was made in has ended`);
    this.#loss = { error };
    if (this.#options?.onDiscard !== undefined) this.#drop();
    return error;
  }

  #surface(): void {
    this.#releasePlace();
    const failure = this.#unreadFailure;
    if (failure === null || this.#surfaced) return;
    this.#surfaced = true;
    // Until then a reader or `await using` may take it.
    surface(failure.error, () => this.#outcome === "done");
  }

  /** Outside of every scope one may read at any time, until nobody has the iterator any more. */
  #surfaceWhenLost(error: unknown): void {
    const handle = this.#handle?.deref();
    if (handle !== undefined) lost.register(handle, error, this);
  }
}
