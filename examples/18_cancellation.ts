/**
 * How is a task cancelled, and how does it notice?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/18_cancellation.ts
 * ```
 *
 * You will see two tasks cancelled while they wait. The wait rejects, even a wait without a signal; `finally` runs, and
 * the task ends. The second task catches the cancellation and tries to continue, in vain: its scope is aborted, not
 * just one of its waits, so the next wait rejects too.
 *
 * @module
 */

import { AsyncEvent, createTask, currentSignal, run, sleepForever, wait } from "@weft/async";

/** A server that sends one part at once, and never the next one. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
  const parts = new ReadableStream<Uint8Array>({ start: (stream) => stream.enqueue(new Uint8Array(1000)) });
  return new Response(parts);
});

const arrived = new AsyncEvent();

async function download(): Promise<void> {
  let bytes = 0;
  try {
    // `fetch` knows nothing about scopes, so it needs the signal of this one.
    const response = await fetch(`http://127.0.0.1:${server.addr.port}`, { signal: currentSignal() });
    for await (const part of response.body!) {
      bytes += part.length;
      arrived.set();
    }
  } finally {
    console.log(`download: cleans up after ${bytes} bytes`);
  }
}

async function stubborn(): Promise<void> {
  try {
    await sleepForever();
  } catch (reason) {
    console.log(`stubborn: catches "${reason}", and waits again`);
  }
  await sleepForever();
  console.log("stubborn: never gets here");
}

await run(async () => {
  const tasks = [createTask(download, { name: "download" }), createTask(stubborn, { name: "stubborn" })];
  await arrived.wait();
  for (const task of tasks) task.cancel();
  await wait(tasks);
  for (const { name, state } of tasks) console.log(`main: ${name} is ${state}`);
});
await server.shutdown();
