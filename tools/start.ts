/**
 * Runs `examples/mirror.ts` with the least permissions that its arguments
 * need: the hosts of the URLs, the folder, the KV file, and nothing else.
 *
 * @module
 */

import { runDeno, stdFlags, withStd } from "./deno.ts";

/** The permission flags for one run of the mirror. */
export function permissions(args: readonly string[]): string[] {
  const out = option(args, "--out") ?? "./mirror";
  const kv = option(args, "--kv") ?? `${out}/index.kv`;
  const hosts = new Set(args.map(hostOf).filter((host) => host !== undefined));
  // Without a URL the program serves a site itself, and mirrors that.
  if (hosts.size === 0) hosts.add("127.0.0.1");
  // What SQLite keeps beside the file while it is open needs no permission.
  const files = list(kv.startsWith(`${out}/`) ? [out] : [out, kv]);
  return [
    `--allow-net=${list([...hosts])}`,
    `--allow-read=${files}`,
    `--allow-write=${files}`,
    // It says itself which permission is missing.
    "--no-prompt",
  ];
}

/** The value of `--name value` or `--name=value`; the last one counts. */
function option(args: readonly string[], name: string): string | undefined {
  let value: string | undefined;
  args.forEach((arg, i) => {
    if (arg === name) value = args[i + 1];
    else if (arg.startsWith(`${name}=`)) value = arg.slice(name.length + 1);
  });
  return value || undefined;
}

/** Any port of it: a site often redirects from http to https. */
function hostOf(arg: string): string | undefined {
  const url = /^https?:/i.test(arg) ? URL.parse(arg) : null;
  return url?.hostname;
}

/** The command line of Deno has no way to write a comma that is meant. */
function list(values: readonly string[]): string {
  const comma = values.find((value) => value.includes(","));
  if (comma === undefined) return values.join(",");
  console.error(`Cannot grant access to "${comma}": the path has a comma`);
  Deno.exit(2);
}

if (import.meta.main) {
  const args = ["run", ...permissions(Deno.args), "examples/mirror.ts"];
  Deno.exit(await runDeno([...withStd(args, await stdFlags()), ...Deno.args]));
}
