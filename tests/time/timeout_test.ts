import {
  CancelledError,
  type CancelScope,
  gather,
  InvalidStateError,
  moveOnAfter,
  scope,
  shield,
  sleep,
  sleepForever,
  StragglerError,
  throwIfCancelled,
  timeout,
  timeoutAt,
  TimeoutError,
} from "@weft/async";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { countedSignal, report, settle } from "../support.ts";

/** What a call is rejected with. */
function thrownBy(call: Promise<unknown>): Promise<unknown> {
  return call.then((value) => {
    throw new Error(`It has returned ${value}`);
  }, (error) => error);
}

Deno.test("timeout() returns what the function returns in time, and leaves no timer", async () => {
  using time = new FakeTime();
  const call = timeout(100, async () => {
    await sleep(99);
    return "value";
  });
  time.tick(99);
  assertEquals([await call, time.next()], ["value", false]);
});

Deno.test("timeout() returns the value of a function that does not wait, also with zero", async () => {
  assertEquals(await Promise.all([timeout(100, () => 1), timeout(0, () => 2), timeout(-1, () => 3)]), [1, 2, 3]);
});

Deno.test("timeout() throws what the function throws, as it is", async () => {
  const error = new RangeError("wrong");
  const thrown = await thrownBy(timeout(100, () => {
    throw error;
  }));
  assertStrictEquals(thrown, error);
  assertEquals(error.cause, undefined);
  assertStrictEquals(await thrownBy(timeout(100, () => Promise.reject(error))), error);
});

Deno.test("timeout() aborts the function when the deadline passes, and throws once that has ended", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const call = report(
    log,
    timeout(100, async (signal) => {
      try {
        await sleepForever();
      } finally {
        log.push(`unwinding from ${signal.reason.name}`);
        await settle(1);
        log.push("unwound");
      }
    }),
  );
  time.tick(99);
  await settle();
  log.push("99 ms");
  time.tick(1);
  await call;
  assertEquals(log, [
    ...["99 ms", "unwinding from TimeoutError", "unwound"],
    "throws TimeoutError: timeout took longer than 100 ms",
  ]);
});

Deno.test("timeout() rejects every wait from the deadline on", async () => {
  const log: unknown[] = [];
  const call = timeout(0, async (signal) => {
    for (let i = 0; i < 2; i++) await sleep(0).catch((reason) => log.push(reason === signal.reason));
    throwIfCancelled();
  });
  assertInstanceOf(await thrownBy(call), TimeoutError);
  assertEquals(log, [true, true]);
});

Deno.test("timeout() with zero or less lets the function begin, and ends it at its first wait", async () => {
  const log: unknown[] = [];
  for (const ms of [0, -1, -Infinity]) {
    const call = timeout(ms, async (signal, deadline) => {
      log.push("begins", signal.aborted, deadline.expired, deadline.remaining);
      await sleep(0);
      log.push("goes on");
    });
    assertInstanceOf(await thrownBy(call), TimeoutError);
  }
  assertEquals(log, [["begins", true, true, 0], ["begins", true, true, 0], ["begins", true, true, 0]].flat());
});

Deno.test("timeout() with Infinity never passes, and arms nothing", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const { controller, signal } = countedSignal();
  const call = report(
    log,
    timeout(Infinity, async (_signal, deadline) => {
      log.push(`${deadline.remaining} ${deadline.deadlineAt} ${deadline.expired} ${time.next()}`);
      await sleepForever({ signal });
    }),
  );
  time.tick(2 ** 40);
  await settle();
  controller.abort("enough");
  await call;
  assertEquals(log, ["Infinity Infinity false false", "throws enough"]);
});

Deno.test("timeout() of 2³¹ ms or more does not pass at once, but when it is due", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const call = report(log, timeout(2 ** 31, () => sleepForever()));
  time.tick(2 ** 31 - 1);
  await settle();
  log.push("a moment before");
  time.tick(1);
  await call;
  assertEquals(log, ["a moment before", "throws TimeoutError: timeout took longer than 2147483648 ms"]);
});

Deno.test("timeout() lets a value count that comes late", async () => {
  using time = new FakeTime();
  let expired: boolean | undefined;
  const call = timeout(100, async (_signal, deadline) => {
    await sleepForever().catch(() => {});
    expired = deadline.expired;
    return "late";
  });
  time.tick(100);
  assertEquals([await call, expired], ["late", true]);
});

