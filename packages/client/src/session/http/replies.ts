import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { Cancellation } from "../../cancellation.js";
import { isObject } from "../../untrusted.js";
import { restFor } from "../abort.js";
import { isErrorWithoutId } from "../arrived.js";
import type { Exchange } from "../exchange.js";
import { Failure } from "../failure.js";
import { ignore } from "../quietly.js";
import { EventTooLarge } from "./event-stream.js";
import { type Pace, readEvents } from "./read-events.js";

/** How long to wait before the rest of a stream is asked for, where the server does not say. */
const defaultRetryMs = 1_000;

/** Takes off the mark of the byte order that some servers write. */
const decoder = new TextDecoder();

/** What the answer to one posted request comes with. */
export interface Reply {
  readonly exchange: Exchange;
  /** Whether it was sent in a session, which the server may have forgotten where this is no answer. */
  readonly hasSession: boolean;
  /** Aborts when the rest of the reply is not wanted. */
  readonly signal: Cancellation;
  /** Asks for what comes after an event; undefined where the protocol has no such thing. */
  readonly resume: ((lastEventId: string) => Promise<IncomingMessage>) | undefined;
}

/**
 * Reads the replies to requests, in one piece or as streams of events, and hands on the messages in them. A stream that
 * ends without the answer fails its request at once, unless the server numbers its events: then the rest is asked for.
 */
export class Replies {
  readonly #maxMessageBytes: number;
  readonly #onMessage: (message: unknown, replyTo: Exchange) => void;
  readonly #pace: Pace | undefined;

  constructor(options: {
    readonly maxMessageBytes: number;
    readonly onMessage: (message: unknown, replyTo: Exchange) => void;
    readonly pace?: Pace | undefined;
  }) {
    this.#pace = options.pace;
    this.#maxMessageBytes = options.maxMessageBytes;
    this.#onMessage = options.onMessage;
  }

  /** Reads a reply to its end, or to that of its exchange. Never rejects. */
  async read(response: IncomingMessage, reply: Reply): Promise<void> {
    const { exchange } = reply;
    try {
      const encoding = encodingOf(response);
      if (encoding !== undefined) {
        response.destroy();
        return exchange.fail(noAnswer(`the answer is encoded as "${encoding}", which was not asked for`, reply));
      }
      const type = response.headers["content-type"] ?? "";
      if (type.toLowerCase().startsWith("text/event-stream")) await this.#readStreams(response, reply);
      else await this.#readWhole(response, type, reply);
    } catch (error) {
      if (error instanceof EventTooLarge) exchange.fail(this.#tooLarge());
      else exchange.fail(new Failure("closed", "the answer was lost on its way", { delivery: "sent", cause: error }));
    }
  }

  async #readWhole(response: IncomingMessage, type: string, reply: Reply): Promise<void> {
    const { exchange } = reply;
    const status = response.statusCode ?? 0;
    const whole = await readWhole(response, this.#maxMessageBytes);
    if (whole === undefined) return exchange.fail(this.#tooLarge());
    const isJson = status !== 202 && type.toLowerCase().startsWith("application/json");
    const found: unknown = isJson ? JSON.parse(decoder.decode(whole)) : parsed(whole);
    // Told as it was written: secrets are found in that.
    if (!isJson && !isMessage(found))
      return exchange.fail(noAnswer(`no answer but HTTP status ${status} of type "${type}"`, reply));
    this.#receive(found, exchange);
    if (exchange.isOver) return;
    const isOther = isMessage(found);
    exchange.fail(
      noAnswer(
        isOther ? "the answer is to another request" : 'the answer is not JSON-RPC: it lacks "jsonrpc": "2.0"',
        reply,
      ),
    );
  }

  async #readStreams(first: IncomingMessage, { exchange, signal, resume }: Reply): Promise<void> {
    let retryMs = defaultRetryMs;
    let lastId: string | undefined;
    for (let response = first; ; ) {
      const end = await readEvents(response, {
        maxEventBytes: this.#maxMessageBytes,
        pace: this.#pace,
        onMessage: (message) => this.#receive(message, exchange),
        onRetry: (ms) => {
          retryMs = ms;
        },
      });
      if (exchange.isOver) return;
      lastId = end.lastId ?? lastId;
      if (lastId === undefined || resume === undefined)
        throw end.cause ?? new Error("the stream of the reply ended without the answer");
      await restFor(retryMs, signal);
      if (signal.aborted) throw signal.reason;
      response = await resume(lastId);
    }
  }

  /** An error that names no request can be about none but the one that was posted: it was refused before it was understood. */
  #receive(message: unknown, exchange: Exchange): void {
    const { requestId: id } = exchange;
    exchange.isUnmatched = id !== undefined && isErrorWithoutId(message);
    this.#onMessage(id !== undefined && isErrorWithoutId(message) ? { ...message, id } : message, exchange);
  }

