import { assertEquals } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { sharedState } from "../../src/core/ambient.ts";
import { awaitForeign } from "../../src/core/promise_hub.ts";
import { Scope } from "../../src/core/scope.ts";
import { countedSignal, report, settle, unhandledIn } from "../support.ts";

const root = new Scope(null, "root");

/** A promise that counts the reactions put on it. */
function countedPromise<T>() {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  let thens = 0;
  promise.then = function (...args) {
    thens++;
    return Promise.prototype.then.apply(promise, args) as never;
  } as typeof promise.then;
  return { promise, resolve, reject, thens: () => thens };
}

Deno.test("awaitForeign() puts one then on a promise, however often it is waited for", async () => {
  const { promise, resolve, thens } = countedPromise<string>();
  const waits = Array.from({ length: 1000 }, () => awaitForeign(promise, root));
  for (const wait of waits.slice(1)) {
    wait.promise.catch(() => {});
    wait.cancel("enough");
  }
  const late = awaitForeign(promise, root);
  await settle(1);
  assertEquals(thens(), 1);
  resolve("it");
  assertEquals([await waits[0]!.promise, await late.promise, thens()], ["it", "it", 1]);
});

Deno.test("awaitForeign() lets waiters go on in order of arrival", async () => {
  const { promise, resolve } = countedPromise<string>();
  const log: string[] = [];
  for (const name of ["a", "b", "c"]) awaitForeign(promise, root).promise.then((value) => log.push(name + value));
  resolve("!");
  await settle();
  assertEquals(log, ["a!", "b!", "c!"]);
});

Deno.test("awaitForeign() hands on what the promise fails with, to all who wait", async () => {
  const { promise, reject } = countedPromise<string>();
  const log: string[] = [];
  const reports = [report(log, awaitForeign(promise, root).promise), report(log, awaitForeign(promise, root).promise)];
  reject("no luck");
  await Promise.all(reports);
  assertEquals(log, ["throws no luck", "throws no luck"]);
});

Deno.test("awaitForeign() can wait again for a promise that has settled", async () => {
  const { promise, resolve, thens } = countedPromise<string>();
  resolve("it");
  assertEquals(await awaitForeign(promise, root).promise, "it");
  assertEquals(await awaitForeign(promise, root).promise, "it");
  assertEquals(thens(), 2);
});

Deno.test("awaitForeign() takes any thenable, and what its then throws for a failure", async () => {
  const log: string[] = [];
  const twice: PromiseLike<string> = {
    then(onfulfilled) {
      onfulfilled?.("first");
      onfulfilled?.("second");
      throw new Error("too late");
    },
  } as PromiseLike<string>;
  const broken = {
    then() {
      log.push("then called");
      throw "broken";
    },
  } as unknown as PromiseLike<string>;
  const reports = [
    report(log, awaitForeign(twice, root).promise),
    report(log, awaitForeign(broken, root).promise),
  ];
  log.push("waiting");
  await Promise.all(reports);
  assertEquals(log, ["waiting", "then called", 'returns "first"', "throws broken"]);
});

Deno.test("awaitForeign() causes no unhandled rejection when all who waited have given up", async () => {
  const { promise, reject } = countedPromise<string>();
  const seen = await unhandledIn(() => {
    const wait = awaitForeign(promise, root);
    wait.promise.catch(() => {});
    wait.cancel("enough");
    reject(new Error("late"));
  });
  assertEquals(seen, []);
});

Deno.test("awaitForeign() ends with its signal or scope, and leaves no listener", async () => {
  const { promise } = countedPromise<string>();
  const { controller, signal, listeners } = countedSignal();
  const scope = new Scope(root);
  const log: string[] = [];
  const reports = [
    report(log, awaitForeign(promise, scope, signal).promise),
    report(log, awaitForeign(promise, scope).promise),
  ];
  assertEquals(listeners(), 1);
  controller.abort("signal");
  scope.abort("scope");
  await Promise.all(reports);
  assertEquals([log, listeners()], [["throws signal", "throws scope"], 0]);
});

Deno.test("awaitForeign() calls a foreign then in the async context of the first who waits", async () => {
  sharedState();
  const storage = new AsyncLocalStorage<string>();
  let seen: unknown = "not called";
  const thenable = {
    then(onfulfilled: () => void) {
      seen = storage.getStore();
      onfulfilled();
    },
  } as unknown as PromiseLike<void>;
  await storage.run("waiter", () => awaitForeign(thenable, root).promise);
  assertEquals(seen, "waiter");
});
