/** What a structured call comes to: its failures, else the outside's reason, else its own abort, else the value. */

import { assertEquals } from "@std/assert";
import {
  currentTask,
  gather,
  moveOnAfter,
  run,
  scope,
  sleepForever,
  type StructuredOptions,
  TaskGroup,
  TaskGroupError,
  timeout,
} from "@weft/async";
import { settle } from "../support.ts";

/** The work of a call: gets what aborts that call. */
type Work = (abortOwn: () => void) => Promise<string>;

interface Kind {
  call(work: Work, options: StructuredOptions): Promise<unknown>;
  /** What its own abort makes of it; absent where it has none. */
  own?: string;
}

const FAILURE = new RangeError("failure");
const OUTSIDE = new Error("outside");
const OWN = new Error("own");

const KINDS: Record<string, Kind> = {
  scope: {
    call: (work, options) => scope((_signal, self) => work(() => self.cancel(OWN)), options),
    own: "undefined",
  },
  timeout: {
    call: (work, options) => timeout(Infinity, (_signal, deadline) => work(() => deadline.reschedule(0)), options),
    own: "throws TimeoutError",
  },
  moveOnAfter: {
    call: (work, options) => moveOnAfter(Infinity, (_signal, deadline) => work(() => deadline.reschedule(0)), options),
    own: "undefined",
  },
  "TaskGroup.run": {
    call: (work, options) =>
      TaskGroup.run((group) => {
        group.createTask(() => work(() => group.cancel(OWN)));
        return "value";
      }, options),
    own: "value",
  },
  "TaskGroup.join": {
    async call(work, options) {
      await using group = new TaskGroup(options);
      group.createTask(() => work(() => group.cancel(OWN)));
      await group.join();
      return "value";
    },
    own: "value",
  },
  gather: {
    call: (work, options) => gather([() => work(() => {})], options).then(([value]) => value),
  },
  run: {
    call: (work, options) => run(() => work(() => currentTask()!.cancel(OWN)), { ...options, signals: false }),
    own: "throws own",
  },
};

type Ending = "returns" | "is cut short" | "fails";
type Abort = "own" | "outside";

const ENDINGS: Ending[] = ["returns", "is cut short", "fails"];
const ABORTS: Abort[][] = [[], ["own"], ["outside"], ["own", "outside"], ["outside", "own"]];

/** Opens a call whose work brings about these aborts and then ends like that, and tells what it comes to. */
async function outcomeOf(
  { call }: Kind,
  outside: "signal" | "scope",
  aborts: readonly Abort[],
  ending: Ending,
): Promise<string> {
  const abort = { own: () => {}, outside: () => {} };
  const work: Work = async (abortOwn) => {
    abort.own = abortOwn;
    await settle(1);
    for (const which of aborts) abort[which]();
    if (ending === "returns") return "value";
    if (ending === "is cut short") return await sleepForever();
    await settle(1);
    throw FAILURE;
  };
  const tell = (ended: Promise<unknown>) => ended.then(String, (error) => `throws ${nameOf(error)}`);
  if (outside === "signal") {
    const controller = new AbortController();
    abort.outside = () => controller.abort(OUTSIDE);
    return await tell(call(work, { signal: controller.signal }));
  }
  let told = "";
  await scope(async (_signal, around) => {
    abort.outside = () => around.cancel(OUTSIDE);
    told = await tell(call(work, {}));
  });
  return told;
}

function nameOf(error: unknown): string {
  if (error instanceof TaskGroupError) return error.errors.map(nameOf).join();
  const { name, message } = error as Error;
  return [OUTSIDE, OWN, FAILURE].includes(error as Error) ? message : name;
}

/** What the rules say of it. */
function expected({ own }: Kind, aborts: readonly Abort[], ending: Ending): string {
  if (ending === "fails") return "throws failure";
  if (ending === "returns") return "value";
  return aborts.includes("outside") ? "throws outside" : own!;
}

for (const [name, kind] of Object.entries(KINDS)) {
  Deno.test(`${name}() comes to its failures, else the outside's reason, else its own abort, else the value`, async () => {
    const actual: Record<string, string> = {};
    const wanted: Record<string, string> = {};
    for (const outside of ["signal", "scope"] as const) {
      for (const aborts of ABORTS) {
        for (const ending of ENDINGS) {
          if (aborts.includes("own") && kind.own === undefined) continue;
          if (ending === "is cut short" && aborts.length === 0) continue;
          const situation = `${aborts.join(" and ") || "no"} abort, outside by ${outside}, its work ${ending}`;
          actual[situation] = await outcomeOf(kind, outside, aborts, ending);
          wanted[situation] = expected(kind, aborts, ending);
        }
      }
    }
    assertEquals(actual, wanted);
  });
}
