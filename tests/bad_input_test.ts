/**
 * Every exported function, constructor and method given what it cannot take: it says so, before it has done anything.
 *
 * One table. What is not in it fails the first test.
 */

import { assertEquals } from "@std/assert";
import * as weft from "@weft/async";
import { countedSignal, settle, unhandledIn } from "./support.ts";

const {
  asCompleted,
  AsyncEvent,
  Barrier,
  Channel,
  cleanup,
  Condition,
  createTask,
  firstSuccess,
  Future,
  gather,
  LifoQueue,
  Lock,
  map,
  moveOnAfter,
  PriorityQueue,
  Queue,
  race,
  RateLimiter,
  Receiver,
  run,
  RwLock,
  scope,
  select,
  Semaphore,
  shield,
  sleep,
  sleepForever,
  sleepUntil,
  TaskGroup,
  timeout,
  timeoutAt,
  wait,
  waitFor,
  yieldNow,
} = weft;

/** A value that is refused, and the words for it. */
interface Bad {
  readonly value: unknown;
  readonly error: typeof TypeError | typeof RangeError;
  readonly rule: string;
  /** Which part of the parameter is refused, when not all of it. */
  /** The end of the message. */
  readonly hint?: string;
  readonly part?: { readonly path: string; readonly value: unknown };
}

const wrongKind = (rule: string, values: unknown[]): Bad[] =>
  values.map((value) => ({ value, error: TypeError, rule }));
const outOfRange = (rule: string, values: unknown[]): Bad[] =>
  values.map((value) => ({ value, error: RangeError, rule }));
const hinting = (hint: string, bad: Bad[]): Bad[] => bad.map((one) => ({ ...one, hint }));
/** What stands for an option that is absent is not refused. */
const optional = (bad: Bad[]): Bad[] => bad.filter(({ value }) => value !== undefined);

const FUNCTION: Bad[] = [
  ...wrongKind("a function", [undefined, null, NaN, -1, 1.5, "work", {}, []]),
  ...hinting(": pass () => work(), not work()", wrongKind("a function", [Promise.resolve()])),
];
const FLAG = wrongKind("a boolean", [null, NaN, 0, 1, "true", {}, () => true]);
const NAME = wrongKind("a string", [null, NaN, 5, {}, () => "name"]);
const SIGNAL = wrongKind("an AbortSignal", [null, NaN, 5, "abort", {}, new AbortController(), () => {}]);
const OPTIONS = wrongKind("an object", [null, NaN, 5, "options", true, () => {}]);
const MS = [
  ...wrongKind("a number of milliseconds", [undefined, null, "5", 5n, {}, [5], new Date()]),
  ...outOfRange("a number other than NaN", [NaN]),
];
const NOT_NEGATIVE_MS = [
  ...wrongKind("a number of milliseconds", [null, "5", 5n, {}]),
  ...outOfRange("zero or more", [NaN, -1, -0.5, -Infinity]),
];
const INSTANT = [
  ...wrongKind("epoch milliseconds or a Date", [undefined, null, "2030-01-01", 5n, {}]),
  ...outOfRange("a valid instant", [NaN, new Date(NaN)]),
];
const count = (least: number, infinite: boolean): Bad[] => [
  ...wrongKind("a number", [null, "2", 2n, {}, [2]]),
  ...outOfRange(`a whole number of at least ${least}${infinite ? " or Infinity" : ""}`, [
    NaN,
    least - 1,
    -1,
    1.5,
    -Infinity,
    2 ** 53,
    ...infinite ? [] : [Infinity],
  ]),
];

const LIST = "an iterable or a record of functions and promises";
const inside = (rule: string, cases: [value: unknown, path: string, part: unknown][]): Bad[] =>
  cases.map(([value, path, part]) => ({ value, error: TypeError, rule, part: { path, value: part } }));
