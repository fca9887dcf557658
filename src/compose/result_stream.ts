/**
 * The engine of `map` and `asCompleted`: work over a source, its results read one by one.
 *
 * ```text
 * source ──pull──► in flight ──ok──► waiting to be read ──next()──► reader
 *          (only while fewer than `bound` are in flight or waiting)
 * ```
 *
 * All callbacks run in the stream's own async context: they are attached there, and the reader's
 * `next()` enters it only when the source had been held back.
 *
 * @module
 */

import { currentScope, runInScope } from "../core/ambient.ts";
import { CancelledError } from "../core/errors.ts";
import { isCancellationOf } from "../core/failures.ts";
import { Fifo } from "../core/fifo.ts";
import { Link } from "../core/link.ts";
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
  /** Starts the work for one item. */
  start(
    item: I,
    scope: Scope,
    index: number,
    ok: (value: unknown) => void,
    no: (error: unknown) => void,
  ): void;
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

/** A result on its way to the reader; in a ring while it is in flight. */
class Slot<R> extends Link {
  readonly index: number;
  state: "running" | "ready" | "failed" = "running";
  value: R | undefined = undefined;
  /** What `onDiscard` gets, if the result is a value. */
  raw: unknown = undefined;
  hasRaw = false;

  constructor(index: number) {
    super();
    this.index = index;
  }
}

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
  #opened = false;
  #heldBack = false;
  #stopped = false;
  #pumping = false;
  #outcome: { error: unknown } | "done" | null = null;
  // What a reader is told after the rest, because the end of the scope around has cost it results.
  #loss: { error: CancelledError } | null = null;
  #surfaced = false;
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

  /** Opens the source and starts the first work. */
  open(): void {
    if (this.#opened || this.scope.aborted) return;
    this.#opened = true;
    runInScope(this.scope, () => {
      if (this.#source.open()) this.#pump();
    });
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
    return outcome;
  }

  override aborted(): void {
    super.aborted();
    this.#source.close();
  }

  override abandoned(): void {
    // It hears of it again whenever another child of that scope has ended.
    if (this.#stopped || this.#loss !== null) return;
    this.scope.abort(this.#lose());
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
    // A function that returns no promise has settled within this loop, which then goes on by itself.
    if (this.#pumping) return;
    this.#pumping = true;
    const { concurrency, bound } = this.#plan;
    while (this.#source.ready && this.#inFlight < concurrency) {
      this.#heldBack = this.#taken >= bound;
      if (this.#heldBack) break;
      this.#source.pull();
    }
    this.#pumping = false;
  }

  stepped(): void {
    this.#pump();
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
    this.begin();
    this.#plan.start(item, this.scope, slot.index, (value) => {
      this.#inFlight -= places;
      slot.raw = value;
      slot.hasRaw = true;
      this.#settled(slot, this.#plan.fulfilled(value, slot.index));
    }, (error) => {
      this.#inFlight -= places;
      if (rejected !== undefined && this.#wanted && !isCancellationOf(error, this.scope)) {
        return this.#settled(slot, rejected(error, slot.index));
      }
      slot.unlink();
      slot.state = "failed";
      this.fail(error);
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
      this.#pump();
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
      // Not at every read: entering the context costs more than a result.
      this.#heldBack = false;
      runInScope(this.scope, () => this.#pump());
    }
    return result;
  }

  #shift(): IteratorResult<R, undefined> {
    const { value } = this.#slots.shift();
    if (this.#slots.size === 0 && this.#unreadFailure === null) this.#releasePlace();
    return { done: false, value: value as R };
  }

  #discard(slot: Slot<R>): void {
    if (slot.hasRaw) discard(this.#options, slot.raw);
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
      const failure = this.#takeEnd();
      if (failure !== null) reader.claim.fail(failure.error);
      else reader.claim.grant({ done: true, value: undefined });
    }
    if (!this.#stopped) this.#keepPlace();
  }

  #takeOutcome(): Promise<IteratorResult<R, undefined>> {
    const failure = this.#stopped ? null : this.#takeEnd();
    if (failure !== null) return Promise.reject(failure.error);
    return Promise.resolve({ done: true, value: undefined });
  }

  /** What a reader who has read all that is ready gets instead of `done`, once. */
  #takeEnd(): { error: unknown } | null {
    const end = this.takeFailure() ?? this.#loss;
    this.#loss = null;
    return end;
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
}