Deno.test("timeout() throws the function's own error at expiry, with the timeout as its cause", async () => {
  const error = new Error("cannot save");
  const call = timeout(0, async () => {
    try {
      await sleepForever();
    } finally {
      // deno-lint-ignore no-unsafe-finally -- the failure that cleaning up may end in
      throw error;
    }
  });
  assertStrictEquals(await thrownBy(call), error);
  assertInstanceOf(error.cause, TimeoutError);
});

Deno.test("timeout() leaves an error alone that has a cause or can take none", async () => {
  const causes = new Error("own cause", { cause: "disk full" });
  const frozen = Object.freeze(new Error("frozen"));
  for (const error of [causes, frozen, "text"]) {
    const call = timeout(0, async () => {
      await sleepForever().catch(() => {});
      throw error;
    });
    assertStrictEquals(await thrownBy(call), error);
  }
  assertEquals([causes.cause, frozen.cause], ["disk full", undefined]);
});

Deno.test("timeout() throws its own error when the function throws one that comes from it", async () => {
  const errors = [
    (reason: unknown) => new Error("wrapped", { cause: reason }),
    () => new DOMException("aborted", "AbortError"),
    (reason: unknown) => new AggregateError([reason, new CancelledError()]),
  ];
  for (const make of errors) {
    const call = timeout(0, async (signal) => {
      await sleepForever().catch(() => {});
      throw make(signal.reason);
    });
    assertInstanceOf(await thrownBy(call), TimeoutError);
  }
});

Deno.test("timeout() that aborts the work of a nested call throws its own error, after that has ended", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const worker = (name: string) => async () => {
    try {
      await sleepForever();
    } finally {
      await settle(1);
      log.push(`${name} has unwound`);
    }
  };
  const call = report(log, timeout(10, () => gather([worker("a"), worker("b")])));
  time.tick(10);
  await call;
  assertEquals(log, ["a has unwound", "b has unwound", "throws TimeoutError: timeout took longer than 10 ms"]);
});

Deno.test("timeout() names itself in its error by the name that it was given", async () => {
  await assertRejects(() => timeout(0, () => sleep(1), { name: "load" }), TimeoutError, 'timeout "load" took longer');
});

Deno.test("timeout() aborted from outside before it passes is cancelled, not timed out", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  let deadline!: CancelScope;
  await scope(async (_signal, self) => {
    const call = report(
      log,
      timeout(100, (_signal, own) => {
        deadline = own;
        return sleepForever();
      }),
    );
    await settle();
    self.cancel("outside");
    await call;
  });
  assertEquals([log, deadline.expired, time.next()], [["throws outside"], false, false]);
});

Deno.test("timeout() aborted by its signal rejects with that reason, and leaves no listener and no timer", async () => {
  using time = new FakeTime();
  const { controller, signal, listeners } = countedSignal();
  const call = thrownBy(timeout(100, () => sleepForever(), { signal }));
  assertEquals(listeners(), 1);
  controller.abort("enough");
  assertEquals([await call, listeners(), time.next()], ["enough", 0, false]);
  assertEquals(await timeout(100, () => "value", { signal: countedSignal().signal }), "value");
});

Deno.test("timeout() does not begin when its signal or scope is aborted already", async () => {
  const log: string[] = [];
  const work = () => log.push("begins");
  assertEquals(await thrownBy(timeout(100, work, { signal: AbortSignal.abort("over") })), "over");
  await scope(async (_signal, self) => {
    self.cancel("stop");
    log.push(`${await thrownBy(timeout(100, work, { signal: AbortSignal.abort("over") }))}`);
    log.push(`${await thrownBy(moveOnAfter(100, work))}`);
    log.push(`${await thrownBy(timeoutAt(Infinity, work))}`);
  });
  assertEquals(log, ["stop", "stop", "stop"]);
});

Deno.test("timeout() that passes while an outside abort unwinds it leaves that its reason, and has expired", async () => {
  using time = new FakeTime();
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    const call = timeout(100, async (_signal, deadline) => {
      try {
        await sleepForever();
      } finally {
        time.tick(100);
        await settle(1);
        log.push(deadline.expired);
      }
    });
    self.cancel("outside");
    log.push(await thrownBy(call));
  });
  assertEquals(log, [true, "outside"]);
});

