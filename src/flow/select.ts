/**
 * Waits for the first of several sends and receives.
 *
 * @module
 */

import { currentScope } from "../core/ambient.ts";
import { checkFlag, checkOptions, checkSignal, outOfRange, wrongKind } from "../core/validate.ts";
import { Claim, refusal, type WaitOptions } from "../core/wait_queue.ts";
import type { End, Told } from "./channel_core.ts";
import { receiveEndOf, Receiving } from "./receiver.ts";
import { sendEndOf, Sending } from "./sender.ts";

export { Receiving, Sending, type WaitOptions };

/** What {@linkcode select} may wait for. */
export type SelectCase = Receiving<unknown> | Sending<unknown>;

/** Options of {@linkcode select}. */
export interface SelectOptions extends WaitOptions {
  /**
   * Whether each of several cases that are ready has the same chance. Otherwise the first one in order is taken.
   *
   * @default {true}
   */
  fair?: boolean | undefined;
  /**
   * Returns what a closed channel comes to instead of throwing it, so that one knows whose it is.
   *
   * @default {false}
   */
  settled?: boolean | undefined;
}

/** What a case comes to: the value that was received, or nothing for one that was sent. */
export type SelectValue<C> = C extends Receiving<infer T> ? T : undefined;

/** The index that stands under the key `K` of a tuple; of an array, any number. */
export type SelectIndex<K> = K extends `${infer I extends number}` ? I : number;

/** Which case it was, and its value; `index` tells the types apart. */
export type Selected<C extends readonly unknown[]> = {
  [K in keyof C]: { readonly index: SelectIndex<K>; readonly value: SelectValue<C[K]> };
}[number];

/** The same with `settled: true`: a `PromiseSettledResult` that says whose it is. */
export type SelectedSettled<C extends readonly unknown[]> = {
  [K in keyof C]: { readonly index: SelectIndex<K> } & PromiseSettledResult<SelectValue<C[K]>>;
}[number];

/** A case that is under way. */
interface Case {
  readonly end: End<unknown, unknown>;
  /** What to send. */
  readonly value: unknown;
  readonly told: Told<unknown>;
}

function toldOf(index: number, settled: boolean): Told<unknown> {
  if (settled) {
    return {
      ok: (value) => ({ index, status: "fulfilled", value }),
      no: (reason) => ({ index, status: "rejected", reason }),
    };
  }
  return {
    ok: (value) => ({ index, value }),
    no(error) {
      throw error;
    },
  };
}

function readCases(cases: unknown, settled: boolean): Case[] {
  if (!Array.isArray(cases)) throw wrongKind("select", "cases", "an array of sends and receives", cases);
  const list = Array.from(cases, (one: unknown, index): Case => {
    const told = toldOf(index, settled);
    if (one instanceof Receiving) return { end: receiveEndOf(one.receiver), value: undefined, told };
    if (one instanceof Sending) return { end: sendEndOf(one.sender), value: one.value, told };
    throw wrongKind("select", `cases[${index}]`, "a send or a receive", one);
  });
  // Waiting for the first of nothing would never end.
  if (list.length === 0) throw outOfRange("select", "cases", "at least one send or receive", cases);
  return list;
}

/**
 * Waits until one of several sends and receives can be done, and does that one. The others have not happened: nothing
 * is taken from them.
 *
 * **Order**: of several that are ready each has the same chance, with `fair: false` the first; when none is, it stands in
 * the queue of each, and the first to be served ends the wait. **Failure**: a closed channel is ready, and rejects.
 * **Cancellation**: an aborted select has done nothing; what was done in the same turn counts.
 *
 * @typeParam C The cases.
 * @param cases What `Receiver.receiving` and `Sender.sending` make, at least one.
 * @param options Signal, fair, settled.
 * @returns The index of the case, and its value.
 * @throws The reason of an abort; then nothing was done.
 * @throws {ChannelClosedError} If one of the channels is at its end, or closed.
 * @throws {TypeError} If an argument is of the wrong kind; then nothing was done.
 * @throws {RangeError} If there are no cases.
 *
 * @example Work, until somebody says stop
 * ```ts
 * import { Channel, select } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const work = new Channel<string>(10);
 * const stop = new Channel<Error>(1);
 * work.sender.trySend("spin");
 * const log: string[] = [];
 * for (;;) {
 *   const { index, value } = await select([stop.receiver.receiving(), work.receiver.receiving()], { fair: false });
 *   if (index === 0) break;
 *   log.push(value.toUpperCase()); // a string here, an Error above
 *   stop.sender.trySend(new Error("enough"));
 * }
 * assertEquals(log, ["SPIN"]);
 * ```
 *
 * @see select of Go 1.25: the same; there a closed channel gives zeros, here it rejects.
 */
export function select<const C extends readonly SelectCase[]>(
  cases: C,
  options?: SelectOptions & { settled?: false | undefined },
): Promise<Selected<C>>;
/** With `settled: true`. */
export function select<const C extends readonly SelectCase[]>(
  cases: C,
  options: SelectOptions & { settled: true },
): Promise<SelectedSettled<C>>;
/** With `settled` known at run time only. */
export function select<const C extends readonly SelectCase[]>(
  cases: C,
  options: SelectOptions,
): Promise<Selected<C> | SelectedSettled<C>>;
export function select(cases: unknown, options?: SelectOptions): Promise<unknown> {
  try {
    checkOptions("select", options);
    const { signal, fair = true, settled = false } = options ?? {};
    checkSignal("select", signal);
    checkFlag("select", "fair", fair);
    checkFlag("select", "settled", settled);
    const list = readCases(cases, settled);
    const scope = currentScope();
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    const ready = list.filter(({ end }) => end.ready);
    const chosen = ready[fair ? Math.floor(Math.random() * ready.length) : 0];
    if (chosen !== undefined) return Promise.resolve(chosen.end.now(chosen.told, chosen.value));
    const claim = new Claim<unknown>(scope, signal);
    for (const { end, told, value } of list) end.wait(claim, told, value);
    return claim.promise;
  } catch (error) {
    return Promise.reject(error);
  }
}
