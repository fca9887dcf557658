/**
 * Shows the progress of the mirror: a bar on a terminal, otherwise one line per page.
 *
 * @module
 */

import { ProgressBar } from "@std/cli/unstable-progress-bar";
import type { Screen } from "../_draw.ts";
import { formatBytes } from "./report.ts";
import type { Journal, Visit } from "./journal.ts";

/** Shows the progress in `journal` until the returned object is disposed. */
export function showProgress(journal: Journal, on: Screen): AsyncDisposable {
  return Deno.stdout.isTerminal() ? showBar(journal, on) : showLines(journal);
}

function showBar(journal: Journal, on: Screen): AsyncDisposable {
  const bar = new ProgressBar({
    writable: Deno.stdout.writable,
    max: 1,
    barLength: Math.max(5, on.width - 40),
    fillChar: "█",
    emptyChar: "░",
    clear: true,
    refreshMilliseconds: 100,
    formatter: ({ styledTime, progressBar }) => {
      const { done, found, totals } = journal;
      const failed = totals.failed.pages;
      return `${styledTime} ${progressBar} ${done} of ${found} pages` +
        (failed > 0 ? `, ${failed} failed` : "");
    },
  });
  journal.onVisit = () => {
    bar.max = journal.found;
    bar.value = journal.done;
  };
  return { [Symbol.asyncDispose]: () => bar.stop() };
}

function showLines(journal: Journal): AsyncDisposable {
  journal.onVisit = ({ outcome, bytes, url, note }: Visit) => {
    const size = outcome === "failed" || outcome === "redirect" ? "" : formatBytes(bytes);
    const line = `${outcome.padEnd(9)} ${size.padStart(8)}  ${journal.label(url)}`;
    console.log(note === "" ? line : `${line}  ${note}`);
  };
  return { [Symbol.asyncDispose]: () => Promise.resolve() };
}
