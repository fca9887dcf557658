/**
 * Reads the source of a stream, one step at a time, and closes it.
 *
 * ```text
 *            pull              step                 end, error
 * open ────────────► pulling ────────► open    any ────────────► closed
 *                    close (after an abort)      returned
 *                any ──────────────► closing ──────────────► closed
 * ```
 *
 * @module
 */

import { runInScope } from "../core/ambient.ts";
import type { Scope } from "../core/scope.ts";
import { adopt, observe } from "../core/foreign.ts";
import { inNextTurn } from "../core/next_turn.ts";
import { isThenable, wrongKind } from "../core/validate.ts";

/** The reader of a source. Its methods are called in the async context of `scope`. */
export interface SourceReader<I> {
  /** The scope in which the code of the source runs. */
  readonly scope: Scope;
  /** Takes an item. */
  pulled(item: I): void;
  /** Reports that an asynchronous step has ended, so that there may be room for another one. */
  stepped(): void;
  /** Reports that the source has ended or was closed. `cut`: it was closed before its end. */
  sourceClosed(cut: boolean): void;
  /** Reports that the source has ended because it threw. */
  sourceFailed(error: unknown): void;
  /** Reports that a step which was pending when the source was closed has thrown. */
  lateFailure(error: unknown): void;
}

/** Opens a source for a reader with the given scope. */
export type Opener<I> = (scope: Scope) => Iterator<I> | AsyncIterator<I>;

/** Returns the opener of `source`. Throws if `source` is not iterable. */
export function openerOf<I>(action: string, source: Iterable<I> | AsyncIterable<I>): Opener<I> {
  const { [Symbol.asyncIterator]: openAsync, [Symbol.iterator]: openSync, getReader, locked } = Object(source) as
    & Partial<AsyncIterable<I>>
    & Partial<Iterable<I>>
    & Partial<ReadableStream<I>>;
  if (typeof getReader === "function" && typeof locked === "boolean") {
    return (scope) => readStream(source as ReadableStream<I>, scope);
  }
  if (typeof openAsync === "function") {
    const open = () => openAsync.call(source as AsyncIterable<I>);
    return isNodeStream(source) ? () => readNodeStream(source, open()) : open;
  }
  if (typeof openSync === "function") return () => openSync.call(source as Iterable<I>);
  throw wrongKind(action, "source", "an iterable or async iterable", source);
}

/**
 * Reads a stream as its own iterator does, except that `return` does not wait for a pending `next`, which may never
 * settle if no chunk arrives.
 */
function readStream<I>(stream: ReadableStream<I>, scope: Scope): AsyncIterator<I, undefined> {
  const reader = stream.getReader();
  return {
    next: () =>
      reader.read().then((step) => {
        if (step.done) reader.releaseLock();
        return step as IteratorResult<I, undefined>;
      }, (error) => {
        reader.releaseLock();
        throw error;
      }),
    return() {
      const cancelled = reader.cancel(scope.reason);
      // No read is pending any more, because `cancel` settles it.
      reader.releaseLock();
      return cancelled.then(() => ({ done: true, value: undefined }));
    },
  };
}

/** The part of `Readable` of `node:stream` that is used here. */
interface NodeStream {
  destroy(): unknown;
}

/** Detects a Node stream by its methods: browsers have no `node:stream`, and other packages have their own streams. */
function isNodeStream(source: unknown): source is NodeStream {
  const { destroy, pipe, read, on } = Object(source) as Record<string, unknown>;
  return [destroy, pipe, read, on].every((method) => typeof method === "function");
}

/** Reads a Node stream, and destroys it at once on `return`; its own iterator would wait for the next chunk first. */
function readNodeStream<I>(stream: NodeStream, iterator: AsyncIterator<I>): AsyncIterator<I, undefined> {
  const END: IteratorResult<I, undefined> = { done: true, value: undefined };
  let destroyed = false;
  return {
    next: () =>
      Promise.resolve(iterator.next()).catch((error) => {
        // The stream reports a premature close, which `return` has requested.
        if (destroyed) return END;
        throw error;
      }) as Promise<IteratorResult<I, undefined>>,
    return() {
      destroyed = true;
      stream.destroy();
      const closed = adopt(iterator.return?.());
      // The wait is bounded, because standard input in Deno 2.9 never reports that it is closed.
      return new Promise((resolve) => {
        closed.then(() => resolve(END), () => resolve(END));
        inNextTurn(() => inNextTurn(() => resolve(END)));
      });
    },
  };
}

