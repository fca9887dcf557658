import { currentDeadline, gather, scope, sleepForever } from "@weft/async";
import { serve, type ServeHandler, type ServeOptions } from "@weft/async/serve";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Program, settle } from "../support.ts";

const ignore = Deno.build.os === "windows";

/** Serves on a free port while `fn` runs with the address, and then stops. */
async function serving(handler: ServeHandler, options: ServeOptions, fn: (url: string) => Promise<void>) {
  const reason = new Error("stop");
  const { promise, resolve } = Promise.withResolvers<string>();
  const server = scope(async (_signal, self) => {
    const all = { hostname: "127.0.0.1", port: 0, ...options };
    const done = serve(handler, { ...all, onListen: ({ port }) => resolve(`http://127.0.0.1:${port}`) });
    try {
      await fn(await promise);
    } finally {
      self.cancel(reason);
      assertStrictEquals(await assertRejects(() => done), reason);
    }
  });
  await server;
}

const text = async (url: string, init?: RequestInit) => await (await fetch(url, init)).text();

Deno.test("serve() answers each request in a scope of its own, with the deadline of the options or the client", async () => {
  const left: number[] = [];
  const handler: ServeHandler = (request) => {
    left.push(currentDeadline());
    return new Response(new URL(request.url).pathname);
  };
  await serving(handler, { timeout: 60_000 }, async (url) => {
    assertEquals(await gather([() => text(`${url}/a`), () => text(`${url}/b`)]), ["/a", "/b"]);
    await text(url, { headers: { "grpc-timeout": "5S" } });
  });
  const most = [60_000, 60_000, 5000];
  assertEquals(left.map((ms, i) => ms > most[i]! - 2000 && ms <= most[i]!), [true, true, true]);
});

Deno.test("serve() answers 500 to a failure, reports it, and goes on", async () => {
  const log: string[] = [];
  const handler: ServeHandler = (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/bad") throw new Error("no luck");
    if (pathname === "/worse") return "text" as unknown as Response;
    return new Response("fine");
  };
  const onError = (error: unknown, request: Request) =>
    void log.push(`${new URL(request.url).pathname}: ${(error as Error).message}`);
  await serving(handler, { onError }, async (url) => {
    const response = await fetch(`${url}/bad`);
    assertEquals([response.status, await response.text()], [500, "Internal server error\n"]);
    assertEquals((await fetch(`${url}/worse`).then(async (r) => (await r.body?.cancel(), r))).status, 500);
    assertEquals(await text(`${url}/good`), "fine");
  });
  assertEquals(log, ["/bad: no luck", "/worse: The handler must return a Response"]);
});

Deno.test("serve() whose onError throws goes on", async () => {
  const { error } = console;
  const printed: unknown[] = [];
  console.error = (...args: unknown[]) => printed.push(args[0]);
  try {
    const onError = () => {
      throw new Error("of onError");
    };
    await serving(() => Promise.reject(new Error("no luck")), { onError }, async (url) => {
      await text(url);
      assertEquals(await text(url), "Internal server error\n");
    });
  } finally {
    console.error = error;
  }
  assertEquals(printed, Array(2).fill("The callback onError of serve failed:"));
});

Deno.test("serve() answers 504 when the deadline has cut a request short", async () => {
  await serving(() => sleepForever(), { timeout: 1 }, async (url) => {
    const response = await fetch(url);
    assertEquals([response.status, await response.text()], [504, "The deadline has passed\n"]);
  });
});

Deno.test("serve() answers 503 with Retry-After above its concurrency", async () => {
  const go = Promise.withResolvers<void>();
  const accepted = Promise.withResolvers<void>();
  const handler: ServeHandler = async () => {
    accepted.resolve();
    await go.promise;
    return new Response("fine");
  };
  await serving(handler, { concurrency: 1 }, async (url) => {
    const first = text(url);
    await accepted.promise;
    const second = await fetch(url);
    await second.body?.cancel();
    assertEquals([second.status, second.headers.get("retry-after")], [503, "1"]);
    go.resolve();
    assertEquals(await first, "fine");
    assertEquals(await text(url), "fine");
  });
});

Deno.test("serve() cancels the request of a client that leaves, without noise", async () => {
  const errors: unknown[] = [];
  const accepted = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const handler: ServeHandler = () => {
    accepted.resolve();
    return sleepForever().finally(ended.resolve);
  };
  await serving(handler, { onError: (error) => errors.push(error) }, async (url) => {
    const controller = new AbortController();
    const request = fetch(url, { signal: controller.signal });
    await accepted.promise;
    controller.abort();
    await assertRejects(() => request);
    await ended.promise;
  });
  assertEquals(errors, []);
});

