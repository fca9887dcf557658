import { assertEquals, assertRejects } from "@std/assert";
import {
  allTasks,
  createTask,
  currentTask,
  Future,
  gather,
  sleepForever,
  TaskGroup,
  throwIfCancelled,
  timeout,
  yieldNow,
} from "@weft/async";
import { unhandledIn } from "../support.ts";

type Handler = (request: Request) => string | Promise<string>;

/** Serves with `handler`, has `client` ask, and returns what became an unhandled rejection meanwhile. */
async function serving(handler: Handler, client: (url: string) => Promise<unknown>): Promise<unknown[]> {
  return await unhandledIn(async () => {
    await using server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen() {},
      onError: (error) => new Response(String(error), { status: 500 }),
    }, async (request) => new Response(await handler(request)));
    await client(`http://127.0.0.1:${server.addr.port}`);
  });
}

Deno.test("A handler of Deno.serve can use the package without run", async () => {
  const unhandled = await serving(async ({ url }) => {
    const name = new URL(url).pathname;
    const parts = await timeout(60_000, () =>
      gather([
        () => yieldNow().then(() => name),
        async () => await createTask(() => currentTask()!.name, { name: `task of ${name}` }),
        () => TaskGroup.run((group) => group.createTask(() => yieldNow().then(() => "group"))),
      ]));
    throwIfCancelled();
    return parts.join(", ");
  }, async (url) => {
    const ask = async (path: string) => await (await fetch(url + path)).text();
    assertEquals(await Promise.all([ask("/a"), ask("/b")]), ["/a, task of /a, group", "/b, task of /b, group"]);
  });
  assertEquals([unhandled, allTasks().size], [[], 0]);
});

Deno.test("A handler of Deno.serve that fails in a group fails alone", async () => {
  const gate = new Future<string>();
  const unhandled = await serving(({ url }) => {
    if (url.endsWith("/good")) return Promise.resolve(gate);
    return TaskGroup.run((group) => {
      group.createTask(() => sleepForever());
      group.createTask(() => Promise.reject(new Error("no luck")));
      return "never";
    });
  }, async (url) => {
    const good = fetch(`${url}/good`).then((response) => response.text());
    const bad = await fetch(`${url}/bad`);
    assertEquals([bad.status, await bad.text()], [500, "TaskGroupError: 1 failure in TaskGroup: no luck"]);
    gate.setResult("good all the same");
    assertEquals(await good, "good all the same");
  });
  assertEquals(unhandled, []);
});

Deno.test("A handler of Deno.serve ends its work with the request, given its signal", async () => {
  const log: string[] = [];
  const [started, cleaned] = [new Future<void>(), new Future<void>()];
  const unhandled = await serving(({ signal }) =>
    TaskGroup.run((group) => {
      group.createTask(async () => {
        started.setResult();
        await sleepForever().finally(() => log.push("task cancelled"));
      });
      return "never";
    }, { signal }).finally(() => {
      log.push("group ends");
      cleaned.setResult();
    }), async (url) => {
    const client = new AbortController();
    const asked = assertRejects(() => fetch(url, client));
    await started;
    client.abort();
    await asked;
    await cleaned;
  });
  assertEquals([log, unhandled], [["task cancelled", "group ends"], []]);
});