const ENTRIES = [
  ...wrongKind(LIST, [undefined, null, NaN, -1, "work", asyncList()]),
  ...hinting(": pass [a, b], not a, b", wrongKind(LIST, [() => {}, Promise.resolve([])])),
  ...inside("a function or a promise", [
    [[1], "[0]", 1],
    [[() => {}, "work"], "[1]", "work"],
    [new Set([null]), "[0]", null],
    [{ a: () => {}, b: NaN }, `["b"]`, NaN],
  ]),
];
const NOT_EMPTY_ENTRIES = [...ENTRIES, ...outOfRange("at least one function or promise", [[], {}, new Set()])];
const PROMISES = [
  ...wrongKind("an iterable of promises", [undefined, null, NaN, "work", {}, Promise.resolve()]),
  ...inside("a promise or another thenable", [
    [[1], "[0]", 1],
    [new Set([Promise.resolve(), () => {}]), "[1]", () => {}],
  ]),
];
const PROMISE = wrongKind("a promise or another thenable", [undefined, null, NaN, "work", {}, () => {}]);
const SOURCE = wrongKind("an iterable or async iterable", [undefined, null, NaN, 5, {}, () => {}, Promise.resolve([])]);
const STREAM = wrongKind("a ReadableStream", [undefined, null, NaN, "work", {}, [], () => {}, new WritableStream()]);
const CASES = [
  ...wrongKind("an array of sends and receives", [undefined, null, NaN, "work", {}, () => {}, new Set()]),
  ...inside("a send or a receive", [
    [[1], "[0]", 1],
    [[() => {}], "[0]", () => {}],
    [[new Channel(1).receiver.receiving(), null], "[1]", null],
  ]),
  ...outOfRange("at least one send or receive", [[]]),
];
const RETURN_WHEN_RULE = "one of allCompleted, firstCompleted, firstException";
const RETURN_WHEN = [
  ...wrongKind(RETURN_WHEN_RULE, [null, NaN, {}]),
  ...outOfRange(RETURN_WHEN_RULE, ["", "FIRST_COMPLETED"]),
];
const TOKENS = [...count(1, false), ...outOfRange("at most 2, the burst", [3])];
const INTERVAL = [
  ...wrongKind("a number of milliseconds", [null, "5", 5n, {}]),
  ...outOfRange("a number other than NaN", [NaN]),
  ...outOfRange("finite and more than zero", [0, -1, Infinity]),
];
const RETRY_AFTER = [
  ...MS.filter(({ value }) => !(value instanceof Date)),
  ...outOfRange("finite", [Infinity]),
  ...outOfRange("a valid instant", [new Date(NaN)]),
];
const WEIGHT = [...count(1, false), ...outOfRange("at most 2, the number of permits", [3])];

const PRIORITY = [...wrongKind("a number", [null, "1", {}]), ...outOfRange("a number other than NaN", [NaN])];

const STRUCTURED = { signal: SIGNAL, name: NAME, grace: NOT_NEGATIVE_MS };
const DISCARDING = { ...STRUCTURED, onDiscard: FUNCTION };
const RACING = { ...DISCARDING, concurrency: count(1, true), delay: NOT_NEGATIVE_MS };

/** Good arguments that tell whether they were used. */
class Probe {
  readonly #signal = countedSignal();
  #entered = 0;
  #opened = 0;
  #timers = 0;
  readonly signal = this.#signal.signal;
  readonly fn = () => void this.#entered++;
  readonly source = {
    [Symbol.iterator]: () => {
      this.#opened++;
      return [1][Symbol.iterator]();
    },
  };

  /** Counts timers while `fn` runs, and in the turn after. */
  async watch(fn: () => unknown): Promise<void> {
    const { setTimeout } = globalThis;
    globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
      this.#timers++;
      return setTimeout(...args);
    }) as typeof setTimeout;
    try {
      await fn();
      await settle(1);
    } finally {
      globalThis.setTimeout = setTimeout;
    }
  }

  /** What was used. */
  get used() {
    return {
      functions: this.#entered,
      sources: this.#opened,
      timers: this.#timers,
      listeners: this.#signal.listeners(),
    };
  }
}

