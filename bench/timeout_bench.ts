/**
 * Many functions at once, each with a deadline that does not pass.
 *
 * @module
 */

import { timeout } from "@weft/async";
import { callsInContext, timeoutForEach } from "./floors.ts";
import { deadline, Effect, toolkit } from "./peers.ts";
import { theme } from "./theme.ts";

const MS = 10_000;

export default theme({
  name: "timeout",
  title: "a function with a deadline",
  floor: "setTimeout and AbortController by hand",
  contenders: {
    "setTimeout and AbortController by hand": timeoutForEach,
    "AsyncLocalStorage.run by hand": callsInContext,
    "weft timeout": (load) => Promise.all(load.map((work) => timeout(MS, work))),
    Effect: (load) =>
      Effect.runPromise(
        Effect.all(load.map((work) => Effect.timeout(Effect.promise(() => work()), MS)), { concurrency: "unbounded" }),
      ),
    "es-toolkit": (load) => Promise.all(load.map((work) => toolkit.withTimeout(() => work(), MS))),
    "@std/async": (load) => Promise.all(load.map((work) => deadline(work(), MS))),
  },
  lacks: {
    "es-toolkit": "leaves the function running when the deadline has passed",
    "@std/async": "leaves the function running when the deadline has passed",
  },
  cannot: {
    Effection: "has no deadline of its own",
    "p-limit": "has no deadline",
    "p-map": "has no deadline",
    "async-mutex": "has a deadline for waiting only",
  },
});
