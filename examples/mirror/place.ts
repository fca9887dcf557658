/**
 * Where a page lies: its file, which is also its key in KV.
 *
 * @module
 */

import { createHash } from "node:crypto";

// Names that every file system takes as they are. Without capitals, because some
// do not tell them apart; folders without a dot and files with one, so that
// `/a` and `/a/b` are in nobody's way; and nowhere a `~`, which marks all others.
const PLAIN_FOLDER = /^[a-z0-9_-]{1,40}$/;
const PLAIN_FILE = /^[a-z0-9_-][a-z0-9_.-]{0,60}\.[a-z0-9]{1,8}$/;
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;
const MOST_FOLDERS = 8;
const INDEX = "index.html";

/** The folder of a host: its name and port, without what a path could mean. */
export function siteOf(url: URL): string {
  return url.host.replace(/[^a-z0-9._-]/g, "+").replace(/^\.+/, "+");
}

/**
 * The file of a page, relative to the folder of the mirror. No two pages share
 * one, on any file system; http and https are one page.
 *
 * `/guide/tea.html` is stored as that. Any other path (a query, capitals, odd
 * characters, no extension, too long) keeps what can be kept of it, and gets a
 * hash of the address: `/about?x=1` is `about_x_1~0f3c9d21e4.html`.
 */
export function fileOf(site: string, url: URL): string {
  const folders = url.pathname.split("/").slice(1);
  const name = folders.pop() ?? "";
  const plain = url.search === "" && folders.length <= MOST_FOLDERS &&
    folders.every(isPlainFolder) && (name === "" || isPlainFile(name));
  if (plain) return [site, ...folders, name || INDEX].join("/");
  return [
    site,
    ...folders.slice(0, MOST_FOLDERS).map((folder) => readable(folder, 40)),
    hashedName(name || INDEX, url),
  ].join("/");
}

function isPlainFolder(name: string): boolean {
  return PLAIN_FOLDER.test(name) && !DEVICE.test(name);
}

function isPlainFile(name: string): boolean {
  // `/guide/` has taken the name.
  return PLAIN_FILE.test(name) && !DEVICE.test(name) && name !== INDEX;
}

function hashedName(name: string, url: URL): string {
  const [, stem = name, extension = ".html"] = /^(.+)(\.[a-z0-9]{1,8})$/i.exec(name) ?? [];
  const hash = createHash("sha256").update(url.pathname + url.search)
    .digest("hex").slice(0, 10);
  return `${readable(stem + url.search, 60)}~${hash}${extension}`;
}

function readable(text: string, length: number): string {
  const name = text.replace(/[^a-z0-9_-]+/gi, "_").slice(0, length) || "_";
  return DEVICE.test(name) ? `_${name}` : name;
}
