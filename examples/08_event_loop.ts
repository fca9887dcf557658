/**
 * What does the event loop do, step by step?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/08_event_loop.ts
 * ```
 *
 * You will see each step as it happens. Tasks are queued; the loop runs them one after the other, each until its first
 * `await`, and passes their requests to the system; it sleeps until the system has an answer; then it queues the task
 * that waits for the answer, and that task continues. B asks last, and is answered first.
 *
 * @module
 */

import { createTask, sleep } from "@weft/async";
import { table } from "./_draw.ts";

/** A server that answers after the number of ms in the path. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
  await sleep(Number(new URL(url).pathname.slice(1)));
  return new Response("answer");
});

const steps: [step: number, who: string, what: string][] = [];
const note = (who: string, what: string) => steps.push([steps.length + 1, who, what]);

async function ask(name: string, ms: number): Promise<string> {
  note(name, "runs until its await: asks the server");
  const answer = fetch(`http://127.0.0.1:${server.addr.port}/${ms}`).then((response) => response.text());
  note("loop", `passes the request of ${name} to the system`);
  answer.then(() => note("loop", `gets the answer to ${name} from the system, and queues ${name}`));
  const text = await answer;
  note(name, `continues after its await, with "${text}"`);
  return text;
}

const a = createTask(() => ask("A", 300));
note("main", "has queued A");
const b = createTask(() => ask("B", 100));
note("main", "has queued B, and runs until its await: waits for A");
// Runs when no task can continue.
setImmediate(() => note("loop", "has nothing to run, and sleeps until the system wakes it"));
await a;
note("main", `continues after its await for A, and awaits B, which is ${b.state}`);
await b;
note("main", "continues after its await for B");
await server.shutdown();

console.log(table(steps, { align: "rll" }));
