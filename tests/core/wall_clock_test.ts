/** Alarms that are set to an instant of the system's clock, and what becomes of them when that is set. */

import { assert, assertEquals } from "@std/assert";
import type { Alarm, Sleeper } from "../../src/core/clock.ts";

// The clock takes its timers from the platform when it is loaded. Here it gets ones that the tests move by hand.
const LIMIT = { timeout: 10_000 };
const EPOCH = 1_700_000_000_000;
const LOOK = 30_000;
const HOUR = 3_600_000;
const platform = {
  now: 1000.25,
  /** By how much the system's clock was set. */
  set: 0,
  timers: new Map<number, { at: number; fn: () => void }>(),
  made: [] as number[],

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

  /** The delays that were asked for since the last time. */
  delays(): number[] {
    const { made } = this;
    this.made = [];
    return made;
  },
};
let ids = 0;
performance.now = () => platform.now;
// As the platform does it: whole milliseconds.
Date.now = () => Math.floor(EPOCH + platform.now + platform.set);
globalThis.setTimeout = ((fn: () => void, delay = 0) => {
  platform.made.push(delay);
  platform.timers.set(++ids, { at: platform.now + delay, fn });
  return ids;
}) as unknown as typeof setTimeout;
globalThis.clearTimeout = ((id: number) => void platform.timers.delete(id)) as typeof clearTimeout;
const copy = "../../src/core/clock.ts?wall";
const clock: typeof import("../../src/core/clock.ts") = await import(copy);
const { sleepForever, sleepUntil, timeoutAt } = await import("@weft/async");
const { settle } = await import("../support.ts");

const { disarm } = clock;
const armed: Alarm[] = [];
function tracked<A extends unknown[]>(arm: (...args: A) => Alarm): (...args: A) => Alarm {
  return (...args) => {
    const alarm = arm(...args);
    armed.push(alarm);
    return alarm;
  };
}
const arm = tracked(clock.arm);
const armAt = tracked(clock.armAt);

/** A log, and what rings in it. */
function bells() {
  const log: unknown[] = [];
  const bell = (name: unknown): Sleeper => ({ ring: () => log.push(name) });
  return { log, bell };
}

/** A test that has to leave no platform timer. One that fails leaves nothing to the next. */
function test(name: string, fn: (signal: AbortSignal) => void | Promise<void>): void {
  Deno.test(name, LIMIT, async () => {
    platform.delays();
    platform.set = 0;
    const controller = new AbortController();
    try {
      await fn(controller.signal);
      await settle(1);
      assertEquals(platform.timers.size, 0);
    } finally {
      controller.abort();
      for (const alarm of armed.splice(0)) disarm(alarm);
      await settle(1);
    }
  });
}

test("armAt() asks for no delay of more than 30 s, and rings when it is due", () => {
  const { log, bell } = bells();
  armAt(bell("rung"), Date.now() + HOUR);
  platform.pass(HOUR - 2);
  assertEquals(log, []);
  platform.pass(3);
  const delays = platform.delays();
  assertEquals([log, Math.max(...delays) <= LOOK, delays.length >= HOUR / LOOK], [["rung"], true, true]);
});

test("arm() asks for all of its delay while no alarm of armAt() is there", () => {
  const { log, bell } = bells();
  const alarm = arm(bell("rung"), HOUR);
  assertEquals(platform.delays(), [HOUR]);
  platform.pass(LOOK);
  disarm(alarm);
  assertEquals([log, platform.delays()], [[], []]);
});

test("arm() asks for no more than 30 s while an alarm of armAt() is there, and for all once that is taken back", () => {
  const { log, bell } = bells();
  const wall = armAt(bell("wall"), Date.now() + 10 * HOUR);
  arm(bell("rung"), HOUR);
  platform.pass(10 * LOOK);
  assert(Math.max(...platform.delays()) <= LOOK);
  disarm(wall);
  // The timer that is there may ring once more.
  platform.pass(LOOK);
  platform.delays();
  arm(bell("soon"), 10);
  platform.pass(10);
  assertEquals([log, platform.delays().at(-1)! > LOOK], [["soon"], true]);
  platform.pass(HOUR);
  assertEquals(log, ["soon", "rung"]);
});

test("armAt() asks for short delays when it joins an alarm of arm() that is far off", () => {
  const { log, bell } = bells();
  const far = arm(bell("never"), 10 * HOUR);
  assertEquals(platform.delays(), [10 * HOUR]);
  armAt(bell("rung"), Date.now() + 2 * HOUR);
  platform.set += 2 * HOUR;
  platform.pass(LOOK);
  assertEquals(log, ["rung"]);
  disarm(far);
});

test("armAt() rings within 30 s when the system's clock is set past its instant", () => {
  const { log, bell } = bells();
  armAt(bell("rung"), Date.now() + 10 * HOUR);
  platform.pass(5);
  platform.set += 10 * HOUR;
  assertEquals(log, []);
  platform.pass(LOOK);
  assertEquals(log, ["rung"]);
});

test("armAt() rings with whatever rings next when the system's clock is set past its instant", () => {
  const { log, bell } = bells();
  arm(bell("next"), 100);
  armAt(bell("wall"), Date.now() + HOUR);
  platform.set += HOUR;
  platform.pass(99);
  assertEquals(log, []);
  platform.pass(1);
  assertEquals([...log].sort(), ["next", "wall"]);
});

