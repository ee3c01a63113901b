import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { HttpServer } from "../../config/server-config.js";
import { settledWithin } from "../abort.js";
import type { Exchange } from "../exchange.js";
import type { Secrets } from "../redact.js";
import type { Wire, WireEvents } from "../wire.js";
import type { HttpSockets } from "./http-sockets.js";
import { HttpChannel } from "./sdk-fetch.js";

/** A server that does not answer the end of a session forgets it by itself, sooner or later. */
const maxGoodbyeMs = 1_000;
/** As the standing stream counts them: see `maxFailures` there. */
const reconnectionOptions = {
  initialReconnectionDelay: 1_000,
  maxReconnectionDelay: 30_000,
  reconnectionDelayGrowFactor: 1.5,
  maxRetries: 2,
};

/** Speaks streamable HTTP or SSE through the SDK's transports, with a `fetch` of our own beneath. */
export class HttpWire implements Wire {
  readonly #options: {
    readonly server: HttpServer;
    readonly principal: string | undefined;
    readonly secrets: Secrets;
    readonly maxMessageBytes: number;
    readonly sockets: HttpSockets;
  };
  #channel: HttpChannel | undefined;
  #transport: StreamableHTTPClientTransport | SSEClientTransport | undefined;

  constructor(options: {
    readonly server: HttpServer;
    readonly principal: string | undefined;
    readonly secrets: Secrets;
    readonly maxMessageBytes: number;
    readonly sockets: HttpSockets;
  }) {
    this.#options = options;
  }

  async start(events: WireEvents): Promise<void> {
    const { authProvider, type } = this.#options.server;
    const channel = new HttpChannel({ ...this.#options, events });
    this.#channel = channel;
    const shared = { fetch: channel.fetch, ...(authProvider === undefined ? {} : { authProvider }) };
    const transport =
      type === "sse"
        ? new SSEClientTransport(channel.endpoint.url, shared)
        : new StreamableHTTPClientTransport(channel.endpoint.url, { ...shared, reconnectionOptions });
    this.#transport = transport;
    transport.onmessage = (message) => events.onMessage(message);
    // What goes wrong is seen on the wire, where it is known which request it belongs to.
    transport.onerror = () => {};
    await transport.start();
  }

  send(message: JSONRPCMessage, exchange: Exchange | undefined): Promise<void> {
    const sent = withIdInFront(message);
    // The SDK does so when it is too late to tell a bad message from a bad connection.
    JSON.stringify(sent);
    const forget = this.#channel?.announce(message, exchange);
    return Promise.resolve(this.#transport?.send(sent)).finally(forget);
  }

  async close(withinMs: number, options: { readonly hasty: boolean }): Promise<void> {
    const transport = this.#transport;
    if (transport instanceof StreamableHTTPClientTransport && !options.hasty) {
      await settledWithin(transport.terminateSession(), Math.min(withinMs, maxGoodbyeMs));
    }
    this.#channel?.close();
    await transport?.close();
  }

  stderrTail(): string {
    return "";
  }

  setProtocolVersion(version: string): void {
    this.#transport?.setProtocolVersion(version);
  }
}

/** So that the channel knows from its first bytes that a body is a message, and which request it is. */
function withIdInFront(message: JSONRPCMessage): JSONRPCMessage {
  if (!("method" in message)) return Object.assign({ jsonrpc: message.jsonrpc }, message);
  const { jsonrpc, method, params } = message;
  const rest = params === undefined ? {} : { params };
  return "id" in message ? { jsonrpc, id: message.id, method, ...rest } : { jsonrpc, method, ...rest };
}
