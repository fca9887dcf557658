/**
 * The one place that makes timers: many deadlines on one platform timer.
 *
 * Deadlines stand in a binary heap. Removing one only marks it; the heap is swept when more than half of
 * it is dead, and the platform timer is cleared once nothing needs it, so a timeout that does not fire
 * costs one push and no platform call.
 *
 * An instant in epoch ms is turned into one of `performance.now`, which stands still while the machine sleeps and knows
 * nothing of a clock that is set. So while such an alarm is armed the two are compared now and then.
 *
 * Under fake time (`globalThis.setTimeout` is not the one captured at import) each deadline has a timer
 * of its own from the faked functions, which then see every deadline as the tests expect.
 *
 * @module
 */

import { runOutside } from "./context.ts";
import { inNextTurn, surface } from "./next_turn.ts";

/** The longest delay a platform timer takes, in ms; it fires at once for a longer one. */
const MAX_DELAY = 2 ** 31 - 1;
/** How long the system's clock may go unobserved while an alarm depends on it, in ms. */
const LOOK_AT_SYSTEM = 30_000;
const SMALL = 64;

const { setTimeout: nativeSetTimeout, clearTimeout: nativeClearTimeout } = globalThis;

type TimerId = ReturnType<typeof setTimeout>;

/** What an {@linkcode Alarm} wakes. */
export interface Sleeper {
  /** Called when due. Settles waits or aborts scopes. */
  ring(): void;
}

/** Something that happens at an instant, unless it is disarmed before. To be armed once: the heap may still hold it. */
export class Alarm {
  // Invariant: not null ⇔ it is in the heap and counted as live, or has a timer of the faked clock. One that is
  // disarmed may stay in the heap for a while, and keeps nothing alive there.
  sleeper: Sleeper | null = null;
  /** When it is due, on the scale of `performance.now`; or, under fake time, of `Date.now`. */
  at = 0;
  order = 0;
  /** Takes back the timer of the faked clock, if it runs on that. */
  clearFaked: (() => void) | null = null;

  /** Whether it will ring. */
  get armed(): boolean {
    return this.sleeper !== null;
  }

  /** How many ms are left until it is due. */
  get remaining(): number {
    const epochAt = bySystem.get(this);
    if (epochAt !== undefined) return epochAt - Date.now();
    return this.at - (this.clearFaked === null ? performance.now() : Date.now());
  }

  /** When it is due, in epoch ms. */
  get dueAt(): number {
    const epochAt = bySystem.get(this);
    if (epochAt !== undefined) return epochAt;
    return this.clearFaked === null ? this.at + epochAhead() : this.at;
  }
}

const heap: Alarm[] = [];
let live = 0;
// The live ones that are due on the system's clock, and when, in epoch ms.
const bySystem = new Map<Alarm, number>();
let orders = 0;
let timer: TimerId | undefined;
let timerAt = Infinity;
let tidying = false;

function isFaked(): boolean {
  return globalThis.setTimeout !== nativeSetTimeout;
}

/** The instant on the scale of alarms, which is not set back: `performance.now`; or, under fake time, `Date.now`. */
export function clockNow(): number {
  return isFaked() ? Date.now() : performance.now();
}

/**
 * Wakes `sleeper` in `ms` from now, at once (but not in this turn) when that is zero or less. Throws what a faked
 * `setTimeout` throws.
 */
export function arm(sleeper: Sleeper, ms: number): Alarm {
  return put(sleeper, clockNow() + (ms > 0 ? ms : 0), null);
}

/** Wakes `sleeper` at an instant in epoch ms. Those armed for the same one are due together, in that order. */
export function armAt(sleeper: Sleeper, at: number): Alarm {
  return put(sleeper, isFaked() ? at : at - epochAhead(), at === Infinity ? null : at);
}

/** Takes the alarm back. Doing it twice does nothing. */
export function disarm(alarm: Alarm): void {
  if (alarm.sleeper === null) return;
  if (alarm.clearFaked !== null) {
    alarm.sleeper = null;
    return alarm.clearFaked();
  }
  retire(alarm);
  if (live === 0) {
    heap.length = 0;
    tidyLater();
  } else if (heap.length > SMALL && heap.length > 2 * live) sweep();
}

// How far epoch ms are ahead of `performance.now`. `Date.now` counts whole ms: as long as no more than that has changed
// the difference stays the same, or one of two equal instants might come before the other.
let ahead = NaN;

function epochAhead(): number {
  const measured = Date.now() - performance.now();
  // While time is faked, `Date.now` tells nothing of the alarms that are on the real clock.
  if (Math.abs(measured - ahead) < 2 || (isFaked() && !Number.isNaN(ahead))) return ahead;
  ahead = measured;
  if (bySystem.size > 0) followSystem();
  return ahead;
}