const NOTHING_USED = { functions: 0, sources: 0, timers: 0, listeners: 0 };

type Param = readonly [name: string, bad: Bad[], good: (probe: Probe) => unknown, action?: string];

const fn: Param = ["fn", FUNCTION, (probe) => probe.fn];
const ms: Param = ["ms", MS, () => 60_000];
const at: Param = ["at", INSTANT, () => Date.now() + 60_000];
const entries: Param = ["entries", ENTRIES, (probe) => [probe.fn]];
const some: Param = ["entries", NOT_EMPTY_ENTRIES, (probe) => [probe.fn]];
const source: Param = ["source", SOURCE, (probe) => probe.source];
const maxSize: Param = ["maxSize", optional(count(1, true)), () => 1];
const permits: Param = ["permits", count(0, true), () => 1];
const capacity: Param = ["capacity", [...count(0, true), ...wrongKind("a number", [undefined])], () => 1];
const predicate: Param = ["predicate", FUNCTION, (probe) => probe.fn];

interface Row {
  /** What it is called in messages: `Cannot <action>: …`. */
  readonly action: string;
  /** How misuse shows: functions that return a promise reject, all else throws. */
  readonly misuse: "throws" | "rejects";
  // deno-lint-ignore no-explicit-any -- wrong arguments are what this is about
  readonly call: (...args: any[]) => unknown;
  readonly params: readonly Param[];
  /** Absent: it takes none. */
  readonly options?: Readonly<Record<string, Bad[]>>;
  /** In messages about options, when another one. */
  readonly optionsAction?: string;
  /**
   * In an aborted scope, or with an aborted signal: it rejects with the reason; the first `next` does; or it does
   * not wait, so that nothing happens.
   */
  readonly aborted: "rejects" | "next" | "ignored";
}

function row(
  call: Row["call"],
  action: string,
  misuse: Row["misuse"],
  aborted: Row["aborted"],
  params: readonly Param[],
  options?: Row["options"],
  optionsAction?: string,
): Row {
  return { call, action, misuse, aborted, params, ...options && { options }, ...optionsAction && { optionsAction } };
}

// What the methods are called on: made anew for each call, and never used by one that is refused.
const group = () => new TaskGroup();
const semaphore = () => new Semaphore(2);
const limiter = () => new RateLimiter({ limit: 2, interval: 1000 });
const queue = () => new Queue<unknown>(1);
const sender = () => new Channel<unknown>(1).sender;
const receiver = () => new Channel<unknown>(1).receiver;
/** One whose lock is held. */
const condition = () => {
  const condition = new Condition();
  condition.lock.tryAcquire();
  return condition;
};

/** Calls a method of the deadline of a timeout that is under way. */
const onScope = (method: "reschedule" | "rescheduleAt") => (...args: [never]) => {
  let misuse: { error: unknown } | undefined;
  timeout(Infinity, (_signal, deadline) => {
    try {
      deadline[method](...args);
    } catch (error) {
      misuse = { error };
    }
  });
  if (misuse) throw misuse.error;
};

