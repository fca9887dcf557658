import { assertEquals, assertStringIncludes } from "@std/assert";
import { Journal, type Outcome } from "../../../examples/mirror/journal.ts";
import { formatBytes, report, type ReportOptions } from "../../../examples/mirror/report.ts";

const OPTIONS: ReportOptions = { concurrency: 4, depth: 2, out: "./mirror", kv: "./mirror/index.kv", stopped: false };

/** A journal whose clock a test sets. */
function journalAt(hosts = 1): { journal: Journal; setTime: (ms: number) => void } {
  const journal = new Journal(hosts);
  let time = 0;
  journal.now = () => time;
  return { journal, setTime: (ms) => void (time = ms) };
}

function visit(journal: Journal, path: string, outcome: Outcome, note = ""): void {
  journal.seen++;
  journal.found++;
  const url = new URL(path, "http://a.example");
  journal.visit({ url, outcome, bytes: outcome === "failed" ? 0 : 1500, note, tries: note === "" ? 1 : 3, ms: 100 });
}

Deno.test("report() shows totals, failures, a waterfall and what the concurrency was good for", () => {
  const { journal, setTime } = journalAt();
  const one = journal.begin(new URL("http://a.example/"));
  setTime(100);
  journal.end(one, true);
  const two = journal.begin(new URL("http://a.example/a.html"));
  const three = journal.begin(new URL("http://a.example/b.html?x=1"));
  setTime(150);
  journal.end(three, false);
  setTime(200);
  journal.end(two, true);
  journal.begin(new URL("http://a.example/c.html"));
  visit(journal, "/", "new");
  visit(journal, "/a.html", "unchanged");
  visit(journal, "/b.html?x=1", "failed", "500 Broken");
  visit(journal, "/old.html", "redirect", "http://a.example/");
  setTime(300);
  assertEquals(
    report(journal, OPTIONS, { width: 60, color: false }),
    `\
           pages   bytes
new            1  1.5 kB
unchanged      1  1.5 kB
redirects      1  1.5 kB
failed         1     0 B
all            4  4.5 kB

failed       tries  reason
/b.html?x=1      3  500 Broken

The first 4 requests (× failed, ░ cut short)
/           ██████████████                            100 ms
/a.html                   █████████████               100 ms
/b.html?x=1               ×××××××                      50 ms
/c.html                                ░░░░░░░░░░░░░░ 100 ms
            0                 150 ms           300 ms

one after the other █████████████████████████████████ 400 ms
4 at a time         █████████████████████████         300 ms
1.3 times as fast: the first is the sum of what each of the 4 pages took,
as measured in this run; the second is the run.

Bodies are in ./mirror, records in ./mirror/index.kv.
Run again, it gets only what is missing or changed.`,
  );
});

Deno.test("report() says after a stop what is kept, undone and not begun", () => {
  const { journal } = journalAt();
  visit(journal, "/", "new");
  visit(journal, "/a.html", "unchanged");
  visit(journal, "/b.html", "failed", "404 Not Found");
  journal.seen = 9;
  journal.found = 8;
  journal.undone = 2;
  const lines = report(journal, { ...OPTIONS, stopped: true }, { width: 80, color: false }).split("\n");
  assertEquals(lines.slice(-4), [
    "Stopped: 2 pages are kept, 2 in work were undone, 3 known ones were not begun.",
    "Bodies are in ./mirror, records in ./mirror/index.kv.",
    "1 more pages are farther away than --depth 2 and were left out.",
    "The same command goes on from here.",
  ]);
});

Deno.test("report() lists the first failures, and counts the others", () => {
  const { journal } = journalAt();
  for (let i = 0; i < 25; i++) visit(journal, `/${i}.html`, "failed", "404 Not Found");
  const text = report(journal, OPTIONS, { width: 80, color: false });
  assertEquals(text.match(/404 Not Found/g)?.length, 20);
  assertStringIncludes(text, "… and 5 more");
});

Deno.test("report() tells pages of several hosts apart", () => {
  const { journal } = journalAt(2);
  visit(journal, "/x", "failed", "404 Not Found");
  assertStringIncludes(report(journal, OPTIONS, { width: 80, color: false }), "a.example/x");
});

Deno.test("report() of nothing is short", () => {
  const { journal } = journalAt();
  const text = report(journal, { ...OPTIONS, stopped: true }, { width: 80, color: false });
  assertEquals(text.split("\n\n").length, 2);
});

Deno.test("formatBytes() writes what people read", () => {
  const sizes = [0, 999, 1000, 1234, 999_949, 5_000_000, 7_300_000_000, 2e12, 3e15];
  assertEquals(sizes.map(formatBytes), [
    "0 B",
    "999 B",
    "1.0 kB",
    "1.2 kB",
    "999.9 kB",
    "5.0 MB",
    "7.3 GB",
    "2.0 TB",
    "3000.0 TB",
  ]);
});
