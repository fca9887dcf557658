/** Types that users see: what is inferred, and what must not compile. Checked when the file is; nothing runs. */

import { assertType, type IsExact } from "@std/testing/types";
import {
  asCompleted,
  cleanup,
  type Completed,
  type Condition,
  createTask,
  currentTask,
  firstSuccess,
  Future,
  gather,
  type Lock,
  map,
  moveOnAfter,
  type Permit,
  race,
  type Results,
  run,
  type RwLock,
  scope,
  Semaphore,
  shield,
  sleep,
  sleepForever,
  type Task,
  TaskGroup,
  TaskGroupError,
  timeout,
  timeoutAt,
  wait,
  waitFor,
} from "@weft/async";

declare const settled: boolean;
declare const words: string[];
declare const mixed: ReadonlySet<(() => number) | Promise<string>>;

// Never called: the compiler looks at it, and that is the test.
export async function inferred(group: TaskGroup): Promise<void> {
  // gather: tuples
  assertType<IsExact<typeof tuple, [number, string, boolean, Date, null]>>(true);
  const tuple = await gather([
    () => 1,
    async () => await Promise.resolve("a"),
    Promise.resolve(true),
    createTask(() => new Date()),
    (signal) => signal.aborted ? null : null,
  ]);
  assertType<IsExact<typeof empty, []>>(true);
  const empty = await gather([]);
  assertType<IsExact<typeof limited, [number, string]>>(true);
  const limited = await gather([() => 1, () => "a"], { concurrency: 1, name: "pair", settled: false });
  assertType<IsExact<typeof nested, [number]>>(true);
  const nested = await gather([() => createTask(async () => await Promise.resolve(1))]);
  assertType<IsExact<typeof union, [string | number]>>(true);
  const union = await gather([() => settled ? words.length : Promise.resolve("a")]);
  assertType<IsExact<typeof signals, [AbortSignal, AbortSignal]>>(true);
  const signals = await gather([(signal) => signal, async (signal) => await signal]);

  // gather: settled tuples
  assertType<IsExact<typeof results, [PromiseSettledResult<number>, PromiseSettledResult<string>]>>(true);
  const results = await gather([() => 1, () => "a"], { settled: true });
  assertType<IsExact<typeof either, [number] | [PromiseSettledResult<number>]>>(true);
  const either = await gather([() => 1], { settled });

  // gather: records
  assertType<IsExact<typeof record, { one: number; two: string; three: Date }>>(true);
  const record = await gather({ one: () => 1, two: Promise.resolve("a"), three: async () => await new Date() });
  assertType<IsExact<typeof inRecord, { one: PromiseSettledResult<number>; two: PromiseSettledResult<string> }>>(true);
  const inRecord = await gather({ one: () => 1, two: () => "a" }, { settled: true });
  assertType<IsExact<typeof eitherRecord, { one: number } | { one: PromiseSettledResult<number> }>>(true);
  const eitherRecord = await gather({ one: () => 1 }, { settled });

  // gather: arrays and other iterables
  assertType<IsExact<typeof array, string[]>>(true);
  const array = await gather(words.map((word) => () => word));
  assertType<IsExact<typeof set, (string | number)[]>>(true);
  const set = await gather(mixed);
  assertType<IsExact<typeof setResults, PromiseSettledResult<string | number>[]>>(true);
  const setResults = await gather(mixed, { settled: true });
  assertType<IsExact<typeof eitherSet, (string | number)[] | PromiseSettledResult<string | number>[]>>(true);
  const eitherSet = await gather(mixed, { settled });
  assertType<IsExact<typeof generated, number[]>>(true);
  const generated = await gather((function* () {
    yield () => 1;
  })());

  // asCompleted
  assertType<IsExact<typeof completed, Results<string | number>>>(true);
  const completed = asCompleted([() => 1, Promise.resolve("a")]);
  assertType<IsExact<typeof completedRecord, Results<Completed<string | number>>>>(true);
  const completedRecord = asCompleted({ one: () => 1, two: () => "a" }, { settled: true });
  assertType<IsExact<typeof completedEither, Results<number | Completed<number>>>>(true);
  const completedEither = asCompleted(new Set([() => 1]), { settled });
  for await (const result of completedRecord) {
    assertType<IsExact<typeof result.index, number>>(true);
    assertType<IsExact<typeof result.key, string | undefined>>(true);
    if (result.status === "fulfilled") assertType<IsExact<typeof result.value, string | number>>(true);
    // deno-lint-ignore no-explicit-any -- that is how the platform types it
    else assertType<IsExact<typeof result.reason, any>>(true);
  }

  // map
  assertType<IsExact<typeof mapped, Results<number>>>(true);
  const mapped = map(words, async (word) => await word.length);
  assertType<IsExact<typeof mappedResults, Results<PromiseSettledResult<number>>>>(true);
  const mappedResults = map(new Set(words), (word) => word.length, { settled: true, ordered: true });
  assertType<IsExact<typeof mappedEither, Results<number | PromiseSettledResult<number>>>>(true);
  const mappedEither = map(completed, (item) => String(item).length, { settled });
  map(words, (item, signal, index) => {
    assertType<IsExact<typeof item, string>>(true);
    assertType<IsExact<typeof signal, AbortSignal>>(true);
    assertType<IsExact<typeof index, number>>(true);
  });
  for await (const item of mapped) assertType<IsExact<typeof item, number>>(true);

  // race, firstSuccess, wait
  assertType<IsExact<typeof winner, string | number>>(true);
  const winner = await race([() => 1, Promise.resolve("a")]);
  assertType<IsExact<typeof fromRecord, string | number>>(true);
  const fromRecord = await firstSuccess({ one: () => 1, two: (signal) => String(signal) });
  assertType<IsExact<typeof waited.done, Set<Task<number> | Promise<string>>>>(true);
  const waited = await wait([createTask(() => 1), Promise.resolve("a")]);

  // tasks and groups
  assertType<IsExact<typeof task, Task<number>>>(true);
  const task = createTask(async () => await Promise.resolve(1));
  assertType<IsExact<typeof child, Task<string>>>(true);
  const child = group.createTask((signal) => signal.aborted ? "a" : Promise.resolve("b"));
  assertType<IsExact<typeof fromTask, string>>(true);
  const fromTask = await child;
  assertType<IsExact<typeof current, Task<unknown> | undefined>>(true);
  const current = currentTask();
  assertType<IsExact<typeof started, { value: number; task: Task<unknown> }>>(true);
  const started = await group.start<number>((_signal, started) => started(1));
  assertType<IsExact<typeof fromGroup, [number, string]>>(true);
  const fromGroup = await TaskGroup.run(async (group, signal) => {
    assertType<IsExact<typeof signal, AbortSignal>>(true);
    const one = group.createTask(() => 1);
    return [await one, "a"] satisfies [number, string];
  });
  assertType<IsExact<typeof found, RangeError | undefined>>(true);
  const found = new TaskGroupError([]).find(RangeError);

  // bodies
  assertType<IsExact<typeof main, number>>(true);
  const main = await run(async () => await 1);
  assertType<IsExact<typeof scoped, number | undefined>>(true);
  const scoped = await scope((_signal, self) => self.aborted ? 1 : Promise.resolve(2));
  assertType<IsExact<typeof timed, number>>(true);
  const timed = await timeout(1, (_signal, deadline) => deadline.remaining);
  assertType<IsExact<typeof timedAt, string>>(true);
  const timedAt = await timeoutAt(new Date(), () => "a");
  assertType<IsExact<typeof perhaps, string | undefined>>(true);
  const perhaps = await moveOnAfter(1, () => "a");
  assertType<IsExact<typeof shielded, number>>(true);
  const shielded = await shield(() => 1, { timeout: 1 });
  const _disposable: AsyncDisposable = cleanup(() => {});

  // waits
  assertType<IsExact<typeof fromForeign, string>>(true);
  const fromForeign = await waitFor(Promise.resolve("a"));
  assertType<IsExact<typeof fromFuture, Date>>(true);
  const fromFuture = await new Future<Date>();
  assertType<IsExact<typeof permit, Permit>>(true);
  const permit = await new Semaphore(1).acquire();
  assertType<IsExact<typeof wrapped, (id: number, name: string) => Promise<string>>>(true);
  const wrapped = new Semaphore(1).wrap((id: number, name: string) => `${id} ${name}`);
  assertType<IsExact<typeof forever, Promise<never>>>(true);
  const forever = sleepForever();
}

