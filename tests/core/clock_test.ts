import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import type { Alarm, Sleeper } from "../../src/core/clock.ts";

// The clock takes its timers from the platform when it is loaded. Here it gets ones that the tests move by hand.
const EPOCH = 1_700_000_000_000;
const LONGEST = 2 ** 31 - 1;
const storage = new AsyncLocalStorage<string>();
const platform = {
  now: 1000.25,
  /** By how much the system's clock was set. */
  set: 0,
  timers: new Map<number, { at: number; fn: () => void }>(),
  made: [] as number[],
  cleared: 0,
  contexts: new Set<unknown>(),

  /** Lets that many ms pass. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      const [id, { at, fn }] = due;
      this.timers.delete(id);
      this.now = Math.max(this.now, at);
      fn();
    }
    this.now = end;
  },

  /** Fires the next timer after that many ms, due or not. */
  fire(ms: number): void {
    const [id] = this.timers.keys();
    const { fn } = this.timers.get(id!)!;
    this.timers.delete(id!);
    this.now += ms;
    fn();
  },

  /** What was made and cleared since the last time. */
  calls(): { made: number[]; cleared: number } {
    const calls = { made: this.made, cleared: this.cleared };
    this.made = [];
    this.cleared = 0;
    return calls;
  },
};
let ids = 0;
performance.now = () => platform.now;
// As the platform does it: whole milliseconds.
Date.now = () => Math.floor(EPOCH + platform.now + platform.set);
globalThis.setTimeout = ((fn: () => void, delay = 0) => {
  platform.made.push(delay);
  platform.contexts.add(storage.getStore());
  platform.timers.set(++ids, { at: platform.now + (delay > LONGEST ? 1 : delay), fn });
  return ids;
}) as unknown as typeof setTimeout;
globalThis.clearTimeout = ((id: number) => {
  if (platform.timers.delete(id)) platform.cleared++;
}) as typeof clearTimeout;
const { arm, armAt, disarm } = await import("../../src/core/clock.ts");
const { sleepForever, sleepUntil, timeout, timeoutAt } = await import("@weft/async");
const { collectGarbage, settle, withSeeds } = await import("../support.ts");

/** A log, and what rings in it. */
function bells() {
  const log: unknown[] = [];
  const bell = (name: unknown): Sleeper => ({ ring: () => log.push(name) });
  return { log, bell };
}

/** A test that has to leave no platform timer. */
function test(name: string, fn: () => void | Promise<void>): void {
  Deno.test(name, async () => {
    platform.calls();
    await fn();
    await settle(1);
    assertEquals(platform.timers.size, 0);
  });
}

test("arm() rings in order of the deadlines, equal ones in the order they were armed", () => {
  const { log, bell } = bells();
  for (const [name, ms] of [["c", 30], ["a", 10], ["b", 20], ["b2", 20], ["a2", 10], ["b3", 20]] as const) {
    arm(bell(name), ms);
  }
  platform.pass(19);
  log.push("19 ms");
  platform.pass(1);
  log.push("20 ms");
  platform.pass(10);
  assertEquals(log, ["a", "a2", "19 ms", "b", "b2", "b3", "20 ms", "c"]);
});

test("arm() rings everything that is due in one turn, before any microtask", async () => {
  const { log, bell } = bells();
  arm({ ring: () => void Promise.resolve().then(() => log.push("microtask")) }, 10);
  arm(bell("as early"), 10);
  arm(bell("a little later"), 10.5);
  platform.now += 11;
  platform.pass(0);
  await null;
  assertEquals(log, ["as early", "a little later", "microtask"]);
});

