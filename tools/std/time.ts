/**
 * The `FakeTime` of `@std/testing/time`, as far as we use it, over the clock of
 * `@sinonjs/fake-timers`. It replaces the same globals as the original: `Date`,
 * the timers and `AbortSignal.timeout`, not `performance` or `setImmediate`.
 *
 * @module
 */

import { createClock } from "npm:@sinonjs/fake-timers@15.5.0";

/** An operation that does not fit the state that fake time is in. */
export class TimeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TimeError";
  }
}

/** Options for {@linkcode FakeTime.delay}. */
export interface DelayOptions {
  signal?: AbortSignal;
}

type Globals = Pick<
  typeof globalThis,
  "Date" | "setTimeout" | "clearTimeout" | "setInterval" | "clearInterval"
>;
type Timeout = typeof AbortSignal.timeout;

const real: Globals & { timeout: Timeout } = {
  Date,
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  timeout: AbortSignal.timeout,
};

let current: FakeTime | undefined;

/** Replaces the time of the program by one that a test moves. */
export class FakeTime {
  readonly start: number;
  #clock: ReturnType<typeof createClock>;

  constructor(start?: number | string | Date | null) {
    current?.restore();
    this.start = new Date(start ?? Date.now()).valueOf();
    if (Number.isNaN(this.start)) {
      throw new TimeError("Cannot fake time: the start is not a valid date");
    }
    this.#clock = createClock(this.start);
    current = this;
    this.#install();
  }

  static restore(): void {
    active().restore();
  }

  /** Runs `callback` in real time. */
  static async restoreFor<T, A extends unknown[]>(
    callback: (...args: A) => T | Promise<T>,
    ...args: A
  ): Promise<T> {
    const time = active();
    replaceGlobals(real);
    try {
      return await callback(...args);
    } finally {
      if (current === time) time.#install();
    }
  }

  /** Epoch milliseconds. Setting it runs what is due until then. */
  get now(): number {
    return this.#clock.now;
  }
  set now(value: number) {
    if (value < this.now) {
      throw new RangeError("Cannot set time: it cannot go backwards");
    }
    this.#clock.tick(value - this.now);
  }

  tick(ms = 0): void {
    this.now += ms;
  }

  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.tick(ms);
  }

  /** Moves to the next timer. `false` if there is none. */
  next(): boolean {
    if (this.#clock.countTimers() === 0) return false;
    this.#clock.next();
    return true;
  }

  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  runAll(): void {
    while (this.next());
  }

  async runAllAsync(): Promise<void> {
    while (await this.nextAsync());
  }

  /** Lets everything run that waits for no timer. */
  async runMicrotasks(): Promise<void> {
    await this.delay(0);
  }

  /** Waits in real time. */
  delay(ms: number, options: DelayOptions = {}): Promise<void> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        real.clearTimeout(timer);
        reject(signal!.reason);
      };
      const timer = real.setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  restore(): void {
    if (current !== this) {
      throw new TimeError("Cannot restore time: it is already restored");
    }
    current = undefined;
    replaceGlobals(real);
  }

  [Symbol.dispose](): void {
    this.restore();
  }

  #install(): void {
    const { Date, setTimeout, clearTimeout, setInterval, clearInterval } = this.#clock;
    replaceGlobals(
      {
        Date,
        setTimeout: whileFaked(setTimeout),
        clearTimeout: whileFaked(clearTimeout),
        setInterval: whileFaked(setInterval),
        clearInterval: whileFaked(clearInterval),
        timeout: fakeAbortTimeout,
      } as unknown as typeof real,
    );
  }
}

function active(): FakeTime {
  if (current) return current;
  throw new TimeError("Cannot restore time: it is not faked");
}

/** Whoever has kept a faked function and calls it after the time was restored gets an error, as from the original. */
function whileFaked<F extends (...args: never[]) => unknown>(fn: F): F {
  return ((...args: never[]) => {
    if (current === undefined) throw new TimeError(`Cannot call ${fn.name}: time is not faked`);
    return fn(...args);
  }) as F;
}

function replaceGlobals({ timeout, ...globals }: typeof real): void {
  Object.assign(globalThis, globals);
  AbortSignal.timeout = timeout;
}

/** Takes its timer from the global of that moment: the fake one. */
function fakeAbortTimeout(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => {
    controller.abort(new DOMException("Signal timed out.", "TimeoutError"));
  }, ms);
  return controller.signal;
}
