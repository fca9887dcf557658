/**
 * Between channels and the streams of the platform. Back-pressure goes through: neither takes more than the other can
 * hold.
 *
 * @module
 */

import { currentScope, runInScope } from "../core/ambient.ts";
import { InvalidStateError } from "../core/errors.ts";
import { surface } from "../core/next_turn.ts";
import { wrongKind } from "../core/validate.ts";
import { Claim } from "../core/wait_queue.ts";
import { ChannelCore, PLAINLY, ReceiveEnd, SendEnd, STEPWISE, type Told, use } from "./channel_core.ts";

/** A stream of what `end` receives. */
export function readableOf<T>(end: ReceiveEnd<T>): ReadableStream<T> {
  // The platform calls us in the context of whoever reads; the stream is part of the scope that made it.
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

/** A stream that sends through `end`. */
export function writableOf<T>(end: SendEnd<T>): WritableStream<T> {
  const scope = currentScope();
  // It has to hear of the end of the receivers and of its scope between two writes too.
  const watch = new Claim<void>(scope);
  const stop = (failure: { error: unknown } | null) => {
    // First, or it would hear that the sender is closed.
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
    // Whatever makes it fail ends the watch too, or the stream itself.
    write: (value, { signal }) => runInScope(scope, send, value, signal),
    close: () => stop(null),
    abort: (error) => stop({ error }),
  });
}

/** The end of a channel that `readable` sends into. */
export function receiveEndFrom<T>(readable: ReadableStream<T>): ReceiveEnd<T> {
  if (typeof Object(readable).pipeTo !== "function") {
    throw wrongKind("receive from stream", "readable", "a ReadableStream", readable);
  }
  if (readable.locked) throw new InvalidStateError("Cannot receive from stream: it is locked");
  const core = new ChannelCore<T>(0);
  const end = new ReceiveEnd(core);
  readable.pipeTo(writableOf(new SendEnd(core))).catch((error) => {
    // What the stream or the scope has failed with, receivers are told; that they have left, they know.
    if (core.failure === null || core.failure.error !== error) surface(error);
  });
  return end;
}
