import { assertEquals } from "@std/assert";

Deno.test("tools/deno.ts names a test that hangs, and runs the others", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const limit = new URL("./time_limit.ts", import.meta.url).href;
    const shortened = (await Deno.readTextFile(new URL(limit))).replace("60_000", "500");
    await Deno.writeTextFile(`${dir}/time_limit.ts`, shortened);
    await Deno.writeTextFile(
      `${dir}/hang_test.ts`,
      `Deno.test("hangs", () => new Promise(() => setInterval(() => {}, 1000)));
       Deno.test("with options", { permissions: "inherit" }, () => {});
       Deno.test({ name: "as a definition", fn() {} });
       Deno.test(function byItsName() {});
       Deno.test("sets a limit itself", { timeout: 0 }, () => new Promise((resolve) => setTimeout(resolve, 1000)));`,
    );
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--no-check", "--no-config", `--preload=${dir}/time_limit.ts`, `${dir}/hang_test.ts`],
      env: { NO_COLOR: "1" },
      stderr: "null",
    }).output();
    const lines = new TextDecoder().decode(stdout).matchAll(/^(.*?) \.\.\. (ok|FAILED)/gm);
    assertEquals([...lines].map(([, name, state]) => `${name}: ${state}`), [
      "hangs: FAILED",
      "with options: ok",
      "as a definition: ok",
      "byItsName: ok",
      "sets a limit itself: ok",
    ]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
