/**
 * Converts between channels and the streams of the platform. Back-pressure passes through: neither side takes more than
 * the other can hold.
 *
 * @module
 */

import { currentScope, runInScope } from "../core/ambient.ts";
import { InvalidStateError } from "../errors.ts";
import { surface } from "../core/next_turn.ts";
import { wrongKind } from "../core/validate.ts";
import { Claim } from "../core/wait_queue.ts";
import { ChannelCore, PLAINLY, ReceiveEnd, SendEnd, STEPWISE, type Told, use } from "./channel_core.ts";

/** Makes a stream of the values that `end` receives. */
export function readableOf<T>(end: ReceiveEnd<T>): ReadableStream<T> {
  // The platform calls `pull` in the context of the reader, but the stream belongs to the scope that made it.
  const scope = currentScope();
  const receive = () => use<IteratorResult<T, undefined>, T, T>(end, STEPWISE as Told<T>, undefined);
  return new ReadableStream<T>({
    async pull(controller) {
      try {
        const step = await runInScope(scope, receive);
        if (!step.done) return controller.enqueue(step.value);
      } catch (error) {
        end.close();
        throw error;
      }
      end.close();
      controller.close();
    },
    cancel: () => end.close(),
  }, { highWaterMark: 0 });
}

/** Makes a stream that sends through `end`. */
export function writableOf<T>(end: SendEnd<T>): WritableStream<T> {
  const scope = currentScope();
  // Detects the end of the receivers, and an abort of the scope, between two writes as well.
  const watch = new Claim<void>(scope);
  const stop = (failure: { error: unknown } | null) => {
    // Granted first, or closing the sender would make the watch fail.
    watch.grant();
    end.close(failure);
  };
  const send = (value: T, signal: AbortSignal) => use<void, T, undefined>(end, PLAINLY, { signal }, value);
  return new WritableStream<T>({
    start(controller) {
      const fail = (error: unknown) => {
        stop({ error });
        controller.error(error);
      };
      watch.promise.then(() => {
        if (!end.closed) fail(end.core.brokenError);
      }, fail);
      if (scope.aborted) watch.cancel(scope.reason);
      else end.watch(watch as Claim<unknown>);
    },
    // A failed write needs no handling here: its cause also ends the watch, or comes from the stream itself.
    write: (value, { signal }) => runInScope(scope, send, value, signal),
    close: () => stop(null),
    abort: (error) => stop({ error }),
  });
}

/** Makes the receiving end of a channel into which `readable` sends. */
export function receiveEndFrom<T>(readable: ReadableStream<T>): ReceiveEnd<T> {
  if (typeof Object(readable).pipeTo !== "function") {
    throw wrongKind("receive from stream", "readable", "a ReadableStream", readable);
  }
  if (readable.locked) throw new InvalidStateError("Cannot receive from stream: it is locked");
  const core = new ChannelCore<T>(0);
  const end = new ReceiveEnd(core);
  readable.pipeTo(writableOf(new SendEnd(core))).catch((error) => {
    // Receivers get the failure of the stream or scope; that all receivers are closed is no news to them. Any other
    // error must surface.
    if (core.failure === null || core.failure.error !== error) surface(error);
  });
  return end;
}
