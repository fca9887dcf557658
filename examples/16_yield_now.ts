/**
 * How does a long computation yield control to the event loop?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/16_yield_now.ts
 * ```
 *
 * You will see a computation next to a task that asks a server again and again. `await null` lets other code run only
 * if it is ready: no answer arrives. `yieldNow()` lets the loop check timers and IO. That takes time, so with a budget
 * it does so only if that many ms have passed since the last time: fewer answers, more steps.
 *
 * @module
 */

import { createTask, run, yieldNow } from "@weft/async";
import { type Lane, timeline } from "./_draw.ts";

const DURATION = 250; // ms that each computation takes
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response("answer"));

/** Asks the server again and again, until it is cancelled. */
async function ask(signal: AbortSignal, onAnswer: () => void): Promise<void> {
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${server.addr.port}`, { signal });
    await response.text();
    onAnswer();
  }
}

/** Computes, and yields after each step. */
async function compute(yielding: () => unknown) {
  let steps = 0;
  let sum = 0;
  for (const end = performance.now() + DURATION; performance.now() < end; steps++) {
    for (let i = 0; i < 1000; i++) sum += Math.sqrt(i);
    await yielding();
  }
  return { steps, sum };
}

async function watch(label: string, yielding: () => unknown): Promise<Lane[]> {
  const answers: Lane["spans"][number][] = [];
  const start = performance.now();
  const now = () => performance.now() - start;
  const asking = createTask((signal) => ask(signal, () => answers.push({ from: now(), to: now() })));
  const { steps } = await compute(yielding);
  asking.cancel();
  console.log(`${label}: ${answers.length} answers, ${steps} steps`);
  return [{ label, spans: [{ from: 0, to: now() }] }, { label: "  answers", spans: answers }];
}

await run(async () => {
  const lanes = [
    ...await watch("await null", () => null),
    ...await watch("yieldNow()", () => yieldNow()),
    ...await watch("budget of 10 ms", () => yieldNow({ budget: 10 })),
  ];
  console.log(`\n${timeline(lanes)}`);
});
await server.shutdown();
