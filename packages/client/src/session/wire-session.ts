import type { McpCallOptions, McpSession } from "../mcp-session.js";
import { isObject } from "../untrusted.js";
import type { Answering } from "./answering.js";
import type { ExchangeInit } from "./connection.js";
import { type AgreeOptions, agree } from "./era/agree.js";
import type { Dialect } from "./era/dialect.js";
import { eraOf } from "./era/protocol-versions.js";
import { Exchange } from "./exchange.js";
import type { ExchangeSender } from "./exchange-sender.js";
import type { Exchanges } from "./exchanges.js";
import { Failure } from "./failure.js";
import { ServerRequests } from "./server-requests.js";

/** How a {@link WireSession} is opened. */
export interface WireSessionOptions extends AgreeOptions {
  readonly exchanges: Exchanges;
  readonly answering: Answering;
}

/** A session over a wire of our own, in whatever revision is agreed upon. */
export class WireSession implements McpSession {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  readonly #options: WireSessionOptions;
  readonly #serverRequests: ServerRequests;
  #dialect: Dialect | undefined;

  constructor(options: WireSessionOptions) {
    this.#options = options;
    const { answering, channel } = options;
    this.#serverRequests = new ServerRequests(answering, (id, outcome) => channel.answer(id, outcome));
  }

  /** Agrees upon a revision and begins to hear what the server announces. Rejects with a `Failure`. */
  async open(): Promise<void> {
    const { wire } = this.#options;
    this.#dialect = await agree(this.#options);
    await wire.ready?.();
    await this.#dialect.listen();
  }

  /** By which the connection sends, past the members that an `McpSession` has for others. */
  get sender(): ExchangeSender {
    return {
      send: (init, exchange) => this.#opened.send(init, exchange),
      pingMethod: this.#opened.pingMethod,
      protocolVersion: this.#opened.greeting.protocolVersion,
    };
  }

  /** A message has arrived, in the reply to `replyTo` where the wire tells. */
  readonly receive = (received: unknown, replyTo?: Exchange): void => {
    const { exchanges, kind } = this.#options;
    for (const one of Array.isArray(received) ? received : [received]) {
      // By streamable HTTP the reply in which it comes says what it answers.
      const message = exchanges.incoming(kind === "http" ? one : exchanges.addressed(one));
      if (message === undefined || !("method" in message) || !("id" in message)) continue;
      // In the modern revision a server sends no requests.
      const version = this.#dialect?.greeting.protocolVersion;
      if (version === undefined || eraOf(version) === "legacy")
        this.#serverRequests.receive(message, exchanges.callsFor(replyTo));
    }
  };

  /** Whether a notification is the session's own affair. */
  takes(method: string, params: unknown): boolean {
    if (this.#dialect?.takes(method, params) === true) return true;
    if (method !== "notifications/cancelled") return false;
    this.#serverRequests.cancel(params);
    return true;
  }

  request({ method, params }: ExchangeInit, _schema: unknown, options: McpCallOptions = {}): Promise<unknown> {
    const { signal, onprogress } = options;
    return new Promise((resolve, reject) => {
      const end = (): void => signal?.removeEventListener("abort", abort);
      const exchange = new Exchange({
        onProgress: onprogress,
        onResult: (result) => {
          end();
          resolve(result);
        },
        onFailed: (failure) => {
          end();
          reject(failure.kind === "rpc" ? failure.cause : failure);
        },
      });
      const cancel = this.#opened.send({ method, params }, exchange);
      const abort = (): void => {
        end();
        exchange.giveUp();
        cancel();
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort);
      if (signal?.aborted === true) abort();
    });
  }

  callTool(params: {
    name: string;
    arguments?: Record<string, unknown>;
    _meta?: Record<string, unknown>;
  }): Promise<unknown> {
    return this.request({ method: "tools/call", params }, undefined);
  }

  async listTools(
    params?: { cursor?: string },
    options?: McpCallOptions,
  ): Promise<{ tools: unknown[]; nextCursor?: string | undefined }> {
    const page = await this.request({ method: "tools/list", params }, undefined, options);
    const { tools, nextCursor } = isObject(page) ? page : {};
    return {
      tools: Array.isArray(tools) ? tools : [],
      nextCursor: typeof nextCursor === "string" ? nextCursor : undefined,
    };
  }

  getServerCapabilities(): object | undefined {
    return this.#dialect?.greeting.capabilities;
  }

  getServerVersion(): { readonly name: string; readonly version: string } | undefined {
    const greeting = this.#dialect?.greeting;
    return greeting && { name: greeting.name, version: greeting.version };
  }

  getInstructions(): string | undefined {
    return this.#dialect?.greeting.instructions;
  }

  getNegotiatedProtocolVersion(): string | undefined {
    return this.#dialect?.greeting.protocolVersion;
  }

  /** The wire is closed by whoever opened it, within bounds of its own. */
  async close(): Promise<void> {
    this.#dialect?.close();
    this.#serverRequests.close();
    // The requests of the session itself fail too: somebody may be waiting for what it asked.
    this.#options.exchanges.failAll(new Failure("closed", "the connection was closed", { delivery: "sent" }));
    this.onclose?.();
  }

  get #opened(): Dialect {
    if (this.#dialect === undefined) throw new Failure("closed", "the session is not open", { delivery: "not-sent" });
    return this.#dialect;
  }
}
