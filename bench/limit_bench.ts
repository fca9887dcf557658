/**
 * Many functions, a hundred at a time.
 *
 * @module
 */

import { gather, map } from "@weft/async";
import { sharedIndex } from "./floors.ts";
import { Effect, pLimit, pMap, pooledMap, PQueue, toolkit } from "./peers.ts";
import { theme } from "./theme.ts";

const concurrency = 100;

export default theme({
  name: "limit",
  title: "a function, 100 at a time",
  floor: "loops by hand",
  limit: concurrency,
  contenders: {
    "loops by hand": sharedIndex,
    "weft gather": (load) => gather(load, { concurrency }),
    "weft map": (load) => Array.fromAsync(map(load, (work) => work(), { concurrency })),
    Effect: (load) => Effect.runPromise(Effect.forEach(load, (work) => Effect.promise(() => work()), { concurrency })),
    "p-limit": (load) => {
      const limit = pLimit(concurrency);
      return Promise.all(load.map((work) => limit(() => work())));
    },
    "p-map": (load) => pMap(load, (work) => work(), { concurrency }),
    "p-queue": (load) => new PQueue({ concurrency }).addAll(load.map((work) => () => work())),
    "es-toolkit": (load) => toolkit.mapAsync([...load], (work) => work(), { concurrency }),
    "@std/async": (load) => Array.fromAsync(pooledMap(concurrency, load, (work) => work())),
  },
  lacks: {
    "p-limit": "leaves the rest running when one fails",
    "p-map": "leaves the rest running when one fails",
    "p-queue": "leaves the rest running when one fails",
    "es-toolkit": "leaves the rest running when one fails",
  },
  cannot: {
    Effection: "has no limit",
    "async-mutex": "runs no lists",
    "async-sema": "runs no lists",
  },
});