/** The open source of one stream. */
export class StreamSource<I> {
  readonly #reader: SourceReader<I>;
  readonly #kind: string;
  readonly #open: Opener<I>;
  #iterator: Iterator<I> | AsyncIterator<I> | null = null;
  #state: "unopened" | "open" | "pulling" | "closing" | "closed" = "unopened";
  // Whether code of the source is on the call stack.
  #inSource = false;

  constructor(reader: SourceReader<I>, kind: string, open: Opener<I>) {
    this.#reader = reader;
    this.#kind = kind;
    this.#open = open;
  }

  /** Whether a step can be pulled. */
  get ready(): boolean {
    return this.#state === "open";
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  /** Opens the source. Returns false if it was opened before, or threw. */
  open(): boolean {
    if (this.#state !== "unopened") return false;
    this.#state = "open";
    return this.#ask(() => this.#iterator = this.#open(this.#reader.scope));
  }

  /** Pulls a step. The caller has checked `ready`. */
  pull(): void {
    this.#state = "pulling";
    let step!: IteratorResult<I> | PromiseLike<IteratorResult<I>>;
    let later = false;
    const asked = this.#ask(() => {
      step = this.#iterator!.next();
      later = isThenable(step);
    });
    if (!asked) return;
    if (!later) return this.#stepped(step as IteratorResult<I>);
    observe(step, (step) => {
      this.#stepped(step);
      this.#reader.stepped();
    }, (error) => this.#failed(error));
  }

  /** Closes the source, because the scope is aborted. */
  close(): void {
    // A generator cannot be closed while it runs, so one that aborts its own scope is closed afterwards, by `#ask`.
    if (!this.#inSource) runInScope(this.#reader.scope, () => this.#close());
  }

  /** Calls code of the source. Returns false if it throws. */
  #ask(fn: () => void): boolean {
    this.#inSource = true;
    try {
      fn();
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    } finally {
      this.#inSource = false;
      if (this.#reader.scope.aborted) this.#close();
    }
  }

  #stepped(step: IteratorResult<I>): void {
    if (this.#state !== "pulling") return;
    let done: boolean;
    let item: I | undefined;
    try {
      if (Object(step) !== step) throw wrongKind(this.#kind, "source", "an iterator that returns objects", step);
      done = Boolean(step.done);
      if (!done) item = step.value;
    } catch (error) {
      return this.#failed(error);
    }
    // Reading the step may have run a getter, which can do anything, so check the state again.
    if (this.#state !== "pulling") return;
    this.#state = "open";
    if (done) this.#end(false);
    // An item that arrives after the abort is dropped.
    else if (this.#reader.scope.aborted) this.#close();
    else this.#reader.pulled(item as I);
  }

  #end(cut: boolean): void {
    this.#state = "closed";
    this.#reader.sourceClosed(cut);
  }

  #failed(error: unknown): void {
    const over = this.#state === "closing" || this.#state === "closed";
    this.#state = "closed";
    if (over) this.#reader.lateFailure(error);
    else this.#reader.sourceFailed(error);
  }

  #close(): void {
    const iterator = this.#iterator;
    if (
      this.#state === "closing" || this.#state === "closed" || (this.#state === "pulling" && isAsyncGenerator(iterator))
    ) return;
    this.#state = "closing";
    let closed: unknown;
    try {
      const end = iterator?.return;
      if (typeof end === "function") closed = (end as () => unknown).call(iterator);
    } catch (error) {
      return this.#closingFailed(error);
    }
    observe(closed, () => this.#end(true), (error) => this.#closingFailed(error));
  }

  #closingFailed(error: unknown): void {
    this.#state = "closed";
    this.#reader.sourceFailed(error);
  }
}

/**
 * Whether the iterator delays `return` until a pending `next` has settled. The rest of it would then run without an
 * async context, so such an iterator is closed only after its pending step.
 */
function isAsyncGenerator(iterator: unknown): boolean {
  try {
    return Object.prototype.toString.call(iterator) === "[object AsyncGenerator]";
  } catch {
    return false;
  }
}
