import { assertEquals, assertStrictEquals } from "@std/assert";
import { combineFailures, giveCause } from "../../src/core/failures.ts";
import { messageOf } from "../../src/core/foreign.ts";

Deno.test("giveCause() gives a cause to an error that has none", () => {
  const cause = new Error("cause");
  const error = new Error("error");
  giveCause(error, cause);
  assertStrictEquals(error.cause, cause);
  assertEquals(Object.keys(error), []);
});

Deno.test("giveCause() leaves alone what has a cause, cannot take one, or is the cause", () => {
  const cause = new Error("cause");
  const own = new Error("own", { cause: "already" });
  giveCause(own, cause);
  assertEquals(own.cause, "already");
  const frozen = Object.freeze(new Error("frozen"));
  giveCause(frozen, cause);
  assertEquals("cause" in frozen, false);
  giveCause(cause, cause);
  assertEquals("cause" in cause, false);
  const thing = { message: "no error" };
  giveCause(thing, cause);
  giveCause("text", cause);
  assertEquals("cause" in thing, false);
});

Deno.test("giveCause() leaves alone a cause that is fixed as undefined", () => {
  const error = Object.defineProperty(new Error("fixed"), "cause", { value: undefined });
  giveCause(error, new Error("cause"));
  assertEquals(error.cause, undefined);
});

Deno.test("combineFailures() returns a single failure as it is", () => {
  const failure = new Error("only");
  assertStrictEquals(combineFailures([failure]), failure);
  assertEquals(combineFailures([undefined]), undefined);
});

Deno.test("combineFailures() counts the same failure once", () => {
  const failure = new Error("shared");
  assertStrictEquals(combineFailures([failure, failure]), failure);
});

Deno.test("combineFailures() makes an AggregateError in order, the first one its cause", () => {
  const [a, b] = [new Error("a"), "b"];
  const error = combineFailures([a, b, a]) as AggregateError;
  assertEquals([error.errors, error.cause, error.message], [[a, b], a, "2 failures, the first: a"]);
});

Deno.test("messageOf() returns what a person wants to read", () => {
  assertEquals([new Error("disk full"), "text", undefined, 5].map(messageOf), ["disk full", "text", "undefined", "5"]);
});
