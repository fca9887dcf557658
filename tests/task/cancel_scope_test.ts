/** The one handle that `scope`, `timeout`, `moveOnAfter`, `shield` and the callbacks of locks give to their function. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  type CancelScope,
  currentSignal,
  Lock,
  moveOnAfter,
  RwLock,
  scope,
  shield,
  sleep,
  sleepForever,
  timeout,
  timeoutAt,
  TimeoutError,
} from "@weft/async";

type Block = (fn: (signal: AbortSignal, scope: CancelScope) => unknown) => Promise<unknown>;

const BLOCKS: Record<string, Block> = {
  "scope()": (fn) => scope(fn),
  "timeout()": (fn) => timeout(60_000, fn),
  "timeoutAt()": (fn) => timeoutAt(Date.now() + 60_000, fn),
  "moveOnAfter()": (fn) => moveOnAfter(60_000, fn),
  "shield()": (fn) => shield(fn),
  "Lock.run()": (fn) => new Lock().run(fn),
  "RwLock.runRead()": (fn) => new RwLock().runRead(fn),
  "RwLock.runWrite()": (fn) => new RwLock().runWrite(fn),
};
const QUIET = ["scope()", "moveOnAfter()"];

for (const [name, block] of Object.entries(BLOCKS)) {
  Deno.test(`${name} gives its function a CancelScope with the signal of the scope`, async () => {
    await block((signal, self) => {
      assertEquals(self.constructor.name, "CancelScope");
      assertEquals([self.signal === signal, signal === currentSignal(), self.aborted], [true, true, false]);
    });
  });

  Deno.test(`${name} whose scope is cancelled ends ${QUIET.includes(name) ? "quietly" : "with the reason"}`, async () => {
    const reason = new Error("enough");
    let kept!: CancelScope;
    const ended = block(async (_signal, self) => {
      kept = self;
      assertEquals([self.cancel(reason), self.cancel()], [true, false]);
      await sleepForever();
    });
    if (QUIET.includes(name)) assertEquals(await ended, undefined);
    else assertStrictEquals(await assertRejects(() => ended), reason);
    assertEquals([kept.cutShort, kept.expired, kept.cancel()], [true, false, false]);
  });

  Deno.test(`${name} that returns a value after a cancel was not cut short`, async () => {
    let kept!: CancelScope;
    const value = await block((_signal, self) => {
      kept = self;
      self.cancel();
      return "value";
    });
    assertEquals([value, kept.cutShort, kept.aborted], ["value", false, true]);
  });

  Deno.test(`${name} takes a deadline from CancelScope.reschedule()`, async () => {
    using time = new FakeTime();
    let kept!: CancelScope;
    const ended = block(async (_signal, self) => {
      kept = self;
      self.reschedule(10);
      await sleepForever();
    });
    ended.catch(() => {});
    await time.tickAsync(10);
    if (QUIET.includes(name)) assertEquals(await ended, undefined);
    else await assertRejects(() => ended, TimeoutError);
    assertEquals([kept.expired, kept.cutShort, kept.remaining], [true, true, 0]);
  });
}

Deno.test("CancelScope.deadlineAt and remaining are Infinity where there is no deadline, or it is lifted", async () => {
  const read = ({ deadlineAt, remaining }: CancelScope) => [deadlineAt, remaining];
  await scope((_signal, self) => assertEquals(read(self), [Infinity, Infinity]));
  await timeout(60_000, (_signal, self) => {
    self.reschedule(Infinity);
    assertEquals(read(self), [Infinity, Infinity]);
  });
});

Deno.test("CancelScope.cutShort is false after a failure, and after an abort from outside", async () => {
  let [failed, outside] = [] as unknown as [CancelScope, CancelScope];
  await timeout(60_000, (_signal, self) => {
    failed = self;
    throw new Error("no luck");
  }).catch(() => {});
  await scope(async (_signal, outer) => {
    await timeout(60_000, async (_signal, self) => {
      outside = self;
      outer.cancel();
      await sleep(1);
    });
  });
  assertEquals([failed.cutShort, outside.cutShort], [false, false]);
});

Deno.test("CancelScope shows its call, its state and its deadline", async () => {
  let kept!: CancelScope;
  await scope((_signal, self) => {
    kept = self;
    const shown = 'CancelScope { call: "scope \\"load\\"", state: "open", remaining: Infinity, expired: false }';
    assertEquals([String(self), Deno.inspect(self)], [shown, shown]);
  }, { name: "load" });
  assert(String(kept).includes('state: "ended"'));
});
