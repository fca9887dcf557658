import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { createTask, Future, InvalidStateError, scope, sleepForever, wait } from "@weft/async";
import { countedSignal, report, settle, unhandledIn } from "../support.ts";

/** A few futures by name, and a way to tell from a result which of them are done. */
function futures(...names: string[]) {
  const all = names.map((name) => new Future<string>({ name }));
  const show = ({ done, pending }: { done: Set<Future<string>>; pending: Set<Future<string>> }) => ({
    done: [...done].map((future) => future.name),
    pending: [...pending].map((future) => future.name),
  });
  return { all, show };
}

Deno.test("wait() waits until all have settled, failed ones too, and tells them in order of the input", async () => {
  const { all, show } = futures("a", "b", "c");
  const call = wait(all);
  let returned = false;
  call.then(() => returned = true);
  all[2]!.setResult("C");
  all[1]!.setException(new Error("no luck"));
  await settle();
  assertEquals(returned, false);
  all[0]!.cancel();
  assertEquals(show(await call), { done: ["a", "b", "c"], pending: [] });
});

Deno.test("wait() with firstCompleted returns as soon as one has settled, be it a failure", async () => {
  for (const settleOne of ["setResult", "setException"] as const) {
    const { all, show } = futures("a", "b", "c");
    const call = wait(all, { returnWhen: "firstCompleted" });
    all[1]![settleOne]("B");
    assertEquals(show(await call), { done: ["b"], pending: ["a", "c"] });
  }
});

Deno.test("wait() with firstException returns at the first failure", async () => {
  const { all, show } = futures("a", "b", "c");
  const call = wait(all, { returnWhen: "firstException" });
  all[2]!.setResult("C");
  await settle();
  all[0]!.setException(new Error("no luck"));
  assertEquals(show(await call), { done: ["a", "c"], pending: ["b"] });
});

Deno.test("wait() with firstException waits for all when none fails", async () => {
  const { all, show } = futures("a", "b");
  const call = wait(all, { returnWhen: "firstException" });
  all[0]!.setResult("A");
  await settle();
  all[1]!.setResult("B");
  assertEquals(show(await call), { done: ["a", "b"], pending: [] });
});

Deno.test("wait() with firstException goes on when a task or a future is cancelled: that is no failure", async () => {
  const { all, show } = futures("a", "b", "c");
  const call = wait(all, { returnWhen: "firstException" });
  all[1]!.cancel();
  await settle();
  all[2]!.setResult("C");
  await settle();
  all[0]!.setException(new Error("no luck"));
  assertEquals(show(await call), { done: ["a", "b", "c"], pending: [] });
  const [gone, slow] = [createTask(() => sleepForever()), createTask(() => sleepForever())];
  gone.cancel();
  const waiting = wait([gone, slow], { returnWhen: "firstException" });
  await settle();
  slow.cancel();
  assertEquals((await waiting).done.size, 2);
});

Deno.test("wait() of nothing returns empty sets", async () => {
  assertEquals(await wait([]), { done: new Set(), pending: new Set() });
});

Deno.test("wait() takes any iterable, and the same promise twice counts once", async () => {
  const promise = Promise.resolve(1);
  const generated = (function* () {
    yield promise;
    yield promise;
  })();
  assertEquals(await wait(generated), { done: new Set([promise]), pending: new Set() });
  assertEquals((await wait(new Set([promise]))).done.size, 1);
});

Deno.test("wait() takes promises, tasks, futures and foreign thenables together", async () => {
  const thenable: PromiseLike<unknown> = { then: (ok, no) => Promise.resolve(1).then(ok, no) };
  const all = [Promise.resolve(1), createTask(() => 2), new Future(), thenable];
  (all[2] as Future<unknown>).setResult(3);
  assertEquals((await wait(all)).done, new Set(all));
});

Deno.test("wait() returns when its timeout is over, with what there is", async () => {
  using time = new FakeTime();
  const { all, show } = futures("a", "b");
  const call = wait(all, { timeout: 50 });
  all[0]!.setResult("A");
  await settle();
  time.tick(50);
  assertEquals(show(await call), { done: ["a"], pending: ["b"] });
});

Deno.test("wait() with a timeout of zero or less tells what has settled already", async () => {
  for (const timeout of [0, -1]) {
    const settled = [Promise.resolve(1), Promise.reject(2)];
    const pending = new Promise(() => {});
    const result = await wait([pending, ...settled], { timeout });
    assertEquals(result, { done: new Set(settled), pending: new Set([pending]) });
  }
});

Deno.test("wait() leaves no timer, no listener and nothing on what is pending", async () => {
  using time = new FakeTime();
  const { signal, listeners } = countedSignal();
  let reactions = 0;
  const pending = new Promise<never>(() => {});
  const { then } = pending;
  pending.then = ((...args: Parameters<typeof then>) => {
    reactions++;
    return then.apply(pending, args);
  }) as typeof then;
  for (let i = 0; i < 100; i++) {
    const call = wait([pending, Promise.resolve()], { returnWhen: "firstCompleted", timeout: 1000, signal });
    assertEquals(listeners(), 1);
    assertEquals((await call).pending.size, 1);
  }
  assertEquals([reactions, listeners(), time.next()], [1, 0, false]);
});

Deno.test("wait() rejects with the reason when aborted, and leaves what it waited for alone", async () => {
  const { controller, signal, listeners } = countedSignal();
  const { all } = futures("a");
  const log: string[] = [];
  const bySignal = report(log, wait(all, { signal, timeout: 1000 }));
  controller.abort("its signal");
  await bySignal;
  await scope(async (_signal, self) => {
    const byScope = report(log, wait(all, { timeout: 1000 }));
    self.cancel("its scope");
    await byScope;
    await report(log, wait([Promise.resolve()]));
  });
  assertEquals(log, ["throws its signal", "throws its scope", "throws its scope"]);
  assertEquals([all[0]!.done, listeners()], [false, 0]);
});

Deno.test("wait() throws no failure of theirs, and none surfaces", async () => {
  const failure = () => Promise.reject(new Error("no luck"));
  const unhandled = await unhandledIn(async () => {
    const late = settle(1).then(failure);
    const { done, pending } = await wait([failure(), late], { returnWhen: "firstException" });
    assertEquals([done.size, pending.size], [1, 1]);
    await wait([settle(1).then(failure)], { signal: AbortSignal.abort("before") }).catch(() => {});
  });
  assertEquals(unhandled, []);
});

Deno.test("wait() rejects when the task that calls it is among what it waits for", async () => {
  const task = createTask(async (): Promise<unknown> => await wait([task, Promise.resolve()]), { name: "selfish" });
  const message = "Cannot await selfish: it is the task that awaits";
  await assertRejects(() => Promise.resolve(task), InvalidStateError, message);
});

Deno.test("wait() with firstCompleted tells all that settled in the same turn", async () => {
  const [first, second, third] = [new Future<number>(), new Future<number>(), new Future<number>()];
  const waiting = wait([first, second, third], { returnWhen: "firstCompleted" });
  second.setResult(2);
  first.setException(new Error("one"));
  const { done, pending } = await waiting;
  assertEquals([...done], [first, second]);
  assertEquals([...pending], [third]);
});
