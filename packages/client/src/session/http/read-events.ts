import type { IncomingMessage } from "node:http";
import { setImmediate, setTimeout } from "node:timers/promises";
import { createParser } from "eventsource-parser";
import { isRequest, TurnBudget } from "../turn-budget.js";
import { EventStreamGuard, EventTooLarge } from "./event-stream.js";

/** While the server does not take its answers, it is looked at again after so long. */
const pauseMs = 3;
/** The clock is asked between pieces of about this size. */
const pieceBytes = 1_024;
const newline = 0x0a;
const carriageReturn = 0x0d;
const shortestRetryMs = 10;
const longestRetryMs = 60_000;

/** How much is heard of a server at a time. */
export interface Pace {
  /** Shared by all streams of the server. */
  readonly budget: TurnBudget;
  /** Whether more may be heard now: not while the server does not take its answers. */
  readonly mayGoOn: () => boolean;
}

/** Who is told what a stream of server-sent events holds. */
export interface EventSink {
  readonly maxEventBytes: number;
  /** A JSON-RPC message, in whatever form. */
  readonly onMessage: (message: unknown) => void;
  /** An event of another type than `message`. */
  readonly onOther?: ((type: string, data: string) => void) | undefined;
  /** The server says how long to wait before the stream is opened again, here between 10 ms and a minute. */
  readonly onRetry?: ((ms: number) => void) | undefined;
  /** Default: that of a stream on its own. */
  readonly pace?: Pace | undefined;
}

/** How a stream ended: properly, or with `cause`; `lastId` is the id of the latest complete event that had one. */
export interface StreamEnd {
  readonly lastId: string | undefined;
  readonly cause: unknown;
}

/** Reads a stream of server-sent events to its end. Rejects only with `EventTooLarge`. */
export async function readEvents(response: IncomingMessage, sink: EventSink): Promise<StreamEnd> {
  const guard = new EventStreamGuard(sink.maxEventBytes);
  const decoder = new TextDecoder();
  const { budget, mayGoOn } = sink.pace ?? { budget: new TurnBudget(), mayGoOn: () => true };
  const parser = createParser({
    onEvent: ({ event = "message", data }) => {
      if (event === "message") receive(data, sink, budget);
      else sink.onOther?.(event, data);
    },
    onRetry: (ms) => sink.onRetry?.(Math.min(Math.max(ms, shortestRetryMs), longestRetryMs)),
  });
  let endsInReturn = false;
  try {
    for await (const chunk of response) {
      const passed = guard.push(chunk);
      if (passed === undefined) continue;
      // A return ends a line at once: the parser would wait for what comes next, which may be nothing for a long time.
      const lines = endsInReturn && passed[0] === newline ? passed.subarray(1) : passed;
      endsInReturn = passed.at(-1) === carriageReturn;
      // The parser is given whole lines only, as EventStreamGuard hands them on, so that it costs linear time.
      for (let at = 0, end = 0; at < lines.length; at = end) {
        end = lines.indexOf(newline, at + pieceBytes) + 1 || lines.length;
        const text = decoder.decode(lines.subarray(at, end), { stream: true });
        parser.feed(endsInReturn && end === lines.length ? `${text}\n` : text);
        // A stream that says more than can be heard in a turn of the event loop waits, and its socket with it.
        while (!budget.hasTime()) await setImmediate();
        while (!mayGoOn()) await setTimeout(pauseMs, undefined, { ref: false });
      }
    }
    // At its proper end the last event is taken as complete; one that was cut is no JSON.
    parser.feed(`${decoder.decode(guard.rest)}\n\n`);
    return { lastId: guard.lastId, cause: undefined };
  } catch (cause) {
    if (cause instanceof EventTooLarge) throw cause;
    return { lastId: guard.lastId, cause };
  }
}

function receive(data: string, { onMessage }: EventSink, budget: TurnBudget): void {
  let message: unknown;
  try {
    message = JSON.parse(data);
  } catch {
    return; // Also of an event that has nothing but an id.
  }
  budget.countMessage(isRequest(message));
  onMessage(message);
}
