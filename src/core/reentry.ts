/**
 * The way back into an async context.
 *
 * @module
 */

/**
 * From how many on items are started in one loop, and may see each other's contexts. So many places get free in one turn
 * only where the work is a matter of microtasks, and there a microtask more for each item would cost a quarter.
 */
export const MANY = 8;

/**
 * Calls a function in the async context that this was made in, whoever asks for it: in a microtask of its own, so that
 * it sees nothing of what the asking code has put into its context with `enterWith`. A promise's reaction costs a fifth of
 * what the platform's own ways cost (`AsyncLocalStorage.run`, `snapshot`).
 */
export class Reentry {
  // Invariant: null ⇔ a call has been asked for and has not begun.
  #ask: (() => void) | null = null;
  readonly #run: () => void;
  // Made once: this is on the way of every item.
  readonly #executor = (resolve: () => void): void => void (this.#ask = resolve);

  constructor(fn: () => void) {
    this.#run = () => {
      // Before foreign code can enter another context.
      this.#arm();
      fn();
    };
    this.#arm();
  }

  /** Asks for a call. Asking again before it has begun does nothing. */
  ask(): void {
    const ask = this.#ask;
    this.#ask = null;
    ask?.();
  }

  #arm(): void {
    void new Promise<void>(this.#executor).then(this.#run);
  }
}
