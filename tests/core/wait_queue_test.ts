import { assertEquals } from "@std/assert";
import { Scope } from "../../src/core/scope.ts";
import { Claim, enqueue, refusal, setSettle, WaitQueue } from "../../src/core/wait_queue.ts";
import { countedSignal, report, settle } from "../support.ts";
import { linksMoved } from "./links_moved.ts";

const root = new Scope(null, "root");

Deno.test("WaitQueue.grantAll() and failAll() settle those who wait, in order of arrival", async () => {
  const log: string[] = [];
  const queue = new WaitQueue<string>();
  for (const name of ["a", "b"]) report(log, enqueue(queue, name, root));
  assertEquals([queue.size, queue.head()?.payload], [2, "a"]);
  queue.grantAll(1);
  report(log, enqueue(queue, "c", root));
  queue.failAll("no luck");
  assertEquals([queue.size, queue.head()], [0, null]);
  await settle();
  assertEquals(log, ["returns 1", "returns 1", "throws no luck"]);
});

Deno.test("Claim.grant() and fail() say whether the wait was still open, and the first counts", async () => {
  const granted = new Claim<number>(root);
  assertEquals([granted.grant(1), granted.grant(2), granted.fail("late"), granted.state], [
    true,
    false,
    false,
    "granted",
  ]);
  granted.cancel("late");
  assertEquals([await granted.promise, granted.state], [1, "granted"]);
  const failed = new Claim<number>(root);
  failed.promise.catch(() => {});
  assertEquals([failed.fail("first"), failed.grant(1), failed.state], [true, false, "granted"]);
});

Deno.test("Claim.cancel() takes nothing and leaves the queue, which looks at its head again", async () => {
  const log: string[] = [];
  const queue = new WaitQueue<null>(() => log.push(`looks again, ${queue.size} wait`));
  const claim = new Claim<number>(root);
  queue.push(claim.node(null));
  const wait = report(log, claim.promise);
  claim.cancel("enough");
  assertEquals([claim.grant(1), claim.state], [false, "cancelled"]);
  await wait;
  assertEquals(log, ["looks again, 0 wait", "throws enough"]);
});

Deno.test("Claim leaves all the queues that it stands in when one of them grants it", async () => {
  const looked: string[] = [];
  const queues = ["a", "b", "c"].map((name) => new WaitQueue<string>(() => looked.push(name)));
  const claim = new Claim<string>(root);
  for (const queue of queues) queue.push(claim.node("select"));
  const behind = enqueue<string, string>(queues[0]!, "behind", root);
  assertEquals(queues.map(({ size }) => size), [2, 1, 1]);
  queues[1]!.head()!.claim.grant("from b");
  assertEquals([queues.map(({ size }) => size), looked], [[1, 0, 0], []]);
  assertEquals(queues[0]!.head()?.payload, "behind");
  queues[0]!.grantAll("from a");
  assertEquals([await claim.promise, await behind], ["from b", "from a"]);
});

Deno.test("Claim leaves all the queues that it stands in when it is cancelled, and each looks again", async () => {
  const looked: string[] = [];
  const queues = ["a", "b"].map((name) => new WaitQueue<null>(() => looked.push(name)));
  const { controller, signal, listeners } = countedSignal();
  const claim = new Claim<null>(root, signal);
  for (const queue of queues) queue.push(claim.node(null));
  const log: string[] = [];
  const wait = report(log, claim.promise);
  controller.abort("enough");
  assertEquals([queues.map(({ size }) => size), looked.toSorted(), listeners()], [[0, 0], ["a", "b"], 0]);
  await wait;
  assertEquals(log, ["throws enough"]);
});