Deno.test("serve() that is stopped finishes what it has accepted, and rejects with the reason", async () => {
  for (const by of ["scope", "signal"]) {
    const reason = new Error("stop");
    const go = Promise.withResolvers<void>();
    const accepted = Promise.withResolvers<void>();
    const listening = Promise.withResolvers<number>();
    const controller = new AbortController();
    const log: string[] = [];
    const server = scope(async (_signal, self) => {
      if (by === "scope") controller.signal.addEventListener("abort", () => self.cancel(reason));
      await serve(async () => {
        accepted.resolve();
        await go.promise;
        return new Response("fine");
      }, {
        hostname: "127.0.0.1",
        port: 0,
        onListen: ({ port }) => listening.resolve(port),
        ...by === "signal" && { signal: controller.signal },
      }).catch((error) => {
        assertStrictEquals(error, reason);
        log.push("stopped");
      });
    });
    const url = `http://127.0.0.1:${await listening.promise}`;
    const answer = text(url);
    await accepted.promise;
    controller.abort(reason);
    await settle();
    await assertRejects(() => text(url));
    assertEquals(log, []);
    go.resolve();
    assertEquals(await answer, "fine");
    await server;
    assertEquals(log, ["stopped"]);
  }
});

Deno.test("serve() cuts what is in flight when the grace is over", async () => {
  const log: string[] = [];
  const accepted = Promise.withResolvers<void>();
  let request!: Promise<Response>;
  await serving(
    () => {
      accepted.resolve();
      return sleepForever().finally(() => log.push("cut"));
    },
    { grace: 5 },
    async (url) => {
      request = fetch(url);
      request.catch(() => {});
      await accepted.promise;
    },
  );
  assertEquals(log, ["cut"]);
  await request.then((response) => response.body?.cancel(), () => {});
});

Deno.test("serve() that cannot listen rejects, and refuses bad input before it listens", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const handler = () => new Response();
  await assertRejects(() => serve(handler, { hostname: "127.0.0.1", port }), Deno.errors.AddrInUse);
  const bad: [unknown, string][] = [
    [{ grace: -1 }, '"grace" must be zero or more'],
    [{ timeout: NaN }, '"timeout" must be zero or more'],
    [{ concurrency: 0 }, '"concurrency" must be a whole number of at least 1'],
    [{ onError: 5 }, '"onError" must be a function'],
    [{ onListen: 5 }, '"onListen" must be a function'],
    [{ hostname: 5 }, '"hostname" must be a string'],
    [{ port: NaN }, '"port" must be a whole number of at least 0'],
    [{ port: 65_536 }, '"port" must be at most 65535'],
    [{ signal: {} }, '"signal" must be an AbortSignal'],
  ];
  for (const [options, message] of bad) {
    await assertRejects(() => serve(handler, options as ServeOptions), Error, message);
  }
  await assertRejects(() => serve(5 as never), TypeError, '"handler" must be a function');
  const reason = new Error("stop");
  const refused = serve(handler, { signal: AbortSignal.abort(reason) });
  assertStrictEquals(await assertRejects(() => refused), reason);
});

Deno.test({
  name: "serve() under run() answers every accepted request after SIGTERM, and the shell sees the signal",
  ignore,
  async fn() {
    const folder = await Deno.makeTempDir();
    const go = `${folder}/go`;
    const program = new Program(new URL("./testdata/drain.ts", import.meta.url), { args: [go, "60000"] });
    const url = `http://127.0.0.1:${await program.line()}`;
    const answers = Array.from({ length: 20 }, (_, i) => text(`${url}/${i}`));
    for (let i = 0; i < answers.length; i++) await program.line();
    program.kill("SIGTERM");
    await Deno.writeTextFile(go, "");
    assertEquals(await Promise.all(answers), answers.map((_, i) => `answer to /${i}`));
    const { signal, stdout } = await program.end();
    assertEquals([signal, stdout], ["SIGTERM", "main cleans up\n"]);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "serve() under run() cuts a stuck request after the grace",
  ignore,
  async fn() {
    const program = new Program(new URL("./testdata/drain.ts", import.meta.url), { args: ["/nowhere", "10"] });
    const url = `http://127.0.0.1:${await program.line()}`;
    const stuck = fetch(`${url}/stuck`).then(async (response) => {
      await response.body?.cancel();
      return response.status;
    }, () => "cut");
    await program.line();
    program.kill("SIGTERM");
    assert(["cut", 503].includes(await stuck));
    const { signal, stdout } = await program.end();
    assertEquals([signal, stdout], ["SIGTERM", "main cleans up\n"]);
  },
});
