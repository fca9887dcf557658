/**
 * Fetches one page over the network, with conditional requests, a time limit and retries.
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
/** Statuses that may change within moments. All others are final. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

/** The answer of the server to the request for a page; `url` is the address where the page was found. */
export type Answer =
  | { readonly kind: "body"; readonly url: URL; readonly facts: Facts }
  | {
    readonly kind: "unchanged";
    readonly url: URL;
    readonly record: PageRecord;
  }
  | { readonly kind: "redirect"; readonly to: URL };

/** The reason why a page could not be fetched. Other pages can continue. */
export class PageError extends Error {
  override readonly name = "PageError";
  /** Whether another try, moments later, may succeed. */
  readonly passing: boolean;
  /** The number of tries. */
  tries = 1;

  constructor(reason: string, passing = false) {
    super(reason);
    this.passing = passing;
  }
}

/** Everything that is needed to request a page. */
export interface PageRequest {
  readonly url: URL;
  /** The stored record of the page: the body is fetched only if it has changed. */
  readonly kept: PageRecord | undefined;
  /** Receives the body. */
  readonly draft: Draft;
  /** How long, in ms, the server may be silent. */
  readonly timeout: number;
  /** The longest pause before the second try, in ms; it doubles with each further try. */
  readonly pause: number;
}

/** Requests a page, up to three times. If that fails, throws a {@linkcode PageError}. */
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
      // Without the signal, Ctrl-C would not end the pause between two tries.
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
        // The limit applies to silence only: a large body may take longer.
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

/** Follows redirects to the same page, such as from http to https. */
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

/** Copies the body chunk by chunk, because it may not fit into memory. */
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
 * Turns a network failure, which affects one page, into a {@linkcode PageError}.
 * A missing permission affects all pages, and is thrown unchanged.
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

/** Returns the message of the innermost cause, which is the most precise. */
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

/** Drops a header that is too long: a record must stay small, whatever a server sends. */
function short(header: string | null): string | undefined {
  return header === null || header.length > 1000 ? undefined : header;
}
