import { EventStreamGuard, EventTooLarge } from "./event-stream.js";
import type { Exchange } from "./exchange.js";
import { Failure } from "./failure.js";
import { bodyOf } from "./http-endpoint.js";
import { forget } from "./quietly.js";

interface Reply {
  readonly id: number;
  readonly exchange: Exchange;
}

/**
 * Replies that come as a stream of events. One that ends without the answer fails its request at once, unless the
 * server numbers its events: then the SDK asks for the rest.
 */
export class ReplyStreams {
  readonly #maxMessageBytes: number;
  /** Replies that broke off, by the id of their last event. */
  readonly #broken = new Map<string, Reply>();

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  wrap(response: Response, id: number, exchange: Exchange, release: () => void): Response {
    return streamed(this.#read(response, { id, exchange }, release), response.headers);
  }

  /** The rest of a reply that broke off; undefined where `lastEventId` is not the last id of one. */
  resume(
    lastEventId: string | null,
    open: () => Promise<Response>,
    release: () => void,
  ): Promise<Response> | undefined {
    const reply = lastEventId === null ? undefined : this.#broken.get(lastEventId);
    if (lastEventId === null || reply === undefined) return undefined;
    this.#broken.delete(lastEventId);
    return this.#resume(reply, open, release);
  }

  async #resume(reply: Reply, open: () => Promise<Response>, release: () => void): Promise<Response> {
    try {
      if (!reply.exchange.isOver) {
        const response = await open();
        if (response.ok) return this.wrap(response, reply.id, reply.exchange, release);
        forget(response.body?.cancel());
      }
    } catch {
      // The rest cannot be had.
    }
    release();
    lose(reply);
    return streamed([lastEvent(reply)], new Headers({ "content-type": "text/event-stream" }));
  }

  async *#read(response: Response, reply: Reply, release: () => void): AsyncGenerator<Uint8Array> {
    const guard = new EventStreamGuard(this.#maxMessageBytes);
    try {
      for await (const chunk of bodyOf(response)) {
        const lines = guard.push(chunk);
        if (lines !== undefined) yield lines;
      }
    } catch (error) {
      if (error instanceof EventTooLarge) {
        reply.exchange.fail(
          new Failure("too-large", `an answer of more than ${this.#maxMessageBytes} bytes`, { delivery: "sent" }),
        );
      }
    } finally {
      release();
    }
    const { exchange } = reply;
    if (exchange.answer !== undefined) return;
    if (!exchange.isOver && guard.lastId !== undefined) {
      this.#broken.set(guard.lastId, reply);
      return;
    }
    lose(reply);
    yield lastEvent(reply);
  }
}

function lose(reply: Reply): void {
  reply.exchange.fail(new Failure("closed", "the stream of the reply ended without the answer", { delivery: "sent" }));
}

/** The SDK takes a stream with an answer for complete, and asks for no more. Whoever called has been told already. */
function lastEvent(reply: Reply): Uint8Array {
  return Buffer.from(`data: ${JSON.stringify({ jsonrpc: "2.0", id: reply.id, result: {} })}\n\n`);
}

function streamed(source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, headers: Headers): Response {
  return new Response(ReadableStream.from(source), { status: 200, headers });
}
