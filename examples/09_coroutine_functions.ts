/**
 * How can a function pause in the middle and continue later at the same place?
 *
 * ```sh
 * deno run --allow-read=coroutine.tmp --allow-write=coroutine.tmp examples/09_coroutine_functions.ts
 * ```
 *
 * You will see an async function (asyncio: coroutine function) pause at each `await`, and resume there with its
 * variables unchanged. While it is paused, its caller continues.
 *
 * In Python a call creates a coroutine that has not started. Here a call starts at once and runs up to the first
 * `await`. So this package takes functions, which have not started: `createTask(() => count(file))`.
 *
 * @module
 */

import { run } from "@weft/async";

const FILE = "coroutine.tmp";

/** Counts the bytes of a file, four at a time. */
async function count(file: Deno.FsFile): Promise<number> {
  const chunk = new Uint8Array(4);
  let bytes = 0;
  console.log("  count starts as soon as it is called");
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
    console.log("main continues while count is paused, and has a promise of its result");
    console.log("main pauses too, until the promise is fulfilled");
    const bytes = await promise;
    console.log(`main resumes: ${bytes} bytes`);
  } finally {
    await Deno.remove(FILE);
  }
});
