/**
 * Many functions at once, whose results are read as they come.
 *
 * @module
 */

import { asCompleted } from "@weft/async";
import { asTheyCome } from "./floors.ts";
import { pMapIterable, pooledMap } from "./peers.ts";
import { theme } from "./theme.ts";

export default theme({
  name: "completed",
  title: "a result read as it comes",
  floor: "array and wake promise by hand",
  contenders: {
    "array and wake promise by hand": (load) => Array.fromAsync(asTheyCome(load)),
    "weft asCompleted": (load) => Array.fromAsync(asCompleted(load)),
    "p-map, in order": (load) => Array.fromAsync(pMapIterable(load, (work) => work(), { concurrency: load.length })),
    "@std/async, in order": (load) => Array.fromAsync(pooledMap(load.length, load, (work) => work())),
  },
  cannot: {
    Effect: "has streams for that, which do more",
    Effection: "yields no results one by one",
    "p-limit": "yields no results one by one",
    "p-queue": "has events for that",
    "es-toolkit": "yields no results one by one",
  },
});
