import type { IncomingMessage } from "node:http";
import { restFor } from "../abort.js";
import type { WireEvents } from "../wire.js";
import { type Pace, readEvents } from "./read-events.js";
import { isSuccess } from "./replies.js";
import { refusal } from "./status-failure.js";

const maxFailures = 2;
const shortLifeMs = 5_000;
const defaultPauseMs = 1_000;
const maxPauseMs = 60_000;

/** What a {@link StandingStream} needs of its connection. */
export interface StandingStreamOptions {
  /** Asks for the stream, from after an event where one is named. */
  readonly connect: (lastEventId: string | undefined) => Promise<IncomingMessage>;
  readonly events: WireEvents;
  readonly maxMessageBytes: number;
  readonly pace?: Pace | undefined;
  readonly closing: AbortSignal;
}

/**
 * The stream on which a server with sessions speaks unasked, by streamable HTTP up to revision 2025-11-25. A server need not
 * have one: whatever refuses the first request for it means that there is none. It may end at any time and is opened again;
 * what was said meanwhile may be lost, so that is told as a gap.
 */
export class StandingStream {
  readonly #options: StandingStreamOptions;
  #wasOpen = false;
  #failures = 0;
  #shortLives = 0;
  #lastId: string | undefined;
  /** How long the server wants to be left alone between two streams. */
  #pauseMs = defaultPauseMs;

  constructor(options: StandingStreamOptions) {
    this.#options = options;
  }

  /** Keeps the stream open until the connection closes, or until there is no use in trying. Never rejects. */
  async keep(): Promise<void> {
    const { closing } = this.#options;
    while (!closing.aborted && (await this.#openOnce())) {
      // A server that ends every stream at once is asked less and less often.
      const restMs = this.#shortLives === 0 ? 0 : defaultPauseMs * 2 ** (this.#shortLives - 1);
      const pauseMs = Math.max(this.#pauseMs, Math.min(this.#pauseMs * 1.5 ** this.#failures, maxPauseMs));
      await restFor(Math.max(pauseMs, Math.min(restMs, maxPauseMs)), closing);
    }
  }

  /** Reads one stream to its end. Resolves with whether another is to be asked for. */
  async #openOnce(): Promise<boolean> {
    let response: IncomingMessage;
    try {
      response = await this.#options.connect(this.#lastId);
    } catch {
      return this.#failed();
    }
    const isStream = (response.headers["content-type"] ?? "").toLowerCase().startsWith("text/event-stream");
    if (isSuccess(response) && isStream) {
      await this.#read(response);
      return true;
    }
    response.destroy();
    const { statusCode: status = 0 } = response;
    if (!this.#wasOpen || status === 405 || status < 300) return false;
    // It was granted before: has the server forgotten the session?
    this.#options.events.onDoubt(refusal(status, null, { hasSession: false }).with({ doubtsSession: true }));
    return this.#failed();
  }

  async #read(response: IncomingMessage): Promise<void> {
    const { events, maxMessageBytes, pace } = this.#options;
    if (this.#wasOpen) events.onGap();
    this.#wasOpen = true;
    this.#failures = 0;
    const openedAt = performance.now();
    try {
      const { lastId } = await readEvents(response, {
        maxEventBytes: maxMessageBytes,
        pace,
        onMessage: events.onMessage,
        onRetry: (ms) => {
          this.#pauseMs = ms;
        },
      });
      this.#lastId = lastId ?? this.#lastId;
    } catch {
      // An event that is too large: the next stream begins after it.
      this.#lastId = undefined;
    }
    this.#shortLives = performance.now() - openedAt < shortLifeMs ? this.#shortLives + 1 : 0;
  }

  /** A stream that never was is not missed; one that there was is asked for again and again. */
  #failed(): boolean {
    this.#failures += 1;
    return !this.#options.closing.aborted && (this.#wasOpen || this.#failures < maxFailures);
  }
}
