/**
 * Many sleeps of one millisecond at once.
 *
 * @module
 */

import { sleep } from "@weft/async";
import { type Load, timerForEach } from "./floors.ts";
import { delay, Effect, effection, toolkit } from "./peers.ts";
import { theme } from "./theme.ts";

const each = ({ length }: Load, start: () => Promise<unknown>) =>
  Promise.all(Array.from({ length }, start)).then((all) => all.length);

export default theme({
  name: "sleep",
  title: "a sleep",
  floor: "setTimeout by hand",
  calls: false,
  contenders: {
    "setTimeout by hand": timerForEach,
    "weft sleep": (load) => each(load, () => sleep(1)),
    Effect: async (load) => {
      const sleeps = Effect.all(load.map(() => Effect.sleep(1)), { concurrency: "unbounded" });
      return (await Effect.runPromise(sleeps)).length;
    },
    Effection: async (load) => (await effection.run(() => effection.all(load.map(() => effection.sleep(1))))).length,
    "es-toolkit": (load) => each(load, () => toolkit.delay(1)),
    "@std/async": (load) => each(load, () => delay(1)),
  },
  cannot: {
    "p-map": "does not sleep",
    "p-limit": "does not sleep",
    "async-mutex": "does not sleep",
  },
});
