import { assertEquals, assertStrictEquals } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { inNextTurn, surface, wayToNextTurn } from "../../src/core/next_turn.ts";
import { settle, unhandledIn } from "../support.ts";

const unused = () => {
  throw new Error("The platform has something better");
};

Deno.test("inNextTurn() calls after all microtasks, in the order of the calls", async () => {
  const log: string[] = [];
  inNextTurn(() => log.push("first"));
  inNextTurn(() => log.push("second"));
  for (let i = 0; i < 100; i++) await null;
  log.push("microtasks");
  await settle(1);
  assertEquals(log, ["microtasks", "first", "second"]);
});

Deno.test("inNextTurn() calls in an empty async context", async () => {
  const storage = new AsyncLocalStorage<string>();
  inNextTurn(() => {});
  const { promise, resolve } = Promise.withResolvers<unknown>();
  storage.run("caller", () => inNextTurn(() => resolve(storage.getStore())));
  assertEquals(await promise, undefined);
});

Deno.test("surface() makes an error an unhandled rejection, unless somebody has taken it by then", async () => {
  const error = new Error("lost");
  assertEquals(await unhandledIn(() => surface(error)), [error]);
  let taken = false;
  const seen = await unhandledIn(async () => {
    surface(error, () => taken);
    await null;
    taken = true;
  });
  assertEquals(seen, []);
});

Deno.test("wayToNextTurn() prefers scheduler.yield, also when that rejects", async () => {
  const log: string[] = [];
  const way = wayToNextTurn({
    scheduler: {
      yield() {
        log.push("yield");
        return log.length === 1 ? Promise.resolve() : Promise.reject(new Error("aborted task"));
      },
    },
    setImmediate: unused,
  });
  way(() => log.push("first"));
  way(() => log.push("second"));
  await settle(1);
  assertEquals(log, ["yield", "yield", "first", "second"]);
});

Deno.test("wayToNextTurn() takes setImmediate where there is no scheduler.yield", () => {
  const setImmediate = () => {};
  assertStrictEquals(wayToNextTurn({ setImmediate, scheduler: {} }), setImmediate);
});

Deno.test("wayToNextTurn() takes one MessageChannel where there is nothing else", async () => {
  const channels: MessageChannel[] = [];
  class Channel extends MessageChannel {
    constructor() {
      super();
      channels.push(this);
    }
  }
  const way = wayToNextTurn({ MessageChannel: Channel });
  assertEquals(channels.length, 0);
  const log: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  way(() => log.push("first"));
  way(() => log.push("second"));
  way(resolve);
  await null;
  log.push("microtask");
  await promise;
  assertEquals([log, channels.length], [["microtask", "first", "second"], 1]);
  channels[0]!.port1.close();
  channels[0]!.port2.close();
});
