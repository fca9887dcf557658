/**
 * Requests the permissions that a run needs, and reports missing ones.
 *
 * @module
 */

import type { Options } from "./options.ts";
import { MirrorError } from "./store.ts";

const DEMO_HOST = "127.0.0.1";

/** Requests each permission that is not granted yet. Throws an error that lists those that are still missing. */
export async function requirePermissions(options: Options): Promise<void> {
  const missing: string[] = [];
  for (const permission of needed(options)) {
    const { state } = await Deno.permissions.request(permission);
    if (state !== "granted") missing.push(explain(permission));
  }
  if (missing.length > 0) throw new MirrorError(missing.join("\n"));
}

type Permission =
  | Deno.NetPermissionDescriptor & { host: string }
  | Deno.ReadPermissionDescriptor & { path: string }
  | Deno.WritePermissionDescriptor & { path: string };

function needed({ urls, out, kv }: Options): Permission[] {
  const hosts = urls.length === 0 ? [DEMO_HOST] : urls.map(hostAndPort);
  const paths = kv === ":memory:" || kv.startsWith(`${out}/`) ? [out] : [out, kv];
  return [
    ...[...new Set(hosts)].map((host) => ({ name: "net" as const, host })),
    ...paths.map((path) => ({ name: "read" as const, path })),
    ...paths.map((path) => ({ name: "write" as const, path })),
  ];
}

function hostAndPort({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
}

function explain(permission: Permission): string {
  const { name } = permission;
  const what = permission.name === "net" ? permission.host : permission.path;
  return `No ${name} access to ${what}: add --allow-${name}=${what}`;
}
