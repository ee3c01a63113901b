import type { Answer } from "./answer.js";
import { eventStream, KeepAlive } from "./event-stream.js";

type State =
  | { readonly kind: "silent" }
  | { readonly kind: "streaming"; readonly controller: ReadableStreamDefaultController<Uint8Array> }
  /** Everything was sent, or nobody reads any more. */
  | { readonly kind: "over" };

/**
 * What is sent for the requests of one POST. It begins with its first message, and not even its status is sent before: a
 * client that was told nothing when this process dies learns of it at once, and one that holds the head of a stream waits for
 * its own timeout. One response alone is sent as JSON, anything else as a stream of events.
 */
export class LegacyReply {
  /** What the POST is answered. */
  readonly answer: Promise<Answer>;
  readonly #resolve: (answer: Answer) => void;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #isBatch: boolean;
  readonly #gone = new AbortController();
  readonly #keepAlive = new KeepAlive();
  #left: number;
  #state: State = { kind: "silent" };

  /** For so many requests, and with these headers beside those that it needs. */
  constructor(requests: number, isBatch: boolean, headers: Readonly<Record<string, string>>) {
    this.#left = requests;
    this.#isBatch = isBatch;
    this.#headers = headers;
    let resolve: (answer: Answer) => void = () => {};
    this.answer = new Promise((settle) => {
      resolve = settle;
    });
    this.#resolve = resolve;
  }

  /** Aborts when nobody reads the stream any more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Sends a message that belongs to a request. */
  send(message: object): void {
    this.#enqueue(JSON.stringify(message));
  }

  /** Sends the response of one of the requests, with its HTTP status and headers where it is sent alone. */
  respond(text: string, status = 200, headers: Readonly<Record<string, string>> = {}): void {
    this.#left -= 1;
    if (this.#state.kind === "silent" && !this.#isBatch) {
      this.#state = { kind: "over" };
      const all = { "content-type": "application/json", ...this.#headers, ...headers };
      this.#resolve({ status, headers: all, text });
      return;
    }
    this.#enqueue(text);
    if (this.#left > 0 || this.#state.kind !== "streaming") return;
    const { controller } = this.#state;
    this.#end();
    controller.close();
  }

  #enqueue(data: string): void {
    if (this.#state.kind === "silent") this.#begin();
    if (this.#state.kind === "streaming")
      this.#state.controller.enqueue(Buffer.from(`event: message\ndata: ${data}\n\n`));
  }

  #begin(): void {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#state = { kind: "streaming", controller };
        this.#keepAlive.start(controller);
      },
      cancel: () => {
        this.#end();
        this.#gone.abort();
      },
    });
    this.#resolve(new Response(body, { headers: { ...eventStream, ...this.#headers } }));
  }

  #end(): void {
    this.#state = { kind: "over" };
    this.#keepAlive.stop();
  }
}
