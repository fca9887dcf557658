/**
 * From page to page: which ones there are, how far away, several at a time.
 *
 * @module
 */

import { cleanup, isCancellation, shield, TaskGroup } from "@weft/async";
import { fetchPage, PageError } from "./fetch_page.ts";
import type { Journal, Outcome, Visit } from "./journal.ts";
import { linksOf } from "./links.ts";
import { fileOf } from "./place.ts";
import type { PageRecord, Store } from "./store.ts";

/** What to mirror, and how. */
export interface CrawlOptions {
  readonly urls: readonly URL[];
  /** The hosts that are mirrored, and the folder of each. All others are left out. */
  readonly hosts: ReadonlyMap<string, string>;
  readonly concurrency: number;
  /** For how many ms a server may be silent. */
  readonly timeout: number;
  /** How long, in ms, to wait before the second try at most; it doubles. */
  readonly pause: number;
  /** How many links away from the given pages. */
  readonly depth: number;
}

interface Page {
  readonly url: URL;
  readonly file: string;
  /** How many links away it is, on the shortest way known. */
  depth: number;
  /** When it was begun, in ms; never, if it is too far away. */
  begunAt?: number;
  /** Where it leads, once it is read, and how much farther away that is. */
  leads: readonly Page[];
  step: 0 | 1;
}

const LONGEST_URL = 8000;

/** Mirrors the pages and what they lead to. Pages that fail are in the journal. */
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

  /** Begins with a given page. */
  begin(url: URL): void {
    const page = this.#pageOf(url);
    if (page !== undefined) this.#reached(page, 0);
  }

  /** The page at an address; none if it is on another host. */
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

  /** There is a way to `page`. The first that is short enough makes it a task. */
  #reached(page: Page, depth: number): void {
    if (depth >= page.depth) return;
    // Several at a time, so a longer way may be found before a shorter one.
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
      // Anything else (a full disk, no permission) concerns all pages, and ends them.
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
    // A body that is complete is kept, even while everything is being stopped.
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
