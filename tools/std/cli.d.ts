// Types for the plain JavaScript that npm has: what we use of `@std/cli`.

type Name<N extends string> = N | readonly N[];

/** What the parser gives for each declared flag, and `_` for all the rest. */
type Values<
  B extends string,
  S extends string,
  C extends string,
  D extends Record<string, unknown>,
> =
  & { [K in Exclude<B, C | keyof D>]: boolean }
  & { [K in Exclude<S, C | keyof D>]: string | undefined }
  & { [K in S & C]: string[] }
  & { [K in B & C]: boolean[] }
  & {
    [K in Exclude<keyof D, C>]:
      | (K extends B ? boolean : K extends S ? string : unknown)
      | D[K];
  }
  & { _: (string | number)[]; "--"?: string[] };

export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
  D extends Record<string, unknown> = Record<string, unknown>,
> {
  boolean?: Name<B>;
  string?: Name<S>;
  collect?: Name<C>;
  negatable?: Name<string>;
  default?: D;
  alias?: Record<string, Name<string>>;
  stopEarly?: boolean;
  "--"?: boolean;
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

export function parseArgs<
  B extends string = never,
  S extends string = never,
  C extends string = never,
  // deno-lint-ignore ban-types
  D extends Record<string, unknown> = {},
>(
  args: string[],
  options?: ParseOptions<B, S, C, D>,
): Values<B, S, C, D>;
