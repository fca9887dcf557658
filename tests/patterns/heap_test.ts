// What a million uses leave behind: nothing, also with keys and signals that live for ever.

import { sleepForever } from "@weft/async";
import { batch, interval, KeyedLock, Latest, onCancel, retry, SingleFlight } from "@weft/async/patterns";
import { aborted, cancelled, oneByOne, test, together } from "../heap.ts";

// Most of the time would go into stack traces.
Error.stackTraceLimit = 0;

const refuse = () => {
  throw "busy";
};
const second = (_signal: AbortSignal, attempt: number) => {
  if (attempt === 1) throw "busy";
};
test("retry() that succeeds the second time", together((signal) => retry(second, { backoff: 0, signal })));
test("retry() that was aborted", aborted((signal) => retry(refuse, { backoff: 60_000, signal })));
test("retry() in a scope that was cancelled", cancelled(() => retry(refuse, { backoff: 60_000 })));

const ticker = interval(60_000);
test("interval() that has ticked", together((signal) => interval(0.001, { signal }).next()));
test("interval() that was aborted", aborted((signal) => interval(60_000, { signal }).next()));
test("interval() that is read in scopes that are cancelled", cancelled(() => ticker.next()));

let key = 0;
const flights = new SingleFlight<unknown, void>();
test("SingleFlight.run() shared by many", together(() => flights.run("a", () => Promise.resolve())));
test("SingleFlight.run() with a key each", together(() => flights.run({}, () => {})));
test("SingleFlight.run() that all callers leave", cancelled(() => flights.run(key++ >> 1, () => sleepForever())));

const locks = new KeyedLock<unknown>();
test("KeyedLock.run() with a key each", together((signal) => locks.run({}, () => {}, { signal })));
const latest = new Latest();
test("Latest.run() that is replaced", cancelled(() => latest.run(() => sleepForever())));
test(
  "batch() with break",
  oneByOne(async () => {
    for await (const _ of batch([1, 2], { size: 1, ms: 60_000 })) break;
  }),
);
test("onCancel() that was disposed", oneByOne(() => onCancel(() => {})[Symbol.dispose]()));
