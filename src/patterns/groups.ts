/**
 * Groups of the items that a source yields: the engine of `batch` and `debounce`.
 *
 * @module
 */

import { currentScope, openScope } from "../core/ambient.ts";
import { clockNow } from "../core/clock.ts";
import { isCancellationOf } from "../core/failures.ts";
import { surface } from "../core/next_turn.ts";
import type { CallKind } from "../core/structured_call.ts";
import { asWait } from "../core/wait_queue.ts";
import { Results, type ResultSource } from "../compose/results.ts";
import { ResultStream } from "../compose/result_stream.ts";
import type { Opener } from "../compose/stream_source.ts";
import { moveOnAfter } from "../time/timeout.ts";

/** What makes a group complete, and what becomes of it. */
export interface GroupPlan<T, R> {
  readonly kind: CallKind;
  readonly open: Opener<T>;
  /** The greatest number of items. */
  readonly size: number;
  /** The time, in ms, after which a group is complete. */
  readonly ms: number;
  /** Whether each item replaces the one before it and starts the time anew. */
  readonly latest: boolean;
  /** Makes the result from the items, of which there is at least one. */
  readonly result: (items: T[]) => R;
}

class Groups<T, R> implements ResultSource<R> {
  readonly #plan: GroupPlan<T, R>;
  readonly #source: ResultSource<T>;
  // The items that have arrived and belong to the next group, and when that is complete.
  #items: T[] = [];
  #due = Infinity;
  // A failure of the source that has to wait for the group before it.
  #failure: { error: unknown } | null = null;

  constructor(plan: GroupPlan<T, R>, source: ResultSource<T>) {
    this.#plan = plan;
    this.#source = source;
  }

  next(): Promise<IteratorResult<R, undefined>> {
    return asWait(currentScope(), undefined, this.#next());
  }

  async #next(): Promise<IteratorResult<R, undefined>> {
    while (this.#failure === null && this.#items.length < this.#plan.size && await this.#receive());
    const items = this.#items;
    this.#items = [];
    if (items.length > 0) return { value: this.#plan.result(items), done: false };
    const failure = this.takeFailure();
    if (failure !== null) throw failure.error;
    return { value: undefined, done: true };
  }

  /** Waits for the next item. Returns false if there is none, or the time of the group has passed. */
  async #receive(): Promise<boolean> {
    const scope = currentScope();
    const read = () => this.#source.next();
    const items = this.#items;
    let step: IteratorResult<T, undefined> | undefined;
    try {
      step = await (items.length === 0 || this.#due === Infinity
        ? read()
        : moveOnAfter(Math.max(0, this.#due - clockNow()), read));
    } catch (error) {
      if (isCancellationOf(error, openScope(scope))) throw error;
      this.#failure = { error };
      return false;
    }
    if (step === undefined || step.done) return false;
    if (this.#plan.latest) items.length = 0;
    if (items.length === 0) this.#due = clockNow() + this.#plan.ms;
    items.push(step.value);
    return true;
  }

  async stop(): Promise<void> {
    this.#items = [];
    await this.#source.stop();
    const failure = this.#failure;
    if (failure !== null) surface(failure.error, () => this.#failure === null);
  }

  takeFailure(): { error: unknown } | null {
    const failure = this.#failure ?? this.#source.takeFailure();
    this.#failure = null;
    return failure;
  }
}

/** Groups the items of a source, which runs in the ambient scope. */
export function groups<T, R>(plan: GroupPlan<T, R>): Results<R> {
  const source = new ResultStream<T, T>(currentScope(), {
    kind: plan.kind,
    open: plan.open,
    name: (index) => `items[${index}]`,
    start: (item, _scope, _own, _index, ok) => ok(item),
    fulfilled: (item) => item as T,
    concurrency: 1,
    bound: 0,
    ordered: true,
  }, undefined);
  const results = new Results<R>(new Groups(plan, source));
  source.readThrough(results);
  if (source.scope.aborted) source.aborted(source.scope);
  return results;
}
