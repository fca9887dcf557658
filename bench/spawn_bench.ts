/**
 * Many functions at once, joined.
 *
 * `weft TaskGroup`, Effect and Effection give each a scope of its own, and abort and join the rest when one fails;
 * `weft gather` aborts and joins them too, in one scope.
 *
 * @module
 */

import { gather, TaskGroup } from "@weft/async";
import { callsInContext, plainCalls } from "./floors.ts";
import { Effect, effection, pMap, PQueue, toolkit } from "./peers.ts";
import { theme } from "./theme.ts";

const { run, all, call } = effection;

export default theme({
  name: "spawn",
  title: "a function started and joined",
  floor: "AsyncLocalStorage.run by hand",
  contenders: {
    "AsyncLocalStorage.run by hand": callsInContext,
    "Promise.all": plainCalls,
    "weft gather": (load) => gather(load),
    "weft TaskGroup": (load) =>
      TaskGroup.run(async (group) => {
        const tasks = load.map((work) => group.createTask(work));
        return await Promise.all(tasks);
      }),
    Effect: (load) =>
      Effect.runPromise(
        Effect.all(load.map((work) => Effect.promise((signal) => work(signal))), { concurrency: "unbounded" }),
      ),
    Effection: (load) => run(() => all(load.map((work) => call(() => work())))),
    "p-map": (load) => pMap(load, (work) => work()),
    "p-queue": (load) => new PQueue().addAll(load.map((work) => () => work())),
    "es-toolkit": (load) => toolkit.mapAsync([...load], (work) => work()),
  },
  lacks: {
    "p-map": "leaves the rest running when one fails",
    "p-queue": "leaves the rest running when one fails",
    "es-toolkit": "leaves the rest running when one fails",
  },
  cannot: {
    "p-limit": "has no unlimited form",
    "async-mutex": "runs no functions",
    "async-sema": "runs no functions",
    "@std/async": "has no unlimited form",
  },
});
