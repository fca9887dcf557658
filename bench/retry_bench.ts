/**
 * Many functions at once, tried again if they fail. They do not.
 *
 * @module
 */

import { retry } from "@weft/async/patterns";
import { retried } from "./floors.ts";
import { Effect, stdRetry, toolkit } from "./peers.ts";
import { theme } from "./theme.ts";

const ATTEMPTS = 5;

export default theme({
  name: "retry",
  title: "a function that may be tried again",
  floor: "a loop by hand",
  contenders: {
    "a loop by hand": (load) => retried(load, ATTEMPTS),
    "weft retry": (load) => Promise.all(load.map((work) => retry(work, { attempts: ATTEMPTS }))),
    Effect: (load) =>
      Effect.runPromise(Effect.all(
        load.map((work) => Effect.retry(Effect.tryPromise(() => work()), { times: ATTEMPTS - 1 })),
        { concurrency: "unbounded" },
      )),
    "es-toolkit": (load) => Promise.all(load.map((work) => toolkit.retry(() => work(), { retries: ATTEMPTS }))),
    "@std/async": (load) => Promise.all(load.map((work) => stdRetry(() => work(), { maxAttempts: ATTEMPTS }))),
  },
  lacks: {
    "es-toolkit": "does not cancel and join what an attempt has left running",
    "@std/async": "does not cancel and join what an attempt has left running",
  },
  cannot: {
    Effection: "has no retry",
    "p-map": "has no retry",
    "p-queue": "has no retry",
  },
});