Deno.test("WaitQueue.head() expels the doomed, whose signal has not told us yet", async () => {
  const log: string[] = [];
  const queue = new WaitQueue<string>();
  const { controller, signal } = countedSignal();
  signal.addEventListener("abort", () => {
    log.push(`head: ${queue.head()?.payload}, ${queue.size} wait`);
    queue.grantAll("permit");
  });
  for (const name of ["doomed", "doomed too"]) report(log, enqueue(queue, name, root, signal));
  report(log, enqueue(queue, "alive", root));
  controller.abort("stop");
  await settle();
  assertEquals(log, ["head: alive, 1 wait", "throws stop", "throws stop", 'returns "permit"']);
});

Deno.test("WaitQueue.prune() expels all the doomed, and tells how many are left", async () => {
  const log: string[] = [];
  const queue = new WaitQueue<string>();
  const controller = new AbortController();
  const { signal } = controller;
  signal.addEventListener("abort", () => log.push(`${queue.prune()} of ${queue.size} are left`));
  report(log, enqueue(queue, "alive", root));
  // One claim in two places.
  const doomed = new Claim<number>(root, signal);
  for (const name of ["doomed", "doomed again"]) queue.push(doomed.node(name));
  report(log, doomed.promise);
  for (const name of ["doomed too", "alive too"]) {
    report(log, enqueue(queue, name, root, name.startsWith("doomed") ? signal : undefined));
  }
  assertEquals(queue.prune(), 5);
  controller.abort("over");
  queue.grantAll(1);
  await settle();
  assertEquals(log, ["2 of 2 are left", "throws over", "throws over", "returns 1", "returns 1"]);
});

Deno.test("WaitQueue.head() expels a doomed one that stands in other queues from these too", async () => {
  const log: string[] = [];
  const other = new WaitQueue<null>(() => log.push("the other looks again"));
  const queue = new WaitQueue<null>(() => log.push("looks again"));
  const { controller, signal } = countedSignal();
  signal.addEventListener("abort", () => queue.head());
  const claim = new Claim<null>(root, signal);
  queue.push(claim.node(null));
  other.push(claim.node(null));
  const wait = report(log, claim.promise);
  controller.abort("stop");
  assertEquals([queue.size, other.size], [0, 0]);
  await wait;
  assertEquals(log, ["the other looks again", "throws stop"]);
});

Deno.test("WaitQueue takes nothing for the waits of a scope that is being aborted", async () => {
  const log: string[] = [];
  const scope = new Scope(root);
  const queue: WaitQueue<string> = new WaitQueue(() => queue.grantAll("freed by the cancelled"));
  for (const name of ["a", "b", "c"]) report(log, enqueue(queue, name, scope));
  report(log, enqueue(queue, "outside", root));
  scope.abort("stop");
  await settle();
  assertEquals(log, ["throws stop", "throws stop", "throws stop", 'returns "freed by the cancelled"']);
});

Deno.test("Claim is rejected with the reason of its scope when its signal is aborted too", async () => {
  const log: string[] = [];
  const scope = new Scope(root);
  const { controller, signal } = countedSignal();
  signal.addEventListener("abort", () => scope.beginAborted("scope"));
  const wait = report(log, new Claim(scope, signal).promise);
  controller.abort("signal");
  await wait;
  assertEquals(log, ["throws scope"]);
});

Deno.test("Claim goes to the nearest open ancestor when its scope ends, and is cancelled with that", async () => {
  const log: string[] = [];
  const outer = new Scope(root);
  const inner = new Scope(new Scope(outer));
  const claim = new Claim(inner);
  const wait = report(log, claim.promise);
  inner.parent!.end();
  inner.end();
  inner.abort("too late");
  assertEquals(claim.state, "queued");
  outer.abort("outer");
  await wait;
  assertEquals(log, ["throws outer"]);
});

Deno.test("Claim that an ancestor has taken over takes nothing while that is being aborted", async () => {
  const log: string[] = [];
  const outer = new Scope(root);
  const inner = new Scope(outer);
  const queue: WaitQueue<string> = new WaitQueue(() => queue.grantAll("freed by the cancelled"));
  for (const name of ["a", "b"]) report(log, enqueue(queue, name, inner));
  inner.end();
  outer.abort("outer");
  await settle();
  assertEquals(log, ["throws outer", "throws outer"]);
});

