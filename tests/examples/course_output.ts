/** What the programs of the course print, freed of what differs from machine to machine. */

import { assert } from "@std/assert";

/** Output without times and lengths of drawings, and with `N` for what `varying` matches. */
export function masked(output: string, varying: RegExp | undefined): string {
  const plain = varying === undefined ? output : output.replace(varying, "N");
  return plain
    .replace(/\d+(\.\d+)? m?s\b/g, "T")
    // The scale below a time line.
    .replace(/^ +0 +T +T$/gm, "0 T T")
    .replace(/[█░ ]*×[× ]*/g, " × ")
    .replace(/[█░][█░ ]*/g, "▒ ")
    .replace(/ +/g, " ")
    .replace(/ $/gm, "");
}

/** A drawn line, and the columns at which the drawing begins and ends. */
export interface Drawn {
  readonly label: string;
  readonly first: number;
  readonly last: number;
}

/** The drawn lines, from the top. */
export function drawn(output: string): Drawn[] {
  return output.split("\n").flatMap((line) => {
    const columns = [...line].flatMap((glyph, i) => "█░×".includes(glyph) ? [i] : []);
    if (columns.length === 0) return [];
    return [{ label: line.slice(0, columns[0]).trim(), first: columns[0]!, last: columns.at(-1)! }];
  });
}

/** The numbers behind which `unit` stands, in order. */
export function numbers(output: string, unit: string): number[] {
  return [...output.matchAll(new RegExp(`(\\d+) ${unit}`, "g"))].map(([, number]) => Number(number));
}

/** The durations in ms, in order. */
export function durations(output: string): number[] {
  return [...output.matchAll(/(\d+(?:\.\d+)?) (m?s)\b/g)].map(([, n, unit]) => Number(n) * (unit === "s" ? 1000 : 1));
}

export function assertFalling(values: number[]): void {
  assert(values.length > 1 && values.slice(1).every((value, i) => value < values[i]!), `${values} should fall`);
}

export function assertAtOnce(lanes: Drawn[]): void {
  const lastStart = Math.max(...lanes.map(({ first }) => first));
  const firstEnd = Math.min(...lanes.map(({ last }) => last));
  assert(lanes.length > 1 && lastStart < firstEnd, `should be at once: ${JSON.stringify(lanes)}`);
}

export function assertOneByOne(lanes: Drawn[]): void {
  const inOrder = lanes.slice(1).every(({ first }, i) => lanes[i]!.last <= first);
  assert(lanes.length > 1 && inOrder, `should be one by one: ${JSON.stringify(lanes)}`);
}
