import { type Progress, ResultSchema } from "@modelcontextprotocol/sdk/types.js";
import type { McpSession } from "../../mcp-session.js";
import { isObject } from "../../untrusted.js";
import type { ExchangeInit } from "../connection.js";
import { eraOf } from "../era/protocol-versions.js";
import { sendToolCall, sendToolList, type ToolHeaders } from "../era/tool-headers.js";
import { Exchange } from "../exchange.js";
import { type ExchangeSender, withProgressToken } from "../exchange-sender.js";
import type { Exchanges } from "../exchanges.js";
import type { Failure } from "../failure.js";
import { quietly } from "../quietly.js";
import type { MessageTap } from "./message-tap.js";

/** The longest timer there is: the deadline is not the SDK's business. */
const never = 2_147_483_647;

/** What is said of a request to a client of either SDK. */
interface SdkRequestOptions {
  readonly signal: AbortSignal | undefined;
  readonly timeout: number;
  headers?: Record<string, string>;
  onprogress?: (progress: Progress) => void;
}

/** Sends through a session that somebody else connected, a client of SDK v1 or v2. */
export class SessionSender implements ExchangeSender {
  readonly #session: McpSession;
  readonly #exchanges: Exchanges;
  /** Undefined where the messages of the session cannot be seen. */
  readonly #tap: MessageTap | undefined;
  /** Whether a request can be taken back without the signal that the SDK would want for it: that costs as much as the call. */
  readonly #hasCancel: boolean;
  readonly #toolHeaders: ToolHeaders;
  readonly #failureOf: (error: unknown, exchange: Exchange) => Failure;

  constructor(options: {
    readonly session: McpSession;
    /** Whether the session is a client of SDK v1. */
    readonly isV1: boolean;
    readonly exchanges: Exchanges;
    readonly tap: MessageTap | undefined;
    readonly toolHeaders: ToolHeaders;
    readonly failureOf: (error: unknown, exchange: Exchange) => Failure;
  }) {
    this.#session = options.session;
    this.#exchanges = options.exchanges;
    this.#tap = options.tap;
    // SDK v2 has more ways to tell a server that nobody awaits an answer.
    this.#hasCancel = options.tap !== undefined && options.isV1;
    this.#toolHeaders = options.toolHeaders;
    this.#failureOf = options.failureOf;
  }

  get pingMethod(): ExchangeSender["pingMethod"] {
    const version = this.#session.getNegotiatedProtocolVersion?.();
    return version !== undefined && eraOf(version) === "modern" ? "server/discover" : "ping";
  }

  send(init: ExchangeInit, exchange: Exchange): () => void {
    const { method, params } = init;
    const send = (one: Exchange): (() => void) => this.#sendOnce(init, one);
    // SDK v2 puts parameters into headers in its own callTool() alone, by what was listed on that very client.
    if (!this.#hasHeaders) return send(exchange);
    const toolHeaders = this.#toolHeaders;
    if (method === "tools/list") return sendToolList(toolHeaders, send, exchange);
    if (method !== "tools/call") return send(exchange);
    return sendToolCall({ tool: params?.name, toolHeaders, send, list: (cursor) => this.#list(cursor) }, exchange);
  }

  /** Whether it speaks revision 2026-07-28 over HTTP. */
  get #hasHeaders(): boolean {
    const { transport } = this.#session;
    return this.pingMethod === "server/discover" && isObject(transport) && "terminateSession" in transport;
  }

  #list(cursor: string | undefined): Promise<unknown> {
    const params = cursor === undefined ? {} : { cursor };
    return new Promise((resolve, reject) => {
      this.#sendOnce({ method: "tools/list", params }, new Exchange({ onResult: resolve, onFailed: reject }));
    });
  }

  #sendOnce(init: ExchangeInit, exchange: Exchange): () => void {
    exchange.markStarted();
    // A signal for this request only: the SDK never takes its listener off again.
    const own = this.#hasCancel ? undefined : new AbortController();
    this.#send(init, exchange, own?.signal).then(
      (result) => exchange.resolve(result),
      (error) => exchange.reject(this.#failureOf(error, exchange)),
    );
    return () => {
      if (own === undefined) this.#tap?.cancel(exchange);
      else own.abort(new Error("cancelled by the caller"));
    };
  }

  async #send({ method, params }: ExchangeInit, exchange: Exchange, signal?: AbortSignal): Promise<unknown> {
    const { onProgress, progressToken } = exchange;
    const isSeen = onProgress === undefined || this.#tap !== undefined;
    const sent = onProgress === undefined || !isSeen ? params : withProgressToken(params, progressToken);
    const options: SdkRequestOptions = { signal, timeout: never };
    if (method === "tools/call" && this.#hasHeaders)
      options.headers = this.#toolHeaders.headersFor(params?.name, params?.arguments);
    if (!isSeen) options.onprogress = (progress) => quietly(() => onProgress(progress));
    return await this.#exchanges.bind(exchange, () =>
      // SDK v1 and v2 have no schema type in common; this schema has the methods that either calls.
      this.#session.request(sent === undefined ? { method } : { method, params: sent }, ResultSchema as never, options),
    );
  }
}
