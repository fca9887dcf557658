/**
 * The header `grpc-timeout`: a whole number of at most eight digits, and a unit.
 *
 * @module
 */

/** The name of the header. */
export const HEADER = "grpc-timeout";

const UNITS: readonly [unit: string, ms: number][] = [
  ["n", 1e-6],
  ["u", 1e-3],
  ["m", 1],
  ["S", 1000],
  ["M", 60_000],
  ["H", 3_600_000],
];

/** The largest number in the header, and one more. */
const TOO_LARGE = 1e8;

/** Returns the value of the header for a finite number of ms: rounded down, so that no server works too long. */
export function formatTimeout(ms: number): string {
  const left = Math.max(0, ms);
  for (const [unit, size] of UNITS) {
    // Nothing finer than whole ms: the value is easier to read.
    if (size < 1) continue;
    const count = Math.floor(left / size);
    if (count < TOO_LARGE) return `${count}${unit}`;
  }
  return `${TOO_LARGE - 1}H`;
}

/** Returns the number of ms that the value of the header stands for, or `null` if it is none. */
export function parseTimeout(value: string): number | null {
  const match = /^(\d{1,8})([numSMH])$/.exec(value.trim());
  if (match === null) return null;
  const size = UNITS.find(([unit]) => unit === match[2])![1];
  return Number(match[1]) * size;
}
