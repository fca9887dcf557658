import { assert, assertEquals } from "@std/assert";

const URL_OF_PAGE = new URL("../../examples/services.md", import.meta.url);
const page = await Deno.readTextFile(URL_OF_PAGE);

Deno.test("services page proves what each section says by an example", () => {
  const [, ...sections] = page.split("\n## ");
  const unproved = sections.filter((text) => {
    const code = [...text.matchAll(/```ts\n([^]*?)```/g)].map(([, code]) => code!);
    return code.length === 0 ||
      code.some((code) => !code.includes(`from "@weft/async"`) || !/\bassert\w*\(/.test(code));
  });
  assert(sections.length > 0);
  assertEquals(unproved.map((text) => text.split("\n")[0]), []);
});

Deno.test("services page is linked, and links only to files that exist", async () => {
  for (const name of ["README.md", "examples/README.md"]) {
    assert((await Deno.readTextFile(new URL(`../../${name}`, import.meta.url))).includes("services.md"), name);
  }
  const broken: string[] = [];
  for (const [, link] of page.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
    await Deno.stat(new URL(link!, URL_OF_PAGE)).catch(() => broken.push(link!));
  }
  assertEquals(broken, []);
});
