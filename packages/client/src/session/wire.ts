import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/sdk/types.js";
import type { ConnectionRequest } from "./connection.js";
import type { Exchange } from "./exchange.js";
import { type Exchanges, failedAnswer } from "./exchanges.js";
import type { Failure } from "./failure.js";
import { forget } from "./quietly.js";
import { type Requests, withProgressToken } from "./requests.js";

/** Requests of one server that are answered at the same time. */
const maxAnswering = 32;

/** What a {@link Wire} tells about itself. */
export interface WireEvents {
  /** A message arrived, in whatever form; where it came in the reply to a request, with the exchange of that one. */
  readonly onMessage: (message: unknown, replyTo?: Exchange) => void;
  /**
   * The connection is of no use any more. Requests on their way fail at once, unless each has a connection of its
   * own that ends by itself (`sparesRequests`).
   */
  readonly onEnded: (failure: Failure, options?: { readonly sparesRequests: boolean }) => void;
  /** The server refuses what it granted before, so that it may have forgotten the session. */
  readonly onDoubt: (refusal: Failure) => void;
  /** Notifications may have been missed. */
  readonly onGap: () => void;
}

/** The way to one server, whatever it is made of. */
export interface Wire {
  /** Rejects where the server cannot be reached. */
  start(events: WireEvents): Promise<void>;
  /**
   * Hands a message over and marks the exchange as sent; fails the exchange or rejects where that is impossible. Throws
   * at once where the message cannot be written as JSON. `headers` go with it where the wire has such a thing.
   */
  send(
    message: JSONRPCMessage,
    exchange: Exchange | undefined,
    headers?: Readonly<Record<string, string>>,
  ): Promise<void>;
  /** Ends it within `withinMs`; hasty where no good end is to be expected. Never rejects. */
  close(withinMs: number, options: { readonly hasty: boolean }): Promise<void>;
  /** What the server wrote to stderr, masked. */
  stderrTail(): string;
  /** Whether it waits for the server, and not for code of the application or a login. Absent: always. */
  awaitsServer?(): boolean;
  setProtocolVersion?(version: string): void;
  /** To be called when the server has started up. */
  ready?(): Promise<void>;
}

/**
 * Lets the SDK's client speak over a {@link Wire}: it makes the handshake, answers the server and hears its notices.
 * Requests go past it, since what it does for each of them is done better, or already done, by whoever calls here.
 */
export class WireTransport implements Transport, Requests {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport["onmessage"];
  protocolVersion: string | undefined;
  readonly #wire: Wire;
  readonly #exchanges: Exchanges;
  readonly #events: Omit<WireEvents, "onMessage">;
  readonly #failureOf: (error: unknown, exchange: Exchange) => Failure;
  /** Requests of the server that are being answered. */
  readonly #answering = new Set<RequestId>();
  /** The SDK's only request is the handshake, and has the number 0. */
  #lastId = 0;

  constructor(options: {
    readonly wire: Wire;
    readonly exchanges: Exchanges;
    readonly events: Omit<WireEvents, "onMessage">;
    readonly failureOf: (error: unknown, exchange: Exchange) => Failure;
  }) {
    this.#wire = options.wire;
    this.#exchanges = options.exchanges;
    this.#events = options.events;
    this.#failureOf = options.failureOf;
  }

  async start(): Promise<void> {
    await this.#wire.start({ ...this.#events, onMessage: (message, replyTo) => this.#receive(message, replyTo) });
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (!("method" in message) && message.id !== undefined) this.#answering.delete(message.id);
    const exchange = this.#exchanges.outgoing(message);
    try {
      await this.#wire.send(message, exchange);
    } catch (error) {
      if (exchange === undefined || !("id" in message) || message.id === undefined) throw error;
      exchange.fail(this.#failureOf(error, exchange));
      this.#exchanges.drop(message.id);
      // Told by an answer, the SDK forgets the request; told by a rejection, it would keep its handler for ever.
      this.onmessage?.(failedAnswer(message.id));
    }
  }

  request({ method, params }: ConnectionRequest, exchange: Exchange): () => void {
    this.#lastId += 1;
    const id = this.#lastId;
    const withToken = exchange.onProgress === undefined ? params : withProgressToken(params, exchange.progressToken);
    // Throws where the parameters cannot be written as JSON: then nothing has begun.
    const sending = this.#wire.send(
      { jsonrpc: "2.0", id, method, ...(withToken !== undefined && { params: withToken }) },
      exchange,
    );
    this.#exchanges.add(exchange, id);
    sending.catch((error) => {
      exchange.fail(this.#failureOf(error, exchange));
      this.#exchanges.drop(id);
    });
    return () => this.#cancel(id, exchange);
  }

  #cancel(id: number, { delivery }: Exchange): void {
    this.#exchanges.drop(id);
    if (delivery === "not-sent") return;
    const params = { requestId: id, reason: "cancelled by the caller" };
    forget(this.#wire.send({ jsonrpc: "2.0", method: "notifications/cancelled", params }, undefined));
  }

  /** The wire is closed by whoever opened it, within bounds of its own. */
  async close(): Promise<void> {
    this.onclose?.();
  }

  setProtocolVersion(version: string): void {
    this.protocolVersion = version;
    this.#wire.setProtocolVersion?.(version);
  }

  /** Notes a request of the server; refuses it where too many are open. */
  #mayAnswer(id: RequestId): boolean {
    if (this.#answering.size < maxAnswering) {
      this.#answering.add(id);
      return true;
    }
    this.#exchanges.takeRequest(id);
    const error = { code: -32000, message: `more than ${maxAnswering} requests of the server are open` };
    forget(this.#wire.send({ jsonrpc: "2.0", id, error }, undefined));
    return false;
  }

  #receive(received: unknown, replyTo: Exchange | undefined): void {
    for (const one of Array.isArray(received) ? received : [received]) {
      const message = this.#exchanges.incoming(one, replyTo);
      if (message === undefined) continue;
      const isAsked = "method" in message && "id" in message && message.method !== "ping";
      if (isAsked && !this.#mayAnswer(message.id)) continue;
      this.onmessage?.(message);
    }
  }
}