Deno.test("timeout() that passes while an outside abort unwinds it is not the cause of the function's error", async () => {
  using time = new FakeTime();
  const error = new Error("cannot save");
  await scope(async (_signal, self) => {
    const call = timeout(100, async () => {
      await sleepForever().catch(() => {});
      time.tick(100);
      throw error;
    });
    self.cancel("outside");
    assertStrictEquals(await thrownBy(call), error);
  });
  assertEquals(error.cause, undefined);
});

Deno.test("timeout() aborted from outside while it unwinds from its deadline rejects with the outside reason", async () => {
  using time = new FakeTime();
  const log: unknown[] = [];
  await scope(async (_signal, self) => {
    const call = timeout(100, async () => {
      try {
        await sleepForever();
      } finally {
        self.cancel("outside");
      }
    });
    time.tick(100);
    log.push(await thrownBy(call));
  });
  assertEquals(log, ["outside"]);
});

Deno.test("timeout() nested: the inner deadline ends the inner call only", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const call = timeout(100, async (_signal, outer) => {
    await report(log, timeout(10, () => sleepForever(), { name: "inner" }));
    log.push(`outer expired: ${outer.expired}`);
    return "value";
  });
  time.tick(10);
  await settle();
  assertEquals([await call, log], ["value", [
    'throws TimeoutError: timeout "inner" took longer than 10 ms',
    "outer expired: false",
  ]]);
});

Deno.test("timeout() nested: the outer deadline is thrown by both, and only the outer has expired", async () => {
  using time = new FakeTime();
  const seen: unknown[] = [];
  const call = timeout(
    10,
    (outerSignal, outer) =>
      timeout(100, (_signal, inner) => sleepForever().finally(() => seen.push(inner.expired, outer.expired))).catch(
        (error) => {
          seen.push(error === outerSignal.reason);
          throw error;
        },
      ),
    { name: "outer" },
  );
  time.tick(10);
  assertEquals(`${await thrownBy(call)}`, 'TimeoutError: timeout "outer" took longer than 10 ms');
  assertEquals(seen, [false, true, true]);
});

Deno.test("timeout() nested with equal deadlines: only the outermost throws, and all have expired", async () => {
  using time = new FakeTime();
  const at = Date.now() + 100;
  const nested = [
    (fn: (deadlines: CancelScope[]) => Promise<void>) =>
      timeout(100, (_, a) => timeout(100, (_, b) => timeout(100, (_, c) => fn([a, b, c]))), { name: "outermost" }),
    (fn: (deadlines: CancelScope[]) => Promise<void>) =>
      timeoutAt(at, (_, a) => moveOnAfter(100, (_, b) => timeoutAt(at, (_, c) => fn([a, b, c]))), {
        name: "outermost",
      }),
  ];
  const expired: boolean[] = [];
  const calls = nested.map((call) =>
    thrownBy(call((deadlines) => sleepForever().finally(() => expired.push(...deadlines.map((d) => d.expired)))))
  );
  time.tick(100);
  const message = 'TimeoutError: timeout "outermost" took longer than 100 ms';
  assertEquals((await Promise.all(calls)).map(String), [message, message]);
  assertEquals(expired, Array(6).fill(true));
});

Deno.test("timeout() works inside the cleanup of a task that is aborted already, under shield", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  await scope(async (_signal, self) => {
    self.cancel("stop");
    const call = shield(() => timeout(10, () => sleepForever()));
    const cleanup = report(log, call);
    time.tick(10);
    await cleanup;
    await report(log, sleep(1));
  });
  assertEquals(log, ["throws TimeoutError: timeout took longer than 10 ms", "throws stop"]);
});

Deno.test("timeout() that passed with nothing waiting any more ends normally, with no late effect", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const { promise, resolve } = Promise.withResolvers<string>();
  const call = report(log, timeout(10, () => promise));
  time.tick(10);
  await settle();
  resolve("late");
  await call;
  time.tick(1000);
  await settle();
  assertEquals(log, ['returns "late"']);
});