const TABLE: Record<string, Row> = {
  run: row(run, "run", "rejects", "rejects", [["main", FUNCTION, (probe) => probe.fn]], {
    ...STRUCTURED,
    signals: FLAG,
  }),
  createTask: row(createTask, "create task", "throws", "ignored", [fn], { name: NAME, eager: FLAG }),
  isCancellation: row((signal) => weft.isCancellation(new Error(), signal), "examine error", "throws", "ignored", [
    ["signal", optional(SIGNAL), () => AbortSignal.abort()],
  ]),
  scope: row(scope, "open scope", "rejects", "rejects", [fn], { ...STRUCTURED, timeout: MS }),
  shield: row(shield, "shield", "rejects", "ignored", [fn], { timeout: optional(MS) }),
  cleanup: row(cleanup, "make cleanup", "throws", "ignored", [fn], { timeout: optional(MS) }),

  gather: row(gather, "gather", "rejects", "rejects", [entries], {
    ...DISCARDING,
    settled: FLAG,
    concurrency: count(1, true),
  }),
  asCompleted: row(asCompleted, "iterate as completed", "throws", "next", [entries], {
    ...DISCARDING,
    settled: FLAG,
    concurrency: count(1, true),
  }),
  map: row(map, "map", "throws", "next", [source, fn], {
    ...DISCARDING,
    settled: FLAG,
    ordered: FLAG,
    concurrency: count(1, false),
  }),
  race: row(race, "race", "rejects", "rejects", [some], RACING),
  firstSuccess: row(firstSuccess, "find the first success", "rejects", "rejects", [some], RACING),
  wait: row(wait, "wait", "rejects", "rejects", [["promises", PROMISES, () => [new Promise(() => {})]]], {
    signal: SIGNAL,
    timeout: optional(MS),
    returnWhen: RETURN_WHEN,
  }),

  sleep: row(sleep, "sleep", "rejects", "rejects", [ms], { signal: SIGNAL, ref: FLAG }),
  sleepUntil: row(sleepUntil, "sleep", "rejects", "rejects", [at], { signal: SIGNAL }),
  sleepForever: row(sleepForever, "sleep", "rejects", "rejects", [], { signal: SIGNAL }),
  yieldNow: row(yieldNow, "yield", "rejects", "rejects", [], { signal: SIGNAL, budget: NOT_NEGATIVE_MS }),
  timeout: row(timeout, "set timeout", "rejects", "rejects", [ms, fn], STRUCTURED),
  timeoutAt: row(timeoutAt, "set timeout", "rejects", "rejects", [at, fn], STRUCTURED),
  moveOnAfter: row(moveOnAfter, "move on after", "rejects", "rejects", [ms, fn], STRUCTURED),
  waitFor: row(waitFor, "wait", "rejects", "rejects", [["promise", PROMISE, () => new Promise(() => {})]], {
    signal: SIGNAL,
    timeout: optional(MS),
  }),
  "CancelScope.reschedule": row(onScope("reschedule"), "reschedule deadline", "throws", "ignored", [ms]),
  "CancelScope.rescheduleAt": row(onScope("rescheduleAt"), "reschedule deadline", "throws", "ignored", [at]),

  TaskGroup: row((options) => new TaskGroup(options), "open TaskGroup", "throws", "ignored", [], {
    ...STRUCTURED,
    concurrency: count(1, true),
    supervise: FLAG,
    onError: FUNCTION,
    timeout: MS,
  }),
  "TaskGroup.run": row(TaskGroup.run, "run TaskGroup", "rejects", "rejects", [fn], {
    ...STRUCTURED,
    concurrency: count(1, true),
    supervise: FLAG,
    onError: FUNCTION,
    timeout: MS,
  }, "open TaskGroup"),
  "TaskGroup.createTask": row(
    (...args) => group().createTask(...args as [never]),
    "create task",
    "throws",
    "ignored",
    [fn],
    { name: NAME, eager: FLAG },
  ),
  "TaskGroup.start": row(
    (...args) => group().start(...args as [never]),
    "create task",
    "rejects",
    "rejects",
    [fn],
    { name: NAME, eager: FLAG },
  ),
  "TaskGroupError.find": row(
    (type) => new weft.TaskGroupError([]).find(type),
    "find failure",
    "throws",
    "ignored",
    [["type", FUNCTION, () => RangeError]],
  ),

  Future: row((options) => new Future(options), "create future", "throws", "ignored", [], { name: NAME }),
  "Awaitable.addDoneCallback": row(
    (fn) => new Future().addDoneCallback(fn),
    "add done callback",
    "throws",
    "ignored",
    [fn],
  ),

  Semaphore: row((permits) => new Semaphore(permits), "create Semaphore", "throws", "ignored", [permits]),
  "Semaphore.acquire": row((options) => semaphore().acquire(options), "acquire permit", "rejects", "rejects", [], {
    signal: SIGNAL,
    weight: WEIGHT,
  }),
  "Semaphore.tryAcquire": row((options) => semaphore().tryAcquire(options), "acquire permit", "throws", "ignored", [], {
    weight: WEIGHT,
  }),
  "Semaphore.run": row(
    (...args) => semaphore().run(...args as [never]),
    "run with permit",
    "rejects",
    "rejects",
    [fn],
    { signal: SIGNAL, weight: WEIGHT, priority: PRIORITY },
    "acquire permit",
  ),
  "Semaphore.wrap": row((fn) => semaphore().wrap(fn), "wrap", "throws", "ignored", [fn]),
  "Semaphore.release": row((weight) => semaphore().release(weight), "release permit", "throws", "ignored", [
    ["weight", optional(count(1, false)), () => 1],
  ]),
  "Semaphore.resize": row((permits) => semaphore().resize(permits), "resize Semaphore", "throws", "ignored", [permits]),

  RateLimiter: row(
    (options) => new RateLimiter(isObject(options) ? { limit: 2, interval: 1000, ...options } : options),
    "create RateLimiter",
    "throws",
    "ignored",
    [],
    { limit: count(1, false), interval: INTERVAL, burst: count(1, false) },
  ),
  "RateLimiter.acquire": row((options) => limiter().acquire(options), "acquire token", "rejects", "rejects", [], {
    signal: SIGNAL,
    weight: TOKENS,
  }),
  "RateLimiter.tryAcquire": row((options) => limiter().tryAcquire(options), "acquire token", "throws", "ignored", [], {
    weight: TOKENS,
  }),
  "RateLimiter.run": row(
    (...args) => limiter().run(...args as [never]),
    "run with token",
    "rejects",
    "rejects",
    [fn],
    { signal: SIGNAL, weight: TOKENS },
    "acquire token",
  ),
  "RateLimiter.retryAfter": row((delay) => limiter().retryAfter(delay), "hold back", "throws", "ignored", [
    ["delay", RETRY_AFTER, () => 1000],
  ]),

  Queue: row((maxSize) => new Queue(maxSize), "create Queue", "throws", "ignored", [maxSize]),
  "Queue.put": row((item, options) => queue().put(item, options), "put item", "rejects", "rejects", [
    ["item", [], () => 1],
  ], { signal: SIGNAL }),
  "Queue.get": row((options) => queue().get(options), "get item", "rejects", "rejects", [], { signal: SIGNAL }),
  "Queue.values": row((options) => queue().values(options), "iterate queue", "throws", "ignored", [], {
    signal: SIGNAL,
  }),
  "Receiver.values": row((options) => receiver().values(options), "iterate receiver", "throws", "ignored", [], {
    signal: SIGNAL,
  }),
  "Queue.join": row((options) => queue().join(options), "join queue", "rejects", "rejects", [], { signal: SIGNAL }),
  "Queue.shutdown": row((options) => queue().shutdown(options), "shut down queue", "throws", "ignored", [], {
    immediate: FLAG,
  }),
  Channel: row((capacity) => new Channel(capacity), "create Channel", "throws", "ignored", [capacity]),
  "Sender.send": row((value, options) => sender().send(value, options), "send", "rejects", "rejects", [[
    "value",
    [],
    () => 1,
  ]], {
    signal: SIGNAL,
  }),
  "Receiver.receive": row((options) => receiver().receive(options), "receive", "rejects", "rejects", [], {
    signal: SIGNAL,
  }),
  "Receiver.from": row(Receiver.from, "receive from stream", "throws", "ignored", [["readable", STREAM, () => null]]),
  select: row(select, "select", "rejects", "rejects", [["cases", CASES, () => [receiver().receiving()]]], {
    signal: SIGNAL,
    fair: FLAG,
    settled: FLAG,
  }),

  LifoQueue: row((maxSize) => new LifoQueue(maxSize), "create LifoQueue", "throws", "ignored", [maxSize]),
  PriorityQueue: row(
    (options) => new PriorityQueue(isObject(options) ? { compare: () => 0, ...options } : options),
    "create PriorityQueue",
    "throws",
    "ignored",
    [],
    { compare: FUNCTION, maxSize: count(1, true) },
  ),

  "Lock.acquire": row((options) => new Lock().acquire(options), "acquire lock", "rejects", "rejects", [], {
    signal: SIGNAL,
  }),
  "Lock.run": row(
    (...args) => new Lock().run(...args as [never]),
    "run with lock",
    "rejects",
    "rejects",
    [fn],
    { signal: SIGNAL },
    "acquire lock",
  ),
  ...Object.fromEntries((["acquireRead", "acquireWrite"] as const).map((method) => [
    `RwLock.${method}`,
    row((options) => new RwLock()[method](options), "acquire lock", "rejects", "rejects", [], { signal: SIGNAL }),
  ])),
  ...Object.fromEntries((["runRead", "runWrite"] as const).map((method) => [
    `RwLock.${method}`,
    row(
      (...args) => new RwLock()[method](...args as [never]),
      "run with lock",
      "rejects",
      "rejects",
      [fn],
      { signal: SIGNAL },
      "acquire lock",
    ),
  ])),
  "AsyncEvent.wait": row((options) => new AsyncEvent().wait(options), "wait for event", "rejects", "rejects", [], {
    signal: SIGNAL,
  }),
  Condition: row((lock) => new Condition(lock), "create Condition", "throws", "ignored", [
    ["lock", wrongKind("a Lock", [null, NaN, 5, "lock", {}, () => {}]), () => new Lock()],
  ]),
  "Condition.wait": row((options) => condition().wait(options), "wait for condition", "rejects", "rejects", [], {
    signal: SIGNAL,
  }),
  "Condition.waitUntil": row(
    (...args) => condition().waitUntil(...args as [never]),
    "wait for condition",
    "rejects",
    "rejects",
    [predicate],
    { signal: SIGNAL },
  ),
  "Condition.notify": row((n) => condition().notify(n), "notify", "throws", "ignored", [
    ["n", optional(count(0, true)), () => 1],
  ]),
  Barrier: row((parties) => new Barrier(parties), "create Barrier", "throws", "ignored", [
    ["parties", count(1, false), () => 2],
  ]),
  "Barrier.wait": row((options) => new Barrier(2).wait(options), "wait at Barrier", "rejects", "rejects", [], {
    signal: SIGNAL,
  }),
};

