/**
 * Draws the figures of the benchmarks as SVG, which follows the light or dark scheme of its reader.
 *
 * @module
 */

import type { Results } from "./bench.ts";
import type { IoTimes } from "./io.ts";
import type { Overload } from "./overload.ts";
import { isOurs } from "./theme.ts";

const WIDTH = 880;
const FONT = "13px system-ui, -apple-system, 'Segoe UI', sans-serif";

const STYLE = `
  svg { background: #ffffff; font: ${FONT}; }
  text { fill: #1f2328; }
  .faint { fill: #59636e; font-size: 11.5px; }
  .title { font-size: 15px; font-weight: 600; }
  .grid { stroke: #d1d9e0; stroke-width: 1; }
  .floor { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 4 3; }
  .peer { fill: #818b98; stroke: #ffffff; }
  .peer.less { fill: #ffffff; stroke: #818b98; stroke-width: 1.5; }
  .ours { fill: #0969da; stroke: #ffffff; }
  .bar { fill: #afb8c1; }
  .bar.ours, .bar.best { fill: #0969da; }
  .line { fill: none; stroke: #818b98; stroke-width: 1.5; }
  .line.ours { stroke: #0969da; stroke-width: 2.5; }
  .line.hand { stroke: #59636e; stroke-dasharray: 4 3; }
  text.ours { fill: #0969da; stroke: none; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; }
    text { fill: #e6edf3; }
    .faint { fill: #9198a1; }
    .grid { stroke: #30363d; }
    .floor, .line.hand { stroke: #9198a1; }
    .peer { fill: #9198a1; stroke: #0d1117; }
    .peer.less { fill: #0d1117; stroke: #9198a1; }
    .ours { fill: #4493f8; stroke: #0d1117; }
    .bar { fill: #484f58; }
    .bar.ours, .bar.best { fill: #4493f8; }
    .line { stroke: #6e7681; }
    .line.ours { stroke: #4493f8; }
    text.ours { fill: #4493f8; }
  }`;

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function svg(height: number, title: string, subtitle: string, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escape(title)}</title>
<style>${STYLE}
</style>
${text(20, 28, title, "title")}
${text(20, 47, subtitle, "faint")}
${parts.join("\n")}
</svg>
`;
}

function text(x: number, y: number, content: string, style = "", anchor = "start"): string {
  return `<text x="${round(x)}" y="${round(y)}" class="${style}" text-anchor="${anchor}">${escape(content)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" class="${style}"/>`;
}

function bar(x: number, y: number, width: number, height: number, style: string): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${
    round(Math.max(1, width))
  }" height="${height}" rx="2" class="${style}"/>`;
}

const round = (value: number) => Math.round(value * 10) / 10;

/** A number in as few characters as say enough. */
function short(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2);
}

/** A logarithmic axis from `low` to `high`. */
function logarithmic(low: number, high: number, from: number, to: number): (value: number) => number {
  return (value) => from + (Math.log(value / low) / Math.log(high / low)) * (to - from);
}

const powers = (low: number, high: number) =>
  Array.from(
    { length: Math.round(Math.log10(high / low)) + 1 },
    (_, i) => low * 10 ** i,
  );

/** The names of what is no peer: the floor, and what shows the cost of the platform. */
const isByHand = (name: string) => name.endsWith("by hand") || name === "Promise.all";

/** For each theme, how many times the floor each contender takes. */
export function drawRatios({ themes, machine, n }: Results): string {
  const [left, right, top, step] = [130, WIDTH - 40, 92, 42];
  const ratios = themes.flatMap(({ results }) => results.map(({ ratio }) => ratio));
  const low = 10 ** Math.floor(Math.log10(Math.min(...ratios)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...ratios)));
  const x = logarithmic(low, high, left, right);
  const bottom = top + themes.length * step;
  const parts = powers(low, high).flatMap((value) => [
    line(x(value), top - 14, x(value), bottom - 18, value === 1 ? "floor" : "grid"),
    text(x(value), bottom, `${short(value)} ×`, "faint", "middle"),
  ]);
  themes.forEach(({ name, results, lacks }, row) => {
    const y = top + row * step;
    parts.push(text(20, y + 4, name));
    parts.push(line(left, y, right, y, "grid"));
    const shown = results.filter(({ name }) => !isByHand(name)).toSorted((a, b) => a.ratio - b.ratio);
    // Names stand above and below the line in turn, and give way to the right.
    const ends = [-Infinity, -Infinity];
    shown.forEach(({ name, ratio }, index) => {
      const style = isOurs(name) ? "ours" : lacks?.[name] === undefined ? "peer" : "peer less";
      parts.push(`<circle cx="${round(x(ratio))}" cy="${y}" r="${isOurs(name) ? 6 : 5}" class="${style}"/>`);
      const side = index % 2;
      const width = name.length * (isOurs(name) ? 7.4 : 6.5);
      const start = Math.max(x(ratio) - width / 2, ends[side]! + 8);
      ends[side] = start + width;
      parts.push(text(start, side === 0 ? y - 9 : y + 18, name, isOurs(name) ? "faint ours" : "faint"));
    });
  });
  return svg(
    bottom + 14,
    "How many times as long as the same work written by hand",
    `Processor time of one of ${
      n.toLocaleString("en")
    } operations at once, medians. Left is better. Hollow: does less, such as ` +
      `leaving the rest running. Deno ${machine.deno}.`,
    parts,
  );
}

