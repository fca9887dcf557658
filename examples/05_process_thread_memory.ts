/**
 * What is a process, what is a thread, and which of them share memory?
 *
 * ```sh
 * deno run --allow-run=deno examples/05_process_thread_memory.ts
 * ```
 *
 * You will see code run in three places: in which process, what its list is after it added its name, and what the main
 * thread sees of that. A process has its own memory. A worker, a second thread in the same process, also gets a copy,
 * except of memory that is created as shared. A background thread runs none of our code: the runtime computes there,
 * and main continues.
 *
 * @module
 */

import { table } from "./_draw.ts";

interface Seen {
  pid: number;
  list: string[];
}

const list = ["main"];
const shared = new Int32Array(new SharedArrayBuffer(4));
const rows: string[][] = [];

function note(who: string, { pid, list: theirs }: Seen): void {
  rows.push([who, `${pid}`, theirs.join("+"), list.join("+"), `${shared[0]}`]);
}

note("main thread", { pid: Deno.pid, list });

// A process: everything that comes back from it is text through a pipe.
const program = `console.log(JSON.stringify({ pid: Deno.pid, list: [...${JSON.stringify(list)}, "child"] }))`;
const { stdout } = await new Deno.Command("deno", { args: ["eval", program] }).output();
note("child process", JSON.parse(new TextDecoder().decode(stdout)));

// A worker thread: a message is copied, except for memory that is created as shared.
const code = `onmessage = ({ data: { list, shared } }) => {
  list.push("worker");
  shared[0] = 1;
  postMessage({ pid: Deno.pid, list });
}`;
const worker = new Worker(URL.createObjectURL(new Blob([code])), { type: "module" });
worker.postMessage({ list, shared });
note("worker thread", await new Promise<Seen>((resolve) => worker.onmessage = ({ data }) => resolve(data)));
worker.terminate();
console.log(table(rows, { header: ["ran in", "process", "its list", "main's list", "shared number"] }));

// A background thread of the runtime: it takes bytes and returns bytes.
let turns = 0;
const counting = setInterval(() => turns++);
const password = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]);
const slow = { name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(8), iterations: 500_000 };
await crypto.subtle.deriveBits(slow, password, 256);
clearInterval(counting);
console.log(`\nWhile a background thread computed a key, the main thread took ${turns} turns`);
