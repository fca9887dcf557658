import { createTask, isCancellation, run, scope, sleep } from "@weft/async";
import { onCancel, untilCancelled } from "@weft/async/patterns";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { settle } from "../support.ts";

Deno.test("onCancel() calls the function once with the reason when the scope is aborted", async () => {
  const reason = new Error("enough");
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    onCancel((reason) => log.push(reason));
    const waiting = sleep(60_000).catch((error) => log.push(isCancellation(error)));
    self.cancel(reason);
    self.cancel(new Error("again"));
    await waiting;
  });
  assertEquals(log, [reason, true]);
});

Deno.test("onCancel() calls nothing after the end of its block, nor when the scope ends by itself", async () => {
  const log: string[] = [];
  await scope(async (_signal, self) => {
    {
      using _cancel = onCancel(() => log.push("block"));
      await null;
    }
    self.cancel();
  });
  await scope(() => void onCancel(() => log.push("scope")));
  await settle();
  assertEquals(log, []);
});

Deno.test("onCancel() in an aborted scope calls at once", async () => {
  const log: string[] = [];
  await scope((_signal, self) => {
    self.cancel();
    onCancel(() => log.push("called"));
    log.push("after");
  });
  assertEquals(log, ["called", "after"]);
});

Deno.test("onCancel() refuses what is no function", () => {
  assertThrows(() => onCancel(5 as never), TypeError, '"fn" must be a function, received 5');
});

Deno.test("untilCancelled() resolves with the reason", async () => {
  const reason = new Error("enough");
  const task = createTask(() => untilCancelled());
  await settle();
  task.cancel(reason);
  assertStrictEquals(await task, reason);
  const value = await run(async () => {
    return await scope(async (_signal, self) => {
      setTimeout(() => self.cancel(reason));
      return await untilCancelled();
    });
  }, { signals: false });
  assert(value === reason);
});
