import { assertEquals } from "@std/assert";
import { inspect } from "node:util";
import { attachInspect } from "../../src/core/inspect.ts";

Deno.test("attachInspect() makes Deno and Node print what toString() returns", () => {
  class Thing {
    readonly hidden = "not shown";
    static {
      attachInspect(Thing.prototype);
    }
    toString(): string {
      return "Thing { size: 1 }";
    }
  }
  assertEquals(Deno.inspect(new Thing()), "Thing { size: 1 }");
  assertEquals(inspect(new Thing()), "Thing { size: 1 }");
});
