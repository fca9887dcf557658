/**
 * How do producers and consumers share work and detect the end of it?
 *
 * ```sh
 * deno run --allow-read=src examples/walk_to_kv.ts
 * ```
 *
 * You will see the number of files and lines in `src`, the number of commits that stored them in Deno KV, and the five
 * longest files, read back from there. You can pass another folder, and a file for the KV, which is in memory by
 * default.
 *
 * One task walks the folders, four tasks read files, one task writes records; a `Channel` connects each stage to the
 * next. Each task closes its ends of the channels when it is done, so the loop of the next stage ends after the last
 * value, and nothing has to be counted. A full channel makes the stage before it wait, so only a few files are in
 * memory at a time, however many there are.
 *
 * @module
 */

import { Channel, type Receiver, run, type Sender, TaskGroup } from "@weft/async";

const READERS = 4;
const CAPACITY = 16;
/** The number of records per commit: far below the limits of KV. */
const BATCH = 20;
const SHOWN = 5;

interface FileRecord {
  readonly path: string;
  readonly lines: number;
}

/** Sends the paths of all files in `folder` and its subfolders. */
async function walk(folder: string, paths: Sender<string>): Promise<void> {
  using _ = paths;
  const folders = [folder];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    for await (const { name, isDirectory, isFile } of Deno.readDir(at)) {
      if (isDirectory) folders.push(`${at}/${name}`);
      else if (isFile) await paths.send(`${at}/${name}`);
    }
  }
}

/** Counts the lines of one file after the other, and sends the counts. */
async function read(paths: Receiver<string>, records: Sender<FileRecord>, signal: AbortSignal): Promise<void> {
  using _paths = paths;
  using _records = records;
  for await (const path of paths) {
    const text = await Deno.readTextFile(path, { signal });
    await records.send({ path, lines: text.split("\n").length - 1 });
  }
}

/** Writes records into `kv`, several per commit. Returns the number of commits. */
async function store(kv: Deno.Kv, records: Receiver<FileRecord>): Promise<number> {
  using _ = records;
  let batch: FileRecord[] = [];
  let commits = 0;
  const commit = async () => {
    const atomic = kv.atomic();
    for (const { path, lines } of batch) atomic.set(["lines", path], lines);
    await atomic.commit();
    batch = [];
    commits++;
  };
  for await (const record of records) {
    batch.push(record);
    if (batch.length === BATCH) await commit();
  }
  if (batch.length > 0) await commit();
  return commits;
}

/** Stores the line counts of all files in `folder` in `kv`. Returns the number of commits. */
function index(folder: string, kv: Deno.Kv): Promise<number> {
  const paths = new Channel<string>(CAPACITY);
  const records = new Channel<FileRecord>(CAPACITY);
  return TaskGroup.run((group) => {
    group.createTask(() => walk(folder, paths.sender));
    for (let i = 0; i < READERS; i++) {
      // Each reader closes its own ends. The channel of records closes with the last reader.
      const [from, to] = [paths.receiver.clone(), records.sender.clone()];
      group.createTask((signal) => read(from, to, signal));
    }
    paths.receiver.close();
    records.sender.close();
    return group.createTask(() => store(kv, records.receiver));
  });
}

async function main(folder: string, file: string): Promise<void> {
  using kv = await Deno.openKv(file);
  const commits = await index(folder, kv);
  const stored: FileRecord[] = [];
  for await (const { key, value } of kv.list<number>({ prefix: ["lines"] })) {
    stored.push({ path: String(key[1]), lines: value });
  }
  const total = stored.reduce((sum, { lines }) => sum + lines, 0);
  console.log(`${stored.length} files, ${total} lines, ${commits} commits\n`);
  const longest = stored.toSorted((a, b) => b.lines - a.lines || (a.path < b.path ? -1 : 1));
  for (const { path, lines } of longest.slice(0, SHOWN)) console.log(`${String(lines).padStart(6)}  ${path}`);
}

/** Requests the permissions to read `folder` and keep the KV in `file`. Returns a line for each missing one. */
async function missing(folder: string, file: string): Promise<string[]> {
  const wanted: { name: "read" | "write"; path: string }[] = [{ name: "read", path: folder }];
  if (file !== ":memory:") wanted.push({ name: "read", path: file }, { name: "write", path: file });
  const lines: string[] = [];
  for (const permission of wanted) {
    const { state } = await Deno.permissions.request(permission);
    const { name, path } = permission;
    if (state !== "granted") lines.push(`No ${name} access to ${path}: add --allow-${name}=${path}`);
  }
  return lines;
}

if (import.meta.main) {
  const [folder = "src", file = ":memory:"] = Deno.args;
  const lines = await missing(folder, file);
  if (lines.length === 0) await run(() => main(folder, file));
  else {
    console.error(lines.join("\n"));
    Deno.exitCode = 1;
  }
}
