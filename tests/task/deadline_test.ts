import {
  currentDeadline,
  gather,
  isCancellation,
  moveOnAfter,
  scope,
  shield,
  sleepForever,
  TaskGroup,
  timeout,
  TimeoutError,
} from "@weft/async";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { settle } from "../support.ts";

/** Lets what runs begin, and then the time pass. */
async function pass(time: FakeTime, ms: number): Promise<void> {
  await settle();
  await time.tickAsync(ms);
  await settle();
}

Deno.test("currentDeadline() returns the ms left of the nearest deadline, whichever call set it", async () => {
  using time = new FakeTime();
  const seen: number[] = [currentDeadline()];
  await timeout(100, async () => {
    seen.push(currentDeadline());
    await moveOnAfter(500, () => seen.push(currentDeadline()));
    await moveOnAfter(20, () => gather([() => scope(() => seen.push(currentDeadline()))]));
    time.tick(30);
    seen.push(currentDeadline());
  });
  assertEquals(seen, [Infinity, 100, 100, 20, 70]);
});

Deno.test("currentDeadline() stops at a shield, which may have a deadline of its own", async () => {
  using _time = new FakeTime();
  const seen: number[] = [];
  await timeout(100, async () => {
    await shield(() => seen.push(currentDeadline()));
    await shield(() => seen.push(currentDeadline()), { timeout: 300 });
  });
  assertEquals(seen, [Infinity, 300]);
});

Deno.test("currentDeadline() is zero in an aborted scope and once the deadline has passed", async () => {
  const seen: number[] = [];
  await scope((_signal, self) => {
    self.cancel();
    seen.push(currentDeadline());
  });
  await moveOnAfter(0, () => seen.push(currentDeadline()));
  assertEquals(seen, [0, 0]);
});

Deno.test("currentDeadline() follows reschedule()", async () => {
  using _time = new FakeTime();
  const seen: number[] = [];
  await scope((_signal, self) => {
    self.reschedule(40);
    seen.push(currentDeadline());
    self.reschedule(Infinity);
    seen.push(currentDeadline());
  });
  assertEquals(seen, [40, Infinity]);
});

Deno.test("scope() with a timeout ends quietly when it passes", async () => {
  using time = new FakeTime();
  const seen: boolean[] = [];
  const ended = scope(async (_signal, self) => {
    await sleepForever().finally(() => seen.push(self.expired));
    return "never";
  }, { timeout: 10 });
  await pass(time, 10);
  assertEquals([await ended, seen], [undefined, [true]]);
});

Deno.test("TaskGroup with a timeout aborts tasks and body when it passes, and rejects with a TimeoutError", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const ended = assertRejects(
    () =>
      TaskGroup.run(async (group) => {
        group.createTask(() => sleepForever().finally(() => log.push("task")));
        await sleepForever().finally(() => log.push("body"));
      }, { timeout: 10, name: "load" }),
    TimeoutError,
    'TaskGroup "load" took longer than 10 ms',
  );
  await pass(time, 10);
  await ended;
  assertEquals(log.toSorted(), ["body", "task"]);
});

Deno.test("TaskGroup whose work returns in spite of the deadline has its value", async () => {
  using time = new FakeTime();
  const ended = TaskGroup.run(async () => {
    await shield(() => settle(5));
    return "late";
  }, { timeout: 1 });
  await time.tickAsync(1);
  assertEquals(await ended, "late");
});

Deno.test("TaskGroup made with new and a timeout: join() rejects with the TimeoutError", async () => {
  using time = new FakeTime();
  const ended = assertRejects(async () => {
    await using group = new TaskGroup({ timeout: 10 });
    group.createTask(() => sleepForever());
    await group.join();
  }, TimeoutError);
  await pass(time, 10);
  await ended;
});

Deno.test("TimeoutError names the call: its name, or that of its function", async () => {
  using time = new FakeTime();
  async function loadUser(): Promise<void> {
    await sleepForever();
  }
  const calls: [Promise<unknown>, string][] = [
    [timeout(5, loadUser), "timeout of loadUser took longer than 5 ms"],
    [timeout(5, loadUser, { name: "user" }), 'timeout "user" took longer than 5 ms'],
    [timeout(5, () => sleepForever()), "timeout took longer than 5 ms"],
  ];
  const messages = calls.map(([call]) => call.catch((error) => error.message));
  await pass(time, 5);
  assertEquals(await Promise.all(messages), calls.map(([, message]) => message));
});

Deno.test("isCancellation() with a signal judges by that signal, without any scope", () => {
  const controller = new AbortController();
  const reason = new Error("closed by the peer");
  assert(!isCancellation(reason, controller.signal));
  controller.abort(reason);
  assert(isCancellation(reason, controller.signal));
  assert(isCancellation(new Error("request failed", { cause: reason }), controller.signal));
  assert(isCancellation(new DOMException("aborted", "AbortError"), controller.signal));
  assert(!isCancellation(new Error("disk full"), controller.signal));
  assertThrows(() => isCancellation(reason, {} as AbortSignal), TypeError, '"signal" must be an AbortSignal');
});
