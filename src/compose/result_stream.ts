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
import { attachAsyncDispose } from "../core/dispose.ts";
import { CancelledError } from "../core/errors.ts";
import { isCancellationOf } from "../core/failures.ts";
import { surface } from "../core/next_turn.ts";
import { Scope } from "../core/scope.ts";
import {
  observe,
  StructuredCall,
  type StructuredOptions,
} from "../core/structured_call.ts";
import { isThenable } from "../core/validate.ts";
import { enqueue, refusal, WaitQueue } from "../core/wait_queue.ts";
import { discard, type DiscardOptions } from "./entries.ts";

/** What a stream works on. */
export interface StreamPlan<I, R> {
  readonly kind: string;
  /** Begins to read the source. */
  open(): Iterator<I> | AsyncIterator<I>;
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
  readonly concurrency: number;
  /** How many items may be in flight or wait to be read. */
  readonly bound: number;
  readonly ordered: boolean;
}

/** A result on its way to the reader. */
interface Slot<R> {
  state: "running" | "ready" | "failed";
  value: R | undefined;
  /** What `onDiscard` gets, if the result is a value. */
  raw: unknown;
  hasRaw: boolean;
}

class ResultStream<I, R> extends StructuredCall<void> {
  readonly #plan: StreamPlan<I, R>;
  readonly #options: DiscardOptions | undefined;
  readonly #outer: Scope;
  readonly #readers = new WaitQueue<null>();
  // In order of the input when `ordered`, else of completion. What is before #head has been read.
  #slots: Slot<R>[] = [];
  #head = 0;
  #inFlight = 0;
  #index = 0;
  #iterator: Iterator<I> | AsyncIterator<I> | null = null;
  #source: "unopened" | "open" | "pulling" | "closed" = "unopened";
  #heldBack = false;
  #stopped = false;
  #pumping = false;
  #outcome: { error: unknown } | "done" | null = null;
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
    // The source, until it is closed.
    this.begin();
    this.promise.then(
      () => this.#finish("done"),
      (error) => this.#finish({ error }),
    );
  }

  override get label(): string {
    const { kind } = this.#plan;
    return this.scope.name === undefined
      ? kind
      : `${kind} ${JSON.stringify(this.scope.name)}`;
  }

  /** Opens the source and starts the first work. */
  open(): void {
    if (this.#source !== "unopened" || this.scope.aborted) return;
    this.#source = "open";
    runInScope(this.scope, () => {
      try {
        this.#iterator = this.#plan.open();
      } catch (error) {
        return this.#sourceEnded(error);
      }
      this.#pump();
    }, undefined);
  }

  /** The next result for the reader. */
  next(): Promise<IteratorResult<R, undefined>> {
    const scope = currentScope();
    const refused = refusal(scope, undefined);
    if (refused !== null) return refused;
    this.open();
    const slot = this.#slots[this.#head];
    if (this.#readers.size === 0 && slot?.state === "ready") {
      return Promise.resolve(this.#take(slot));
    }
    if (this.#outcome === null) return enqueue(this.#readers, null, scope);
    return this.#takeOutcome();
  }

  /** Ends the stream before its end, and waits until nothing of it runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#drop();
    if (this.#outcome === null) {
      this.scope.abort(
        new CancelledError(`${this.label} was left before its end`),
      );
      await this.promise.catch(() => {});
    } else this.#surfaceUnread();
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
    runInScope(this.scope, () => this.#closeSource(), undefined);
  }

  override abandoned(): void {
    void this.stop();
  }

  protected override value(): void {}

  protected override ownAbort(): void {}

  /** How many items are in flight or wait to be read. */
  get #taken(): number {
    return this.#slots.length - this.#head +
      (this.#plan.ordered ? 0 : this.#inFlight);
  }

  /** Takes from the source while there is room. Runs in the stream's context. */
  #pump(): void {
    // A function that returns no promise has settled within this loop, which then goes on by itself.
    if (this.#pumping) return;
    this.#pumping = true;
    const { concurrency, bound } = this.#plan;
    while (
      this.#source === "open" && this.#inFlight < concurrency &&
      !this.scope.aborted
    ) {
      this.#heldBack = this.#taken >= bound;
      if (this.#heldBack) break;
      try {
        const step = this.#iterator!.next();
        if (isThenable(step)) this.#awaitStep(step);
        else this.#pulled(step);
      } catch (error) {
        this.#sourceEnded(error);
      }
    }
    this.#pumping = false;
  }

  #awaitStep(step: PromiseLike<IteratorResult<I>>): void {
    this.#source = "pulling";
    observe(step, (step) => {
      if (this.#source !== "pulling") return;
      this.#source = "open";
      this.#pulled(step);
      this.#pump();
    }, (error) => {
      if (this.#source === "pulling") this.#sourceEnded(error);
      else if (!isCancellationOf(error, this.scope)) this.record(error, true);
    });
  }

  #pulled(step: IteratorResult<I>): void {
    if (step.done === true) {
      this.#source = "closed";
      return this.end();
    }
    this.#start(step.value);
  }

  /** The source has thrown: it is closed, and its error is what the reader gets. */
  #sourceEnded(error: unknown): void {
    this.#source = "closed";
    this.fail(error);
  }

  #start(item: I): void {
    const index = this.#index++;
    const slot: Slot<R> = {
      state: "running",
      value: undefined,
      raw: undefined,
      hasRaw: false,
    };
    if (this.#plan.ordered) this.#slots.push(slot);
    this.#inFlight++;
    this.begin();
    const { rejected } = this.#plan;
    this.#plan.start(item, this.scope, index, (value) => {
      slot.raw = value;
      slot.hasRaw = true;
      this.#settled(slot, this.#plan.fulfilled(value, index));
    }, (error) => {
      if (rejected !== undefined && !isCancellationOf(error, this.scope)) {
        return this.#settled(slot, rejected(error, index));
      }
      this.#inFlight--;
      slot.state = "failed";
      this.fail(error);
    });
  }

  #settled(slot: Slot<R>, value: R): void {
    this.#inFlight--;
    slot.state = "ready";
    slot.value = value;
    // What completes after the failure or the abort is for nobody.
    if (this.scope.aborted) this.#discard(slot);
    else {
      if (!this.#plan.ordered) this.#slots.push(slot);
      this.#deliver();
      this.#pump();
    }
    this.end();
  }

  #deliver(): void {
    for (
      let reader = this.#readers.head();
      reader !== null;
      reader = this.#readers.head()
    ) {
      const slot = this.#slots[this.#head];
      if (slot?.state !== "ready") return;
      reader.claim.grant(this.#shift(slot));
    }
  }

  #take(slot: Slot<R>): IteratorResult<R, undefined> {
    const result = this.#shift(slot);
    if (this.#heldBack && this.#taken <= this.#plan.concurrency) {
      // Not at every read: entering the context costs more than a result.
      this.#heldBack = false;
      runInScope(this.scope, () => this.#pump(), undefined);
    }
    return result;
  }

  #shift(slot: Slot<R>): IteratorResult<R, undefined> {
    const slots = this.#slots;
    slots[this.#head++] = undefined as never;
    if (this.#head === slots.length) {
      slots.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > slots.length) {
      slots.splice(0, this.#head);
      this.#head = 0;
    }
    return { done: false, value: slot.value as R };
  }

  /** Runs in the stream's context, once, when it is aborted. */
  #closeSource(): void {
    const state = this.#source;
    if (state === "closed") return;
    this.#source = "closed";
    // Not all was read of it, whatever had completed.
    this.cancelled = true;
    const iterator = this.#iterator;
    if (
      state === "unopened" || iterator === null ||
      typeof iterator.return !== "function"
    ) return this.end();
    let closed: unknown;
    try {
      closed = iterator.return();
    } catch (error) {
      return this.fail(error);
    }
    observe(closed, () => this.end(), (error) => this.fail(error));
  }

  #discard(slot: Slot<R>): void {
    if (slot.hasRaw) discard(this.#options, slot.raw);
  }

  #drop(from = this.#head): void {
    for (const slot of this.#slots.splice(from)) {
      if (slot.state === "ready") this.#discard(slot);
    }
  }

  /** Nothing of the stream runs any more. What is ready to be read still is. */
  #finish(outcome: { error: unknown } | "done"): void {
    this.#outcome = outcome;
    // In order, what stands behind a failure or a cancelled one is never reached.
    const gap = this.#slots.findIndex((slot, i) =>
      i >= this.#head && slot.state !== "ready"
    );
    if (gap !== -1) this.#drop(gap);
    if (this.#stopped) {
      this.#drop();
      this.#surfaceUnread();
    } else this.#keepPlace();
    this.#deliver();
    for (
      let reader = this.#readers.head();
      reader !== null;
      reader = this.#readers.head()
    ) {
      const failure = this.#stopped ? null : this.takeFailure();
      if (failure !== null) reader.claim.fail(failure.error);
      else reader.claim.grant({ done: true, value: undefined });
    }
  }

  #takeOutcome(): Promise<IteratorResult<R, undefined>> {
    const failure = this.#stopped ? null : this.takeFailure();
    if (failure !== null) return Promise.reject(failure.error);
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Whether the stream ended with a failure, not by cancellation, that nobody has been given. */
  get #unreadFailure(): unknown {
    const outcome = this.#outcome;
    if (outcome === null || outcome === "done") return undefined;
    return this.failures !== null || this.state === "left"
      ? outcome.error
      : undefined;
  }

  // A failure that is not read yet keeps a place in the tree, so that the end of the scope around finds it.
  #keepPlace(): void {
    if (this.#unreadFailure === undefined || this.#outer.ended) return;
    this.#place = new Scope(this.#outer, this.label, true, true);
    this.#place.keeper = {
      aborted() {},
      childless() {},
      abandoned: () => this.#surfaceUnread(),
    };
  }

  #releasePlace(): void {
    this.#place?.end();
    this.#place = null;
  }

  #surfaceUnread(): void {
    this.#releasePlace();
    const error = this.#unreadFailure;
    // Until then `await using` may take it.
    if (error !== undefined) surface(error, () => this.#outcome === "done");
  }
}

