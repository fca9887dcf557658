import { currentDeadline, scope, sleepForever, timeout, TimeoutError } from "@weft/async";
import { fetchWithDeadline, serveWithDeadline } from "@weft/async/http";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { settle } from "../support.ts";

/** A server on a free port, and its address. */
function serve(handler: Deno.ServeHandler<Deno.NetAddr>) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  return { url: `http://127.0.0.1:${server.addr.port}/`, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("fetchWithDeadline() rounds the time down to at most eight digits", async () => {
  using _time = new FakeTime();
  const seen: (string | null)[] = [];
  await using server = serve((request) => {
    seen.push(request.headers.get("grpc-timeout"));
    return new Response();
  });
  for (const ms of [1.9, 99_999_999, 100_000_000, 1e11, 1e16]) {
    await scope(async (_signal, self) => {
      self.reschedule(ms);
      await (await fetchWithDeadline(server.url)).body?.cancel();
    });
  }
  assertEquals(seen, ["1m", "99999999m", "100000S", "1666666M", "99999999H"]);
});

Deno.test("serveWithDeadline() reads every unit, and refuses everything else", async () => {
  using _time = new FakeTime();
  const handler = serveWithDeadline(() => Response.json(currentDeadline()));
  const ask = async (value: string) => {
    const response = await handler(new Request("http://localhost/", { headers: { "grpc-timeout": value } }));
    return response.ok ? await response.json() : response.status;
  };
  const read = ["5H", "5M", "5S", "5m", "5000u", "5000000n"];
  assertEquals(await Promise.all(read.map(ask)), [18_000_000, 300_000, 5000, 5, 5, 5]);
  const malformed = ["", "5", "m", "-5m", "1.5S", "5s", "123456789m", "5m, 6m", "Infinity"];
  assertEquals(await Promise.all(malformed.map(ask)), malformed.map(() => 400));
});

Deno.test("fetchWithDeadline() sends the time that is left, and no header without a deadline", async () => {
  const seen: (string | null)[] = [];
  await using server = serve((request) => {
    seen.push(request.headers.get("grpc-timeout"));
    return new Response();
  });
  await (await fetchWithDeadline(server.url)).body?.cancel();
  await timeout(60_000, async () => {
    await (await fetchWithDeadline(server.url)).body?.cancel();
    await (await fetchWithDeadline(server.url, { headers: { "grpc-timeout": "7S" } })).body?.cancel();
  });
  assertEquals([seen[0], seen[2]], [null, "7S"]);
  const left = Number(/^(\d+)m$/.exec(seen[1]!)?.[1]);
  assert(left > 0 && left <= 60_000);
});

Deno.test("fetchWithDeadline() rejects with the reason of its scope, or of its own signal", async () => {
  await using server = serve(serveWithDeadline(() => sleepForever()));
  const reason = new Error("enough");
  await scope(async (_signal, self) => {
    const fetching = fetchWithDeadline(server.url);
    setTimeout(() => self.cancel(reason));
    assertStrictEquals(await assertRejects(() => fetching), reason);
    const refused = fetchWithDeadline(server.url);
    assertStrictEquals(await assertRejects(() => refused), reason);
  });
  const controller = new AbortController();
  const fetching = fetchWithDeadline(server.url, { signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => fetching), reason);
});

Deno.test("serveWithDeadline() gives the handler the time that the client has, at most max", async () => {
  const seen: number[] = [];
  const handler = serveWithDeadline(() => {
    seen.push(currentDeadline());
    return new Response();
  }, { max: 50_000 });
  for (const header of ["90S", "20S", undefined]) {
    const headers: HeadersInit = header === undefined ? {} : { "grpc-timeout": header };
    await handler(new Request("http://localhost/", { headers }));
  }
  const inRange = seen.map((left, i) => left > [49_000, 19_000, 49_000][i]! && left <= [50_000, 20_000, 50_000][i]!);
  assertEquals(inRange, [true, true, true]);
});

Deno.test("serveWithDeadline() passes on what the server passes, and the handler's errors", async () => {
  const handler = serveWithDeadline((_request, info: { port: number }) => new Response(String(info.port)));
  const response = await handler(new Request("http://localhost/"), { port: 80 });
  assertEquals(await response.text(), "80");
  const failure = new TimeoutError("of the database");
  const failing = serveWithDeadline(() => Promise.reject(failure));
  assertStrictEquals(await assertRejects(() => failing(new Request("http://localhost/"))), failure);
});

Deno.test("serveWithDeadline() answers 504 when the deadline has cut the handler short, and 400 to a malformed header", async () => {
  let called = 0;
  const log: string[] = [];
  const handler = serveWithDeadline(() => {
    called++;
    return sleepForever().finally(() => log.push("unwound"));
  });
  const ask = async (value: string) => {
    return (await handler(new Request("http://localhost/", { headers: { "grpc-timeout": value } }))).status;
  };
  assertEquals([await ask("1m"), await ask("soon"), called, log], [504, 400, 1, ["unwound"]]);
});

Deno.test("serveWithDeadline() aborts the work when the client is gone", async () => {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  await using server = serve(serveWithDeadline(() => {
    begun.resolve();
    return sleepForever().finally(ended.resolve);
  }));
  const controller = new AbortController();
  const fetching = fetch(server.url, { signal: controller.signal });
  await begun.promise;
  controller.abort();
  await assertRejects(() => fetching);
  await ended.promise;
  await settle();
});

Deno.test("serveWithDeadline() refuses bad input when it is called", () => {
  const handler = () => new Response();
  assertThrows(() => serveWithDeadline(1 as never), TypeError, '"handler" must be a function');
  assertThrows(() => serveWithDeadline(handler, 5 as never), TypeError, '"options" must be an object');
  assertThrows(() => serveWithDeadline(handler, { max: NaN }), RangeError, '"max" must be zero or more');
});