Deno.test("timeout() with grace stops waiting for work that does not listen", async () => {
  using time = new FakeTime();
  const { promise, resolve } = Promise.withResolvers<void>();
  const call = thrownBy(timeout(10, () => promise, { grace: 5, name: "deaf" }));
  time.tick(10);
  await settle();
  time.tick(5);
  const error = await call;
  assertInstanceOf(error, StragglerError);
  assertInstanceOf(error.cause, TimeoutError);
  assertEquals(error.stragglers, ["its function"]);
  resolve();
});

Deno.test("timeout() with a grace of zero lets work unwind that needs no turn of the clock", async () => {
  using time = new FakeTime();
  const call = thrownBy(timeout(10, () => sleepForever(), { grace: 0 }));
  time.tick(10);
  assertInstanceOf(await call, TimeoutError);
});

Deno.test("CancelScope.reschedule() moves the deadline, further away or nearer", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const call = report(
    log,
    timeout(10, async (_signal, deadline) => {
      deadline.reschedule(50);
      log.push(`${deadline.remaining} left`);
      await sleep(40);
      deadline.reschedule(5);
      log.push(`${deadline.remaining} left`);
      await sleepForever();
    }),
  );
  time.tick(40);
  await settle();
  time.tick(4);
  await settle();
  log.push("at 44");
  time.tick(1);
  await call;
  assertEquals(log, ["50 left", "5 left", "at 44", "throws TimeoutError: timeout took longer than 5 ms"]);
});

Deno.test("CancelScope.reschedule() to zero or less passes it, to Infinity lifts it", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  await report(
    log,
    timeout(10, async (signal, deadline) => {
      deadline.reschedule(0);
      log.push(`${signal.aborted} ${deadline.expired} ${deadline.remaining}`);
      await sleepForever();
    }),
  );
  const call = timeout(10, async (_signal, deadline) => {
    deadline.reschedule(Infinity);
    log.push(`${deadline.remaining} ${deadline.deadlineAt}`);
    await sleep(1000);
    return "value";
  });
  time.tick(1000);
  log.push(await call);
  assertEquals(log, [
    "true true 0",
    "throws TimeoutError: timeout took longer than 0 ms",
    "Infinity Infinity",
    "value",
  ]);
});

Deno.test("CancelScope.reschedule() throws when it has passed, and when the work has ended", async () => {
  let kept!: CancelScope;
  await timeout(0, (_signal, deadline) => {
    assertThrows(() => deadline.reschedule(10), InvalidStateError, "Cannot reschedule deadline: it has passed");
    assertThrows(() => deadline.rescheduleAt(Infinity), InvalidStateError, "it has passed");
  });
  await timeout(10, (_signal, deadline) => void (kept = deadline));
  for (const move of [() => kept.reschedule(10), () => kept.rescheduleAt(Date.now() + 10)]) {
    assertThrows(move, InvalidStateError, "Cannot reschedule deadline: the work has ended");
  }
  assertEquals(kept.expired, false);
});

Deno.test("CancelScope.reschedule() and rescheduleAt() refuse wrong arguments", async () => {
  await timeout(10, (_signal, deadline) => {
    assertThrows(() => deadline.reschedule(NaN), RangeError, "Cannot reschedule deadline");
    assertThrows(() => deadline.reschedule("5" as never), TypeError, "Cannot reschedule deadline");
    assertThrows(() => deadline.rescheduleAt(new Date("never")), RangeError, "Cannot reschedule deadline");
    assertThrows(() => deadline.rescheduleAt(null as never), TypeError, "Cannot reschedule deadline");
    assert(deadline.remaining > 0);
  });
});

Deno.test("CancelScope tells the instant, and what is left of the time", async () => {
  using time = new FakeTime(5000);
  const seen: unknown[] = [];
  const look = ({ deadlineAt, remaining, expired }: CancelScope) => seen.push([deadlineAt, remaining, expired]);
  const call = timeout(100, async (_signal, deadline) => {
    look(deadline);
    await sleep(60);
    look(deadline);
    deadline.rescheduleAt(new Date(5070));
    look(deadline);
    await sleepForever().catch(() => {});
    await shield(() => sleep(10));
    look(deadline);
  });
  time.tick(60);
  await settle();
  time.tick(10);
  await settle();
  time.tick(10);
  await call;
  assertEquals(seen, [[5100, 100, false], [5100, 40, false], [5070, 10, false], [5070, 0, true]]);
});

