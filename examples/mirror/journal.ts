/**
 * What happened, for the progress bar and the summary.
 *
 * @module
 */

/** What became of a page. */
export type Outcome = "new" | "changed" | "unchanged" | "redirect" | "failed";

/** A page that is done. */
export interface Visit {
  readonly url: URL;
  readonly outcome: Outcome;
  /** Of its body, stored now or before. */
  readonly bytes: number;
  /** What it came to, in words: the reason of a failure, where a redirect leads. */
  readonly note: string;
  /** How many requests it took. */
  readonly tries: number;
  /** How many ms, with the pauses between the tries. */
  readonly ms: number;
}

/** One request, in ms since the beginning. */
export interface TimedRequest {
  readonly url: URL;
  readonly from: number;
  /** Absent while it runs, and when it was cut short. */
  to?: number;
  ok: boolean;
}

/** How many requests the waterfall shows. */
const FIRST_REQUESTS = 24;

/** Pages and bytes of one outcome. */
export interface Total {
  pages: number;
  bytes: number;
}

/** What a run has come to so far. */
export class Journal {
  /** Addresses that something leads to. */
  seen = 0;
  /** Those of them that are near enough. */
  found = 0;
  /** Pages that were begun and undone, because the run was stopped. */
  undone = 0;
  /** Pages that are done. */
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
  /** What all pages took together, as if one had come after the other. */
  pagesMs = 0;
  /** Called after each page. */
  onVisit: (visit: Visit) => void = () => {};
  readonly #start = performance.now();
  readonly #hosts: number;

  constructor(hosts = 1) {
    this.#hosts = hosts;
  }

  /** What tells a page from the others. */
  label({ host, pathname, search }: URL): string {
    return (this.#hosts > 1 ? host : "") + pathname + search;
  }

  /** Ms since the beginning. */
  now(): number {
    return performance.now() - this.#start;
  }

  /** A request begins. */
  begin(url: URL): TimedRequest {
    const request: TimedRequest = { url, from: this.now(), ok: false };
    if (this.first.length < FIRST_REQUESTS) this.first.push(request);
    return request;
  }

  /** A request has ended by itself. */
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