Deno.test("Claim is cancelled at once when the ancestor that takes it over is aborted", async () => {
  const log: string[] = [];
  const outer = new Scope(root);
  const shielded = new Scope(outer, undefined, true);
  const claim = new Claim(shielded);
  const wait = report(log, claim.promise);
  outer.abort("outer");
  assertEquals(claim.state, "queued");
  shielded.end();
  assertEquals(claim.state, "cancelled");
  await wait;
  assertEquals(log, ["throws outer"]);
});

Deno.test("refusal() lets a wait begin unless its scope or signal is aborted, the scope first", async () => {
  const aborted = new Scope(root);
  aborted.abort("scope");
  const signal = AbortSignal.abort("signal");
  assertEquals([refusal(root, undefined), refusal(root, new AbortController().signal)], [null, null]);
  const log: string[] = [];
  await report(log, refusal(root, signal)!);
  await report(log, refusal(aborted, undefined)!);
  await report(log, refusal(aborted, signal)!);
  assertEquals(log, ["throws signal", "throws scope", "throws scope"]);
});

Deno.test("setSettle() puts all settling through one function, until it is given null", async () => {
  const log: string[] = [];
  const held: (() => void)[] = [];
  const queue = new WaitQueue<null>();
  const claims = Array.from({ length: 3 }, () => new Claim<string>(root));
  for (const claim of claims) queue.push(claim.node(null));
  const reports = claims.map(({ promise }) => report(log, promise));
  setSettle((claim, outcome, value) => {
    log.push(`${outcome} ${value}, ${claim.state}`);
    held.push(() => claim[outcome](value));
  });
  try {
    claims[0]!.grant("a");
    claims[1]!.fail("b");
    claims[2]!.cancel("c");
    assertEquals(claims[0]!.grant("again"), false);
    await settle();
    log.push("settled by hand");
    for (const settleOne of held.reverse()) settleOne();
  } finally {
    setSettle(null);
  }
  await Promise.all(reports);
  const direct = new Claim<string>(root);
  direct.grant("direct");
  await report(log, direct.promise);
  assertEquals(log, [
    ...["resolve a, granted", "reject b, granted", "reject c, cancelled", "settled by hand"],
    ...["throws c", "throws b", 'returns "a"', 'returns "direct"'],
  ]);
});

/** Puts `n` waits into a queue that hands out again what the cancelled gave up, and ends them all with `end`. */
function movesFor(n: number, end: (queue: WaitQueue<null>, scope: Scope, controller: AbortController) => void): number {
  const scope = new Scope(root);
  const { controller, signal } = countedSignal();
  const queue: WaitQueue<null> = new WaitQueue(() => queue.head());
  const moves = linksMoved(() => {
    for (let i = 0; i < n; i++) enqueue(queue, null, scope, signal).catch(() => {});
    end(queue, scope, controller);
  });
  assertEquals(queue.size, 0);
  scope.end();
  return moves;
}

for (
  const [how, end] of Object.entries(
    {
      "granted one by one": (queue) => {
        for (let node = queue.head(); node !== null; node = queue.head()) node.claim.grant(null);
      },
      "granted together": (queue) => queue.grantAll(null),
      "cancelled by their scope": (_queue, scope) => scope.abort("stop"),
      "cancelled by their signal": (_queue, _scope, controller) => controller.abort("stop"),
    } satisfies Record<string, Parameters<typeof movesFor>[1]>,
  )
) {
  Deno.test(`WaitQueue moves a fixed number of links a wait when all are ${how}`, () => {
    const [first, second, third] = [1000, 2000, 3000].map((n) => movesFor(n, end)) as [number, number, number];
    assertEquals(third - second, second - first);
  });
}
