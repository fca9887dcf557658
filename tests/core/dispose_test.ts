import { type Disposes, Lock, scope, Semaphore } from "@weft/async";
import { assertEquals } from "@std/assert";
import { assertType, type IsExact } from "@std/testing/types";

// Both declarations resolve to the platform's, so that a permit can be passed wherever a Disposable is asked for.
assertType<IsExact<Disposes<"dispose">, { [Symbol.dispose]: () => void }>>(true);
assertType<IsExact<Disposes<"asyncDispose">, { [Symbol.asyncDispose]: () => Promise<void> }>>(true);

Deno.test("Permits are Disposable, and have no enumerable method", async () => {
  await scope(async () => {
    for (const source of [new Semaphore(1), new Lock()]) {
      const permit: Disposable = await source.acquire();
      const keys: string[] = [];
      for (const key in permit) keys.push(key);
      assertEquals(keys.includes("undefined"), false);
      assertEquals(typeof permit[Symbol.dispose], "function");
      permit[Symbol.dispose]();
      assertEquals((await source.acquire())[Symbol.dispose] === permit[Symbol.dispose], true);
    }
  });
});
