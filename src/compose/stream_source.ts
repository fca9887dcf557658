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

/** Whoever reads a source. All but `scope` is called in the async context of that. */
export interface SourceReader<I> {
  /** What the code of the source runs in. */
  readonly scope: Scope;
  /** Takes an item. */
  pulled(item: I): void;
  /** A step that was waited for is over: there may be room for another one. */
  stepped(): void;
  /** The source will not be asked again, because it is at its end or has been closed. `cut`: not all was read of it. */
  sourceClosed(cut: boolean): void;
  /** It is over too, because it has thrown. */
  sourceFailed(error: unknown): void;
  /** A step that was under way when the source was closed has thrown. */
  lateFailure(error: unknown): void;
}

/** Begins to read what one iterates over, for the scope of whoever reads. */
export type Opener<I> = (scope: Scope) => Iterator<I> | AsyncIterator<I>;

/** How to read `source`. Throws when it is nothing that can be read. */
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
 * Reads a stream as its own iterator does, but without putting off `return` until `next` has settled, which in a silent
 * stream is never.
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
      // Nothing is read any more: that has settled with the call.
      reader.releaseLock();
      return cancelled.then(() => ({ done: true, value: undefined }));
    },
  };
}

/** The part of a `Readable` of `node:stream` that we use. */
interface NodeStream {
  destroy(): unknown;
}

/** By what it can do: `node:stream` is not there in browsers, and other packages have streams of their own. */
function isNodeStream(source: unknown): source is NodeStream {
  const { destroy, pipe, read, on } = Object(source) as Record<string, unknown>;
  return [destroy, pipe, read, on].every((method) => typeof method === "function");
}

/** Reads a Node stream, but destroys it at once when it is closed: its own iterator would wait for the next chunk first. */
function readNodeStream<I>(stream: NodeStream, iterator: AsyncIterator<I>): AsyncIterator<I, undefined> {
  const END: IteratorResult<I, undefined> = { done: true, value: undefined };
  let destroyed = false;
  return {
    next: () =>
      Promise.resolve(iterator.next()).catch((error) => {
        // That it was closed too soon is what we have asked for.
        if (destroyed) return END;
        throw error;
      }) as Promise<IteratorResult<I, undefined>>,
    return() {
      destroyed = true;
      stream.destroy();
      const closed = adopt(iterator.return?.());
      // Not for ever: standard input in Deno 2.9 never reports that it is closed.
      return new Promise((resolve) => {
        closed.then(() => resolve(END), () => resolve(END));
        inNextTurn(() => inNextTurn(() => resolve(END)));
      });
    },
  };
}

/** The source of one stream. */
export class StreamSource<I> {
  readonly #reader: SourceReader<I>;
  readonly #kind: string;
  readonly #open: Opener<I>;
  #iterator: Iterator<I> | AsyncIterator<I> | null = null;
  #state: "unopened" | "open" | "pulling" | "closing" | "closed" = "unopened";
  // Whether code of the source is on the stack.
  #inSource = false;

  constructor(reader: SourceReader<I>, kind: string, open: Opener<I>) {
    this.#reader = reader;
    this.#kind = kind;
    this.#open = open;
  }

  /** Whether a step can be asked for. */
  get ready(): boolean {
    return this.#state === "open";
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  /** Begins to read. False when that was done before, or threw. */
  open(): boolean {
    if (this.#state !== "unopened") return false;
    this.#state = "open";
    return this.#ask(() => this.#iterator = this.#open(this.#reader.scope));
  }

  /** Asks for a step. The caller has looked at `ready`. */
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

  /** Closes it, because the scope is aborted. */
  close(): void {
    // A generator takes no `return` while it runs, so one that aborts its own scope is closed afterwards.
    if (!this.#inSource) runInScope(this.#reader.scope, () => this.#close());
  }

  /** Calls code of the source. Returns false when it throws. */
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
    // To look at it may have run a getter, and that anything.
    if (this.#state !== "pulling") return;
    this.#state = "open";
    if (done) this.#end(false);
    // What comes after the abort is for nobody.
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
      this.#state === "closing" || this.#state === "closed" ||
      (this.#state === "pulling" && isAsyncGenerator(iterator))
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

/** Whether it puts off `return` until its `next` has settled. It then runs in no async context, so we do that for it. */
function isAsyncGenerator(iterator: unknown): boolean {
  try {
    return Object.prototype.toString.call(iterator) === "[object AsyncGenerator]";
  } catch {
    return false;
  }
}
