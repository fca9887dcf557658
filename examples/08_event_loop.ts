/**
 * What does the event loop do, step by step?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/08_event_loop.ts
 * ```
 *
 * You will see each step told as it happens: tasks are queued; the loop runs one after the other, each until its first
 * `await`; what they wait for is handed to the system; the loop sleeps until the system tells it what is ready; then it
 * queues who waited for that, who goes on. B asks last, and is answered first.
 *
 * @module
 */

import { createTask, sleep } from "@weft/async";
import { table } from "./_draw.ts";

/** A server that answers after as many ms as the path says. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
  await sleep(Number(new URL(url).pathname.slice(1)));
  return new Response("answer");
});

const steps: [step: number, who: string, what: string][] = [];
const note = (who: string, what: string) => steps.push([steps.length + 1, who, what]);

async function ask(name: string, ms: number): Promise<string> {
  note(name, "runs until its await: asks the server");
  const answer = fetch(`http://127.0.0.1:${server.addr.port}/${ms}`).then((response) => response.text());
  note("loop", `hands the question of ${name} to the system`);
  answer.then(() => note("loop", `is told that the answer to ${name} is here, and queues ${name}`));
  const text = await answer;
  note(name, `goes on behind its await, with "${text}"`);
  return text;
}

const a = createTask(() => ask("A", 300));
note("main", "has queued A");
const b = createTask(() => ask("B", 100));
note("main", "has queued B, and runs until its await: waits for A");
// Has its turn when no task can go on.
setImmediate(() => note("loop", "finds nothing to run, and sleeps until the system wakes it"));
await a;
note("main", `goes on behind its await for A, and awaits B, which is ${b.state}`);
await b;
note("main", "goes on behind its await for B");
await server.shutdown();

console.log(table(steps, { align: "rll" }));
