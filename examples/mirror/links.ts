/**
 * Finds the links in a page.
 *
 * @module
 */

/** The links in a body. */
export interface Links {
  /** Absolute http or https addresses without fragment, each once. */
  readonly urls: readonly URL[];
  /** Whether the body is a sitemap: a list of pages, not a page itself. */
  readonly sitemap: boolean;
}

const NONE: Links = { urls: [], sitemap: false };

/** Extracts the links from a body, if its type can contain any. */
export function linksOf(body: string, type: string, url: URL): Links {
  if (/html\b/i.test(type)) {
    return { urls: hrefsOf(body, url), sitemap: false };
  }
  if (/\bxml\b/i.test(type) || url.pathname.endsWith(".xml")) {
    return locationsOf(body, url);
  }
  return NONE;
}

// Regular expressions instead of a parser, to avoid a dependency. They find the links
// that a browser finds on all but contrived pages, and take linear time on those too:
// no part of an expression can run past a `<` and be tried again, and a construct that
// is never closed extends to the end of the text.
const NO_MARKUP = /<!--[\s\S]*?(?:-->|$)|<(script|style|textarea)\b[\s\S]*?(?:<\/\1\s*>|$)/gi;
const TAG = /<([a-z][a-z0-9-]*)((?:[^<>"']|"[^"<]*"|'[^'<]*')*)>/gi;
const ATTRIBUTE = /([^\s"'=<>/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>=`]+)))?/g;

function hrefsOf(html: string, page: URL): URL[] {
  const found = new Map<string, URL>();
  let base: URL | undefined;
  for (const [, name = "", text = ""] of markup(html).matchAll(TAG)) {
    const href = hrefOf(text);
    if (href === undefined) continue;
    const url = URL.parse(href, base ?? page);
    // Only the first `<base>` counts.
    if (name.toLowerCase() === "base") base ??= url ?? page;
    else addLink(found, url);
  }
  return [...found.values()];
}

function markup(html: string): string {
  return html.replace(NO_MARKUP, " ");
}

function hrefOf(attributes: string): string | undefined {
  for (const [, name = "", ...values] of attributes.matchAll(ATTRIBUTE)) {
    if (name.toLowerCase() !== "href") continue;
    const value = values.find((value) => value !== undefined);
    return value === undefined ? undefined : decodeEntities(value);
  }
}

/** Extracts each `<loc>` from a sitemap or an index of sitemaps: both mean the same here. */
function locationsOf(xml: string, page: URL): Links {
  if (!/<(?:urlset|sitemapindex)\b/.test(xml.slice(0, 2000))) return NONE;
  const found = new Map<string, URL>();
  for (
    const [, text = ""] of xml.matchAll(
      /<loc>\s*(?:<!\[CDATA\[)?([^<\]]*)/g,
    )
  ) addLink(found, URL.parse(decodeEntities(text), page));
  return { urls: [...found.values()], sitemap: true };
}

function addLink(found: Map<string, URL>, url: URL | null): void {
  if (url === null || !/^https?:$/.test(url.protocol)) return;
  url.hash = "";
  url.username = "";
  url.password = "";
  found.set(url.href, url);
}

const ENTITIES: Record<string, string> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function decodeEntities(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]+));/gi,
    (entity, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return ENTITIES[name] ?? entity;
      const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : entity;
    },
  );
}