/** What takes nothing, or takes anything: a value, a reason, what to look for. */
const TAKES_ANYTHING = [
  "hasAmbientScope",
  "currentTask",
  "currentSignal",
  "throwIfCancelled",
  "allTasks",
  "currentDeadline",
  "Awaitable.catch",
  "Awaitable.finally",
  "Awaitable.result",
  "Awaitable.exception",
  "Awaitable.then",
  "Awaitable.removeDoneCallback",
  "Future.setResult",
  "Future.setException",
  "Future.cancel",
  "Task.cancel",
  "TaskGroup.cancel",
  "TaskGroup.join",
  "CancelScope.cancel",
  "Results.next",
  "Results.return",
  "Permit.release",
  "Channel.statistics",
  "Sender.trySend",
  "Sender.sending",
  "Sender.clone",
  "Sender.close",
  "Sender.toWritable",
  "Sender.statistics",
  "Receiver.tryReceive",
  "Receiver.receiving",
  "Receiver.clone",
  "Receiver.close",
  "Receiver.toReadable",
  "Receiver.statistics",
  "ChannelClosedError",
  "Queue.tryPut",
  "Queue.tryGet",
  "Queue.taskDone",
  "QueueShutDownError",
  "Lock",
  "Lock.tryAcquire",
  "Lock.release",
  "RwLock",
  "RwLock.tryAcquireRead",
  "RwLock.tryAcquireWrite",
  "AsyncEvent",
  "AsyncEvent.set",
  "AsyncEvent.clear",
  "Condition.notifyAll",
  "Semaphore.rejectWaiting",
  "RateLimiter.rejectWaiting",
  "Barrier.reset",
  "Barrier.abort",
  "BrokenBarrierError",
  "CancelledError",
  "TimeoutError",
  "InvalidStateError",
];

