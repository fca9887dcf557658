import { assertEquals } from "@std/assert";
import { withStd } from "./deno.ts";
import { parseHeader } from "./example.ts";
import { permissions } from "./start.ts";

Deno.test("withStd() adds the map where modules are loaded and a time limit to tests, and nowhere else", () => {
  const limit = `--preload=${new URL("./time_limit.ts", import.meta.url)}`;
  assertEquals(withStd(["test", "-A"], ["--x"]), ["test", "--x", limit, "-A"]);
  assertEquals(withStd(["check", "."], ["--x"]), ["check", "--x", "."]);
  assertEquals(withStd(["lint", "src"], ["--x"]), ["lint", "src"]);
  assertEquals(withStd(["fmt", "--check"], ["--x"]), ["fmt", "--check"]);
});

Deno.test("permissions() lets a run without URLs reach this machine only", () => {
  assertEquals(permissions(["--concurrency", "8"]), [
    "--allow-net=127.0.0.1",
    "--allow-read=./mirror",
    "--allow-write=./mirror",
    "--no-prompt",
  ]);
});

Deno.test("permissions() follows the URLs, --out and --kv", () => {
  const [net, read] = permissions([
    "https://a.example:8443/x",
    "--out=site",
    "--kv",
    "k.db",
    "http://[::1]/",
  ]);
  assertEquals(net, "--allow-net=a.example,[::1]");
  assertEquals(read, "--allow-read=site,k.db");
});

Deno.test("parseHeader() finds the question and the flags", () => {
  const block = `/**
 * The first lesson.
 *
 * What is a task?
 *
 * \`deno run --allow-net=127.0.0.1 -R examples/01_task.ts\`
 */
import "x";
`;
  assertEquals(parseHeader(block), {
    question: "What is a task?",
    flags: ["--allow-net=127.0.0.1", "-R"],
  });
  assertEquals(parseHeader("// What?\n// deno run examples/02_a.ts\nx();"), {
    question: "What?",
    flags: [],
  });
  assertEquals(parseHeader("x();"), { question: "", flags: null });
});

/** Runs `deno task example`. */
async function example(...args: string[]) {
  const tool = new URL("example.ts", import.meta.url).pathname;
  const command = new Deno.Command(Deno.execPath(), { args: ["run", "-A", tool, ...args], env: { NO_COLOR: "1" } });
  const { code, stdout, stderr } = await command.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("example.ts lists the numbered programs in order, then the others, and no helper", async () => {
  const { stdout } = await example();
  const [list, hint] = stdout.split("\n\n");
  assertEquals(hint?.includes("examples/README.md"), true);
  const names = list!.split("\n").map((line) => line.slice(0, line.indexOf("  ", 4)));
  const numbers = names.map((name) => name.slice(0, 2)).filter((number) => number !== "  ");
  assertEquals(numbers, numbers.map((_, i) => String(i + 1).padStart(2, "0")));
  assertEquals(names.slice(numbers.length), [
    "    connection_pool",
    "    polite_client",
    "    service",
    "    walk_to_kv",
  ]);
  assertEquals(names[12], "13  gather");
});

Deno.test("example.ts runs a program by its number or by its name", async () => {
  for (const id of ["9", "09", "coroutine_functions", "09_coroutine_functions", "examples/09_coroutine_functions.ts"]) {
    const { code, stdout } = await example(id);
    assertEquals([code, stdout.split("\n")[0]], [0, "main has a function, and nothing has run"]);
  }
});

Deno.test("example.ts says that there is no such example", async () => {
  for (const id of ["0", "99", "_draw", "mirror", "examples/"]) {
    const { code, stderr } = await example(id);
    assertEquals([code, stderr], [2, `No example ${id}: \`deno task example\` lists what there is\n`]);
  }
});