test("arm() keeps to a sorted list under random deadlines and disarms", async () => {
  await withSeeds(50, async (random) => {
    const { log, bell } = bells();
    const armed = new Map<number, { at: number; alarm: Alarm }>();
    const expected: number[] = [];
    let count = 0;
    for (let i = 0; i < 400; i++) {
      const kind = random();
      if (kind < 0.5) {
        const ms = Math.floor(random() * 200);
        armed.set(count, { at: platform.now + ms, alarm: arm(bell(count), ms) });
        count++;
      } else if (kind < 0.9) {
        const [name] = [...armed.keys()].slice(Math.floor(random() * armed.size));
        if (name === undefined) continue;
        disarm(armed.get(name)!.alarm);
        armed.delete(name);
      } else {
        const ms = Math.floor(random() * 20);
        const due = [...armed].filter(([, { at }]) => at <= platform.now + ms);
        // A stable sort: equal ones stay in the order they were armed.
        for (const [name] of due.sort(([, a], [, b]) => a.at - b.at)) {
          expected.push(name);
          armed.delete(name);
        }
        platform.pass(ms);
        assertEquals(log, expected);
      }
      await null;
    }
    for (const { alarm } of armed.values()) disarm(alarm);
    await settle(1);
  });
});

test("arm() makes one platform timer for a thousand deadlines", () => {
  const { log, bell } = bells();
  for (let i = 1; i <= 1000; i++) arm(bell(i), 10 + i);
  assertEquals(platform.calls(), { made: [11], cleared: 0 });
  platform.now += 2000;
  platform.pass(0);
  assertEquals([log.length, platform.calls()], [1000, { made: [], cleared: 0 }]);
});

test("arm() replaces the platform timer when something is due earlier, and makes the next when that has rung", () => {
  const { log, bell } = bells();
  arm(bell("late"), 50);
  arm(bell("early"), 20);
  assertEquals(platform.calls(), { made: [50, 20], cleared: 1 });
  platform.pass(20);
  assertEquals([log, platform.calls()], [["early"], { made: [30], cleared: 0 }]);
  platform.pass(30);
  assertEquals(log, ["early", "late"]);
});

test("arm() rings at no earlier than it was asked to, though timers take whole milliseconds", () => {
  const { log, bell } = bells();
  arm(bell("rung"), 4.5);
  platform.pass(4.4);
  assertEquals([log, platform.calls().made], [[], [5]]);
  platform.pass(0.6);
  assertEquals(log, ["rung"]);
});

test("arm() goes on waiting when the platform's timer fires early", () => {
  const { log, bell } = bells();
  arm(bell("rung"), 10);
  platform.fire(9);
  assertEquals(log, []);
  platform.pass(1);
  assertEquals(log, ["rung"]);
});

test("arm() with zero or less rings in a turn of its own", () => {
  const { log, bell } = bells();
  for (const ms of [0, -5, -Infinity]) arm(bell(ms), ms);
  assertEquals([log, platform.calls().made], [[], [0]]);
  platform.pass(0);
  assertEquals(log, [0, -5, -Infinity]);
});

test("arm() from what rings does not ring in the same turn, though it is due at once", async () => {
  const { log, bell } = bells();
  arm({
    ring: () => {
      log.push("outer");
      arm(bell("inner"), 0);
      Promise.resolve().then(() => log.push("microtask"));
    },
  }, 10);
  arm(bell("sibling"), 10);
  platform.fire(10);
  await null;
  platform.pass(0);
  assertEquals(log, ["outer", "sibling", "microtask", "inner"]);
});

test("disarm() takes an alarm back, also one that is due in the same turn, and does nothing the second time", () => {
  const { log, bell } = bells();
  const second = arm(bell("second"), 11);
  const first = arm({ ring: () => (log.push("first"), disarm(second)) }, 10);
  const third = arm(bell("third"), 12);
  platform.now += 20;
  assert(first.armed && second.armed);
  platform.pass(0);
  assertEquals([log, first.armed, second.armed, third.armed], [["first", "third"], false, false, false]);
  for (const alarm of [first, second, third]) disarm(alarm);
});