/** The classes and permits of which only the type is exported. */
const TYPES_ONLY = {
  Awaitable: Object.getPrototypeOf(Future),
  CancelScope: await scope((_signal, self) => self.constructor),
  Results: asCompleted([]).constructor,
  Permit: new Lock().tryAcquire()!.constructor,
  SelectCase: new Channel(1).receiver.receiving().constructor,
};

/** What only the package makes. */
const MADE_BY_THE_PACKAGE = [
  "Awaitable",
  "Task",
  "Results",
  "CancelScope",
  "Permit",
  "Sender",
  "Receiver",
  "SelectCase",
  "LeftoverError",
  "StragglerError",
  "TaskGroupError",
];

/** What TypeScript hides. */
const PROTECTED = [
  "Awaitable.settle",
  "Awaitable.unobserved",
  "Task.unobserved",
  "Awaitable.@weft/async/deadlock@1",
  "Task.@weft/async/deadlock@1",
  "Task.start",
];

async function* asyncList() {
  yield await Promise.resolve(() => {});
}

/** All that a user can call: functions, classes, and `Class.method`, those of subclasses where they are declared. */
function exported(): string[] {
  return Object.entries({ ...weft, ...TYPES_ONLY }).flatMap(([name, value]) => {
    const own = (holder: object) =>
      Object.entries(Object.getOwnPropertyDescriptors(holder))
        .filter(([key, { value }]) => typeof value === "function" && !["constructor", "toString"].includes(key))
        .map(([key]) => `${name}.${key}`);
    return [name, ...own(value), ...own(value.prototype ?? {})];
  });
}

