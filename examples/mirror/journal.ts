/**
 * Records what happens during a run, for the progress bar and the summary.
 *
 * @module
 */

/** The result of a visit to a page. */
export type Outcome = "new" | "changed" | "unchanged" | "redirect" | "failed";

/** A finished visit to a page. */
export interface Visit {
  readonly url: URL;
  readonly outcome: Outcome;
  /** The size of its body, stored in this run or before. */
  readonly bytes: number;
  /** A detail in words: the reason of a failure, or the target of a redirect. */
  readonly note: string;
  /** The number of requests. */
  readonly tries: number;
  /** The duration in ms, including the pauses between the tries. */
  readonly ms: number;
}

/** One request; times are in ms since the start of the run. */
export interface TimedRequest {
  readonly url: URL;
  readonly from: number;
  /** Absent while the request runs, and if it was cut short. */
  to?: number;
  ok: boolean;
}

/** How many requests the waterfall shows. */
const FIRST_REQUESTS = 24;

/** The number of pages with one outcome, and of their bytes. */
export interface Total {
  pages: number;
  bytes: number;
}

/** The progress of a run so far. */
export class Journal {
  /** The number of known pages. */
  seen = 0;
  /** The number of known pages that are near enough. */
  found = 0;
  /** The number of pages that were begun but undone, because the run was stopped. */
  undone = 0;
  /** The number of finished pages. */
  done = 0;
  readonly totals: Record<Outcome, Total> = {
    new: { pages: 0, bytes: 0 },
    changed: { pages: 0, bytes: 0 },
    unchanged: { pages: 0, bytes: 0 },
    redirect: { pages: 0, bytes: 0 },
    failed: { pages: 0, bytes: 0 },
  };
  readonly failures: Visit[] = [];
  readonly first: TimedRequest[] = [];
  /** The sum of the durations of all pages, in ms: the time that they would take one after the other. */
  pagesMs = 0;
  /** Called after each page. */
  onVisit: (visit: Visit) => void = () => {};
  readonly #start = performance.now();
  readonly #hosts: number;

  constructor(hosts = 1) {
    this.#hosts = hosts;
  }

  /** The part of the address that distinguishes a page from the others. */
  label({ host, pathname, search }: URL): string {
    return (this.#hosts > 1 ? host : "") + pathname + search;
  }

  /** Ms since the start of the run. */
  now(): number {
    return performance.now() - this.#start;
  }

  /** Records the start of a request. */
  begin(url: URL): TimedRequest {
    const request: TimedRequest = { url, from: this.now(), ok: false };
    if (this.first.length < FIRST_REQUESTS) this.first.push(request);
    return request;
  }

  /** Records the end of a request that was not cut short. */
  end(request: TimedRequest, ok: boolean): void {
    request.to = this.now();
    request.ok = ok;
  }

  visit(visit: Visit): void {
    const total = this.totals[visit.outcome];
    total.pages++;
    total.bytes += visit.bytes;
    this.done++;
    this.pagesMs += visit.ms;
    if (visit.outcome === "failed") this.failures.push(visit);
    this.onVisit(visit);
  }
}