/** For each theme, how the time of one operation grows with their number. */
export function drawGrowth({ themes }: Results): string {
  const [columns, width, height, gap] = [4, 190, 150, 22];
  const grown = themes.filter(({ results }) => results.some(({ growth }) => growth !== undefined));
  const parts: string[] = [];
  grown.forEach(({ name, floor, results }, index) => {
    const left = 30 + (index % columns) * (width + gap);
    const top = 90 + Math.floor(index / columns) * (height + 50);
    const all = results.flatMap(({ growth = [] }) => growth.map(({ ns }) => ns ?? 0)).filter((ns) => ns > 0);
    const y = logarithmic(Math.min(...all), Math.max(...all), top + height - 10, top + 10);
    const sizes = results[0]!.growth!.map(({ n }) => n);
    const x = (i: number) => left + 6 + i * (width - 12) / (sizes.length - 1);
    parts.push(text(left, top - 6, name));
    parts.push(
      line(left, top + height, left + width, top + height, "grid"),
      line(left, top, left + width, top, "grid"),
    );
    sizes.forEach((n, i) =>
      parts.push(
        text(x(i), top + height + 15, n.toLocaleString("en"), "faint", i === 0 ? "start" : i === 1 ? "middle" : "end"),
      )
    );
    const drawn = results.toSorted((a, b) => Number(isOurs(a.name)) - Number(isOurs(b.name)));
    const taken: number[] = [];
    for (const { name, growth = [] } of drawn) {
      if (isByHand(name) && name !== floor) continue;
      const points = growth.flatMap(({ ns }, i) => ns === null ? [] : [`${round(x(i))},${round(y(ns))}`]);
      const style = isOurs(name) ? "line ours" : name === floor ? "line hand" : "line";
      parts.push(`<polyline points="${points.join(" ")}" class="${style}"><title>${escape(name)}</title></polyline>`);
      const last = growth.findIndex(({ ns }) => ns === null);
      // Where a line ends early, say whose it is.
      if (last < 1) continue;
      // Names that would cover each other move up.
      let height = y(growth[last - 1]!.ns!) + 4;
      while (taken.some((other) => Math.abs(other - height) < 12)) height -= 2;
      taken.push(height);
      parts.push(text(x(last - 1) + 5, height, name === floor ? "by hand" : name, "faint"));
    }
  });
  const rows = Math.ceil(grown.length / columns);
  return svg(
    90 + rows * (height + 50),
    "The time of one operation, when there are more of them at once",
    "Blue: weft. Dashed: by hand. Grey: the peers; a line that ends early took too long. A flat line is linear growth. " +
      "Each with its own logarithmic axis.",
    parts,
  );
}

/** The time that many real operations take in each way. */
export function drawIo(times: IoTimes): string {
  const [left, right] = [150, WIDTH - 90];
  const parts: string[] = [];
  let y = 86;
  for (const [operation, ways] of Object.entries(times)) {
    const most = Math.max(...Object.values(ways));
    parts.push(text(20, y, `1,000 × ${operation}`));
    y += 12;
    for (const [way, ms] of Object.entries(ways)) {
      parts.push(text(left - 12, y + 13, way, "faint", "end"));
      parts.push(bar(left, y, (ms / most) * (right - left), 16, way === "one by one" ? "bar" : "bar best"));
      parts.push(text(left + (ms / most) * (right - left) + 8, y + 13, `${ms.toLocaleString("en")} ms`, "faint"));
      y += 22;
    }
    y += 22;
  }
  return svg(
    y - 10,
    "One thread that waits for many things at once",
    "The time that passes. `gather` starts all at once, `map` keeps 32 in flight. Files of 4 KB come from memory: there is " +
      "nothing to wait for.",
    parts,
  );
}

/** What clients see of servers with too many requests. */
export function drawOverload(results: Record<string, Overload>): string {
  const [left, right] = [190, WIDTH - 110];
  const most = Math.max(...Object.values(results).map(({ p99 }) => p99));
  const x = logarithmic(10, most, left, right);
  const parts: string[] = [];
  let y = 88;
  for (const [name, { answered, refused, ...percentiles }] of Object.entries(results)) {
    const ours = name.startsWith("serve");
    parts.push(text(20, y, name, ours ? "ours" : ""));
    parts.push(text(left + 20, y, `${answered} answered and ${refused} refused in a second`, "faint"));
    y += 12;
    for (const [percentile, ms] of Object.entries(percentiles)) {
      const label = { p50: "half within", p90: "nine in ten within", p99: "99 in 100 within" }[percentile]!;
      parts.push(text(left - 12, y + 13, label, "faint", "end"));
      parts.push(bar(left, y, x(Math.max(ms, 10)) - left, 16, ours ? "bar ours" : "bar"));
      parts.push(text(x(Math.max(ms, 10)) + 8, y + 13, `${ms.toLocaleString("en")} ms`, "faint"));
      y += 22;
    }
    y += 24;
  }
  return svg(
    y - 8,
    "Twice as many requests as a server can answer",
    "2,000 requests a second, each of which needs one of ten places for 10 ms. Logarithmic.",
    parts,
  );
}
