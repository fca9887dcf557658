import { assertEquals, assertMatch } from "@std/assert";
import { parseHeader } from "../../tools/example.ts";
import { Program } from "../support.ts";

const EXAMPLE = new URL("../../examples/polite_client.ts", import.meta.url);
const { question, flags } = parseHeader(await Deno.readTextFile(EXAMPLE));

function start(flags: readonly string[] | null): Program {
  return new Program(EXAMPLE, { flags: ["--no-prompt", ...flags ?? []] });
}

Deno.test("polite_client gets all pages, and waits when it is told to, under the permissions it names", async () => {
  assertMatch(question, /^How do I ask an API .*\?$/);
  assertEquals(flags, ["--allow-net=127.0.0.1"]);
  const { code, stdout, stderr } = await start(flags).end();
  assertEquals([code, stderr], [0, ""]);
  const [requests = "", summary = ""] = stdout.split("\n\n");
  const lines = requests.split("\n").map((line) => /^ *\d+ ms {2}(\S+) +(\d+)/.exec(line)?.slice(1));
  const answered = lines.filter((line) => line?.[1] === "200").map((line) => line![0]);
  assertEquals(answered.toSorted(), Array.from({ length: 20 }, (_, i) => `/pages/${i + 1}`).toSorted());
  const refused = lines.filter((line) => line?.[1] === "429").length;
  assertEquals([refused > 0, answered.length + refused], [true, lines.length]);
  assertMatch(requests, /429 {2}Retry-After: 1, and \d+ others wait$/m);
  assertEquals(summary.split("\n"), [
    "20 pages, the last one says: This is /pages/20",
    `${20 + refused} requests, of which the API refused ${refused}`,
    "",
  ]);
});

Deno.test("polite_client ends at once on Ctrl-C, while it waits", { ignore: Deno.build.os === "windows" }, async () => {
  const program = start(flags);
  await program.line();
  program.kill("SIGINT");
  const { code, signal, stderr } = await program.end();
  assertEquals([code, signal, stderr], [130, "SIGINT", ""]);
});

Deno.test("polite_client says which permission is missing, and exits with 1", async () => {
  const { code, stdout, stderr } = await start([]).end();
  assertEquals([code, stdout, stderr], [1, "", "No net access to 127.0.0.1: add --allow-net=127.0.0.1\n"]);
});
