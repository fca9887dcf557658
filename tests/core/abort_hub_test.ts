import { assertEquals } from "@std/assert";
import { type AbortLink, attachToSignal } from "../../src/core/abort_hub.ts";
import { Cancellable, Scope } from "../../src/core/scope.ts";
import { countedSignal } from "../support.ts";
import { linksMoved } from "./links_moved.ts";

/** A wait that only tells the log. */
class Wait extends Cancellable {
  readonly #onCancel: (reason: unknown) => void;

  constructor(onCancel: (reason: unknown) => void) {
    super();
    this.#onCancel = onCancel;
  }

  override cancel(reason: unknown): void {
    this.#onCancel(reason);
  }

  override moveTo(): void {}
}

function loggedWait(log: string[], name: string): Wait {
  return new Wait((reason) => log.push(`${name} cancelled: ${reason}`));
}

Deno.test("attachToSignal() puts one listener on a signal, however many wait, and removes it with the last", () => {
  const { signal, listeners } = countedSignal();
  const links = Array.from({ length: 1000 }, () => attachToSignal(signal, new Wait(() => {})));
  assertEquals(listeners(), 1);
  const last = links.splice(500, 1)[0]!;
  for (const link of links) link.detach();
  assertEquals(listeners(), 1);
  last.detach();
  assertEquals(listeners(), 0);
  attachToSignal(signal, new Wait(() => {}));
  assertEquals(listeners(), 1);
});

Deno.test("AbortLink.detach() does nothing the second time", () => {
  const { signal, listeners } = countedSignal();
  const first = attachToSignal(signal, new Wait(() => {}));
  const second = attachToSignal(signal, new Wait(() => {}));
  first.detach();
  first.detach();
  assertEquals(listeners(), 1);
  second.detach();
  second.detach();
  assertEquals(listeners(), 0);
});

Deno.test("attachToSignal() and detach() move one link each, however many there are", () => {
  const { signal } = countedSignal();
  const links: AbortLink[] = [];
  const attach = () => {
    for (let i = 0; i < 1000; i++) links.push(attachToSignal(signal, new Wait(() => {})));
  };
  assertEquals([linksMoved(attach), linksMoved(attach)], [1000, 1000]);
  assertEquals(linksMoved(() => links[700]!.detach()), 1);
});

Deno.test("A signal cancels what is attached in that order, not what was detached, and leaves no listener", () => {
  const { controller, signal, listeners } = countedSignal();
  const log: string[] = [];
  attachToSignal(signal, loggedWait(log, "a"));
  const gone = attachToSignal(signal, loggedWait(log, "gone"));
  attachToSignal(signal, loggedWait(log, "b"));
  gone.detach();
  controller.abort("stop");
  assertEquals([log, listeners()], [["a cancelled: stop", "b cancelled: stop"], 0]);
});

Deno.test("A signal marks all scopes attached to it before it cancels any wait", () => {
  const { controller, signal } = countedSignal();
  const log: unknown[] = [];
  const outer = new Scope(null, "outer");
  const inner = new Scope(outer, "inner");
  const scopes = () => log.push([outer.aborted, inner.aborted, outer.reason]);
  attachToSignal(signal, new Wait(scopes));
  inner.attach(new Wait(scopes));
  attachToSignal(signal, outer);
  inner.signal.addEventListener("abort", () => log.push("fired"));
  controller.abort("stop");
  assertEquals(log, [[true, true, "stop"], [true, true, "stop"], "fired"]);
});

Deno.test("A signal marks several scopes before it cancels the waits of one", () => {
  const { controller, signal } = countedSignal();
  const log: unknown[] = [];
  const [first, second] = [new Scope(null), new Scope(null)];
  first.attach(new Wait(() => log.push(second.aborted)));
  second.attach(new Wait(() => log.push(first.aborted)));
  attachToSignal(signal, first);
  attachToSignal(signal, second);
  controller.abort("stop");
  assertEquals(log, [true, true]);
});

Deno.test("A signal has nothing left to detach after its abort", () => {
  const { controller, signal, listeners } = countedSignal();
  const link: AbortLink = attachToSignal(signal, new Wait(() => link.detach()));
  controller.abort("stop");
  link.detach();
  assertEquals(listeners(), 0);
});
