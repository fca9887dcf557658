/** Streams of Node as the source of `map`: silent ones can be cancelled, others are read to their end. */

import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Readable } from "node:stream";
import { map, scope, sleepForever, timeout, TimeoutError } from "@weft/async";
import { settle, unhandledIn } from "../support.ts";

const PROGRAM = new URL("testdata/silent_stdin.ts", import.meta.url).href;
const LIMIT = { timeout: 10_000 };

const reason = new Error("enough");
const failure = new Error("no luck");

interface Source extends AsyncDisposable {
  /** A stream that gives one chunk, and is silent from then on. */
  readonly stream: Readable;
}

const SOURCES: Record<string, () => Promise<Source>> = {
  "a Readable": () => {
    const stream = new Readable({ read() {} });
    stream.push("first");
    return Promise.resolve({ stream, [Symbol.asyncDispose]: () => Promise.resolve() });
  },
  "a Readable of objects": () => {
    const stream = new Readable({ objectMode: true, read() {} });
    stream.push(["first"]);
    return Promise.resolve({ stream, [Symbol.asyncDispose]: () => Promise.resolve() });
  },
  "a socket": async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.on("error", () => {}));
      socket.write("first");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const stream = connect((server.address() as AddressInfo).port, "127.0.0.1");
    await once(stream, "connect");
    return {
      stream,
      async [Symbol.asyncDispose]() {
        for (const socket of [...sockets, stream]) socket.destroy();
        server.close();
        await once(server, "close");
      },
    };
  },
};

for (const [name, open] of Object.entries(SOURCES)) {
  Deno.test(`map() over ${name} that is silent ends with break, and destroys it`, LIMIT, async () => {
    await using source = await open();
    const chunks: string[] = [];
    const unhandled = await unhandledIn(async () => {
      for await (const chunk of map(source.stream, (chunk) => String(chunk))) {
        chunks.push(chunk);
        break;
      }
    });
    assertEquals([chunks, source.stream.destroyed, unhandled], [["first"], true, []]);
  });

  Deno.test(`map() over ${name} that is silent ends with an abort from outside, and destroys it`, LIMIT, async () => {
    await using source = await open();
    let error: unknown;
    const unhandled = await unhandledIn(async () => {
      await scope(async (_signal, self) => {
        const results = map(source.stream, (chunk) => String(chunk));
        await results.next();
        const silent = results.next().catch((thrown) => error = thrown);
        await settle(1);
        self.cancel(reason);
        await silent;
      });
    });
    assertEquals([source.stream.destroyed, unhandled], [true, []]);
    assertStrictEquals(error, reason);
  });

  Deno.test(`map() over ${name} that is silent ends with its signal, and destroys it`, LIMIT, async () => {
    await using source = await open();
    const controller = new AbortController();
    const unhandled = await unhandledIn(async () => {
      const results = map(source.stream, (chunk) => String(chunk), { signal: controller.signal });
      await results.next();
      const silent = assertRejects(() => results.next());
      await settle(1);
      controller.abort(reason);
      assertStrictEquals(await silent, reason);
    });
    assertEquals([source.stream.destroyed, unhandled], [true, []]);
  });

  Deno.test(`map() over ${name} that is silent ends with a timeout() around it, and destroys it`, LIMIT, async () => {
    await using source = await open();
    const chunks: string[] = [];
    const unhandled = await unhandledIn(async () => {
      await assertRejects(() =>
        timeout(20, async () => {
          for await (const chunk of map(source.stream, (chunk) => String(chunk))) chunks.push(chunk);
        }), TimeoutError);
    });
    assertEquals([chunks, source.stream.destroyed, unhandled], [["first"], true, []]);
  });

  Deno.test(`map() over ${name} that is silent ends when its function fails, and destroys it`, LIMIT, async () => {
    await using source = await open();
    const unhandled = await unhandledIn(async () => {
      const error = await assertRejects(() => Array.fromAsync(map(source.stream, () => Promise.reject(failure))));
      assertStrictEquals(error, failure);
    });
    assertEquals([source.stream.destroyed, unhandled], [true, []]);
  });
}

