import { assertEquals } from "@std/assert";
import { withStd } from "./deno.ts";
import { parseHeader } from "./example.ts";
import { permissions } from "./start.ts";

Deno.test("withStd() adds the map where modules are loaded, and nowhere else", () => {
  assertEquals(withStd(["test", "-A"], ["--x"]), ["test", "--x", "-A"]);
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
