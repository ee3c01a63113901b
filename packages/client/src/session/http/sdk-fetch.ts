import type { IncomingMessage } from "node:http";
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/sdk/types.js";
import type { HttpServer } from "../../config/server-config.js";
import type { Exchange } from "../exchange.js";
import type { Secrets } from "../redact.js";
import type { WireEvents } from "../wire.js";
import { Lane } from "./concurrency-limiter.js";
import { firstWords, isSuccess, onceClosed, responseOf } from "./http-body.js";
import { HttpEndpoint } from "./http-endpoint.js";
import type { HttpSockets } from "./http-sockets.js";
import { Replies } from "./replies.js";
import { StandingStream } from "./standing-stream.js";
import { refusal } from "./status-failure.js";

const maxOthers = 16;
/** A reply that stays open although the answer has come, or will not come by it. */
const lingerMs = 1_000;
/** What nobody awaits the answer of, and so nobody gives up. */
const noticeMs = 60_000;

/** What the SDK is told of a request whose answer is read here. */
const accepted = new Response(null, { status: 202 });

/**
 * The `fetch` that the SDK's HTTP transports use. Every request gets a signal of its own, which ends it when nobody
 * awaits the answer any more; what is refused, lost or too large is told to the exchange it belongs to. Answers to
 * requests are read here: the SDK's transports only see that they were accepted.
 */
export class HttpChannel {
  readonly endpoint: HttpEndpoint;
  readonly fetch = (input: string | URL, init: RequestInit = {}): Promise<Response> =>
    this.#fetch(new URL(input), init);
  readonly #kind: "http" | "sse";
  readonly #hasAuth: boolean;
  /** Requests that are handed to the SDK's transport, until it has sent them. */
  readonly #announced = new Map<RequestId, Exchange>();
  readonly #secrets: Secrets;
  readonly #events: WireEvents;
  readonly #sockets: HttpSockets;
  readonly #leaveSockets: () => void;
  readonly #closing = new AbortController();
  readonly #open = new Set<AbortController>();
  // Answers to the server, notices, handshakes and pings have a lane of their own: calls wait for them.
  readonly #others = new Lane({ width: maxOthers, maxWidth: maxOthers, slowMs: 0 });
  readonly #replies: Replies;
  readonly #standing: StandingStream;

  constructor(options: {
    readonly server: HttpServer;
    readonly principal: string | undefined;
    readonly secrets: Secrets;
    readonly maxMessageBytes: number;
    readonly sockets: HttpSockets;
    readonly events: WireEvents;
  }) {
    const { server, events, maxMessageBytes, sockets } = options;
    this.endpoint = new HttpEndpoint(server, options.principal, options.secrets);
    this.#kind = server.type ?? "http";
    this.#hasAuth = server.authProvider !== undefined;
    this.#secrets = options.secrets;
    this.#events = events;
    this.#sockets = sockets;
    this.#leaveSockets = sockets.use();
    this.#replies = new Replies({ maxMessageBytes, onMessage: events.onMessage });
    this.#standing = new StandingStream({ kind: this.#kind, events, maxMessageBytes, closing: this.#closing.signal });
  }

  /** Says whose request will be posted. Returns what takes that back. */
  announce(message: JSONRPCMessage, exchange: Exchange | undefined): () => void {
    if (exchange === undefined || !("id" in message) || message.id === undefined) return () => {};
    const { id } = message;
    this.#announced.set(id, exchange);
    return () => this.#announced.delete(id);
  }

  /** Ends every request and refuses new ones. */
  close(): void {
    this.#closing.abort();
    for (const request of [...this.#open]) request.abort();
    this.#leaveSockets();
  }

  /** A request that ends with the channel. Returns what forgets it; a set, since so many listeners on a signal warn. */
  #track(request: AbortController): () => void {
    if (this.#closing.signal.aborted) request.abort();
    this.#open.add(request);
    return () => this.#open.delete(request);
  }

  #fetch(url: URL, init: RequestInit): Promise<Response> {
    const method = init.method ?? "GET";
    if (method === "POST" && isMessage(init.body)) return this.#post(url, init, init.body);
    if (method === "GET" && new Headers(init.headers).get("accept") === "text/event-stream")
      return this.#listen(url, init);
    return method === "DELETE" ? this.#delete(url, init) : this.#foreign(url, init);
  }

  /** What the SDK asks of an authorization server, which may be somebody else: it gets none of the configured headers. */
  async #foreign(url: URL, init: RequestInit): Promise<Response> {
    const request = new AbortController();
    const release = this.#track(request);
    try {
      return await fetch(url, { ...init, signal: request.signal });
    } finally {
      release();
    }
  }

