/** No failure is lost silently, and none is reported twice. */

import { assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { createTask, gather, run, scope, shield, sleepForever, type Task, TaskGroup, wait } from "@weft/async";
import { Program, settle, unhandledIn } from "../support.ts";

const failure = new Error("no luck");
const failing = () => Promise.reject(failure);

Deno.test("A failure of an independent task that nobody observes surfaces once, at the next macrotask", async () => {
  const log: string[] = [];
  const unhandled = await unhandledIn(async () => {
    const listener = () => log.push("surfaces");
    globalThis.addEventListener("unhandledrejection", listener);
    const task = createTask(failing);
    task.addDoneCallback(() => log.push("is done"));
    for (let i = 0; i < 100; i++) await null;
    log.push("many microtasks later");
    await settle();
    log.push("next turns");
    globalThis.removeEventListener("unhandledrejection", listener);
  });
  assertEquals(unhandled, [failure]);
  assertEquals(log, ["is done", "many microtasks later", "surfaces", "next turns"]);
});

Deno.test("A failure of an eager task that nobody observes surfaces once", async () => {
  const unhandled = await unhandledIn(() => {
    createTask(() => {
      throw failure;
    }, { eager: true });
  });
  assertEquals(unhandled, [failure]);
});

const observers: Record<string, (task: Task<never>) => unknown> = {
  "is awaited before it fails": (task) => assertRejects(async () => await task),
  "is waited for": (task) => wait([task]),
  "is gathered": (task) => assertRejects(() => gather([task])),
  "has its promise handled": (task) => task.promise.catch(() => {}),
  "has its exception read once it is done": (task) => task.addDoneCallback(() => task.exception()),
  "is awaited in the same turn after it failed": async (task) => {
    for (let i = 0; i < 20; i++) await null;
    assertEquals(task.state, "rejected");
    await assertRejects(async () => await task);
  },
};

for (const [how, observe] of Object.entries(observers)) {
  Deno.test(`A failure of an independent task that ${how} does not surface`, async () => {
    assertEquals(await unhandledIn(() => observe(createTask(failing))), []);
  });
}

Deno.test("A failure of a task whose promise somebody has, but does not handle, surfaces once", async () => {
  assertEquals(await unhandledIn(() => void createTask(failing).promise), [failure]);
});

Deno.test("A failure that has surfaced can still be read", async () => {
  let task!: Task<never>;
  assertEquals(await unhandledIn(() => void (task = createTask(failing))), [failure]);
  assertStrictEquals(await assertRejects(async () => await task), failure);
});

Deno.test("A cancelled task does not surface, started or not", async () => {
  const unhandled = await unhandledIn(async () => {
    createTask(failing).cancel();
    const started = createTask(() => sleepForever());
    await settle(1);
    started.cancel(failure);
  });
  assertEquals(unhandled, []);
});

Deno.test("A failure of a task of a group is the group's, observed or not", async () => {
  const unhandled = await unhandledIn(async () => {
    const bodies: ((group: TaskGroup) => unknown)[] = [
      (group) => void group.createTask(failing),
      (group) => void group.createTask(failing, { eager: true }),
      (group) => void group.createTask(failing).promise.catch(() => {}),
      (group) => group.createTask(failing),
    ];
    for (const body of bodies) await assertRejects(() => TaskGroup.run(body));
  });
  assertEquals(unhandled, []);
});

Deno.test("A failure of siblings that come late does not surface besides", async () => {
  const late = () => sleepForever().catch(() => settle().then(failing));
  const unhandled = await unhandledIn(async () => {
    await assertRejects(() =>
      TaskGroup.run((group) => {
        for (const work of [late, late, failing]) group.createTask(work);
      })
    );
    await assertRejects(() => run(() => (createTask(late), settle(1)), { signals: false }));
  });
  assertEquals(unhandled, []);
});

Deno.test("A structured call that fails and that nobody awaits surfaces once, as every promise does", async () => {
  const calls = [
    () => scope(failing),
    () => shield(failing),
    () => run(failing, { signals: false }),
    () => gather([failing]),
  ];
  for (const call of calls) assertEquals(await unhandledIn(() => void call()), [failure]);
  const unhandled = await unhandledIn(() => void TaskGroup.run((group) => void group.createTask(failing)));
  assertEquals(unhandled.map((error) => (error as AggregateError).errors), [[failure]]);
});

Deno.test("A failure of an independent task surfaces also in a program that waits for what never comes", async () => {
  const program = new Program(new URL("../probes/stuck.ts", import.meta.url));
  const { code, stderr } = await program.end();
  assertEquals(code, 1);
  assertMatch(stderr, /Uncaught \(in promise\) Error: no luck/);
});
