import { assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);

/** The files below a path that `deno.json` names for publishing. */
async function published(path: string): Promise<string[]> {
  if (!(await Deno.stat(new URL(path, ROOT))).isDirectory) return [path];
  const names = await Array.fromAsync(Deno.readDir(new URL(`${path}/`, ROOT)), ({ name }) => `${path}/${name}`);
  return (await Promise.all(names.map(published))).flat();
}

async function checksum(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(new URL(path, ROOT)));
  return `sha256-${new Uint8Array(digest).toHex()}`;
}

/** Stands in for JSR: serves this package as `deno publish` would put it there, and nothing else. */
async function serveRegistry(): Promise<Deno.HttpServer<Deno.NetAddr>> {
  const paths = (await Promise.all(config.publish.include.map(published))).flat();
  const manifest = Object.fromEntries(
    await Promise.all(paths.map(async (path) => [`/${path}`, { checksum: await checksum(path) }])),
  );
  const folder = `/${config.name}/`;
  const answers: Record<string, unknown> = {
    [`${folder}meta.json`]: { versions: { [config.version]: {} } },
    [`${folder}${config.version}_meta.json`]: { manifest, exports: config.exports },
  };
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
    const { pathname } = new URL(url);
    if (pathname in answers) return Response.json(answers[pathname]);
    const path = pathname.slice(`${folder}${config.version}/`.length);
    if (!paths.includes(path)) return new Response(null, { status: 404 });
    return new Response(await Deno.readFile(new URL(path, ROOT)), { headers: { "content-type": "text/typescript" } });
  });
}

Deno.test("the programs of the course, copied out, type-check and run with the package from JSR", async () => {
  const cwd = await Deno.makeTempDir();
  const registry = await serveRegistry();
  const deno = async (...args: string[]) => {
    const env = { JSR_URL: `http://127.0.0.1:${registry.addr.port}/`, DENO_DIR: `${cwd}/cache`, NO_COLOR: "1" };
    const command = new Deno.Command(Deno.execPath(), { args, cwd, env, stdin: "null" });
    const { code, stdout, stderr } = await command.output();
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  };
  try {
    const files: string[] = [];
    for await (const { name } of Deno.readDir(new URL("examples/", ROOT))) {
      if (!/^[\d_].*\.ts$/.test(name)) continue;
      files.push(name);
      const source = await Deno.readTextFile(new URL(`examples/${name}`, ROOT));
      await Deno.writeTextFile(
        `${cwd}/${name}`,
        source.replace(`"@weft/async"`, `"jsr:${config.name}@^${config.version}"`),
      );
    }
    const checked = await deno("check", "--quiet", "--unstable-kv", ...files);
    assertEquals([checked.code, checked.stderr], [0, ""]);
    const { code, stdout, stderr } = await deno(
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      "15_future.ts",
    );
    assertEquals([code, stderr, stdout.split("\n").at(-2)], [0, "", "main: closed with code 1000"]);
  } finally {
    await registry.shutdown();
    await Deno.remove(cwd, { recursive: true });
  }
});
