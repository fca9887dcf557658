import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import {
  checkCount,
  checkFlag,
  checkFunction,
  checkInstant,
  checkMs,
  checkOptions,
  checkSignal,
  isThenable,
  outOfRange,
  wrongKind,
} from "../../src/core/validate.ts";

const message = (value: unknown) => wrongKind("sleep", "ms", "a number", value).message;

Deno.test("wrongKind() and outOfRange() say what was expected and what came", () => {
  assertEquals(message("5"), 'Cannot sleep: "ms" must be a number, received "5"');
  const error = outOfRange("sleep", "ms", "zero or more", -1);
  assert(error instanceof RangeError);
  assertEquals(error.message, 'Cannot sleep: "ms" must be zero or more, received -1');
});

Deno.test("wrongKind() shows any value in a few words", () => {
  class Point {}
  const shown = [
    undefined,
    null,
    true,
    5n,
    NaN,
    Symbol("s"),
    [1, 2],
    {},
    new Point(),
    Object.create(null),
    Point,
    () => {},
  ]
    .map((value) => message(value).split("received ")[1]);
  assertEquals(shown, [
    ...["undefined", "null", "true", "5n", "NaN", "Symbol(s)", "an array", "an object (Object)", "an object (Point)"],
    ...["an object (no prototype)", "function Point", "function (anonymous)"],
  ]);
});

Deno.test("checkFunction() takes functions only", () => {
  checkFunction("run", "fn", () => {});
  checkFunction("run", "fn", class {});
  for (const wrong of [undefined, null, {}, "fn"]) assertThrows(() => checkFunction("run", "fn", wrong), TypeError);
});

Deno.test("checkMs() takes any number but NaN, and none below zero where that makes no sense", () => {
  for (const ms of [0, -0, 1.5, -1, Infinity, -Infinity, 2 ** 40]) checkMs("sleep", "ms", ms);
  assertThrows(() => checkMs("sleep", "ms", NaN), RangeError, '"ms" must be a number other than NaN, received NaN');
  for (const wrong of ["1", null, undefined, 1n, new Date()]) {
    assertThrows(() => checkMs("sleep", "ms", wrong), TypeError, '"ms" must be a number of milliseconds');
  }
  for (const ms of [0, 1.5, Infinity]) checkMs("yield", "budget", ms, false);
  for (const ms of [-1, -Infinity, NaN]) {
    assertThrows(() => checkMs("yield", "budget", ms, false), RangeError, '"budget" must be zero or more');
  }
});

Deno.test("checkCount() takes whole numbers from the least on, and Infinity where allowed", () => {
  for (const count of [1, 2, Number.MAX_SAFE_INTEGER]) checkCount("map", "concurrency", count, 1, false);
  checkCount("map", "concurrency", Infinity, 1, true);
  for (const count of [0, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 53]) {
    const rule = '"concurrency" must be a whole number of at least 1, received';
    assertThrows(() => checkCount("map", "concurrency", count, 1, false), RangeError, rule);
  }
  assertThrows(
    () => checkCount("map", "n", 0, 1, true),
    RangeError,
    "a whole number of at least 1 or Infinity, received",
  );
  for (const wrong of ["1", null, undefined, 1n]) assertThrows(() => checkCount("map", "n", wrong, 1, true), TypeError);
});

Deno.test("checkFlag() takes booleans and undefined", () => {
  for (const flag of [true, false, undefined]) checkFlag("gather", "settled", flag);
  for (const wrong of [null, 0, "true"]) assertThrows(() => checkFlag("gather", "settled", wrong), TypeError);
});

Deno.test("checkSignal() takes an AbortSignal, also of another realm, and undefined", () => {
  checkSignal("wait", undefined);
  checkSignal("wait", AbortSignal.abort());
  checkSignal("wait", { aborted: false, addEventListener() {}, removeEventListener() {} });
  for (const wrong of [null, {}, "signal", new AbortController(), new EventTarget(), { aborted: true }]) {
    assertThrows(() => checkSignal("wait", wrong), TypeError, '"signal" must be an AbortSignal');
  }
});

Deno.test("checkOptions() takes objects and undefined", () => {
  for (const options of [undefined, {}, []]) checkOptions("wait", options);
  for (const wrong of [null, 1, "options", () => {}]) assertThrows(() => checkOptions("wait", wrong), TypeError);
});

Deno.test("checkInstant() takes epoch milliseconds and dates that are valid", () => {
  assertEquals(checkInstant("sleep", "at", 5.5), 5.5);
  assertEquals(checkInstant("sleep", "at", Infinity), Infinity);
  assertEquals(checkInstant("sleep", "at", new Date(7)), 7);
  for (const wrong of [NaN, new Date("never")]) assertThrows(() => checkInstant("sleep", "at", wrong), RangeError);
  for (const wrong of ["1", null, undefined, {}, 1n]) assertThrows(() => checkInstant("sleep", "at", wrong), TypeError);
});

Deno.test("isThenable() goes by a then that is a function", () => {
  const callable = Object.assign(() => {}, { then: () => {} });
  for (const value of [Promise.resolve(), { then() {} }, callable]) assert(isThenable(value));
  for (const value of [undefined, null, 1, "then", {}, { then: true }, () => {}]) assertFalse(isThenable(value));
});