/** The system's clock was set, or the machine has slept: what depends on it is due at another instant of ours. */
function followSystem(): void {
  for (const [alarm, epochAt] of bySystem) alarm.at = epochAt - ahead;
  heapify();
  if (heap[0]!.at < timerAt) schedule();
}

function put(sleeper: Sleeper, at: number, epochAt: number | null): Alarm {
  const alarm = new Alarm();
  alarm.at = at;
  if (isFaked()) {
    startFaked(alarm);
    alarm.sleeper = sleeper;
  } else {
    alarm.sleeper = sleeper;
    alarm.order = orders++;
    live++;
    if (epochAt !== null) bySystem.set(alarm, epochAt);
    push(alarm);
    // Of what is never due too: it has to keep the program alive.
    if (timer === undefined || at < timerAt || (epochAt !== null && !looksSoon())) schedule();
  }
  return alarm;
}

function startFaked(alarm: Alarm): void {
  const { setTimeout, clearTimeout } = globalThis;
  let id: TimerId;
  const start = () => {
    const left = alarm.at - Date.now();
    id = left > MAX_DELAY ? setTimeout(start, MAX_DELAY) : setTimeout(() => {
      const sleeper = alarm.sleeper;
      alarm.sleeper = null;
      if (sleeper !== null) ring(sleeper);
    }, Math.max(0, left));
  };
  alarm.clearFaked = () => {
    try {
      clearTimeout(id);
    } catch {
      // The fake clock has been taken away, and its timers with it. One that rings all the same finds no sleeper.
    }
  };
  // A timer that is made again and again would never let `FakeTime.runAll` end.
  if (alarm.at !== Infinity) runOutside(start);
}

/** Whether the timer fires soon enough for an alarm that depends on the system's clock. */
function looksSoon(): boolean {
  return bySystem.size > 1 || timerAt - performance.now() <= LOOK_AT_SYSTEM;
}

/** The alarm is over: rung, or disarmed. */
function retire(alarm: Alarm): void {
  alarm.sleeper = null;
  live--;
  if (bySystem.size > 0) bySystem.delete(alarm);
}

/** Rings one of many: what goes wrong with it is no reason to leave the others asleep. */
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
  // Rounded up: a timer that fires early would only have to be made again.
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
  // Not Infinity: whatever is armed or moved meanwhile is looked at below.
  timerAt = -Infinity;
  if (bySystem.size > 0) epochAhead();
  const at = performance.now();
  const end = orders;
  // All that is due rings in one turn, so that equal deadlines are seen together; not what is armed meanwhile.
  for (
    let first = heap[0];
    first !== undefined && (first.sleeper === null || (first.at <= at && first.order < end));
    first = heap[0]
  ) {
    pop();
    const { sleeper } = first;
    if (sleeper === null) continue;
    retire(first);
    ring(sleeper);
  }
  if (live === 0) heap.length = 0;
  // What rang may have armed something and scheduled already.
  else if (timer === undefined || heap[0]!.at < timerAt) schedule();
}

let looks = 0;

/**
 * Rings due alarms now and then. Each wait calls it: a program whose waits all end as soon as they begin never leaves its
 * microtasks, and the platform never calls our timer.
 */
export function lookAtClock(): void {
  if ((++looks & 1023) === 0 && live > 0 && heap[0]!.at <= performance.now()) runOutside(ringSoon);
}

// Not inside the wait that has looked: what rings runs the listeners of signals.
function ringSoon(): void {
  queueMicrotask(() => {
    if (live === 0) return;
    if (timer !== undefined) unschedule();
    onTimer();
  });
}

// Not at once: a loop of timeouts would make and clear a platform timer in each round.
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

function push(alarm: Alarm): void {
  heap.push(alarm);
  siftUp(heap.length - 1);
}

function pop(): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  heap[0] = last;
  siftDown(0);
}

function sweep(): void {
  let kept = 0;
  for (const alarm of heap) if (alarm.sleeper !== null) heap[kept++] = alarm;
  heap.length = kept;
  heapify();
}

function heapify(): void {
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) siftDown(i);
}

function siftUp(index: number): void {
  const alarm = heap[index]!;
  while (index > 0) {
    const up = (index - 1) >> 1;
    if (!before(alarm, heap[up]!)) break;
    heap[index] = heap[up]!;
    index = up;
  }
  heap[index] = alarm;
}

function siftDown(index: number): void {
  const alarm = heap[index]!;
  const half = heap.length >> 1;
  while (index < half) {
    let down = 2 * index + 1;
    if (down + 1 < heap.length && before(heap[down + 1]!, heap[down]!)) down++;
    if (!before(heap[down]!, alarm)) break;
    heap[index] = heap[down]!;
    index = down;
  }
  heap[index] = alarm;
}
