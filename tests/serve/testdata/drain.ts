/** A server that says where it listens. Its requests take until the file at its argument exists. */

import { run, shield, sleep } from "@weft/async";
import { serve } from "@weft/async/serve";

await run(async () => {
  try {
    await serve(async (request) => {
      const { pathname } = new URL(request.url);
      console.log(`accepted ${pathname}`);
      if (pathname === "/stuck") await sleep(3_600_000);
      while (!await Deno.stat(Deno.args[0]!).then(() => true, () => false)) await sleep(5);
      return new Response(`answer to ${pathname}`);
    }, {
      hostname: "127.0.0.1",
      port: 0,
      grace: Number(Deno.args[1]),
      onListen: ({ port }) => console.log(port),
    });
  } finally {
    await shield(() => console.log("main cleans up"));
  }
});
