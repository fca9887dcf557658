/**
 * One page over the network: conditional, with a time limit and retries.
 *
 * @module
 */

import { retry, RetryError } from "@std/async/retry";
import { currentSignal, isCancellation, timeout, TimeoutError } from "@weft/async";
import type { Journal } from "./journal.ts";
import { fileOf } from "./place.ts";
import type { Draft, Facts, PageRecord } from "./store.ts";

const TRIES = 3;
const MOST_HOPS = 5;
/** Statuses that may be different a moment later. All others stay as they are. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

/** What the server says to the request for a page; `url` is where it was found. */
export type Answer =
  | { readonly kind: "body"; readonly url: URL; readonly facts: Facts }
  | {
    readonly kind: "unchanged";
    readonly url: URL;
    readonly record: PageRecord;
  }
  | { readonly kind: "redirect"; readonly to: URL };

/** A page could not be had, and this is why. The others can go on. */
export class PageError extends Error {
  override readonly name = "PageError";
  /** Whether it may be different a moment later. */
  readonly passing: boolean;
  /** How often it was tried. */
  tries = 1;

  constructor(reason: string, passing = false) {
    super(reason);
    this.passing = passing;
  }
}

/** What a request needs to know. */
export interface PageRequest {
  readonly url: URL;
  /** What is stored of the page, to get it only if it has changed. */
  readonly kept: PageRecord | undefined;
  /** Takes the body. */
  readonly draft: Draft;
  /** For how many ms the server may be silent. */
  readonly timeout: number;
  /** How long, in ms, to wait before the second try at most; it doubles. */
  readonly pause: number;
}

/** Asks for a page, up to three times. Throws a {@linkcode PageError}. */
export async function fetchPage(
  request: PageRequest,
  journal: Journal,
): Promise<Answer> {
  let tries = 0;
  try {
    return await retry(() => {
      tries++;
      return tryOnce(request, journal);
    }, {
      maxAttempts: TRIES,
      minTimeout: request.pause,
      isRetriable: (error) => error instanceof PageError && error.passing,
      // Without it the pause between two tries would outlive a Ctrl-C.
      signal: currentSignal(),
    });
  } catch (error) {
    const last = error instanceof RetryError ? error.cause : error;
    if (last instanceof PageError) last.tries = tries;
    throw last;
  }
}

async function tryOnce(
  request: PageRequest,
  journal: Journal,
): Promise<Answer> {
  const ms = request.timeout;
  const timed = journal.begin(request.url);
  try {
    const answer = await timeout(ms, (signal, deadline) =>
      ask(request, signal, () => {
        // The limit is for silence: a large body may take its time.
        signal.throwIfAborted();
        deadline.reschedule(ms);
      }));
    journal.end(timed, true);
    return answer;
  } catch (error) {
    if (isCancellation(error)) throw error;
    journal.end(timed, false);
    if (!(error instanceof TimeoutError)) throw error;
    throw new PageError(`silent for ${ms} ms`, true);
  }
}

async function ask(
  { url, kept, draft }: PageRequest,
  signal: AbortSignal,
  alive: () => void,
): Promise<Answer> {
  const response = await follow(url, conditions(kept), signal);
  const { status, headers } = response;
  const found = new URL(response.url);
  if (response.ok) {
    await draft.begin();
    await receive(response, draft, alive);
    const facts = {
      url: found.href,
      status,
      type: short(headers.get("content-type")) ?? "",
      ...present("etag", short(headers.get("etag"))),
      ...present("lastModified", short(headers.get("last-modified"))),
    };
    return { kind: "body", url: found, facts };
  }
  await response.body?.cancel();
  if (status === 304 && kept !== undefined) {
    return { kind: "unchanged", url: found, record: kept };
  }
  const to = redirectOf(response);
  if (to !== undefined) return { kind: "redirect", to };
  const reason = `${status} ${response.statusText}`.trim();
  throw new PageError(reason, PASSING.includes(status));
}

/** Redirects that change no more than http into https lead to the same page. */
async function follow(
  url: URL,
  headers: HeadersInit,
  signal: AbortSignal,
): Promise<Response> {
  for (let hops = 0; hops <= MOST_HOPS; hops++) {
    const response = await network(() => fetch(url, { headers, signal, redirect: "manual" }));
    const to = redirectOf(response);
    if (to === undefined || !samePage(to, url)) return response;
    await response.body?.cancel();
    url = to;
  }
  throw new PageError("redirects to itself");
}

function samePage(a: URL, b: URL): boolean {
  return fileOf(a.host, a) === fileOf(b.host, b);
}

function redirectOf({ status, headers, url }: Response): URL | undefined {
  const location = headers.get("location");
  if (status < 300 || status > 399 || location === null) return;
  const to = URL.parse(location, url);
  if (to === null || !/^https?:$/.test(to.protocol)) return;
  to.hash = "";
  return to;
}

/** Copies the body chunk by chunk: it may be larger than the memory. */
async function receive(
  response: Response,
  draft: Draft,
  alive: () => void,
): Promise<void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  for (;;) {
    const { done, value } = await network(() => reader.read());
    if (done) return;
    alive();
    await draft.write(value);
  }
}

/**
 * Tells the failures of the network, which concern one page, from those of the
 * disk and of permissions, which concern all.
 */
async function network<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (isCancellation(error) || error instanceof Deno.errors.NotCapable) {
      throw error;
    }
    throw new PageError(reasonOf(error), true);
  }
}

/** The innermost cause says most. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message.replace(/^.*client error \(\w+\): /, "") : reasonOf(error.cause);
}

function conditions(kept: PageRecord | undefined): HeadersInit {
  return {
    ...present("if-none-match", kept?.etag),
    ...present("if-modified-since", kept?.lastModified),
  };
}

function present<K extends string>(
  key: K,
  value: string | undefined,
): { [P in K]?: string } {
  return value === undefined ? {} : { [key]: value } as { [P in K]: string };
}

/** A record must stay small, whatever a server sends. */
function short(header: string | null): string | undefined {
  return header === null || header.length > 1000 ? undefined : header;
}
