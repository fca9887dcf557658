/** Foreign things that count each time somebody looks at them, and throw at one of these touches. */

/** What a membrane sees of one object: each of these is one touch. */
const TRAPS = [
  "apply",
  "construct",
  "defineProperty",
  "deleteProperty",
  "get",
  "getOwnPropertyDescriptor",
  "getPrototypeOf",
  "has",
  "ownKeys",
  "set",
] as const;

/** Functions whose callbacks get membranes too, so that a step which comes later is as foreign as one that comes now. */
const THEN = Promise.prototype.then;

const isObject = (value: unknown): value is object =>
  (typeof value === "object" && value !== null) || typeof value === "function";

const markers = new WeakSet<object>();

function mark(error: Error): Error {
  markers.add(error);
  return error;
}

/** Whether `error` is what some touch has thrown. */
export function isMarker(error: unknown): boolean {
  return isObject(error) && markers.has(error);
}

/** How the touches fail: only the one with the number, or that one and all after it. */
export type Mode = "once" | "from then on";

/** One source of foreign things, which all count together. */
export class Faults {
  /** What a touch throws. */
  readonly marker: Error = mark(new Error("The touch failed"));
  /** How many touches there have been. */
  touches = 0;
  /** What was touched when it threw, in that order. */
  readonly thrownAt = new Set<string>();
  readonly #at: number;
  readonly #mode: Mode;
  // Membranes by target and back, so that one object is one foreign thing, and native methods get what they know.
  readonly #membranes = new WeakMap<object, object>();
  readonly #targets = new WeakMap<object, object>();
  #over = false;

  constructor(at: number, mode: Mode) {
    this.#at = at;
    this.#mode = mode;
    // It is told by its identity.
    this.keep(this.marker);
  }

  /** From now on nothing counts and nothing throws. */
  end(): void {
    this.#over = true;
  }

  /** Counts a look at `what`. */
  touch(what: string): void {
    if (this.#over) return;
    this.touches++;
    if (this.touches < this.#at || (this.#mode === "once" && this.touches > this.#at)) return;
    this.thrownAt.add(what);
    throw this.marker;
  }

  /** Makes a foreign thing of `target` and of all that is reached through it. */
  foreign<T>(name: string, target: T): T {
    if (!isObject(target) || this.#targets.has(target)) return target;
    const known = this.#membranes.get(target);
    if (known !== undefined) return known as T;
    // Whoever fails at the look for its `then` cannot observe it.
    if (target instanceof Promise) THEN.call(target, () => {}, () => {});
    const handler: ProxyHandler<object> = {};
    for (const trap of TRAPS) {
      const reflect = Reflect[trap] as (...args: unknown[]) => unknown;
      handler[trap] = (...args: unknown[]): never => {
        this.touch(`${trap} of ${name}${typeof args[1] === "string" ? `.${args[1]}` : ""}`);
        return reflect(...args) as never;
      };
    }
    handler.get = (target, key) => {
      const path = `${name}.${typeof key === "symbol" ? `[${key.description}]` : key}`;
      this.touch(path);
      const value = Reflect.get(target, key, target);
      // A proxy may not change what can never change.
      const fixed = Reflect.getOwnPropertyDescriptor(target, key);
      return fixed?.configurable === false && fixed.writable === false ? value : this.foreign(path, value);
    };
    handler.apply = (target, self, args: unknown[]) => {
      this.touch(`${name}()`);
      const given = args.map((arg) => target === THEN ? this.#givingForeign(name, arg) : this.#plain(arg));
      return this.foreign(`${name}()`, Reflect.apply(target as () => unknown, this.#plain(self), given));
    };
    const membrane = new Proxy(target, handler);
    this.#membranes.set(target, membrane);
    this.#targets.set(membrane, target);
    return membrane as T;
  }

  #plain(value: unknown): unknown {
    return isObject(value) ? this.#targets.get(value) ?? value : value;
  }

  #givingForeign(name: string, callback: unknown): unknown {
    if (typeof callback !== "function") return callback;
    return (value: unknown) => callback(this.foreign(`what ${name}() gives`, value));
  }

  /** Says that `thing` is none of the foreign ones, wherever it is met. */
  keep<T extends object>(thing: T): T {
    this.#membranes.set(thing, thing);
    return thing;
  }
}
