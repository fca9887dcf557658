/** The first use of the package arms what serves the whole program; nothing of its context may stay in that. */

import { assertEquals } from "@std/assert";
import { Program } from "../support.ts";

const FIRST_USE = new URL("./testdata/first_use.ts", import.meta.url);

/** What each part does in the context of its second use. */
const EFFECTS: Record<string, string[]> = {
  clock: ["abort listener", "timeout", "abort listener", "timeout"],
  busyClock: ["abort listener", "timeout"],
  pendingClock: ["abort listener", "timeout"],
  abortHub: ["abort listener", "abort"],
  sharedAbortHub: ["abort listener", "abort"],
  promiseHub: ["then", "then"],
  yieldNow: ["abort listener"],
  root: ["abort listener", "task"],
  group: ["abort listener"],
  shield: ["abort listener", "timeout"],
  run: ["main"],
};

for (const [part, effects] of Object.entries(EFFECTS)) {
  Deno.test(`the first use of the package (${part}) leaves nothing of its context to later ones, and is collected`, {
    timeout: 10_000,
  }, async () => {
    const { stdout, stderr } = await new Program(FIRST_USE, { args: [part] }).end();
    const lines = [...effects.map((effect) => `${effect}: not in the first context`), "the first context is collected"];
    assertEquals({ stdout, stderr }, { stdout: lines.map((line) => `${line}\n`).join(""), stderr: "" });
  });
}

Deno.test({
  name: "the first use of the package (signals) leaves nothing of its context to a later run that a signal ends",
  ignore: Deno.build.os === "windows",
  timeout: 10_000,
  async fn() {
    const { signal, stdout, stderr } = await new Program(FIRST_USE, { args: ["signals"] }).end();
    const lines = ["abort listener", "main"].map((effect) => `${effect}: not in the first context\n`);
    assertEquals({ signal, stdout, stderr }, { signal: "SIGTERM", stdout: lines.join(""), stderr: "" });
  },
});