/** What `map` and `asCompleted` return: to be read with `for await`, or by hand and ended with `await using`. */
export class Results<R>
  implements AsyncIterableIterator<R, undefined, unknown> {
  readonly #stream: ResultStream<never, R>;

  /**
   * Ends it at the end of a block, for `await using`: aborts what runs, waits for it, closes the source, and throws
   * what failed meanwhile.
   */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  /** @internal Use `map` or `asCompleted`. */
  constructor(stream: object) {
    this.#stream = stream as ResultStream<never, R>;
  }

  /**
   * Returns the next result, and waits for it if need be.
   *
   * **Cancellation**: an abort of the scope that reads takes nothing; one may go on reading.
   *
   * @returns The result, or `done`.
   * @throws What failed, after what had completed before was read.
   */
  next(): Promise<IteratorResult<R, undefined>> {
    return this.#stream.next();
  }

  /**
   * Ends it early, as `break` does: aborts what runs, waits for it, and closes the source. JavaScript does not say
   * whether the loop's body threw, and then drops what this rejects with; so failures met meanwhile become an
   * unhandled rejection, unless `await using` takes them.
   *
   * @returns `done`.
   */
  async return(): Promise<IteratorResult<R, undefined>> {
    await this.#stream.stop();
    return { done: true, value: undefined };
  }

  /** Returns itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  static {
    attachAsyncDispose(
      Results.prototype,
      async function (this: Results<unknown>): Promise<void> {
        await this.#stream.stop();
        const failure = this.#stream.takeFailure();
        if (failure !== null) throw failure.error;
      },
    );
  }
}

/** Makes a stream in the ambient scope; `eager` starts it at once. */
export function streamResults<I, R>(
  plan: StreamPlan<I, R>,
  options: (StructuredOptions & DiscardOptions) | undefined,
  eager: boolean,
): Results<R> {
  const stream = new ResultStream<I, R>(currentScope(), plan, options);
  if (stream.scope.aborted) stream.aborted();
  if (eager) stream.open();
  return new Results<R>(stream);
}
