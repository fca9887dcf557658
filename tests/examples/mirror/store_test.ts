import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { type Facts, MirrorError, Store } from "../../../examples/mirror/store.ts";
import { disagreements, filesIn, openStore } from "./support.ts";

const FACTS: Facts = { url: "http://a.example/", status: 200, type: "text/plain" };

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

async function put(store: Store, file: string, text: string): Promise<void> {
  const draft = store.draft();
  await draft.begin();
  await draft.write(new TextEncoder().encode(text));
  await store.commit(file, draft, FACTS);
}

Deno.test("Store.commit() makes the draft the file, and the record name it", async () => {
  await using at = await openStore();
  await put(at.store, "site/a/b.txt", "one");
  await put(at.store, "site/a/b.txt", "two");
  assertEquals(await filesIn(at.folder), ["site/a/b.txt"]);
  assertEquals(await Deno.readTextFile(`${at.folder}/site/a/b.txt`), "two");
  assertEquals(await disagreements(at.folder), []);
});

Deno.test("Store.kept() is a record whose file is there and whole", async () => {
  await using at = await openStore();
  const { store, folder } = at;
  await put(store, "site/a.txt", "text");
  const record = await store.kept("site/a.txt");
  assertEquals([record?.file, record?.bytes, record?.url], ["site/a.txt", 4, FACTS.url]);
  assertInstanceOf(record?.fetchedAt, Date);
  assertEquals(await store.kept("site/other.txt"), undefined);
  await Deno.writeTextFile(`${folder}/site/a.txt`, "TEXT");
  assertEquals(await store.kept("site/a.txt"), undefined);
  await Deno.remove(`${folder}/site/a.txt`);
  assertEquals(await store.kept("site/a.txt"), undefined);
});

Deno.test("Store.text() is the body, unless that is too long to look for links", async () => {
  await using at = await openStore();
  await put(at.store, "site/a.txt", "text");
  const record = (await at.store.kept("site/a.txt"))!;
  assertEquals(await at.store.text(record), "text");
  assertEquals(await at.store.text({ ...record, bytes: 8 * 2 ** 20 + 1 }), "");
});

Deno.test("Draft.begin() forgets what was written before", async () => {
  await using at = await openStore();
  const draft = at.store.draft();
  await draft.begin();
  await draft.write(new TextEncoder().encode("a longer beginning"));
  await draft.begin();
  await draft.write(new TextEncoder().encode("end"));
  const { bytes } = await at.store.commit("site/a.txt", draft, FACTS);
  assertEquals([bytes, await Deno.readTextFile(`${at.folder}/site/a.txt`)], [3, "end"]);
  assertEquals(await disagreements(at.folder), []);
});

Deno.test("Draft.discard() leaves nothing, and a committed file where it is", async () => {
  await using at = await openStore();
  const [committed, begun, untouched] = [at.store.draft(), at.store.draft(), at.store.draft()];
  await committed.begin();
  await at.store.commit("site/a.txt", committed, FACTS);
  await begun.begin();
  for (const draft of [committed, begun, untouched]) await draft.discard();
  assertEquals(await filesIn(at.folder), ["site/a.txt"]);
});

Deno.test({
  name: "Draft.write() says that the disk is full, also for a small body",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using at = await openStore();
    const draft = at.store.draft();
    await Deno.symlink("/dev/full", draft.path);
    await draft.begin();
    await assertRejects(() => draft.write(new Uint8Array(1)), Error, "No space left");
    await draft.discard();
  },
});

Deno.test("Store.open() removes what a killed run has left half done, and nothing else", async () => {
  const folder = await Deno.makeTempDir();
  {
    await using store = await Store.open(folder, `${folder}/index.kv`);
    await put(store, "site/a.txt", "text");
  }
  assertEquals(await namesIn(folder), ["index.kv", "site"]);
  await Deno.mkdir(`${folder}/.partial`);
  await Deno.writeTextFile(`${folder}/.partial/7`, "half");
  {
    await using store = await Store.open(folder, `${folder}/index.kv`);
    assertEquals(await filesIn(folder), ["site/a.txt"]);
    assertEquals((await store.kept("site/a.txt"))?.bytes, 4);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("Store.open() refuses a folder in which another mirror is at work", async () => {
  await using at = await openStore();
  const error = await assertRejects(() => Store.open(at.folder, `${at.folder}/other.kv`), MirrorError);
  assertEquals(error.message, `Another mirror is at work in ${at.folder}`);
});

Deno.test("Store.open() says what it cannot use, and leaves nothing behind", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/file`;
  await Deno.writeTextFile(file, "text");
  const cases: [out: string, kv: string, message: string][] = [
    [file, `${folder}/index.kv`, `Cannot use the folder ${file}: `],
    [folder, file, `Cannot use the KV file ${file}: file is not a database`],
    [folder, `${folder}/no/index.kv`, `Cannot use the KV file ${folder}/no/index.kv: `],
  ];
  for (const [out, kv, message] of cases) {
    await assertRejects(() => Store.open(out, kv), MirrorError, message);
    assertEquals(await namesIn(folder), ["file"]);
  }
  await Deno.remove(folder, { recursive: true });
});
