/**
 * Follows links from page to page: finds the pages, measures how far away they are, and mirrors several at a time.
 *
 * @module
 */

import { cleanup, isCancellation, shield, TaskGroup } from "@weft/async";
import { fetchPage, PageError } from "./fetch_page.ts";
import type { Journal, Outcome, Visit } from "./journal.ts";
import { linksOf } from "./links.ts";
import { fileOf } from "./place.ts";
import type { PageRecord, Store } from "./store.ts";

/** Options of {@linkcode crawl}. */
export interface CrawlOptions {
  readonly urls: readonly URL[];
  /** The hosts to mirror, and the folder of each. All other hosts are skipped. */
  readonly hosts: ReadonlyMap<string, string>;
  readonly concurrency: number;
  /** How long, in ms, a server may be silent. */
  readonly timeout: number;
  /** The longest pause before the second try, in ms; it doubles with each further try. */
  readonly pause: number;
  /** How many links to follow from the given pages. */
  readonly depth: number;
}

interface Page {
  readonly url: URL;
  readonly file: string;
  /** The number of links on the shortest known path to this page. */
  depth: number;
  /** When its visit began, in ms; absent if it is too far away. */
  begunAt?: number;
  /** The pages that it leads to, once it has been read. */
  leads: readonly Page[];
  /** How much farther away those pages are. */
  step: 0 | 1;
}

const LONGEST_URL = 8000;

/** Mirrors the given pages and the pages that they lead to. The journal records the pages that fail. */
export async function crawl(
  store: Store,
  options: CrawlOptions,
  journal: Journal,
): Promise<void> {
  const { urls, concurrency } = options;
  await TaskGroup.run((group) => {
    const crawler = new Crawler(group, store, options, journal);
    for (const url of urls) crawler.begin(url);
  }, { name: "crawl", concurrency });
}

class Crawler {
  readonly #group: TaskGroup;
  readonly #store: Store;
  readonly #options: CrawlOptions;
  readonly #journal: Journal;
  readonly #pages = new Map<string, Page>();

  constructor(
    group: TaskGroup,
    store: Store,
    options: CrawlOptions,
    journal: Journal,
  ) {
    this.#group = group;
    this.#store = store;
    this.#options = options;
    this.#journal = journal;
  }

  /** Starts with a given page. */
  begin(url: URL): void {
    const page = this.#pageOf(url);
    if (page !== undefined) this.#reached(page, 0);
  }

  /** The page at an address; `undefined` if it is on another host or the address is too long. */
  #pageOf(url: URL): Page | undefined {
    const site = this.#options.hosts.get(url.host);
    if (site === undefined || url.href.length > LONGEST_URL) return;
    const file = fileOf(site, url);
    let page = this.#pages.get(file);
    if (page === undefined) {
      page = { url, file, depth: Infinity, leads: [], step: 1 };
      this.#pages.set(file, page);
      this.#journal.seen++;
    }
    return page;
  }

  /** Records a path to `page`. The first path that is short enough starts a task for the page. */
  #reached(page: Page, depth: number): void {
    if (depth >= page.depth) return;
    // Several pages are read at a time, so a longer path may be found before a shorter one.
    page.depth = depth;
    if (page.begunAt !== undefined) return this.#goOn(page);
    if (depth > this.#options.depth) return;
    page.begunAt = this.#journal.now();
    this.#journal.found++;
    this.#group.createTask(() => this.#visit(page), { name: page.url.href });
  }

  #goOn({ leads, depth, step }: Page): void {
    for (const page of leads) this.#reached(page, depth + step);
  }

  async #visit(page: Page): Promise<void> {
    page.begunAt = this.#journal.now();
    try {
      await this.#mirror(page);
    } catch (error) {
      if (isCancellation(error)) this.#journal.undone++;
      // Any other failure (a full disk, a missing permission) affects all pages, and ends the crawl.
      if (!(error instanceof PageError)) throw error;
      const { message: note, tries } = error;
      this.#done(page, "failed", { note, tries });
    }
    this.#goOn(page);
  }

  async #mirror(page: Page): Promise<void> {
    const { url, file } = page;
    const { timeout, pause } = this.#options;
    const kept = await this.#store.kept(file);
    const draft = this.#store.draft();
    await using _undo = cleanup(() => draft.discard());
    const request = { url, kept, draft, timeout, pause };
    const answer = await fetchPage(request, this.#journal);
    if (answer.kind === "redirect") return this.#redirected(page, answer.to);
    if (answer.kind === "unchanged") {
      this.#done(page, "unchanged", { bytes: answer.record.bytes });
      return await this.#read(page, answer.record, answer.url);
    }
    // A complete body is kept, even while the run is being stopped.
    const record = await shield(() => this.#store.commit(file, draft, answer.facts));
    this.#done(page, outcomeOf(kept, record), { bytes: record.bytes });
    await this.#read(page, record, answer.url);
  }

  #redirected(page: Page, url: URL): void {
    const to = this.#pageOf(url);
    if (to === undefined) throw new PageError(`redirects to ${url.href}`);
    page.leads = [to];
    page.step = 0;
    this.#done(page, "redirect", { note: url.href });
  }

  async #read(page: Page, record: PageRecord, base: URL): Promise<void> {
    const text = await this.#store.text(record);
    const { urls, sitemap } = linksOf(text, record.type, base);
    page.leads = urls.map((url) => this.#pageOf(url)).filter((to) => to !== undefined);
    page.step = sitemap ? 0 : 1;
  }

  #done(page: Page, outcome: Outcome, details: Partial<Visit>): void {
    const ms = this.#journal.now() - page.begunAt!;
    const visit = { bytes: 0, note: "", tries: 1, ms, ...details };
    this.#journal.visit({ url: page.url, outcome, ...visit });
  }
}

function outcomeOf(kept: PageRecord | undefined, now: PageRecord): Outcome {
  if (kept === undefined) return "new";
  return kept.hash === now.hash ? "unchanged" : "changed";
}