Deno.test("timeoutAt() passes at an instant, given as a number or a Date", async () => {
  using time = new FakeTime(5000);
  for (const at of [6000, new Date(7000)]) {
    const log: string[] = [];
    const call = report(
      log,
      timeoutAt(at, (_signal, deadline) => {
        log.push(`at ${deadline.deadlineAt}`);
        return sleepForever();
      }),
    );
    time.tick(999);
    await settle();
    log.push("a moment before");
    time.tick(1);
    await call;
    assertEquals(log, [
      ...[`at ${Number(at)}`, "a moment before"],
      "throws TimeoutError: timeout took longer than 1000 ms",
    ]);
  }
});

Deno.test("timeoutAt() an instant that has passed ends the function at its first wait", async () => {
  using _time = new FakeTime(5000);
  const seen: unknown[] = [];
  const call = timeoutAt(4000, (_signal, { expired, deadlineAt, remaining }) => {
    seen.push(expired, deadlineAt, remaining);
    return sleep(1);
  });
  assertInstanceOf(await thrownBy(call), TimeoutError);
  assertEquals(seen, [true, 4000, 0]);
});

Deno.test("moveOnAfter() returns the value, or undefined when the deadline cut the function short", async () => {
  using time = new FakeTime();
  const value = moveOnAfter(10, () => sleep(5).then(() => "value"));
  const cut = moveOnAfter(10, () => sleep(15).then(() => "never"));
  const late = moveOnAfter(10, () => sleepForever().catch(() => "late"));
  time.tick(5);
  await settle();
  time.tick(5);
  assertEquals([await value, await cut, await late], ["value", undefined, "late"]);
  assertEquals(time.next(), false);
});

Deno.test("moveOnAfter() throws what the function throws, also at expiry", async () => {
  const error = new Error("cannot save");
  assertStrictEquals(await thrownBy(moveOnAfter(10, () => Promise.reject(error))), error);
  assertEquals(error.cause, undefined);
  const call = moveOnAfter(0, async () => {
    await sleepForever().catch(() => {});
    throw error;
  });
  assertStrictEquals(await thrownBy(call), error);
  assertInstanceOf(error.cause, TimeoutError);
});

Deno.test("moveOnAfter() aborted from outside rejects with that reason, though its deadline passes too", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  await scope(async (_signal, self) => {
    const call = report(
      log,
      moveOnAfter(10, async () => {
        try {
          await sleepForever();
        } finally {
          time.tick(10);
          await settle(1);
        }
      }),
    );
    self.cancel("outside");
    await call;
  });
  assertEquals(log, ["throws outside"]);
});

Deno.test("moveOnAfter() inside another ends alone, and the outer goes on", async () => {
  using time = new FakeTime();
  const call = moveOnAfter(100, async () => [await moveOnAfter(10, () => sleepForever()), "goes on"]);
  time.tick(10);
  assertEquals(await call, [undefined, "goes on"]);
});

Deno.test("timeout(), timeoutAt() and moveOnAfter() reject wrong arguments before they call anything", async () => {
  const log: string[] = [];
  const work = () => log.push("called");
  for (const call of [timeout, moveOnAfter]) {
    await assertRejects(() => call(NaN, work), RangeError, '"ms" must be a number other than NaN');
    await assertRejects(() => call("5" as never, work), TypeError, '"ms" must be a number of milliseconds');
    await assertRejects(() => call(5, "work" as never), TypeError, '"fn" must be a function, received "work"');
  }
  await assertRejects(() => timeoutAt(NaN, work), RangeError, '"at" must be a valid instant');
  await assertRejects(() => timeoutAt("5" as never, work), TypeError, '"at" must be epoch milliseconds or a Date');
  await assertRejects(() => timeoutAt(5, undefined as never), TypeError, '"fn" must be a function');
  for (const options of [{ signal: null }, { name: 1 }, { grace: "1" }, null, 1] as never[]) {
    for (const call of [timeout, timeoutAt, moveOnAfter]) await assertRejects(() => call(5, work, options), TypeError);
  }
  for (const grace of [NaN, -1]) await assertRejects(() => timeout(5, work, { grace }), RangeError);
  assertEquals(log, []);
});