export async function inferredUnderLocks(lock: Lock, rwLock: RwLock, condition: Condition): Promise<void> {
  assertType<IsExact<typeof ran, number>>(true);
  const ran = await lock.run(async (signal) => await Promise.resolve(signal.aborted ? 0 : 1));
  assertType<IsExact<typeof read, string>>(true);
  const read = await rwLock.runRead(() => "a");
  assertType<IsExact<typeof written, void>>(true);
  const written = await rwLock.runWrite(() => {});
  assertType<IsExact<typeof held, Permit | undefined>>(true);
  const held = lock.tryAcquire();
  // What is falsy is not waited for.
  assertType<IsExact<typeof word, string>>(true);
  const word = await condition.waitUntil(() => words.shift());
  assertType<IsExact<typeof holds, true>>(true);
  const holds = await condition.waitUntil(() => words.length > 0);
}

export function mustNotCompile(group: TaskGroup): void {
  // Work is passed as a function or a promise, not as a value, and not called by mistake with something else.
  // @ts-expect-error: a number is no work
  gather([1]);
  // @ts-expect-error: a number is no work
  gather({ one: () => 1, two: 2 });
  // @ts-expect-error: a string is an iterable, but of no work
  gather("work");
  // @ts-expect-error: a function that wants more than the signal
  gather([(signal: AbortSignal, more: number) => [signal, more]]);
  // @ts-expect-error: an async iterable is for `map`
  gather((async function* () {})());
  // @ts-expect-error: a promise of entries
  gather(Promise.resolve([() => 1]));
  // @ts-expect-error: the option is `settled`
  gather([() => 1], { returnExceptions: true });
  // @ts-expect-error: a number
  gather([() => 1], { concurrency: "2" });
  // @ts-expect-error: a signal, not its controller
  gather([() => 1], { signal: new AbortController() });
  // @ts-expect-error: a settled result is no value
  gather([() => 1], { settled: true }).then(([one]) => one.toFixed());
  // @ts-expect-error: there are two results
  gather([() => 1, () => 2]).then(([_one, _two, three]) => three);

  // @ts-expect-error: a number is no work
  asCompleted([1]);
  // @ts-expect-error: there is no order but that of completion
  asCompleted([() => 1], { ordered: true });
  // @ts-expect-error: a number is no work
  race([1]);
  // @ts-expect-error: losers are never results
  race([() => 1], { settled: true });
  // @ts-expect-error: functions belong into `gather`
  wait([() => 1]);
  // @ts-expect-error: no such moment
  wait([Promise.resolve()], { returnWhen: "FIRST_COMPLETED" });

  // @ts-expect-error: no source
  map(1, (n) => n);
  // @ts-expect-error: no function
  map([1], 1);
  // @ts-expect-error: the items are numbers
  map([1], (word: string) => word);

  // @ts-expect-error: a promise has started already; a task wants the function
  createTask(Promise.resolve(1));
  // @ts-expect-error: nothing is passed to it but the signal
  createTask((path: string) => path);
  // @ts-expect-error: the group wants a function
  group.createTask(Promise.resolve(1));
  // @ts-expect-error: the first argument is the group
  TaskGroup.run((signal: AbortSignal) => signal);
  // @ts-expect-error: the report is a number
  group.start<number>((_signal, started) => started("a"));
  // @ts-expect-error: made by `createTask` only
  const task: Task<string> = createTask(() => 1);
  // @ts-expect-error: settled by its function, not by hand
  task.setResult("a");
  // @ts-expect-error: the result is a number
  new Future<number>().setResult("a");

  // @ts-expect-error: milliseconds
  sleep("1s");
  // @ts-expect-error: the time comes first
  timeout(() => 1, 1000);
  // @ts-expect-error: a promise has started already; see `waitFor`
  timeout(1000, Promise.resolve(1));
  // @ts-expect-error: a function is no promise; see `timeout`
  waitFor(() => 1);
  // @ts-expect-error: the wait may have been cut short
  moveOnAfter(1, () => 1).then((value: number) => value);
}

Deno.test("the types of the public functions are as this file says", () => {
  assertType<IsExact<typeof inferred, (group: TaskGroup) => Promise<void>>>(true);
});
