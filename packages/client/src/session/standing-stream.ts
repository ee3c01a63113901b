import { EventStreamGuard, EventTooLarge } from "./event-stream.js";
import { Failure } from "./failure.js";
import { bodyOf } from "./http-endpoint.js";
import { refusal } from "./http-failure.js";
import { forget } from "./quietly.js";
import type { WireEvents } from "./wire.js";

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
  async open(headers: Headers, connect: () => Promise<Response>, release: () => void): Promise<Response> {
    let isOpen = false;
    try {
      const response = await this.#connect(headers, connect);
      isOpen = response.ok && response.body !== null;
      return isOpen ? this.#opened(response, release) : response;
    } finally {
      if (!isOpen) release();
    }
  }

  async #connect(headers: Headers, connect: () => Promise<Response>): Promise<Response> {
    const isAgain = this.#wasOpen;
    // A status that asks the SDK's transport not to try again.
    const never = (): Response => new Response(null, { status: 405 });
    if (isAgain) await this.#pause();
    if (this.#closing.aborted) return never();
    try {
      const response = await connect();
      if (response.status === 404 && headers.has("mcp-session-id")) {
        forget(response.body?.cancel());
        this.#lose(refusal(404, null, { hasSession: true }));
        return never();
      }
      if (!response.ok && response.status !== 405 && isAgain) this.#countFailure(undefined);
      return response;
    } catch (cause) {
      if (this.#closing.aborted) return never();
      if (isAgain) this.#countFailure(cause);
      throw cause;
    }
  }

  #opened(response: Response, release: () => void): Response {
    if (this.#wasOpen) this.#events.onGap();
    this.#wasOpen = true;
    this.#failures = 0;
    return new Response(ReadableStream.from(this.#read(response, performance.now(), release)), {
      status: response.status,
      headers: response.headers,
    });
  }

  async *#read(response: Response, openedAt: number, release: () => void): AsyncGenerator<Uint8Array> {
    const guard = new EventStreamGuard(this.#maxMessageBytes);
    let cause: unknown;
    try {
      for await (const chunk of bodyOf(response)) {
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