test("armAt() waits longer when the system's clock is set back", () => {
  const { log, bell } = bells();
  armAt(bell("rung"), Date.now() + 100);
  platform.set -= 50;
  platform.pass(101);
  assertEquals(log, []);
  platform.pass(48);
  assertEquals(log, []);
  platform.pass(3);
  assertEquals(log, ["rung"]);
});

test("armAt() waits longer when the system's clock is set back by hours", () => {
  const { log, bell } = bells();
  armAt(bell("rung"), Date.now() + LOOK / 2);
  platform.set -= 2 * HOUR;
  platform.pass(2 * HOUR);
  assertEquals(log, []);
  platform.pass(LOOK / 2 + 1);
  assertEquals(log, ["rung"]);
});

test("arm() takes no notice of the system's clock", () => {
  const { log, bell } = bells();
  const wall = armAt(bell("wall"), Date.now() + 100 * HOUR);
  arm(bell("rung"), 100);
  platform.set += HOUR;
  platform.pass(99);
  assertEquals(log, []);
  platform.set -= 3 * HOUR;
  platform.pass(1);
  assertEquals(log, ["rung"]);
  disarm(wall);
});

test("armAt() keeps the order of the instants when the system's clock is set past several", () => {
  const { log, bell } = bells();
  const now = Date.now();
  for (const [name, hours] of [["c", 3], ["a", 1], ["b", 2], ["a2", 1]] as const) armAt(bell(name), now + hours * HOUR);
  platform.set += 5 * HOUR;
  platform.pass(LOOK);
  assertEquals(log, ["a", "a2", "b", "c"]);
});

test("armAt() has equal instants ring together and in order, though they are armed in parts of a millisecond", () => {
  const { log, bell } = bells();
  // Has the clock look at the system's before.
  armAt(bell("before"), Date.now() + 10);
  platform.pass(20);
  assertEquals(log.splice(0), ["before"]);
  platform.now = Math.floor(platform.now) + 0.9;
  const at = Date.now() + 100;
  for (const name of ["outer", "middle", "inner"]) {
    armAt(bell(name), at);
    platform.now += 0.2;
  }
  const rings: unknown[][] = [];
  for (let i = 0; i < 210; i++) {
    platform.pass(0.5);
    if (log.length > 0) rings.push(log.splice(0));
  }
  assertEquals(rings, [["outer", "middle", "inner"]]);
});

test("armAt() goes by the system's clock as it is set again and again", () => {
  const { log, bell } = bells();
  const at = Date.now() + 10 * LOOK;
  armAt(bell("rung"), at);
  for (const set of [4, -3, 5, 6]) {
    platform.set += set * LOOK;
    platform.pass(LOOK);
    // Looked at every 30 s at least, so it rings no later than that after its instant.
    assertEquals([log.length === 0 || Date.now() >= at, log.length > 0 || Date.now() < at + LOOK], [true, true]);
  }
  platform.pass(20 * LOOK);
  assertEquals(log, ["rung"]);
});

test("armAt() has one platform timer for many instants", () => {
  const { bell } = bells();
  const alarms: Alarm[] = [];
  for (let i = 0; i < 100; i++) alarms.push(armAt(bell(i), Date.now() + HOUR + i), arm(bell(i), HOUR - i));
  platform.pass(10 * LOOK);
  assertEquals(platform.timers.size, 1);
  for (const alarm of alarms) disarm(alarm);
});

test("armAt() that is taken back does not ring when the system's clock is set past its instant", () => {
  const { log, bell } = bells();
  const other = arm(bell("other"), LOOK);
  disarm(armAt(bell("never"), Date.now() + HOUR));
  platform.set += 2 * HOUR;
  platform.pass(LOOK);
  assertEquals([log, other.armed], [["other"], false]);
});

test("Alarm tells the instant that it was given, and what is left by the system's clock", () => {
  const { bell } = bells();
  const at = Date.now() + HOUR;
  const alarm = armAt(bell("never"), at);
  platform.set += HOUR / 2;
  platform.pass(LOOK);
  assertEquals(alarm.dueAt, at);
  assert(Math.abs(alarm.remaining - (at - Date.now())) <= 1);
  disarm(alarm);
});

test("sleepUntil() awakes within 30 s when the system's clock is set past its instant", async (signal) => {
  const log: string[] = [];
  const sleeper = sleepUntil(Date.now() + HOUR, { signal }).then(() => log.push("awake"), () => {});
  platform.set += HOUR;
  platform.pass(LOOK);
  await settle(1);
  assertEquals(log, ["awake"]);
  await sleeper;
});

test("timeoutAt() expires within 30 s when the system's clock is set past its instant", async (signal) => {
  const log: string[] = [];
  const call = timeoutAt(Date.now() + HOUR, () => sleepForever(), { signal }).catch((error) => log.push(error.name));
  platform.set += HOUR;
  platform.pass(LOOK);
  await settle(1);
  assertEquals(log, ["TimeoutError"]);
  await call;
});

test("timeoutAt() gives more time when the system's clock is set back", async (signal) => {
  const log: string[] = [];
  const call = timeoutAt(Date.now() + 100, () => sleepForever(), { signal }).catch((error) => log.push(error.name));
  platform.set -= HOUR;
  platform.pass(HOUR);
  await settle(1);
  log.push("an hour later");
  platform.pass(101);
  await call;
  assertEquals(log, ["an hour later", "TimeoutError"]);
});
