import { assertEquals, assertMatch } from "@std/assert";
import { parseHeader } from "../../tools/example.ts";
import { Program } from "../support.ts";

const EXAMPLE = new URL("../../examples/connection_pool.ts", import.meta.url);
const { flags } = parseHeader(await Deno.readTextFile(EXAMPLE));

function run(flags: string[]) {
  return new Program(EXAMPLE, { flags: ["--no-prompt", ...flags] }).end();
}

Deno.test("connection_pool answers all requests but one over four connections, under the permissions it names", async () => {
  assertEquals(flags, ["--allow-net=127.0.0.1"]);
  const { code, stdout, stderr } = await run(flags!);
  assertEquals([code, stderr], [0, ""]);
  const [requests, answered, givenUp, opened, atOnce, ...rest] = stdout.split("\n");
  assertEquals([requests, answered], ["requests   30", "answered   29, the last one: REQUEST 30"]);
  assertEquals(givenUp, "given up   request 7: timeout took longer than 1000 ms");
  assertEquals(opened, "opened     4 connections, of which 3 are left");
  assertMatch(atOnce!, /^at once {4}[1-4] requests at most/);
  assertEquals(rest, [""]);
});

Deno.test("connection_pool says which permission is missing, and exits with 1", async () => {
  const { code, stdout, stderr } = await run([]);
  assertEquals([code, stdout, stderr], [1, "", "No net access to 127.0.0.1: add --allow-net=127.0.0.1\n"]);
});
