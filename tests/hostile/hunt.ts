/** Runs a call again and again, each time with another touch of its foreign things that throws. */

import { assert, assertEquals } from "@std/assert";
import { allTasks, scope, sleep } from "@weft/async";
import { settle, unhandledIn } from "../support.ts";
import { type Course, Foreign } from "./foreign.ts";

/** Begins a call with as many foreign things as it accepts. What it returns settles with the call. It may not throw. */
export type Scenario = (foreign: Foreign) => unknown;

/** Scenarios, by what is called. */
export type Scenarios = Readonly<Record<string, Scenario>>;

/** The courses of what has no siblings. */
export const ALONE: readonly Course[] = ["calm", "the scope is aborted", "the signal is aborted"];
export const WITH_SIBLINGS: readonly Course[] = [...ALONE, "a sibling fails"];

// Each touch, or every seventh in the short form; `deno task full` tries all.
const STRIDE = Deno.env.get("FULL") === undefined ? 7 : 1;
const PROBLEMS_SHOWN = 20;
const HANGS_SHOWN = 3;
// Real ones, whatever the course does to time.
const { setTimeout, clearTimeout } = globalThis;

function root(): { childCount: number } {
  return (globalThis as unknown as Record<symbol, { root: { childCount: number } }>)[
    Symbol.for("@weft/async/scope@1")
  ]!.root;
}

/** Waits for `promise`, or says that it hangs. */
async function inTime(problems: string[], what: string, promise: PromiseLike<unknown>): Promise<void> {
  let timer!: ReturnType<typeof setTimeout>;
  const late = new Promise<string>((resolve) => timer = setTimeout(() => resolve("hangs"), 500));
  const ended = promise.then(() => "ends", () => "ends");
  if (await Promise.race([late, ended]) === "hangs") problems.push(`${what} hangs`);
  clearTimeout(timer);
}

/** Replaces the timers of the program by foreign ones. */
function fakeTimers(foreign: Foreign): Disposable {
  const set: ReturnType<typeof setTimeout>[] = [];
  const settingTimeout = (fn: () => void, ms: number) => {
    const timer = setTimeout(fn, ms);
    set.push(timer);
    return timer;
  };
  Object.assign(globalThis, {
    setTimeout: foreign.foreign("setTimeout", settingTimeout),
    clearTimeout: foreign.foreign("clearTimeout", (timer: number) => clearTimeout(timer)),
  });
  return {
    [Symbol.dispose]() {
      Object.assign(globalThis, { setTimeout, clearTimeout });
      // Those that have refused to be cleared are nobody's leak.
      set.forEach((timer) => clearTimeout(timer));
    },
  };
}

/** Runs the call once, and returns what went wrong. */
async function attempt(scenario: Scenario, foreign: Foreign): Promise<string[]> {
  const problems: string[] = [];
  const before = { tasks: allTasks().size, children: root().childCount };
  const crashed = (event: ErrorEvent) => {
    event.preventDefault();
    problems.push(`the program crashes: ${event.message}`);
  };
  globalThis.addEventListener("error", crashed);
  const unhandled = await unhandledIn(async () => {
    const bystander = sleep(1);
    using _timers = foreign.course === "timers fail" ? fakeTimers(foreign) : null;
    const around = scope(async (_signal, self) => {
      let call: PromiseLike<unknown>;
      try {
        call = Promise.resolve(scenario(foreign));
      } catch (error) {
        problems.push(`the call throws synchronously: ${error === foreign.marker ? "the marker" : error}`);
        return;
      }
      if (foreign.course === "the scope is aborted") setImmediate(() => self.cancel(foreign.reason));
      if (foreign.course === "the signal is aborted") setImmediate(() => foreign.abort());
      await inTime(problems, "the call", call);
      if (foreign.running > 0) problems.push("work still runs when the call settles");
    });
    await inTime(problems, "the scope around", around);
    await inTime(problems, "a sleeper outside", bystander);
    foreign.end();
    // What hangs may keep a timer, which the tests after this one would have to answer for.
    if (problems.length > 0) foreign.abort();
    await inTime(problems, "the work", foreign.drained());
  });
  globalThis.removeEventListener("error", crashed);
  await settle(1);
  for (const error of unhandled) {
    if (!foreign.maySurface(error)) problems.push(`an unhandled rejection: ${tell(error)}`);
  }
  for (const error of foreign.leaked) problems.push(`a listener of a signal throws: ${tell(error)}`);
  // A signal that does not let go of a listener has it still.
  const clings = [...foreign.thrownAt].some((what) => what.includes("removeEventListener"));
  if (foreign.listeners > 0 && !clings) {
    problems.push(`${foreign.listeners} listeners are left`);
  }
  const after = { tasks: allTasks().size, children: root().childCount };
  if (after.tasks !== before.tasks || after.children !== before.children) {
    problems.push(
      `the tree has ${after.tasks - before.tasks} more tasks and ${after.children - before.children} scopes`,
    );
  }
  for (const look of foreign.looks) if (!look()) problems.push(`not so any more: ${look}`);
  return problems;
}

function tell(error: unknown): string {
  try {
    return String(error);
  } catch {
    return "something that cannot be shown";
  }
}

/** Makes a test of each call. */
export function hunt(courses: readonly Course[], scenarios: Scenarios): void {
  for (const [name, scenario] of Object.entries(scenarios)) {
    Deno.test(
      `${name} settles whichever touch of a foreign thing throws`,
      { timeout: 10_000 },
      async () => assertEquals(await search(scenario, courses), []),
    );
  }
}

/** Lets the touches of each course throw, one after another, until there are no more or too many problems. */
async function search(scenario: Scenario, courses: readonly Course[]): Promise<string[]> {
  const found: string[] = [];
  let hangs = 0;
  for (const course of courses) {
    for (const mode of ["once", "from then on"] as const) {
      for (let at = 1; found.length < PROBLEMS_SHOWN && hangs < HANGS_SHOWN; at += STRIDE) {
        const foreign = new Foreign(at, mode, course);
        const problems = await attempt(scenario, foreign);
        const where = `${course}, touch ${at} ${mode} (${[...foreign.thrownAt][0]}): `;
        if (problems.some((problem) => problem.endsWith("hangs"))) hangs++;
        found.push(...problems.map((problem) => where + problem));
        if (foreign.touches >= at) continue;
        // Otherwise nothing has been tried.
        assert(at > 1, `There is nothing foreign in this course: ${course}`);
        break;
      }
    }
  }
  return found;
}