test("disarm() of the last clears the platform timer in the next turn", async () => {
  const { log, bell } = bells();
  const alarms = [arm(bell("a"), 10), arm(bell("b"), 20)];
  disarm(alarms[0]!);
  await settle(1);
  assertEquals(platform.calls(), { made: [10], cleared: 0 });
  disarm(alarms[1]!);
  assertEquals(platform.timers.size, 1);
  await settle(1);
  assertEquals([platform.timers.size, platform.calls(), log], [0, { made: [], cleared: 1 }, []]);
});

test("disarm() lets a loop of deadlines that do not pass do with one platform timer", () => {
  const { bell } = bells();
  for (let i = 0; i < 20_000; i++) disarm(arm(bell("never"), 1000));
  assertEquals(platform.calls(), { made: [1000], cleared: 0 });
});

test("disarm() leaves the platform timer to those that are armed in the same turn", async () => {
  const { log, bell } = bells();
  disarm(arm(bell("never"), 1000));
  arm(bell("rung"), 1000);
  await settle(1);
  platform.pass(1000);
  assertEquals([log, platform.calls()], [["rung"], { made: [1000], cleared: 0 }]);
});

test("disarm() of the earliest lets the others ring in time", () => {
  const { log, bell } = bells();
  const early = arm(bell("early"), 10);
  arm(bell("late"), 20);
  disarm(early);
  platform.pass(20);
  assertEquals([log, platform.calls()], [["late"], { made: [10, 10], cleared: 0 }]);
});

test("disarm() keeps order among the rest when it sweeps what is dead", () => {
  const { log, bell } = bells();
  const alarms = Array.from({ length: 1000 }, (_, i) => arm(bell(i), 1000 - i));
  alarms.forEach((alarm, i) => i % 10 !== 0 && disarm(alarm));
  platform.pass(1000);
  assertEquals(log, Array.from({ length: 100 }, (_, i) => 990 - 10 * i));
});

test("disarm() lets go of what it would have woken, and soon of the alarms too", async () => {
  const { bell } = bells();
  const last = arm(bell("last"), 2000);
  const refs = Array.from({ length: 1000 }, () => {
    const sleeper = bell("never");
    const alarm = arm(sleeper, 1000);
    disarm(alarm);
    return { sleeper: new WeakRef(sleeper), alarm: new WeakRef(alarm) };
  });
  await collectGarbage();
  disarm(last);
  assertEquals(refs.filter(({ sleeper }) => sleeper.deref() !== undefined).length, 0);
  const alarms = refs.filter(({ alarm }) => alarm.deref() !== undefined).length;
  assert(alarms <= 64, `${alarms} disarmed alarms are held`);
});

test("arm() with 2³¹ ms or more does not ring at once, but when it is due", () => {
  const { log, bell } = bells();
  arm(bell("rung"), 2 ** 31);
  platform.pass(LONGEST);
  assertEquals([log, platform.calls().made], [[], [LONGEST, 1]]);
  platform.pass(1);
  assertEquals(log, ["rung"]);
  arm(bell("a year"), 365 * 86_400_000);
  platform.pass(365 * 86_400_000 - 1);
  assertEquals(log, ["rung"]);
  platform.pass(1);
  assertEquals(log, ["rung", "a year"]);
});

test("arm() with Infinity never rings, and keeps a platform timer that keeps the program alive", () => {
  const { log, bell } = bells();
  const alarm = arm(bell("never"), Infinity);
  assertEquals([platform.timers.size, alarm.remaining, alarm.dueAt], [1, Infinity, Infinity]);
  platform.pass(2 ** 33);
  assertEquals([log, platform.timers.size], [[], 1]);
  arm(bell("soon"), 10);
  platform.pass(10);
  assertEquals([log, platform.timers.size], [["soon"], 1]);
  disarm(alarm);
});

test("arm() makes its platform timers in an empty async context", () => {
  platform.contexts.clear();
  const { bell } = bells();
  storage.run("caller", () => {
    disarm(arm(bell("a"), 20));
    arm(bell("b"), 10);
  });
  platform.pass(20);
  assertEquals(platform.contexts, new Set([undefined]));
});

