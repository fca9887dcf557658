/**
 * Maps a page to its file, whose path is also its key in KV.
 *
 * @module
 */

import { createHash } from "node:crypto";

// Names that every file system accepts unchanged. They have no capitals, because some
// file systems ignore case; folders have no dot and files have one, so that `/a` and
// `/a/b` cannot collide; and none has a `~`, which marks all other names.
const PLAIN_FOLDER = /^[a-z0-9_-]{1,40}$/;
const PLAIN_FILE = /^[a-z0-9_-][a-z0-9_.-]{0,60}\.[a-z0-9]{1,8}$/;
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;
const MOST_FOLDERS = 8;
const INDEX = "index.html";

/** The folder of a host: its name and port, without characters that are special in a path. */
export function siteOf(url: URL): string {
  return url.host.replace(/[^a-z0-9._-]/g, "+").replace(/^\.+/, "+");
}

/**
 * The file of a page, relative to the folder of the mirror. No two pages share a
 * file, on any file system; http and https are the same page.
 *
 * A plain path such as `/guide/tea.html` is kept unchanged. Any other path (with a
 * query, capitals or odd characters, without an extension, or too long) keeps its
 * plain characters and gets a hash: `/about?x=1` is `about_x_1~0f3c9d21e4.html`.
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
  // `index.html` is the name for `/guide/`.
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