Deno.test("map() reads a Readable to its end, with back-pressure, and leaves it ended", LIMIT, async () => {
  const stream = Readable.from(["a", "b", "c"]);
  const unhandled = await unhandledIn(async () => {
    assertEquals(await Array.fromAsync(map(stream, (item: string) => item.toUpperCase(), { ordered: true })), [
      "A",
      "B",
      "C",
    ]);
  });
  assertEquals([stream.readableEnded, stream.destroyed, unhandled], [true, true, []]);
});

Deno.test("map() reads a Readable of bytes to its end", LIMIT, async () => {
  const stream = new Readable({ read() {} });
  for (const chunk of ["one ", "two ", null]) stream.push(chunk);
  const chunks = await Array.fromAsync(map(stream, (chunk: Uint8Array) => new TextDecoder().decode(chunk), {
    ordered: true,
  }));
  assertEquals(chunks.join(""), "one two ");
});

Deno.test("map() reads a Readable of nothing", LIMIT, async () => {
  assertEquals(await Array.fromAsync(map(Readable.from([]), () => "never")), []);
});

Deno.test("map() takes no more from a Readable than its bound while nobody reads", LIMIT, async () => {
  let made = 0;
  const stream = new Readable({
    objectMode: true,
    highWaterMark: 1,
    read() {
      this.push(++made);
    },
  });
  const results = map(stream, (n: number) => n, { concurrency: 1, ordered: true });
  assertEquals((await results.next()).value, 1);
  await settle(10);
  const taken = made;
  await settle(10);
  assert(taken < 10, `${taken} were taken`);
  assertEquals(made, taken);
  await results.return();
  assertEquals(stream.destroyed, true);
});

Deno.test("map() throws the error of a Readable, after what came before it was read", LIMIT, async () => {
  const stream = new Readable({ objectMode: true, read() {} });
  const log: unknown[] = [];
  const unhandled = await unhandledIn(async () => {
    stream.push("first");
    setImmediate(() => stream.destroy(failure));
    const error = await assertRejects(async () => {
      for await (const item of map(stream, (item: string) => item)) log.push(item);
    });
    assertStrictEquals(error, failure);
  });
  assertEquals([log, unhandled], [["first"], []]);
});

Deno.test("map() throws the error of a Readable that has failed before", LIMIT, async () => {
  const stream = new Readable({ read() {} });
  stream.on("error", () => {});
  stream.destroy(failure);
  await settle(1);
  const unhandled = await unhandledIn(async () => {
    assertStrictEquals(await assertRejects(() => Array.fromAsync(map(stream, () => "never"))), failure);
  });
  assertEquals(unhandled, []);
});

Deno.test("map() aborts its functions when a Readable fails", LIMIT, async () => {
  const stream = new Readable({ objectMode: true, read() {} });
  const log: string[] = [];
  stream.push("first");
  const call = Array.fromAsync(map(stream, () => sleepForever().finally(() => log.push("aborted"))));
  await settle(3);
  stream.destroy(failure);
  assertStrictEquals(await assertRejects(() => call), failure);
  assertEquals(log, ["aborted"]);
});

Deno.test("map() throws when a Readable is closed before its end by somebody else", LIMIT, async () => {
  const stream = new Readable({ objectMode: true, read() {} });
  stream.push("first");
  const unhandled = await unhandledIn(async () => {
    const results = map(stream, (item: string) => item);
    assertEquals((await results.next()).value, "first");
    const next = assertRejects(() => results.next());
    await settle(1);
    stream.destroy();
    assertEquals((await next as NodeJS.ErrnoException).code, "ERR_STREAM_PREMATURE_CLOSE");
  });
  assertEquals(unhandled, []);
});

Deno.test("map() over a Readable that is left before the first read takes nothing from it", LIMIT, async () => {
  const stream = new Readable({ objectMode: true, read() {} });
  stream.push("first");
  await map(stream, (item: string) => item).return();
  assertEquals(stream.read(), "first");
  stream.destroy();
});

Deno.test("map() over a silent process.stdin is cancelled, and destroys it", LIMIT, async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", `--config=${fileURLToPath(new URL("../../deno.json", import.meta.url))}`, PROGRAM],
    // A pipe that stays open, with nothing in it.
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assertEquals((await lines.read()).value, "TimeoutError true\n");
  // Deno 2.9 itself ends only when the pipe does.
  await child.stdin.close();
  await lines.cancel();
  assertEquals((await child.status).code, 0);
});
