import { assertEquals } from "@std/assert";
import { attachAsyncDispose, attachDispose } from "../../src/core/dispose.ts";

Deno.test("attachDispose() makes using call it with the object", () => {
  const log: unknown[] = [];
  class Resource {
    declare readonly [Symbol.dispose]: () => void;
    readonly name = "resource";
    static {
      attachDispose(Resource.prototype, function (this: Resource) {
        log.push(this.name);
      });
    }
  }
  {
    using _resource = new Resource();
    log.push("block");
  }
  assertEquals(log, ["block", "resource"]);
  assertEquals(Object.keys(Resource.prototype), []);
});

Deno.test("attachAsyncDispose() makes await using wait for it", async () => {
  const log: unknown[] = [];
  class Resource {
    declare readonly [Symbol.asyncDispose]: () => Promise<void>;
    static {
      attachAsyncDispose(Resource.prototype, async () => {
        await null;
        log.push("disposed");
      });
    }
  }
  {
    await using _resource = new Resource();
    log.push("block");
  }
  log.push("after");
  assertEquals(log, ["block", "disposed", "after"]);
});