  #tooLarge(): Failure {
    return new Failure("too-large", `an answer of more than ${this.#maxMessageBytes} bytes`, { delivery: "sent" });
  }
}

/** The value of a body that may be no JSON, since its head does not say so. */
function parsed(whole: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(whole));
  } catch {
    return undefined;
  }
}

/** Whether it is a message, or a batch of them. */
function isMessage(found: unknown): boolean {
  const [first] = Array.isArray(found) ? found : [found];
  return isObject(first) && first.jsonrpc === "2.0";
}

/** Whoever sent that, it was no MCP server's answer, or not to this. */
function noAnswer(message: string, { hasSession }: Reply): Failure {
  return new Failure("closed", message, { delivery: "sent", doubtsSession: hasSession });
}

/** The least that an `AbortController` with its signal can be, since one is made for every request. */
export class Canceller implements Cancellation {
  readonly #listeners = new Set<() => void>();
  #reason: unknown;

  get aborted(): boolean {
    return this.#reason !== undefined;
  }

  get reason(): unknown {
    return this.#reason;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** Tells whoever listens, once; the reason is that of an `AbortController`. */
  abort(): void {
    if (this.#reason !== undefined) return;
    this.#reason = new DOMException("This operation was aborted", "AbortError");
    for (const listener of [...this.#listeners]) listener();
    this.#listeners.clear();
  }
}

/** Milliseconds for a reply that stays open although the answer has come, or will not come by it. */
export const lingerMs = 1_000;

/** Ends a request that takes so long. Returns what takes that back. */
export function endAfter(ms: number, request: Canceller): () => void {
  const timer = setTimeout(() => request.abort(), ms);
  timer.unref();
  return () => clearTimeout(timer);
}

/** Ends a request when its answer is not awaited any more; where it has come, only what would not end by itself. */
export function endWith(exchange: Exchange, request: Canceller): () => void {
  let keep = ignore;
  const end = (): void => {
    if (exchange.answer === undefined) request.abort();
    else keep = endAfter(lingerMs, request);
  };
  const unlisten = exchange.onceOver(end);
  return () => {
    keep();
    unlisten();
  };
}

const startWithinMs = 1_000;

/** What a body is encoded as; undefined where it is plain. Only plain answers are asked for, and nothing is decoded. */
export function encodingOf({ headers }: IncomingMessage): string | undefined {
  const encoding = headers["content-encoding"]?.trim() ?? "";
  return encoding === "" || encoding.toLowerCase() === "identity" ? undefined : encoding.slice(0, 50);
}

/** Calls back when a body has ended or broken off, or has done so already. */
export function onceClosed(body: Readable, callback: () => void): void {
  if (body.closed) callback();
  else body.once("close", callback);
}

/** The whole body; undefined where it has more than `maxBytes`. */
export function readWhole(body: Readable, maxBytes: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    body.on("data", (piece: Buffer) => {
      bytes += piece.length;
      pieces.push(piece);
      if (bytes <= maxBytes) return;
      resolve(undefined);
      body.destroy();
    });
    body.on("end", () => resolve(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)));
    body.on("error", reject);
    onceClosed(body, () => reject(new Error("the answer broke off")));
  });
}

/** What a body begins with, as far as it comes soon: at most about `maxLength` characters. The rest is not read. */
export function readStart(body: Readable, maxLength: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const end = (): void => {
      clearTimeout(timer);
      body.destroy();
      resolve(text);
    };
    const timer = setTimeout(end, startWithinMs);
    body.setEncoding("utf8");
    body.on("data", (piece: string) => {
      text += piece;
      if (text.length >= maxLength) end();
    });
    body.on("end", end);
    body.on("error", end);
    body.on("close", end);
  });
}

/** Whether a status says that all is well. */
export function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}
