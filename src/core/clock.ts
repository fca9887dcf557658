/**
 * The only module that creates timers: many deadlines share one platform timer.
 *
 * A binary heap holds the deadlines. Removing a deadline only marks it; the heap is swept when more than half of it is
 * dead, and the platform timer is cleared once nothing needs it. A timeout that does not fire therefore costs one push
 * and no platform call.
 *
 * An instant in epoch ms is converted to the scale of `performance.now`, which stops while the machine sleeps and does
 * not follow changes of the system clock. While such an alarm is armed, the two clocks are compared at intervals.
 *
 * Under fake time (`globalThis.setTimeout` is not the one captured at import), each deadline has a timer of its own
 * from the faked functions, which therefore see every deadline as the tests expect.
 *
 * @module
 */

import { popFromHeap, pushToHeap } from "./binary_heap.ts";
import { runOutside } from "./context.ts";
import { inNextTurn, surface } from "./next_turn.ts";

/** The longest delay that a platform timer accepts, in ms; with a longer one it fires at once. */
const MAX_DELAY = 2 ** 31 - 1;
/** The longest interval between two checks of the system clock while an alarm depends on it, in ms. */
const LOOK_AT_SYSTEM = 30_000;
const SMALL = 64;

const { setTimeout: nativeSetTimeout, clearTimeout: nativeClearTimeout } = globalThis;

type TimerId = ReturnType<typeof setTimeout>;

/** The object that an {@linkcode Alarm} wakes. */
export interface Sleeper {
  /** Called when the alarm is due. Settles waits or aborts scopes. */
  ring(): void;
}

/** Wakes its sleeper at an instant, unless it is disarmed before. Arm it only once: the heap may still hold it. */
export class Alarm {
  // Invariant: not null ⇔ the alarm is in the heap and counted as live, or has a timer of its own. A disarmed
  // alarm may stay in the heap for a while, but keeps nothing alive there.
  sleeper: Sleeper | null = null;
  /** When the alarm is due, on the scale of `performance.now` or, with a timer of its own, of `Date.now`. */
  at = 0;
  order = 0;
  /** Clears the timer of the alarm, if it has one of its own. */
  clearAlone: (() => void) | null = null;

  /** Whether the alarm will ring. */
  get armed(): boolean {
    return this.sleeper !== null;
  }

  /** How many ms are left until the alarm is due. */
  get remaining(): number {
    const epochAt = bySystem.get(this);
    if (epochAt !== undefined) return epochAt - Date.now();
    return this.at - (this.clearAlone === null ? performance.now() : Date.now());
  }

  /** When the alarm is due, in epoch ms. */
  get dueAt(): number {
    const epochAt = bySystem.get(this);
    if (epochAt !== undefined) return epochAt;
    return this.clearAlone === null ? this.at + epochAhead() : this.at;
  }
}

const heap: Alarm[] = [];
let live = 0;
// The live alarms that are due on the system clock, with their due times in epoch ms.
const bySystem = new Map<Alarm, number>();
let orders = 0;
let timer: TimerId | undefined;
let timerAt = Infinity;
let tidying = false;

function isFaked(): boolean {
  return globalThis.setTimeout !== nativeSetTimeout;
}

/** Returns the current instant on the monotonic scale of alarms: `performance.now` or, under fake time, `Date.now`. */
export function clockNow(): number {
  return isFaked() ? Date.now() : performance.now();
}

/**
 * Wakes `sleeper` after `ms`; if that is zero or less, as soon as possible, but not in this turn. Throws what a faked
 * `setTimeout` throws.
 */
export function arm(sleeper: Sleeper, ms: number): Alarm {
  return put(sleeper, clockNow() + (ms > 0 ? ms : 0), null);
}

/** Wakes `sleeper` after `ms`, as {@linkcode arm} does, but does not keep the program alive. */
export function armUnref(sleeper: Sleeper, ms: number): Alarm {
  return put(sleeper, Date.now() + (ms > 0 ? ms : 0), null, unref);
}

function unref(id: TimerId): void {
  if (typeof id === "object") (id as { unref?(): void }).unref?.();
  else (globalThis as { Deno?: { unrefTimer?(id: TimerId): void } }).Deno?.unrefTimer?.(id);
}

/** Wakes `sleeper` at an instant in epoch ms. Alarms for the same instant ring together, in the order of the calls. */
export function armAt(sleeper: Sleeper, at: number): Alarm {
  return put(sleeper, isFaked() ? at : at - epochAhead(), at === Infinity ? null : at);
}

/** Disarms the alarm. A second call does nothing. */
export function disarm(alarm: Alarm): void {
  if (alarm.sleeper === null) return;
  if (alarm.clearAlone !== null) {
    alarm.sleeper = null;
    return alarm.clearAlone();
  }
  retire(alarm);
  if (live === 0) {
    heap.length = 0;
    tidyLater();
  } else if (heap.length > SMALL && heap.length > 2 * live) sweep();
}

// The difference between epoch ms and `performance.now`. `Date.now` counts whole ms, so a small change of the measured
// difference may be mere rounding. The stored value then stays the same; otherwise, one of two equal instants might
// come before the other.
let ahead = NaN;

