/**
 * Does the first possible one of several sends and receives.
 *
 * @module
 */

import { orReject } from "../core/foreign.ts";
import { currentScope } from "../core/ambient.ts";
import { checkFlag, checkOptions, checkSignal, outOfRange, wrongKind } from "../core/validate.ts";
import { Claim, refusal, type WaitOptions } from "../core/wait_queue.ts";
import type { End, Told } from "./channel_core.ts";
import { SelectCase } from "./select_case.ts";

export type { SelectCase, WaitOptions };

/**
 * Options of {@linkcode select}.
 *
 * @category Pass on
 */
export interface SelectOptions<S extends boolean = boolean> extends WaitOptions {
  /**
   * Whether to choose at random among several ready cases. Otherwise the first one in order is chosen.
   *
   * @default {true}
   */
  fair?: boolean | undefined;
  /**
   * Whether to return the error of a closed channel instead of throwing it, so that the caller knows its case.
   *
   * @default {false}
   */
  settled?: S | undefined;
}

/**
 * The index of the case that was done, which discriminates the types, and its value; or, with `S` = `true`, a
 * `PromiseSettledResult` with the index.
 *
 * @category Pass on
 */
export type Selected<C extends readonly unknown[], S extends boolean = false> = {
  [K in keyof C]: C[K] extends SelectCase<infer T>
    ? S extends true ? PromiseSettledResult<T> & { readonly index: K extends `${infer I extends number}` ? I : number }
    : { readonly index: K extends `${infer I extends number}` ? I : number; readonly value: T }
    : never;
}[number];

/** A case of a call that has started. */
interface Case {
  readonly end: End<unknown, unknown>;
  /** The value to send. */
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
    if (one instanceof SelectCase) return { end: one["end"], value: one["value"], told };
    throw wrongKind("select", `cases[${index}]`, "a send or a receive", one);
  });
  // A wait for the first of no cases would never end.
  if (list.length === 0) throw outOfRange("select", "cases", "at least one send or receive", cases);
  return list;
}

/**
 * Waits until one of several sends and receives is possible, and does that one. The others do not happen: they send and
 * take nothing.
 *
 * - **Order**: If several cases are ready, one is chosen at random, or the first with `fair: false`. If none is ready,
 *   the call waits in the queue of each, and the first case that is served ends the wait.
 * - **Failure**: A closed channel is ready, and the call rejects with its error.
 * - **Cancellation**: An aborted select has done nothing. A send or receive that was done in the same turn counts.
 *
 * @typeParam C The cases.
 * @typeParam S Whether the result is a settled result.
 * @param cases The results of `Receiver.receiving` and `Sender.sending`, at least one.
 * @param options Signal, fair, settled.
 * @returns The index of the case, and its value.
 * @throws The reason of an abort; then nothing was done.
 * @throws {ChannelClosedError} If the chosen case uses a closed end, or its channel is at its end or has no receiver.
 * @throws {RangeError} If there are no cases.
 *
 * @example Work until a stop message arrives
 * ```ts
 * import { Channel, select } from "@weft/async";
 * import { assertEquals } from "@std/assert";
 *
 * const work = new Channel<string>(10);
 * const stop = new Channel<Error>(1);
 * work.sender.trySend("spin");
 * const log: string[] = [];
 * for (;;) {
 *   const { index, value } = await select(
 *     [stop.receiver.receiving(), work.receiver.receiving()],
 *     { fair: false },
 *   );
 *   if (index === 0) break;
 *   log.push(value.toUpperCase()); // a string here, an Error above
 *   stop.sender.trySend(new Error("enough"));
 * }
 * assertEquals(log, ["SPIN"]);
 * ```
 *
 * @see select of Go 1.25: the same, but receiving from a closed channel gives a zero value there and rejects here.
 * @category Pass on
 */
export function select<const C extends readonly SelectCase<unknown>[], const S extends boolean = false>(
  cases: C,
  options?: SelectOptions<S>,
): Promise<Selected<C, S>> {
  return orReject(() => {
    checkOptions("select", options);
    const { signal, fair = true, settled = false } = (options ?? {}) as SelectOptions;
    checkSignal("select", signal);
    checkFlag("select", "fair", fair);
    checkFlag("select", "settled", settled);
    const list = readCases(cases, settled);
    const scope = currentScope();
    const refused = refusal(scope, signal);
    if (refused !== null) return refused;
    const ready = list.filter(({ end }) => end.ready);
    const chosen = ready[fair ? Math.floor(Math.random() * ready.length) : 0];
    if (chosen !== undefined) return Promise.resolve(chosen.end.now(chosen.told, chosen.value) as Selected<C, S>);
    const claim = new Claim<Selected<C, S>>(scope, signal);
    for (const { end, told, value } of list) end.wait(claim as Claim<unknown>, told, value);
    return claim.promise;
  });
}
