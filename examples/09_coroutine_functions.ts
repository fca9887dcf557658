/**
 * How can a function pause in the middle, and go on later where it was?
 *
 * ```sh
 * deno run --allow-read=coroutine.tmp --allow-write=coroutine.tmp examples/09_coroutine_functions.ts
 * ```
 *
 * You will see an async function (asyncio: coroutine function) pause at each `await`, and resume there with its
 * variables as they were. While it is paused, its caller goes on.
 *
 * In Python a call makes a coroutine that has not begun. Here a call runs at once, up to the first `await`; what has not
 * begun is a function, and so this package takes functions: `createTask(() => count(file))`.
 *
 * @module
 */

import { run } from "@weft/async";

const FILE = "coroutine.tmp";

/** Counts the bytes of a file, four at a time. */
async function count(file: Deno.FsFile): Promise<number> {
  const chunk = new Uint8Array(4);
  let bytes = 0;
  console.log("  count runs, as soon as it is called");
  for (;;) {
    console.log(`  count pauses at its await, bytes = ${bytes}`);
    const length = await file.read(chunk);
    console.log(`  count resumes, bytes = ${bytes}`);
    if (length === null) return bytes;
    bytes += length;
  }
}

await run(async () => {
  await Deno.writeTextFile(FILE, "0123456789");
  try {
    using file = await Deno.open(FILE); // closed at the end of the block
    const later = () => count(file);
    console.log("main has a function, and nothing has run");
    const promise = later();
    console.log("main goes on while count is paused, and has a promise of what it will return");
    console.log("main pauses too, until the promise is kept");
    const bytes = await promise;
    console.log(`main resumes: ${bytes} bytes`);
  } finally {
    await Deno.remove(FILE);
  }
});