function epochAhead(): number {
  const measured = Date.now() - performance.now();
  // Under fake time, `Date.now` says nothing about the alarms that are on the real clock.
  if (Math.abs(measured - ahead) < 2 || (isFaked() && !Number.isNaN(ahead))) return ahead;
  ahead = measured;
  if (bySystem.size > 0) followSystem();
  return ahead;
}

/** Moves the alarms that depend on the system clock, after it was set or the machine has slept. */
function followSystem(): void {
  for (const [alarm, epochAt] of bySystem) alarm.at = epochAt - ahead;
  for (const alarm of heap.splice(0)) pushToHeap(heap, alarm, before);
  if (heap[0]!.at < timerAt) schedule();
}

function put(sleeper: Sleeper, at: number, epochAt: number | null, created?: (id: TimerId) => void): Alarm {
  const alarm = new Alarm();
  alarm.at = at;
  if (created !== undefined || isFaked()) {
    startAlone(alarm, created);
    alarm.sleeper = sleeper;
  } else {
    alarm.sleeper = sleeper;
    alarm.order = orders++;
    live++;
    if (epochAt !== null) bySystem.set(alarm, epochAt);
    pushToHeap(heap, alarm, before);
    // An alarm that is never due needs the timer too: it has to keep the program alive.
    if (timer === undefined || at < timerAt || (epochAt !== null && !looksSoon())) schedule();
  }
  return alarm;
}

/** Starts a timer for `alarm` alone. */
function startAlone(alarm: Alarm, created: ((id: TimerId) => void) | undefined): void {
  const { setTimeout, clearTimeout } = globalThis;
  let id: TimerId;
  const start = () => {
    const left = alarm.at - Date.now();
    id = left > MAX_DELAY ? setTimeout(start, MAX_DELAY) : setTimeout(() => {
      const sleeper = alarm.sleeper;
      alarm.sleeper = null;
      if (sleeper !== null) ring(sleeper);
    }, Math.max(0, left));
    created?.(id);
  };
  alarm.clearAlone = () => {
    try {
      clearTimeout(id);
    } catch {
      // The fake clock was removed, and its timers with it. A timer that still fires finds no sleeper.
    }
  };
  // A timer that is recreated again and again would keep `FakeTime.runAll` from ending.
  if (alarm.at !== Infinity) runOutside(start);
}

/** Whether the timer fires soon enough for an alarm that depends on the system clock. */
function looksSoon(): boolean {
  return bySystem.size > 1 || timerAt - performance.now() <= LOOK_AT_SYSTEM;
}

/** Marks an alarm as over, after it rang or was disarmed. */
function retire(alarm: Alarm): void {
  alarm.sleeper = null;
  live--;
  if (bySystem.size > 0) bySystem.delete(alarm);
}

/** Wakes one sleeper of many: an error in one must not keep the others asleep. */
function ring(sleeper: Sleeper): void {
  try {
    sleeper.ring();
  } catch (error) {
    surface(error);
  }
}

function schedule(): void {
  if (timer !== undefined) nativeClearTimeout(timer);
  const now = performance.now();
  const longest = bySystem.size > 0 ? LOOK_AT_SYSTEM : MAX_DELAY;
  timerAt = Math.min(heap[0]!.at, now + longest);
  // Rounded up: a timer that fires early would have to be created again.
  const delay = Math.min(longest, Math.max(0, Math.ceil(timerAt - now)));
  timer = runOutside(() => nativeSetTimeout(onTimer, delay));
}

function unschedule(): void {
  nativeClearTimeout(timer);
  timer = undefined;
  timerAt = Infinity;
}

function onTimer(): void {
  timer = undefined;
  // Not Infinity: alarms that are armed or moved meanwhile are scheduled below.
  timerAt = -Infinity;
  if (bySystem.size > 0) epochAhead();
  const at = performance.now();
  const end = orders;
  // All due alarms ring in one turn, so that equal deadlines are seen together; alarms armed meanwhile do not.
  for (
    let first = heap[0];
    first !== undefined && (first.sleeper === null || (first.at <= at && first.order < end));
    first = heap[0]
  ) {
    popFromHeap(heap, before);
    const { sleeper } = first;
    if (sleeper === null) continue;
    retire(first);
    ring(sleeper);
  }
  if (live === 0) heap.length = 0;
  // The alarms that rang may have armed others and scheduled them already.
  else if (timer === undefined || heap[0]!.at < timerAt) schedule();
}

let looks = 0;

/**
 * Rings due alarms once in 1024 calls. Each wait calls it: a program whose waits all complete at once never leaves its
 * microtasks, and the platform never calls our timer.
 */
export function lookAtClock(): void {
  if ((++looks & 1023) === 0 && live > 0 && heap[0]!.at <= performance.now()) runOutside(ringSoon);
}

// Not inside the wait that checked the clock: alarms run the listeners of signals.
function ringSoon(): void {
  queueMicrotask(() => {
    if (live === 0) return;
    if (timer !== undefined) unschedule();
    onTimer();
  });
}

// Not at once: a loop of timeouts would create and clear a platform timer in each round.
function tidyLater(): void {
  if (tidying) return;
  tidying = true;
  inNextTurn(() => {
    tidying = false;
    if (live === 0 && timer !== undefined) unschedule();
  });
}

function before(a: Alarm, b: Alarm): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function sweep(): void {
  for (const alarm of heap.splice(0)) if (alarm.sleeper !== null) pushToHeap(heap, alarm, before);
}