/** Whether good options can be added to it. */
function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

/** The received value, in the words of a message. */
function shown(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `function ${value.name || "(anonymous)"}`;
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object" || value === null) return String(value);
  return `an object (${Object.prototype.toString.call(value).slice(8, -1)})`;
}

/** How a call ends at once: in a turn or two. */
async function outcomeOf(call: () => unknown): Promise<{ how: string; error?: unknown }> {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    return { how: "throws", error };
  }
  if (!(result instanceof Promise)) return { how: "returns" };
  const ended = result.then(() => ({ how: "resolves" }), (error) => ({ how: "rejects", error }));
  return await Promise.race([ended, settle(2).then(() => ({ how: "waits" }))]);
}

/** What is refused in one row: the arguments, and what is said about them. */
function* misuses({ action, optionsAction, params, options }: Row, probe: Probe) {
  const good = params.map(([, , good]) => good(probe));
  for (const [i, [name, bad]] of params.entries()) {
    for (const one of bad) {
      const args = good.with(i, one.value);
      yield {
        args: options ? [...args, { signal: probe.signal }] : args,
        error: one.error,
        ...about(action, name, one),
      };
    }
  }
  if (options === undefined) return;
  // The first check of all options is that of their kind, with the words of the whole.
  for (const one of OPTIONS) {
    yield { args: [...good, one.value], error: one.error, ...about(optionsAction ?? action, "options", one) };
  }
  for (const [name, bad] of Object.entries(options)) {
    for (const one of optional(bad)) {
      const value = { signal: probe.signal, [name]: one.value };
      yield { args: [...good, value], error: one.error, ...about(optionsAction ?? action, name, one) };
    }
  }
}

function about(action: string, name: string, { value, rule, part, hint = "" }: Bad): { message: string } {
  const param = part === undefined ? name : name + part.path;
  const received = shown(part === undefined ? value : part.value);
  return { message: `Cannot ${action}: "${param}" must be ${rule}, received ${received}${hint}` };
}

