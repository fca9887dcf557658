/**
 * Stores bodies in a folder and records in a KV file. The two always agree: a record
 * names an existing file, and the hash of its content.
 *
 * A body is first written to a temporary file. When it is complete, the file is
 * renamed and the record is set. A process that is killed in between leaves a file
 * whose hash differs from its record; the next run treats that page as missing.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** The record of a stored page. */
export interface PageRecord {
  readonly url: string;
  readonly status: number;
  readonly type: string;
  readonly bytes: number;
  /** SHA-256 of the body, in hex. */
  readonly hash: string;
  /** The path of the body in the folder. */
  readonly file: string;
  readonly fetchedAt: Date;
  readonly etag?: string;
  readonly lastModified?: string;
}

/** The part of a {@linkcode PageRecord} that comes from the answer, not from the body. */
export type Facts = Omit<PageRecord, "bytes" | "hash" | "file" | "fetchedAt">;

/** An error that the user can fix: the program prints it in one line, without a stack. */
export class MirrorError extends Error {
  override readonly name = "MirrorError";
}

const TEMPORARY = ".partial";
/** A page with more text than this is stored, but its links are not read. */
const MOST_TEXT = 8 * 2 ** 20;

export class Store implements AsyncDisposable {
  readonly #out: string;
  readonly #kv: Deno.Kv;
  readonly #lock: Deno.FsFile;
  #drafts = 0;

  private constructor(out: string, kv: Deno.Kv, lock: Deno.FsFile) {
    this.#out = out;
    this.#kv = kv;
    this.#lock = lock;
  }

  /** Opens the folder and the KV file, and removes unfinished files of a killed run. */
  static async open(out: string, kvFile: string): Promise<Store> {
    const lock = await openFolder(out);
    try {
      return new Store(out, await openKv(kvFile), lock);
    } catch (error) {
      await closeFolder(out, lock);
      throw error;
    }
  }

  /** The record of a page, if its file exists and is intact. */
  async kept(file: string): Promise<PageRecord | undefined> {
    const { value } = await this.#kv.get<PageRecord>(keyOf(file));
    if (value === null) return;
    try {
      return await this.#hashOf(file) === value.hash ? value : undefined;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
  }

  /** Returns a draft for a body that is being received. Discarding it leaves nothing behind. */
  draft(): Draft {
    return new Draft(`${this.#out}/${TEMPORARY}/${this.#drafts++}`);
  }

  /** Makes a draft the body of a page. Call it in a `shield`: it must not stop halfway. */
  async commit(file: string, draft: Draft, facts: Facts): Promise<PageRecord> {
    const { bytes, hash } = draft.finish();
    const path = `${this.#out}/${file}`;
    const record = { ...facts, bytes, hash, file, fetchedAt: new Date() };
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.rename(draft.path, path);
    await this.#kv.set(keyOf(file), record);
    return record;
  }

  /** The text of a stored body; empty if the body is too long to look for links. */
  async text({ file, bytes }: PageRecord): Promise<string> {
    return bytes > MOST_TEXT ? "" : await Deno.readTextFile(`${this.#out}/${file}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kv.close();
    await closeFolder(this.#out, this.#lock);
  }

  async #hashOf(file: string): Promise<string> {
    const hash = createHash("sha256");
    const body = await Deno.open(`${this.#out}/${file}`);
    for await (const chunk of body.readable) hash.update(chunk);
    return hash.digest("hex");
  }
}

/** A temporary file. Counts and hashes the bytes that are written to it. */
export class Draft {
  readonly path: string;
  #file: Deno.FsFile | undefined;
  #hash = createHash("sha256");
  #bytes = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** Starts over with an empty file. */
  async begin(): Promise<void> {
    this.#close();
    this.#file = await Deno.open(this.path, { write: true, create: true, truncate: true });
    this.#hash = createHash("sha256");
    this.#bytes = 0;
  }

  async write(chunk: Uint8Array): Promise<void> {
    const file = this.#file!;
    // Not through `file.writable`: it buffers small chunks, and reports no error
    // if the disk is full when it writes them at the end.
    for (let rest = chunk; rest.length > 0;) rest = rest.subarray(await file.write(rest));
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
  }

  /** Closes the file, and returns its size and hash. */
  finish(): { bytes: number; hash: string } {
    this.#close();
    return { bytes: this.#bytes, hash: this.#hash.digest("hex") };
  }

  /** Removes the file, unless it has been committed. */
  async discard(): Promise<void> {
    this.#close();
    try {
      await Deno.remove(this.path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

// File names are unique, and well below the limit of 2 KiB for a key.
function keyOf(file: string): Deno.KvKey {
  return ["page", file];
}

/** Creates the folder if necessary, and locks it: two runs at once would destroy each other's files. */
async function openFolder(out: string): Promise<Deno.FsFile> {
  const temporary = `${out}/${TEMPORARY}`;
  try {
    await Deno.mkdir(temporary, { recursive: true });
  } catch (error) {
    throw unusable("folder", out, error);
  }
  const lock = await Deno.open(`${temporary}/lock`, {
    write: true,
    create: true,
  });
  if (!await lock.tryLock(true)) {
    lock.close();
    throw new MirrorError(`Another mirror is at work in ${out}`);
  }
  for await (const { name } of Deno.readDir(temporary)) {
    if (name !== "lock") await Deno.remove(`${temporary}/${name}`);
  }
  return lock;
}

async function closeFolder(out: string, lock: Deno.FsFile): Promise<void> {
  lock.close();
  await Deno.remove(`${out}/${TEMPORARY}`, { recursive: true });
}

async function openKv(file: string): Promise<Deno.Kv> {
  try {
    return await Deno.openKv(file);
  } catch (error) {
    throw unusable("KV file", file, error);
  }
}

function unusable(what: string, path: string, error: unknown): unknown {
  if (error instanceof Deno.errors.NotCapable) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new MirrorError(`Cannot use the ${what} ${path}: ${reason}`);
}
