/** The foreign things that calls are given: signals, work, promises, errors, sources. All count their touches together. */

import { sleep } from "@weft/async";
import { Faults, isMarker, type Mode } from "./faults.ts";

/** What happens while a call is under way. */
export type Course = "calm" | "the scope is aborted" | "the signal is aborted" | "a sibling fails" | "timers fail";

/** The foreign things of one run. */
export class Foreign extends Faults {
  readonly course: Course;
  /** Why scopes and signals are aborted. */
  readonly reason: Error = this.keep(new Error("enough"));
  /** How many pieces of its work have begun and not ended. */
  running = 0;
  /** How many listeners are on its signals. */
  listeners = 0;
  /** What listeners have thrown into whoever aborted. */
  readonly leaked: unknown[] = [];
  /** What has to be so when the call has ended. */
  readonly looks: (() => boolean)[] = [];
  /** Whether its failures may surface, because their only reader may be cancelled before. */
  surfaces = false;
  readonly #failures = new Set<unknown>([this.marker]);
  readonly #started: Promise<unknown>[] = [];
  readonly #controllers: AbortController[] = [];
  readonly #listeners: Set<() => void>[] = [];
  #errors = 0;

  constructor(at: number, mode: Mode, course: Course) {
    super(at, mode);
    this.course = course;
  }

  /** Options with foreign getters, a foreign signal among them. */
  options<O extends object>(options: O): O & { signal: AbortSignal };
  options(): { signal: AbortSignal };
  options(options: object = {}): object {
    return this.foreign("options", { ...options, signal: this.signal() });
  }

  /** A signal as a polyfill would make it. */
  signal(): AbortSignal {
    const controller = new AbortController();
    const listeners = new Set<() => void>();
    this.#controllers.push(controller);
    this.#listeners.push(listeners);
    const signal = {
      get aborted() {
        return controller.signal.aborted;
      },
      get reason() {
        return controller.signal.reason;
      },
      addEventListener: (_type: string, listener: () => void) => {
        if (!listeners.has(listener)) this.listeners++;
        listeners.add(listener);
      },
      removeEventListener: (_type: string, listener: () => void) => {
        if (listeners.delete(listener)) this.listeners--;
      },
    };
    return this.foreign("signal", signal) as unknown as AbortSignal;
  }

  /** Aborts its signals, and calls their listeners as the platform does. */
  abort(): void {
    for (const controller of this.#controllers) controller.abort(this.reason);
    for (const listener of this.#listeners.flatMap((listeners) => [...listeners])) {
      try {
        listener();
      } catch (error) {
        this.leaked.push(error);
      }
    }
  }

  /** Calls `fn` while the call waits, or, where the call is aborted, afterwards. */
  later(fn: () => unknown): void {
    const turns = this.course.endsWith("is aborted") ? 3 : 1;
    const next = (left: number): unknown => left === 0 ? fn() : setImmediate(() => next(left - 1));
    next(turns);
  }

  /** A function that does some work and has a strange result; when cancelled, it throws something stranger. */
  work(): () => Promise<object> {
    return this.foreign("work", () =>
      this.#observed(async () => {
        try {
          await sleep(1);
          return this.value();
        } catch (cause) {
          throw this.error(cause);
        }
      }));
  }

  /** Work that fails, in the course where a sibling does. */
  last(): () => Promise<object> {
    if (this.course !== "a sibling fails") return this.work();
    return this.foreign("failing work", () =>
      this.#observed(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        throw this.error();
      }));
  }

  /** A promise of ours, whose end tells the truth about the work. */
  #observed<T>(work: () => Promise<T>): Promise<T> {
    this.running++;
    const promise = work().finally(() => this.running--);
    promise.catch(() => {});
    this.#started.push(promise);
    return this.keep(promise);
  }

  /** Waits until nothing of its work is left. */
  async drained(): Promise<void> {
    await Promise.allSettled(this.#started);
  }

  /** A value that is asked for its `then`. */
  value(): object {
    return this.foreign("value", {});
  }

  /** A function that returns at once a promise which nobody can trust. */
  strangeWork(): () => PromiseLike<object> {
    return this.foreign("strange work", () => this.thenable());
  }

  /** A thenable that calls back later. */
  thenable(): PromiseLike<object> {
    const then = (ok: (value: object) => void) => void setImmediate(() => ok(this.value()));
    return this.foreign("thenable", { then }) as unknown as PromiseLike<object>;
  }

  /** A real promise whose `then` and `constructor` are getters. */
  promise(): Promise<object> {
    const promise = new Promise<object>((resolve) => setImmediate(() => resolve({})));
    return this.keep(Object.defineProperties(promise, {
      then: {
        get: () => (this.touch("promise.then"), Promise.prototype.then),
      },
      constructor: {
        get: () => (this.touch("promise.constructor"), Promise),
      },
    }));
  }

  /** A promise behind a proxy. */
  proxiedPromise(): Promise<object> {
    return this.foreign("proxied promise", new Promise<object>((resolve) => setImmediate(() => resolve({}))));
  }

  /** An error, of one kind after another, that comes from `cause`. */
  error(cause?: unknown): unknown {
    const options = cause === undefined ? {} : { cause };
    const makers = [
      () => this.foreign("proxied error", new Error("a failure", options)),
      () => this.foreign("aggregate error", new AggregateError([this.errorWithGetters(cause)], "failures", options)),
      () => this.errorWithGetters(cause),
    ];
    const error = makers[this.#errors++ % makers.length]!();
    this.#failures.add(error);
    return error;
  }

  /** Whether `error` may become an unhandled rejection. */
  maySurface(error: unknown): boolean {
    // Also that of an attempt before: what it has left to the clock may surface only now.
    if (isMarker(error)) return true;
    if (!this.surfaces) return false;
    if (this.#failures.has(error)) return true;
    return error instanceof AggregateError && error.errors.every((one) => this.#failures.has(one));
  }

  /** A real error with a getter for everything. */
  errorWithGetters(cause: unknown): Error {
    const error = new Error("a failure");
    const values = { name: "Error", message: "a failure", cause, errors: undefined, stack: "a stack" };
    for (const [key, value] of Object.entries(values)) {
      Object.defineProperty(error, key, {
        get: () => {
          this.touch(`error.${key}`);
          return value;
        },
      });
    }
    return this.keep(error);
  }
}
