import type { IncomingMessage } from "node:http";
import { Failure } from "../failure.js";
import type { WireEvents } from "../wire.js";
import { EventStreamGuard, EventTooLarge } from "./event-stream.js";
import { isSuccess, onceClosed, responseOf } from "./http-body.js";
import { refusal } from "./status-failure.js";

const maxFailures = 2;
const shortLifeMs = 5_000;
const firstPauseMs = 1_000;
const maxPauseMs = 60_000;

/**
 * The stream on which a server speaks unasked. Of the SSE transport it is the connection itself. Of streamable HTTP
 * it may end at any time and is opened again; what was said meanwhile is lost, so that is told as a gap.
 */
export class StandingStream {
  readonly #kind: "http" | "sse";
  readonly #events: WireEvents;
  readonly #maxMessageBytes: number;
  readonly #closing: AbortSignal;
  #wasOpen = false;
  #failures = 0;
  #shortLives = 0;

  constructor(options: {
    readonly kind: "http" | "sse";
    readonly events: WireEvents;
    readonly maxMessageBytes: number;
    readonly closing: AbortSignal;
  }) {
    this.#kind = options.kind;
    this.#events = options.events;
    this.#maxMessageBytes = options.maxMessageBytes;
    this.#closing = options.closing;
  }

  /** Opens it, or opens it again. `release` is called when it has ended or cannot be opened. */
  async open(headers: Headers, connect: () => Promise<IncomingMessage>, release: () => void): Promise<Response> {
    let isHeld = false;
    try {
      const message = await this.#connect(headers, connect);
      // A status that asks the SDK's transport not to try again.
      if (message === undefined) return new Response(null, { status: 405 });
      isHeld = true;
      if (isSuccess(message)) return this.#opened(message, release);
      onceClosed(message, release);
      message.resume();
      return responseOf(message);
    } finally {
      if (!isHeld) release();
    }
  }

  /** Undefined where there is no use in trying. */
  async #connect(headers: Headers, connect: () => Promise<IncomingMessage>): Promise<IncomingMessage | undefined> {
    const isAgain = this.#wasOpen;
    if (isAgain) await this.#pause();
    if (this.#closing.aborted) return undefined;
    try {
      const message = await connect();
      const { statusCode: status } = message;
      if (status === 404 && headers.has("mcp-session-id")) {
        message.destroy();
        this.#lose(refusal(404, null, { hasSession: true }));
        return undefined;
      }
      if (!isSuccess(message) && status !== 405 && isAgain) this.#countFailure(undefined);
      return message;
    } catch (cause) {
      if (this.#closing.aborted) return undefined;
      if (isAgain) this.#countFailure(cause);
      throw cause;
    }
  }

  #opened(message: IncomingMessage, release: () => void): Response {
    if (this.#wasOpen) this.#events.onGap();
    this.#wasOpen = true;
    this.#failures = 0;
    return responseOf(message, ReadableStream.from(this.#read(message, performance.now(), release)));
  }

  async *#read(message: IncomingMessage, openedAt: number, release: () => void): AsyncGenerator<Uint8Array> {
    const guard = new EventStreamGuard(this.#maxMessageBytes);
    let cause: unknown;
    try {
      for await (const chunk of message) {
        const lines = guard.push(chunk);
        if (lines !== undefined) yield lines;
      }
    } catch (error) {
      cause = error;
    } finally {
      release();
      this.#ended(openedAt, cause);
    }
  }

  #ended(openedAt: number, cause: unknown): void {
    const livedMs = performance.now() - openedAt;
    this.#shortLives = livedMs < shortLifeMs ? this.#shortLives + 1 : 0;
    if (this.#kind === "http" || this.#closing.aborted) return;
    this.#events.onEnded(
      cause instanceof EventTooLarge
        ? new Failure("too-large", `a message of more than ${this.#maxMessageBytes} bytes`, { delivery: "sent" })
        : new Failure("closed", "the stream of the connection ended", { delivery: "sent", cause }),
    );
  }

  /** The SDK gives up in silence after so many attempts. */
  #countFailure(cause: unknown): void {
    this.#failures += 1;
    if (this.#failures < maxFailures) return;
    this.#lose(new Failure("closed", "the stream of the session cannot be opened again", { delivery: "sent", cause }));
  }

  #lose(failure: Failure): void {
    this.#events.onEnded(failure, { sparesRequests: true });
  }

  /** A server that ends every stream at once is not asked every second for ever. */
  #pause(): Promise<void> {
    const ms = Math.min(firstPauseMs * 2 ** this.#shortLives, maxPauseMs) - firstPauseMs;
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#closing.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      timer.unref();
      this.#closing.addEventListener("abort", done, { once: true });
    });
  }
}
