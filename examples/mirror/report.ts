/**
 * Formats the summary of a run as text.
 *
 * @module
 */

import { bars, formatMs, paint, type Screen, type SpanKind, table, timeline } from "../_draw.ts";
import type { Journal, Outcome, TimedRequest } from "./journal.ts";

/** Options of {@linkcode report}: what the summary needs besides the journal. */
export interface ReportOptions {
  readonly concurrency: number;
  readonly depth: number;
  readonly out: string;
  readonly kv: string;
  /** Whether the run was stopped before its end. */
  readonly stopped: boolean;
}

const MOST_FAILURES = 20;
const WORDS: Record<Outcome, string> = {
  new: "new",
  changed: "changed",
  unchanged: "unchanged",
  redirect: "redirects",
  failed: "failed",
};

/** Builds the summary that the program prints at the end. */
export function report(
  journal: Journal,
  options: ReportOptions,
  on: Screen,
): string {
  const elapsed = journal.now();
  return [
    totals(journal, on),
    failures(journal, on),
    waterfall(journal, elapsed, on),
    speed(journal, elapsed, options, on),
    outlook(journal, options),
  ].filter((part) => part !== "").join("\n\n");
}

function totals({ totals, done }: Journal, on: Screen): string {
  const outcomes = Object.keys(WORDS) as Outcome[];
  const bytes = outcomes.reduce((sum, key) => sum + totals[key].bytes, 0);
  const rows = outcomes
    .filter((key) => totals[key].pages > 0)
    .map((key) => [WORDS[key], totals[key].pages, formatBytes(totals[key].bytes)]);
  return table([...rows, ["all", done, formatBytes(bytes)]], {
    header: ["", "pages", "bytes"],
    align: "lrr",
  }, on);
}

function failures(journal: Journal, on: Screen): string {
  const { failures } = journal;
  if (failures.length === 0) return "";
  const rows = failures.slice(0, MOST_FAILURES)
    .map(({ url, tries, note }) => [journal.label(url), tries, note]);
  const more = failures.length - rows.length;
  const header = ["failed", "tries", "reason"];
  return table(rows, { header, align: "lrl" }, on) +
    (more > 0 ? `\n… and ${more} more` : "");
}

function waterfall(journal: Journal, elapsed: number, on: Screen): string {
  const { first } = journal;
  if (first.length === 0) return "";
  const lanes = first.map((request) => {
    const { url, from, to = elapsed } = request;
    const span = { from, to, kind: kindOf(request) };
    return { label: journal.label(url), spans: [span], note: formatMs(to - from) };
  });
  const legend = `The first ${first.length} requests (× failed, ░ cut short)`;
  return `${paint(legend, "bold", on)}\n${timeline(lanes, on)}`;
}

function kindOf({ to, ok }: TimedRequest): SpanKind {
  if (to === undefined) return "wait";
  return ok ? "work" : "fail";
}

function speed(
  { done, pagesMs }: Journal,
  elapsed: number,
  { concurrency }: ReportOptions,
  on: Screen,
): string {
  if (done === 0) return "";
  const one = formatMs(pagesMs);
  const several = formatMs(elapsed);
  const drawing = bars([
    { label: "one after the other", value: pagesMs, text: one, color: "yellow" },
    { label: `${concurrency} at a time`, value: elapsed, text: several },
  ], on);
  const ratio = paint(`${(pagesMs / elapsed).toFixed(1)} times`, "bold", on);
  return `${drawing}\n${ratio} as fast: the first is the sum of what each of ` +
    `the ${done} pages took,\nas measured in this run; the second is the run.`;
}

function outlook(journal: Journal, options: ReportOptions): string {
  const { seen, found, done, undone, totals } = journal;
  const { out, kv, depth, stopped } = options;
  const kept = totals.new.pages + totals.changed.pages + totals.unchanged.pages;
  const lines: string[] = [];
  if (stopped) {
    lines.push(
      `Stopped: ${kept} pages are kept, ${undone} in work were undone, ` +
        `${found - done - undone} known ones were not begun.`,
    );
  }
  lines.push(`Bodies are in ${out}, records in ${kv}.`);
  if (seen > found) {
    lines.push(`${seen - found} more pages are farther away than --depth ${depth} and were left out.`);
  }
  lines.push(
    stopped ? "The same command goes on from here." : "Run again, it gets only what is missing or changed.",
  );
  return lines.join("\n");
}

/** Formats a number of bytes for people. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}
