import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/sdk/types.js";
import type { HttpServer } from "../server-config.js";
import type { Exchange } from "./exchange.js";
import { Failure } from "./failure.js";
import { firstWords, HttpEndpoint, readWhole } from "./http-endpoint.js";
import { isConnectFailure, refusal } from "./http-failure.js";
import { Lane } from "./lane.js";
import { forget } from "./quietly.js";
import { ReplyStreams } from "./reply-streams.js";
import type { Secrets } from "./secrets.js";
import { StandingStream } from "./standing-stream.js";
import type { WireEvents } from "./wire.js";

const maxRequests = 64;
const maxOthers = 16;
/** A reply that stays open although the answer has come. */
const lingerMs = 1_000;

/**
 * The `fetch` that the SDK's HTTP transports use. Every request gets a signal of its own, which ends it when nobody
 * awaits the answer any more; what is refused, lost or too large is told to the exchange it belongs to.
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
  readonly #maxMessageBytes: number;
  readonly #events: WireEvents;
  readonly #closing = new AbortController();
  readonly #open = new Set<AbortController>();
  // Answers to the server and notices have a lane of their own: calls wait for them.
  readonly #requests = new Lane(maxRequests);
  readonly #others = new Lane(maxOthers);
  readonly #replies: ReplyStreams;
  readonly #standing: StandingStream;

  constructor(options: {
    readonly server: HttpServer;
    readonly principal: string | undefined;
    readonly secrets: Secrets;
    readonly maxMessageBytes: number;
    readonly events: WireEvents;
  }) {
    const { server, events, maxMessageBytes } = options;
    this.endpoint = new HttpEndpoint(server, options.principal, options.secrets);
    this.#kind = server.type ?? "http";
    this.#hasAuth = server.authProvider !== undefined;
    this.#secrets = options.secrets;
    this.#maxMessageBytes = maxMessageBytes;
    this.#events = events;
    this.#replies = new ReplyStreams(maxMessageBytes);
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
    return method === "DELETE" ? this.#request(url, init) : this.#foreign(url, init);
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

  async #request(url: URL, init: RequestInit, signal: AbortSignal = this.#closing.signal): Promise<Response> {
    const headers = await this.endpoint.headers(init.headers, signal);
    // Not the SDK's own signal: it is one for all, and aborts only when this channel closes too.
    return fetch(url, { ...init, headers, signal });
  }

  async #listen(url: URL, init: RequestInit): Promise<Response> {
    const request = new AbortController();
    const release = this.#track(request);
    const open = (): Promise<Response> => this.#request(url, init, request.signal);
    const headers = new Headers(init.headers);
    return (
      this.#replies.resume(headers.get("last-event-id"), open, release) ?? this.#standing.open(headers, open, release)
    );
  }

  async #post(url: URL, init: RequestInit, body: string): Promise<Response> {
    const id = requestIdOf(body);
    const exchange = id === undefined ? undefined : this.#announced.get(id);
    const request = new AbortController();
    const unfollow = this.#track(request);
    const unlink = exchange === undefined ? () => {} : endWith(exchange, request);
    let leave = (): void => {};
    const release = (): void => {
      unfollow();
      unlink();
      leave();
    };
    try {
      leave = await (exchange === undefined ? this.#others : this.#requests).enter(request.signal);
      const headers = await this.endpoint.headers(init.headers, request.signal);
      exchange?.markSent();
      const response = await fetch(url, { ...init, headers, signal: request.signal });
      if (isRedirect(response)) {
        release();
        return response;
      }
      if (!response.ok) return await this.#refused(response, headers, exchange, request.signal).finally(release);
      if (id !== undefined && exchange !== undefined && this.#kind === "http") {
        return await this.#reply(response, id, exchange, release);
      }
      forget(response.body?.cancel());
      release();
      return new Response(null, response);
    } catch (error) {
      release();
      if (isConnectFailure(error)) exchange?.markNotSent();
      throw error;
    }
  }

  async #reply(response: Response, id: number, exchange: Exchange, release: () => void): Promise<Response> {
    const type = response.headers.get("content-type") ?? "";
    if (type.startsWith("text/event-stream")) return this.#replies.wrap(response, id, exchange, release);
    try {
      const whole = await readWhole(response, this.#maxMessageBytes);
      if (whole === undefined) {
        exchange.fail(
          new Failure("too-large", `an answer of more than ${this.#maxMessageBytes} bytes`, { delivery: "sent" }),
        );
      } else if (response.status === 202 || !type.startsWith("application/json")) {
        exchange.fail(
          new Failure("invalid-result", `no answer but HTTP status ${response.status} of type "${type}"`, {
            delivery: "sent",
          }),
        );
      }
      return new Response(whole ?? null, { status: 200, headers: response.headers });
    } finally {
      release();
    }
  }

  async #refused(
    response: Response,
    sent: Headers,
    exchange: Exchange | undefined,
    signal: AbortSignal,
  ): Promise<Response> {
    const hasSession = this.#kind === "sse" || sent.has("mcp-session-id");
    const failure = refusal(response.status, response.headers.get("retry-after"), { hasSession });
    // The SDK asks for a token and repeats the request.
    const mayAuthorize = this.#hasAuth && (response.status === 401 || response.status === 403);
    const words = this.#secrets.mask(await firstWords(response, signal));
    const said = words === "" ? failure : failure.with({ message: `${failure.message}: ${words}` });
    if (!mayAuthorize) exchange?.fail(said);
    else if (exchange !== undefined) exchange.refusal = said;
    if (failure.kind === "session-lost") this.#events.onEnded(failure, { sparesRequests: true });
    return new Response(words, { status: response.status, headers: response.headers });
  }
}

/** Ends a request when its answer is not awaited any more; where it has come, only what would not end by itself. */
function endWith(exchange: Exchange, request: AbortController): () => void {
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    if (exchange.answer === undefined) {
      request.abort();
      return;
    }
    timer = setTimeout(() => request.abort(), lingerMs);
    timer.unref();
  };
  if (exchange.isOver) end();
  else exchange.over.addEventListener("abort", end, { once: true });
  return () => {
    clearTimeout(timer);
    exchange.over.removeEventListener("abort", end);
  };
}

/** The SDK follows those that stay within the origin, by another request. */
function isRedirect(response: Response): boolean {
  return response.status >= 300 && response.status < 400;
}

function isMessage(body: unknown): body is string {
  return typeof body === "string" && body.startsWith('{"jsonrpc":"2.0"');
}

/** Messages are written with their id in front, see {@link HttpWire}. */
function requestIdOf(body: string): number | undefined {
  const id = /^\{"jsonrpc":"2\.0","id":(\d+),"method"/.exec(body)?.[1];
  return id === undefined ? undefined : Number(id);
}
