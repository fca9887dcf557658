/**
 * The `ProgressBar` of `@std/cli/unstable-progress-bar`, as far as we use it:
 * npm has the stable part of `@std/cli` only.
 *
 * @module
 */

/** What a formatter is told at every update. */
export interface ProgressBarFormatter {
  styledTime: string;
  styledData: (fractions?: number) => string;
  progressBar: string;
  time: number;
  previousTime: number;
  value: number;
  previousValue: number;
  max: number;
}

/** Options for {@linkcode ProgressBar}. */
export interface ProgressBarOptions {
  writable?: WritableStream<Uint8Array>;
  value?: number;
  max: number;
  barLength?: number;
  fillChar?: string;
  emptyChar?: string;
  clear?: boolean;
  formatter?: (formatter: ProgressBarFormatter) => string;
  keepOpen?: boolean;
  refreshMilliseconds?: number;
}

const CLEAR_LINE = "\r\x1b[K";
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Draws a line to a terminal again and again until it is stopped. */
export class ProgressBar {
  value: number;
  max: number;
  #options: ProgressBarOptions;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #timer: ReturnType<typeof setInterval>;
  #start = Date.now();
  #previousTime = 0;
  #previousValue: number;

  constructor(options: ProgressBarOptions) {
    this.#options = options;
    this.value = this.#previousValue = options.value ?? 0;
    this.max = options.max;
    this.#writer = (options.writable ?? Deno.stderr.writable).getWriter();
    const interval = options.refreshMilliseconds ?? 1000;
    this.#timer = setInterval(() => void this.#draw(), interval);
    void this.#draw();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#options.clear) {
      await this.#write(CLEAR_LINE);
    } else {
      await this.#draw();
      await this.#write("\n");
    }
    if (this.#options.keepOpen === false) {
      await this.#writer.close().catch(() => {});
    }
    this.#writer.releaseLock();
  }

  #draw(): Promise<void> {
    const { barLength = 50, fillChar = "#", emptyChar = "-", formatter } = this.#options;
    const { value, max } = this;
    const time = Date.now() - this.#start;
    const filled = Math.trunc(
      barLength * Math.min(Math.max(value / max, 0), 1),
    );
    const bar: ProgressBarFormatter = {
      styledTime: styleTime(time),
      styledData: (fractions = 2) => styleData(value, max, fractions),
      progressBar: fillChar.repeat(filled) +
        emptyChar.repeat(barLength - filled),
      time,
      previousTime: this.#previousTime,
      value,
      previousValue: this.#previousValue,
      max,
    };
    this.#previousTime = time;
    this.#previousValue = value;
    const line = formatter ? formatter(bar) : `[${bar.styledTime}] [${bar.progressBar}] [${bar.styledData()}]`;
    return this.#write(CLEAR_LINE + line);
  }

  /** A closed terminal must not end the program. */
  #write(text: string): Promise<void> {
    return this.#writer.write(new TextEncoder().encode(text)).catch(() => {});
  }
}

function styleTime(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const pad = (n: number) => String(n).padStart(2, "0");
  return `${pad(Math.floor(seconds / 60))}:${pad(seconds % 60)}`;
}

function styleData(value: number, max: number, fractions: number): string {
  let unit = 0;
  while (max >= 1024 ** (unit + 1) && unit < UNITS.length - 1) unit++;
  const scaled = (n: number) => (n / 1024 ** unit).toFixed(fractions);
  return `${scaled(value)}/${scaled(max)} ${UNITS[unit]}`;
}
