import { assertEquals } from "@std/assert";
import { inspect } from "node:util";
import { printAsText } from "../../src/core/inspect.ts";

Deno.test("printAsText() makes Deno and Node print what toString() returns", () => {
  class Thing {
    readonly hidden = "not shown";
    static readonly printed: void = printAsText(Thing);
    toString(): string {
      return "Thing { size: 1 }";
    }
  }
  assertEquals(Deno.inspect(new Thing()), "Thing { size: 1 }");
  assertEquals(inspect(new Thing()), "Thing { size: 1 }");
});