test("Alarm tells how many ms are left, and when it is due", () => {
  const { bell } = bells();
  const alarm = arm(bell("rung"), 40);
  platform.pass(15);
  assertEquals([alarm.remaining, alarm.armed], [25, true]);
  assert(Math.abs(alarm.dueAt - (Date.now() + 25)) <= 1);
  platform.pass(30);
  assertEquals([alarm.remaining, alarm.armed], [-5, false]);
});

test("armAt() has equal instants ring together and in order, though Date.now counts whole ms", () => {
  const { log, bell } = bells();
  platform.now = Math.floor(platform.now) + 0.9;
  const at = Date.now() + 100;
  const outer = armAt(bell("outer"), at);
  // The next whole millisecond begins.
  platform.now += 0.2;
  const inner = armAt(bell("inner"), at);
  assertEquals([outer.dueAt, inner.dueAt, inner.at - outer.at], [at, at, 0]);
  platform.pass(98.8);
  assertEquals([Date.now() < at, log], [true, []]);
  platform.pass(2.2);
  assertEquals([Date.now() >= at, log], [true, ["outer", "inner"]]);
});

test("armAt() follows the system's clock when that is set", () => {
  const { log, bell } = bells();
  disarm(armAt(bell("before"), Date.now() + 100));
  platform.set += 3_600_000;
  armAt(bell("rung"), Date.now() + 100);
  platform.pass(98);
  assertEquals(log, []);
  platform.pass(3);
  assertEquals(log, ["rung"]);
});

test("timeoutAt() nested with the same instant lets only the outermost throw, and both have expired", async () => {
  platform.now = Math.floor(platform.now) + 0.9;
  const at = Date.now() + 100;
  const log: unknown[] = [];
  const call = timeoutAt(at, (signal, outer) => {
    platform.now += 0.2;
    return timeoutAt(at, () => sleepForever(), { name: "inner" }).finally(() => log.push(signal.reason.message))
      .catch((error) => {
        assertStrictEquals(error, signal.reason);
        log.push(outer.expired);
        throw error;
      });
  }, { name: "outer" }).catch((error) => log.push(error.message));
  platform.pass(101);
  await call;
  const message = 'timeout "outer" took longer than 100 ms';
  assertEquals(log, [message, true, message]);
});

test("sleepUntil() sleeps on when the system's clock is set back meanwhile", async () => {
  const log: string[] = [];
  const sleeper = sleepUntil(Date.now() + 100).then(() => log.push("awake"));
  platform.set -= 50;
  platform.pass(101);
  await settle(1);
  log.push("101 ms");
  platform.pass(50);
  await sleeper;
  assertEquals(log, ["101 ms", "awake"]);
});

test("timeout() makes no platform timer of its own while another is there for an earlier instant", async () => {
  const { bell } = bells();
  const alarm = arm(bell("never"), 10);
  platform.calls();
  for (let i = 0; i < 1000; i++) await timeout(1000, () => i);
  assertEquals(platform.calls(), { made: [], cleared: 0 });
  disarm(alarm);
});

test("arm() uses the timers that have replaced the platform's, one for each, while what was armed goes on", () => {
  const { log, bell } = bells();
  const native = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  const faked: (() => void)[] = [];
  const cleared: unknown[] = [];
  arm(bell("before"), 10);
  const never = arm(bell("never"), 10);
  platform.calls();
  globalThis.setTimeout = ((fn: () => void, ms: number) => {
    faked.push(fn);
    return `faked ${ms}`;
  }) as unknown as typeof setTimeout;
  globalThis.clearTimeout = ((id: unknown) => cleared.push(id)) as typeof clearTimeout;
  const first = arm(bell("first"), 10);
  const second = arm(bell("second"), 20);
  disarm(never);
  platform.pass(10);
  assertEquals([log, platform.calls().made, faked.length], [["before"], [], 2]);
  Object.assign(globalThis, native);
  disarm(second);
  disarm(second);
  faked[0]!();
  assertEquals([log, cleared, first.armed], [["before", "first"], ["faked 20"], false]);
});
