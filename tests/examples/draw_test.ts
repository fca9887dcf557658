import { assertEquals } from "@std/assert";
import { bars, formatMs, paint, type Screen, screen, table, timeline } from "../../examples/_draw.ts";

const NARROW: Screen = { width: 40, color: false };
const COLORED: Screen = { width: 40, color: true };

function text(...lines: string[]): string {
  return lines.join("\n");
}

Deno.test("screen() is 80 plain columns where there is no terminal", async () => {
  const module = new URL("../../examples/_draw.ts", import.meta.url);
  const code = `import { screen } from "${module}"; console.log(JSON.stringify(screen()));`;
  const command = new Deno.Command(Deno.execPath(), { args: ["eval", code], stdout: "piped" });
  const { stdout } = await command.output();
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)), { width: 80, color: false });
  assertEquals(typeof screen().width, "number");
});

Deno.test("paint() adds a colour where there are any, and nothing elsewhere", () => {
  assertEquals(paint("a", "red", COLORED), "\x1b[31ma\x1b[0m");
  assertEquals(paint("a", "red", NARROW), "a");
  assertEquals(paint("a", undefined, COLORED), "a");
});

Deno.test("table() lines up its columns under the header", () => {
  const rows = [["new", 12, "1.0 kB"], ["failed", 3]];
  assertEquals(
    table(rows, { header: ["", "pages", "bytes"], align: "lrr" }, NARROW),
    text(
      "        pages   bytes",
      "new        12  1.0 kB",
      "failed      3",
    ),
  );
  assertEquals(table([], {}, NARROW), "");
});

Deno.test("table() cuts the widest column where there is no room", () => {
  assertEquals(
    table([["/a/long/way/to/go/on/foot.html", 1, "404 Not Found"]], { align: "lrl" }, NARROW),
    "/a/long/way/to/go/on/…  1  404 Not Found",
  );
});

Deno.test("table() lets no control character through", () => {
  assertEquals(table([["a\x1b[31m\nb", "c"]], {}, COLORED), "a?[31m?b  c");
});

Deno.test("bars() fill the width in proportion, and what is not zero shows", () => {
  assertEquals(
    bars([
      { label: "all", value: 100, text: "100 ms" },
      { label: "half", value: 50, text: "50 ms" },
      { label: "little", value: 0.1, text: "0 ms" },
      { label: "none", value: 0 },
    ], NARROW),
    text(
      "all    ██████████████████████████ 100 ms",
      "half   █████████████              50 ms",
      "little █                          0 ms",
      "none                              0",
    ),
  );
  assertEquals(bars([{ label: "a", value: 0 }], NARROW).trim(), "a" + " ".repeat(38) + "0");
  assertEquals(bars([], NARROW), "");
});

Deno.test("timeline() draws what overlaps above each other", () => {
  assertEquals(
    timeline([
      { label: "first", spans: [{ from: 1000, to: 1100 }], note: "100 ms" },
      { label: "second", spans: [{ from: 1050, to: 1060, kind: "wait" }, { from: 1060, to: 1100 }] },
      { label: "third", spans: [{ from: 1099, to: 1100, kind: "fail" }], note: "1 ms" },
      { label: "none", spans: [] },
    ], NARROW),
    text(
      "first  ██████████████████████████ 100 ms",
      "second              ░░░██████████",
      "third                           ×   1 ms",
      "none",
      "       0          50 ms    100 ms",
    ),
  );
});

Deno.test("timeline() takes a moment, no lane, and a lane of no spans", () => {
  assertEquals(timeline([], NARROW), "");
  assertEquals(timeline([{ label: "a", spans: [] }], NARROW), "a");
  const [lane = ""] = timeline([{ label: "a", spans: [{ from: 5, to: 5 }] }], NARROW).split("\n");
  assertEquals(lane, "a █");
});

Deno.test("timeline() colours each kind where there are colours", () => {
  const spans = [{ from: 0, to: 1 }, { from: 1, to: 2, kind: "fail" as const }];
  const [lane = ""] = timeline([{ label: "a", spans }], { width: 20, color: true }).split("\n");
  assertEquals(lane, `a \x1b[32m${"█".repeat(9)}\x1b[0m\x1b[31m${"×".repeat(9)}\x1b[0m`);
});

Deno.test("no line is longer than the screen is wide", () => {
  const label = "a/very/long/label/".repeat(9);
  for (const width of [40, 80, 120]) {
    const on = { width, color: false };
    const drawings = [
      table([[label, 1, label]], {}, on),
      bars([{ label, value: 1, text: "1.0 s" }], on),
      timeline([{ label, spans: [{ from: 0, to: 1 }], note: "1 ms" }], on),
    ];
    for (const line of drawings.flatMap((drawing) => drawing.split("\n"))) {
      assertEquals([...line].length <= width, true, line);
    }
  }
});

Deno.test("formatMs() writes what people read", () => {
  const times = [0, 0.4, 83.2, 999, 999.6, 2449, 59_940, 59_960, 200_000];
  assertEquals(times.map(formatMs), [
    "0 ms",
    "0 ms",
    "83 ms",
    "999 ms",
    "1.0 s",
    "2.4 s",
    "59.9 s",
    "1 min 0 s",
    "3 min 20 s",
  ]);
});
