/**
 * How does `await` wait for a result that comes from a callback?
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/15_future.ts
 * ```
 *
 * You will see two tasks wait for one `Future`: a placeholder for a result that is not there yet. When a message
 * arrives on a socket, the event loop calls our callback, which sets the result. This queues the waiting tasks, and
 * they continue when the callback has ended. A task is a future as well: its result is what its function returns.
 *
 * @module
 */

import { Future, gather, run } from "@weft/async";

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onopen = () => socket.send("hello");
  return response;
});

async function main(): Promise<void> {
  const message = new Future<string>({ name: "message" });
  const closed = new Future<number>({ name: "closed" });
  const socket = new WebSocket(`ws://127.0.0.1:${server.addr.port}`);
  socket.addEventListener("message", ({ data }) => {
    console.log(`callback: sets the result "${data}"`);
    message.setResult(data);
    console.log(`callback: ends; the future is ${message.state}`);
  }, { once: true }); // a result can be set only once
  // Called last, even if there was no connection.
  socket.onclose = ({ code }) => {
    if (!message.done) message.setException(new Error(`Closed with code ${code} before a message came`));
    closed.setResult(code);
  };

  async function wait(name: string): Promise<void> {
    console.log(`${name}: waits; the future is ${message.state}`);
    console.log(`${name}: continues with "${await message}"`);
  }

  await gather([() => wait("task A"), () => wait("task B")]);
  console.log(`main: awaits it again, and gets "${await message}" at once`);

  socket.close(1000);
  console.log(`main: closed with code ${await closed}`);
}

await run(main);
await server.shutdown();