Deno.test("every exported function, constructor and method is in the table of bad input", () => {
  const known = [...Object.keys(TABLE), ...TAKES_ANYTHING, ...MADE_BY_THE_PACKAGE, ...PROTECTED];
  assertEquals(known.toSorted(), exported().toSorted());
});

for (const [name, row] of Object.entries(TABLE)) {
  Deno.test(`${name} refuses bad input before any effect`, async () => {
    const unhandled = await unhandledIn(async () => {
      const probe = new Probe();
      for (const { args, error, message } of misuses(row, probe)) {
        await probe.watch(async () => {
          const outcome = await outcomeOf(() => row.call(...args));
          const actual = outcome.error as Error | undefined;
          assertEquals([outcome.how, actual?.constructor, actual?.message], [row.misuse, error, message]);
        });
        assertEquals(probe.used, NOTHING_USED, message);
      }
    });
    assertEquals(unhandled, []);
  });

  if (row.options !== undefined && "signal" in row.options && row.aborted !== "ignored") {
    Deno.test(`${name} with an aborted signal rejects with its reason before any effect`, async () => {
      await refuses(row, (args) => row.call(...args, { signal: AbortSignal.abort("aborted before") }));
    });
  }
  if (row.aborted !== "ignored") {
    Deno.test(`${name} in an aborted scope rejects with its reason before any effect`, async () => {
      await scope(async (_signal, self) => {
        self.cancel("aborted before");
        await refuses(row, (args) => row.call(...args));
      });
    });
  }
}

/** Expects a call with good arguments to reject with the reason of the abort, and to use none of them. */
async function refuses(row: Row, call: (args: unknown[]) => unknown): Promise<void> {
  const probe = new Probe();
  const args = row.params.map(([, , good]) => good(probe));
  await probe.watch(async () => {
    const outcome = await outcomeOf(() => {
      const result = call(args);
      return row.aborted === "next" ? (result as weft.Results<unknown>).next() : result;
    });
    assertEquals(outcome, { how: "rejects", error: "aborted before" });
  });
  assertEquals(probe.used, NOTHING_USED);
}

Deno.test("what does not wait goes on in an aborted scope", async () => {
  const log: string[] = [];
  await scope(async (_signal, self) => {
    self.cancel();
    await shield(() => log.push("shield"));
    await using _ = cleanup(() => log.push("cleanup"));
    await createTask(() => log.push("createTask")).promise;
    log.push(`tryAcquire ${new Semaphore(1).tryAcquire()?.weight}`);
    log.push(`TaskGroup ${new TaskGroup().closed ? "closed" : "open"}`);
  });
  assertEquals(log, ["shield", "createTask", "tryAcquire 1", "TaskGroup closed", "cleanup"]);
});

Deno.test("an empty input gives an empty result, or is refused where there is none", async () => {
  assertEquals(await gather([]), []);
  assertEquals(await gather({}), {});
  assertEquals(await Array.fromAsync(asCompleted([])), []);
  assertEquals(await Array.fromAsync(map([], () => {})), []);
  assertEquals(await wait([]), { done: new Set(), pending: new Set() });
});

Deno.test("map() of a source without end takes a bounded number of items", async () => {
  let taken = 0;
  const endless = function* () {
    for (;;) yield taken++;
  };
  const results = map(endless(), (n) => n, { concurrency: 3 });
  await results.next();
  await settle();
  // One that was read, and twice as many as may be in work.
  assertEquals(taken, 1 + 6);
  await results.return();
});

Deno.test("CancelledError, TimeoutError and InvalidStateError take anything for a message, as Error does", () => {
  for (const Class of [weft.CancelledError, weft.TimeoutError, weft.InvalidStateError]) {
    for (const value of [NaN, -1, null, {}, []]) {
      assertEquals(new Class(value as never).message, String(value));
    }
  }
});