  /** Not with the SDK's own signal: it is one for all, and aborts only when this channel closes too. */
  async #request(
    url: URL,
    method: string,
    given: RequestInit["headers"],
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const headers = await this.endpoint.headers(given, signal);
    return this.#sockets.send(url, { method, headers, signal });
  }

  async #delete(url: URL, init: RequestInit): Promise<Response> {
    const message = await this.#request(url, "DELETE", init.headers, this.#closing.signal);
    message.resume();
    return responseOf(message);
  }

  async #listen(url: URL, init: RequestInit): Promise<Response> {
    const request = new AbortController();
    const release = this.#track(request);
    const connect = (): Promise<IncomingMessage> => this.#request(url, "GET", init.headers, request.signal);
    return this.#standing.open(new Headers(init.headers), connect, release);
  }

  async #post(url: URL, init: RequestInit, body: string): Promise<Response> {
    const { id, isVital } = headOf(body);
    const exchange = id === undefined ? undefined : this.#announced.get(id);
    const request = new AbortController();
    const { signal } = request;
    const unfollow = this.#track(request);
    const unlink = exchange === undefined ? endAfter(noticeMs, request) : endWith(exchange, request);
    let leave = (): void => {};
    const release = (): void => {
      unfollow();
      unlink();
      leave();
    };
    try {
      leave = await (exchange === undefined || isVital ? this.#others : this.#sockets.laneTo(url)).enter(signal);
      exchange?.markStarted();
      const headers = await this.endpoint.headers(init.headers, signal);
      const onSent = (): void => exchange?.markSent();
      const message = await this.#sockets.send(url, { method: "POST", headers, body, signal, onSent });
      if (exchange === undefined || this.#kind === "sse" || !isSuccess(message)) {
        const forget = endAfter(lingerMs, request);
        onceClosed(message, () => {
          forget();
          release();
        });
        return await this.#answered(message, headers, exchange);
      }
      const resume = (lastEventId: string): Promise<IncomingMessage> =>
        this.#resume(url, init.headers, lastEventId, signal);
      const read = (): void => void this.#replies.read(message, { exchange, signal, resume }).finally(release);
      if (exchange.id !== undefined) {
        read();
        return accepted;
      }
      // The handshake's answer has to come after the session's id, which the SDK takes from the head.
      setImmediate(read);
      const sessionId = message.headers["mcp-session-id"];
      return typeof sessionId === "string"
        ? new Response(null, { status: 202, headers: { "mcp-session-id": sessionId } })
        : accepted;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Of a reply that broke off. */
  async #resume(
    url: URL,
    given: RequestInit["headers"],
    lastEventId: string,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const headers = new Headers(given);
    headers.delete("content-type");
    headers.set("accept", "text/event-stream");
    headers.set("last-event-id", lastEventId);
    const message = await this.#request(url, "GET", headers, signal);
    if (isSuccess(message)) return message;
    message.destroy();
    throw new Error(`the rest of the reply was refused with HTTP status ${message.statusCode}`);
  }

  /** A posted message whose answer, if any, comes by another way. */
  async #answered(message: IncomingMessage, sent: Headers, exchange: Exchange | undefined): Promise<Response> {
    const { statusCode: status = 0, headers } = message;
    // The SDK follows those that stay within the origin, by another request.
    if (isSuccess(message) || (status >= 300 && status < 400)) {
      message.resume();
      return responseOf(message);
    }
    const hasSession = this.#kind === "sse" || sent.has("mcp-session-id");
    const failure = refusal(status, headers["retry-after"] ?? null, { hasSession });
    // The SDK asks for a token and repeats the request.
    const mayAuthorize = this.#hasAuth && (status === 401 || status === 403);
    const words = this.#secrets.mask(await firstWords(message));
    const said = words === "" ? failure : failure.with({ message: `${failure.message}: ${words}` });
    if (!mayAuthorize) exchange?.fail(said);
    else if (exchange !== undefined) exchange.refusal = said;
    if (failure.kind === "session-lost") this.#events.onEnded(failure, { sparesRequests: true });
    return responseOf(message, words);
  }
}

/** Ends a request that takes so long. Returns what takes that back. */
function endAfter(ms: number, request: AbortController): () => void {
  const timer = setTimeout(() => request.abort(), ms);
  timer.unref();
  return () => clearTimeout(timer);
}

/** Ends a request when its answer is not awaited any more; where it has come, only what would not end by itself. */
function endWith(exchange: Exchange, request: AbortController): () => void {
  let keep = (): void => {};
  const end = (): void => {
    if (exchange.answer === undefined) {
      request.abort();
      return;
    }
    keep = endAfter(lingerMs, request);
  };
  if (exchange.isOver) end();
  else exchange.over.addEventListener("abort", end, { once: true });
  return () => {
    keep();
    exchange.over.removeEventListener("abort", end);
  };
}

function isMessage(body: unknown): body is string {
  return typeof body === "string" && body.startsWith('{"jsonrpc":"2.0"');
}

/** Messages are written with their id in front, see {@link HttpWire}. What shows whether a server lives waits for no call. */
function headOf(body: string): { readonly id: number | undefined; readonly isVital: boolean } {
  const [, id, method] = /^\{"jsonrpc":"2\.0","id":(\d+),"method":"([a-z/]*)"/.exec(body) ?? [];
  return { id: id === undefined ? undefined : Number(id), isVital: method === "initialize" || method === "ping" };
}
