import { assertEquals, assertStrictEquals } from "@std/assert";
import { abortAll, Cancellable, Scope, type ScopeKeeper } from "../../src/core/scope.ts";
import { linksMoved } from "./links_moved.ts";

/** A wait that only tells the log. */
class Wait extends Cancellable {
  readonly #onCancel: (reason: unknown) => void;
  readonly heirs: Scope[] = [];

  constructor(onCancel: (reason: unknown) => void) {
    super();
    this.#onCancel = onCancel;
  }

  override cancel(reason: unknown): void {
    this.#onCancel(reason);
  }

  override moveTo(heir: Scope): void {
    this.heirs.push(heir);
  }
}

function keeper(log: string[]): ScopeKeeper {
  return {
    aborted: ({ name }) => log.push(`${name} aborted`),
    childless: ({ name }) => log.push(`${name} childless`),
    abandoned: ({ name }) => log.push(`${name} abandoned`),
  };
}

Deno.test("Scope.abort() marks the subtree, then cancels the waits, then fires the signals", () => {
  const log: string[] = [];
  const root = new Scope(null);
  const outer = new Scope(root, "outer");
  const inner = new Scope(outer, "inner");
  for (const scope of [inner, outer]) {
    scope.attach(new Wait((reason) => log.push(`wait in ${scope.name}: ${reason}, ${outer.aborted} ${inner.aborted}`)));
    scope.signal.addEventListener("abort", () => log.push(`signal of ${scope.name}: ${scope.signal.reason}`));
    scope.keeper = keeper(log);
  }
  assertEquals(outer.abort("stop"), true);
  assertEquals(log, [
    ...["wait in outer: stop, true true", "wait in inner: stop, true true"],
    ...["outer aborted", "signal of outer: stop", "inner aborted", "signal of inner: stop"],
  ]);
  assertEquals([root.aborted, outer.abort("again"), outer.reason], [false, false, "stop"]);
});

Deno.test("Scope.abort() spares what is shielded, and all below it", () => {
  const outer = new Scope(new Scope(null));
  const shielded = new Scope(outer, undefined, true);
  const below = new Scope(shielded);
  outer.abort("stop");
  assertEquals([outer.aborted, shielded.aborted, below.aborted], [true, false, false]);
  assertEquals([new Scope(outer).aborted, new Scope(outer, undefined, true).aborted], [true, false]);
});

Deno.test("Scope.abort() leaves an inner abort its own reason", () => {
  const outer = new Scope(new Scope(null));
  const inner = new Scope(outer);
  inner.abort("inner");
  outer.abort("outer");
  assertEquals([inner.reason, outer.reason], ["inner", "outer"]);
});

Deno.test("Scope.abort() reaches a tree that is very deep", () => {
  const top = new Scope(new Scope(null));
  let deepest = top;
  for (let i = 0; i < 100_000; i++) deepest = new Scope(deepest);
  top.abort("stop");
  assertEquals(deepest.reason, "stop");
});

Deno.test("abortAll() marks all scopes before it cancels anything of one", () => {
  const root = new Scope(null);
  const [a, b] = [new Scope(root), new Scope(root)];
  const log: unknown[] = [];
  a.attach(new Wait(() => log.push(["wait in a", b.aborted])));
  abortAll([a, b], "stop", [new Wait(() => log.push(["own wait", a.aborted, b.aborted]))]);
  assertEquals(log, [["own wait", true, true], ["wait in a", true]]);
});

Deno.test("Scope.signal is made once, aborted if the scope is, and with the same reason", () => {
  const scope = new Scope(new Scope(null));
  const { signal } = scope;
  assertStrictEquals(scope.signal, signal);
  const reason = new Error("stop");
  scope.abort(reason);
  const late = new Scope(scope).signal;
  assertStrictEquals(signal.reason, reason);
  assertStrictEquals(late.reason, reason);
});

Deno.test("Scope.end() gives its waits to the nearest open ancestor, and can no longer be aborted", () => {
  const root = new Scope(null);
  const middle = new Scope(root);
  const inner = new Scope(middle);
  const wait = new Wait(() => {});
  inner.attach(wait);
  middle.end();
  inner.end();
  inner.end();
  assertEquals(wait.heirs.length, 1);
  assertStrictEquals(wait.heirs[0], root);
  assertEquals([inner.abort("late"), inner.aborted], [false, false]);
});

Deno.test("Scope.leave() tells the keeper of the parent when the last child is gone", () => {
  const log: string[] = [];
  const parent = new Scope(new Scope(null), "parent");
  parent.keeper = keeper(log);
  const [a, b] = [new Scope(parent, "a"), new Scope(parent, "b")];
  assertEquals([parent.childCount, parent.children()], [2, [a, b]]);
  a.leave();
  a.leave();
  assertEquals([parent.childCount, log], [1, []]);
  b.end();
  assertEquals([parent.childCount, log], [0, ["parent childless"]]);
});

Deno.test("Scope.adopt() and end() move one link each, however many children there are", () => {
  const parent = new Scope(new Scope(null));
  const children: Scope[] = [];
  const adopt = () => {
    for (let i = 0; i < 1000; i++) children.push(new Scope(parent));
  };
  assertEquals([linksMoved(adopt), linksMoved(adopt)], [1000, 1000]);
  assertEquals(linksMoved(() => children[700]!.end()), 1);
});

Deno.test("Scope.settleChildren() tells abandonable children once no other child is left", () => {
  const log: string[] = [];
  const parent = new Scope(new Scope(null), "parent");
  const iterator = new Scope(parent, "iterator", false, true);
  iterator.keeper = keeper(log);
  const child = new Scope(parent, "child");
  assertEquals([parent.settleChildren(), log], [false, []]);
  child.end();
  assertEquals([parent.settleChildren(), log], [false, ["iterator abandoned"]]);
  iterator.end();
  assertEquals(parent.settleChildren(), true);
});

Deno.test("Scope.label is its name, that of the task that it is, or a general one", () => {
  const root = new Scope(null);
  const task = new Scope(root);
  task.task = { name: "worker" };
  assertEquals([new Scope(task, "named").label, task.label, new Scope(task).label], [
    "named",
    "worker",
    "a nested call",
  ]);
});
