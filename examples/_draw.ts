/**
 * Draws tables, bars and time lines as text, for the examples.
 *
 * Every function returns a string. The console determines the width and whether
 * there are colours; if the output is piped, or with `NO_COLOR`, it is plain text.
 *
 * @module
 */

/** The surface to draw on. */
export interface Screen {
  /** Its width in columns. */
  readonly width: number;
  /** Whether it supports escape codes for colours. */
  readonly color: boolean;
}

const PLAIN: Screen = { width: 80, color: false };
const WIDEST = 120;
const NARROWEST = 40;

/** The console, or a plain page of 80 columns if there is none. */
export function screen(): Screen {
  if (!Deno.stdout.isTerminal()) return PLAIN;
  // Some terminals do not know their size and report zero.
  const columns = Deno.consoleSize().columns || PLAIN.width;
  const width = Math.min(WIDEST, Math.max(NARROWEST, columns));
  return { width, color: !Deno.noColor };
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** The available colours, and two text weights. */
export type Color = keyof typeof CODES;

/** Colours `text`, if the screen supports colours. */
export function paint(
  text: string,
  color: Color | undefined,
  on: Screen = screen(),
): string {
  if (color === undefined || !on.color) return text;
  return `\x1b[${CODES[color]}m${text}\x1b[0m`;
}

/** Options of {@linkcode table}. */
export interface TableOptions {
  /** The headings of the columns. */
  header?: readonly string[];
  /** One letter per column: `l` for left, `r` for right. The default is left. */
  align?: string;
}

const GAP = "  ";
const NARROWEST_COLUMN = 8;

/** Aligns rows in columns, and shortens the widest column if there is not enough room. */
export function table(
  rows: readonly (readonly (string | number)[])[],
  { header, align = "" }: TableOptions = {},
  on: Screen = screen(),
): string {
  const all = (header === undefined ? rows : [header, ...rows])
    .map((row) => row.map((cell) => clean(String(cell))));
  const columns = Math.max(0, ...all.map((row) => row.length));
  const widths = Array.from(
    { length: columns },
    (_, i) => Math.max(...all.map((row) => lengthOf(row[i] ?? ""))),
  );
  shrink(widths, on.width);
  return all.map((row, r) => {
    const cells = widths.map((width, i) => fit(row[i] ?? "", width, align[i] === "r" ? "right" : "left"));
    const line = cells.join(GAP).trimEnd();
    return r === 0 && header !== undefined ? paint(line, "dim", on) : line;
  }).join("\n");
}

function shrink(widths: number[], width: number): void {
  const room = width - GAP.length * (widths.length - 1);
  for (;;) {
    const over = widths.reduce((sum, width) => sum + width, 0) - room;
    const widest = Math.max(0, ...widths);
    if (over <= 0 || widest <= NARROWEST_COLUMN) return;
    widths[widths.indexOf(widest)] = Math.max(NARROWEST_COLUMN, widest - over);
  }
}

/** One line of {@linkcode bars}. */
export interface Bar {
  readonly label: string;
  /** Its length, zero or more, in any unit. */
  readonly value: number;
  /** The text after the bar. Defaults to the value. */
  readonly text?: string;
  readonly color?: Color;
}

/** Draws one bar per line; the longest bar fills the available width. */
export function bars(items: readonly Bar[], on: Screen = screen()): string {
  const most = Math.max(0, ...items.map(({ value }) => value));
  const lines = items.map((item) => ({
    ...item,
    text: clean(item.text ?? String(item.value)),
  }));
  const columns = layOut(
    lines.map(({ label }) => label),
    lines.map(({ text }) => text),
    on,
  );
  return lines.map(({ label, value, text, color }) => {
    const cells = most === 0 ? 0 : Math.round(value / most * columns.middle);
    const bar = "█".repeat(value > 0 ? Math.max(1, cells) : 0);
    const gap = " ".repeat(columns.middle - bar.length);
    return [
      fit(clean(label), columns.label),
      paint(bar, color ?? "cyan", on) + gap,
      text,
    ].join(" ").trimEnd();
  }).join("\n");
}

/** A period of time in a {@linkcode Lane}. */
export interface Span {
  /** Its start, in ms. */
  readonly from: number;
  /** Its end, in ms, on the same clock. */
  readonly to: number;
  /** `work` (the default) is drawn solid, `wait` light, `fail` as crosses. */
  readonly kind?: SpanKind;
}

/** How a {@linkcode Span} is drawn. */
export type SpanKind = "work" | "wait" | "fail";

/** One line of a {@linkcode timeline}, such as a task or a request. */
export interface Lane {
  readonly label: string;
  readonly spans: readonly Span[];
  /** The text at the end of the line. */
  readonly note?: string;
}

const GLYPHS: Record<SpanKind, readonly [glyph: string, color: Color]> = {
  work: ["█", "green"],
  wait: ["░", "dim"],
  fail: ["×", "red"],
};

/**
 * Draws lanes one below the other on one time scale, which shows what overlaps:
 * the lifetimes of tasks or, with one span each, a waterfall of requests.
 */
export function timeline(
  lanes: readonly Lane[],
  on: Screen = screen(),
): string {
  if (lanes.length === 0) return "";
  const spans = lanes.flatMap((lane) => lane.spans);
  const start = spans.reduce((least, span) => Math.min(least, span.from), Infinity);
  const end = spans.reduce((most, span) => Math.max(most, span.to), -Infinity);
  const columns = layOut(
    lanes.map(({ label }) => label),
    lanes.map(({ note }) => clean(note ?? "")),
    on,
  );
  const scale = columns.middle / Math.max(end - start, Number.EPSILON);
  const lines = lanes.map(({ label, spans, note }) => {
    const cells: (SpanKind | "")[] = Array(columns.middle).fill("");
    for (const { from, to, kind = "work" } of spans) {
      const first = Math.min(
        columns.middle - 1,
        Math.round((from - start) * scale),
      );
      const behind = Math.max(first + 1, Math.round((to - start) * scale));
      cells.fill(kind, first, behind);
    }
    return [
      fit(clean(label), columns.label),
      drawCells(cells, on),
      fit(clean(note ?? ""), columns.text, "right"),
    ].join(" ").trimEnd();
  });
  if (spans.length > 0) {
    const ruler = drawRuler(end - start, columns.middle);
    lines.push(paint(" ".repeat(columns.label + 1) + ruler, "dim", on));
  }
  return lines.join("\n");
}

function drawCells(cells: readonly (SpanKind | "")[], on: Screen): string {
  let line = "";
  for (let i = 0, end = 0; i < cells.length; i = end) {
    const kind = cells[i]!;
    while (end < cells.length && cells[end] === kind) end++;
    const [glyph, color] = kind === "" ? [" ", undefined] : GLYPHS[kind];
    line += paint(glyph.repeat(end - i), color, on);
  }
  return line;
}

/** `0` on the left, half of the time in the middle, the whole time on the right. */
function drawRuler(ms: number, width: number): string {
  const half = formatMs(ms / 2);
  const whole = formatMs(ms);
  const left = "0".padEnd(Math.round((width - half.length) / 2)) + half;
  if (left.length + 1 + whole.length > width) return "0";
  return left + whole.padStart(width - left.length);
}

/** Formats a duration for people: `83 ms`, `2.4 s`, `3 min 20 s`. */
export function formatMs(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

interface Columns {
  readonly label: number;
  readonly middle: number;
  readonly text: number;
}

/** Divides the width among label, drawing and text; long labels are shortened. */
function layOut(
  labels: readonly string[],
  texts: readonly string[],
  on: Screen,
): Columns {
  const text = Math.max(0, ...texts.map(lengthOf));
  const label = Math.min(
    Math.max(0, ...labels.map((label) => lengthOf(clean(label)))),
    Math.floor(on.width / 3),
  );
  const gaps = text === 0 ? 1 : 2;
  return { label, middle: Math.max(8, on.width - label - text - gaps), text };
}

function lengthOf(text: string): number {
  return [...text].length;
}

/** Replaces control characters: foreign text must not move the cursor or change colours. */
function clean(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
}

/** Pads or shortens `text` to exactly `width`. */
function fit(
  text: string,
  width: number,
  side: "left" | "right" = "left",
): string {
  const length = lengthOf(text);
  if (length > width) {
    return width === 0 ? "" : [...text].slice(0, width - 1).join("") + "…";
  }
  const gap = " ".repeat(width - length);
  return side === "left" ? text + gap : gap + text;
}
