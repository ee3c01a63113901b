import type { IncomingMessage } from "node:http";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { Cancellation } from "../../cancellation.js";
import type { HttpServer } from "../../config/server-config.js";
import { settledWithin } from "../abort.js";
import { eraOf } from "../era/protocol-versions.js";
import type { Exchange } from "../exchange.js";
import { forget, ignore } from "../quietly.js";
import type { MessageHeaders, Wire, WireEvents, WireOptions } from "../wire.js";
import { ConcurrencyLimiter } from "./concurrency-limiter.js";
import { HttpEndpoint } from "./http-endpoint.js";
import { type HttpRequest, type HttpSockets, type SendHttp, sendFollowing } from "./http-sockets.js";
import type { Pace } from "./read-events.js";
import { isOfAnother, readRefusal } from "./refusal.js";
import { Canceller, endAfter, endWith, isSuccess, lingerMs, onceClosed, Replies } from "./replies.js";
import { openSseStream } from "./sse-stream.js";
import { StandingStream } from "./standing-stream.js";

/** A server that does not answer the end of a session forgets it by itself, sooner or later. */
const maxGoodbyeMs = 1_000;
const maxOthers = 16;
/** While so many answers to the server wait, no more is heard of it. */
const maxWaiting = 64;
/** What nobody awaits the answer of, and so nobody gives up. */
const notificationMs = 60_000;
/** What shows whether a server lives waits for no call. */
const vital: ReadonlySet<string> = new Set(["initialize", "ping", "server/discover"]);
/** A request whose reply is a stream that stays open takes the place of no other. */
const lasting = "subscriptions/listen";

/** What an {@link HttpWire} is made of. */
export interface HttpWireOptions extends WireOptions {
  readonly server: HttpServer;
  readonly principal: string | undefined;
  readonly sockets: HttpSockets;
  /** By which every request goes out: the sockets themselves, or a layer in front of them. */
  readonly send: SendHttp;
  readonly kind: "http" | "sse";
}

interface Post {
  readonly body: string;
  /** Undefined for an answer to the server. */
  readonly method: string | undefined;
  readonly headers: MessageHeaders | undefined;
}

/**
 * Speaks streamable HTTP, or the deprecated HTTP+SSE transport. Every request has a signal of its own, which ends it when
 * nobody awaits the answer any more; what is refused, lost or too large is told to the exchange it belongs to.
 */
export class HttpWire implements Wire {
  readonly #options: HttpWireOptions;
  readonly #endpoint: HttpEndpoint;
  readonly #kind: "http" | "sse";
  readonly #leaveSockets: () => void;
  readonly #closing = new AbortController();
  /** A set, since so many listeners on one signal would be a warning. */
  readonly #open = new Set<Canceller>();
  /** Requests that wait for the application: for its headers, or for its login. */
  readonly #held = new Set<Canceller>();
  /** Answers to the server, notifications, handshakes and pings do not wait for calls. */
  readonly #others = new ConcurrencyLimiter({ width: maxOthers, maxWidth: maxOthers, slowMs: 0 });
  readonly #pace: Pace;
  #events: WireEvents | undefined;
  #replies: Replies | undefined;
  #postUrl: URL;
  #sessionId: string | undefined;
  #protocolVersion: string | undefined;
  /** Whether a stream that broke off can be resumed: the modern revision has no such thing. */
  #hasResumption = true;
  #isReady = false;

  constructor(options: HttpWireOptions) {
    const { server, principal, secrets, sockets, kind } = options;
    this.#options = options;
    this.#endpoint = new HttpEndpoint(server, principal, secrets);
    this.#kind = kind;
    this.#postUrl = this.#endpoint.url;
    this.#leaveSockets = sockets.use();
    this.#pace = { budget: sockets.budget, mayGoOn: () => this.#others.waiting < maxWaiting };
  }

  async start(events: WireEvents): Promise<void> {
    const { maxMessageBytes } = this.#options;
    this.#events = events;
    this.#replies = new Replies({ maxMessageBytes, onMessage: events.onMessage, pace: this.#pace });
    if (this.#kind === "http") return;
    const response = await this.#get(undefined);
    if (!isSuccess(response)) throw (await this.#refusalOf(response, undefined)).failure;
    const onMoved = (postUrl: URL): void => {
      this.#postUrl = postUrl;
    };
    await openSseStream(response, { url: this.#endpoint.url, maxMessageBytes, events, pace: this.#pace, onMoved });
  }

  send(message: JSONRPCMessage, exchange: Exchange | undefined, headers?: MessageHeaders): Promise<void> {
    const method = "method" in message ? message.method : undefined;
    return this.#post({ body: JSON.stringify(message), method, headers }, exchange);
  }

  setProtocolVersion(version: string | undefined): void {
    this.#protocolVersion = version;
    this.#hasResumption = version === undefined || eraOf(version) === "legacy";
  }

  /** The server has been found to be what it is spoken to as. */
  async ready(): Promise<void> {
    this.#isReady = true;
  }

  async listen(): Promise<void> {
    const events = this.#events;
    if (this.#kind === "sse" || events === undefined) return;
    const { maxMessageBytes } = this.#options;
    const closing = this.#closing.signal;
    if (closing.aborted) return;
    await new Promise<void>((resolve) => {
      const connect = (lastEventId?: string): Promise<IncomingMessage> => this.#get(lastEventId).finally(resolve);
      forget(new StandingStream({ connect, events, maxMessageBytes, pace: this.#pace, closing }).keep());
    });
  }

  async close(withinMs: number, options: { readonly hasty: boolean }): Promise<void> {
    if (this.#sessionId !== undefined && !options.hasty)
      await settledWithin(this.#endSession(), Math.min(withinMs, maxGoodbyeMs));
    this.#closing.abort();
    for (const request of [...this.#open]) request.abort();
    this.#leaveSockets();
  }

  stderrTail(): string {
    return "";
  }

  awaitsServer(): boolean {
    return this.#held.size === 0;
  }

  async #endSession(): Promise<void> {
    const headers = await this.#endpoint.headers(this.#transportHeaders, this.#closing.signal);
    const response = await this.#request({ method: "DELETE", headers, signal: this.#closing.signal });
    response.resume();
  }

  get #transportHeaders(): Readonly<Record<string, string | undefined>> {
    return { "mcp-session-id": this.#sessionId, "mcp-protocol-version": this.#protocolVersion };
  }

  /** Asks for a stream, from after an event where one is named. It ends with the connection. */
  async #get(lastEventId: string | undefined, signal?: Cancellation): Promise<IncomingMessage> {
    const request = new Canceller();
    if (signal === undefined) this.#track(request);
    const own = { ...this.#transportHeaders, accept: "text/event-stream", "last-event-id": lastEventId };
    try {
      this.#held.add(request);
      const asked = { method: "GET", signal: signal ?? request, ...this.#watched(request) } as const;
      const { response } = await this.#endpoint.send(asked, own, (one) => this.#request(one));
      onceClosed(response, () => this.#open.delete(request));
      return response;
    } catch (error) {
      this.#open.delete(request);
      throw error;
    } finally {
      this.#held.delete(request);
    }
  }

  /** What the application takes for its headers and its login is not the server's time. */
  #watched(request: Canceller, exchange?: Exchange): Required<Pick<HttpRequest, "onStarted" | "onSent" | "onWaiting">> {
    return {
      onStarted: () => {
        this.#held.delete(request);
        exchange?.markStarted();
      },
      onSent: () => exchange?.markSent(),
      onWaiting: () => {
        this.#held.add(request);
        exchange?.markWaiting();
      },
    };
  }

  #request(request: HttpRequest): Promise<IncomingMessage> {
    return sendFollowing(this.#options.send, request.method === "POST" ? this.#postUrl : this.#endpoint.url, request);
  }

  async #post(post: Post, exchange: Exchange | undefined): Promise<void> {
    const request = new Canceller();
    this.#track(request);
    const unlink = exchange === undefined ? endAfter(notificationMs, request) : endWith(exchange, request);
    let leave = ignore;
    const release = (): void => {
      this.#open.delete(request);
      this.#held.delete(request);
      unlink();
      leave();
    };
    try {
      if (post.method !== lasting) leave = await this.#limiterFor(post, exchange).enter(request);
      // Written out, here and below: a second spread, or one that does not come first, costs more than all that it copies.
      const own: Record<string, string | undefined> = { ...post.headers };
      own["mcp-session-id"] = this.#sessionId;
      own["mcp-protocol-version"] = this.#protocolVersion;
      own.accept = "application/json, text/event-stream";
      own["content-type"] = "application/json";
      this.#held.add(request);
      const { onStarted, onSent, onWaiting } = this.#watched(request, exchange);
      const posted = { method: "POST", body: post.body, signal: request, onStarted, onSent, onWaiting } as const;
      const { response, headers } = await this.#endpoint.send(posted, own, (one) => this.#request(one));
      if (this.#kind === "http" && isSuccess(response)) this.#noteSession(post, response);
      if (!isSuccess(response)) await this.#refused(response, headers, exchange);
      else if (exchange !== undefined && this.#kind === "http") {
        const resume = this.#hasResumption ? (lastEventId: string) => this.#resume(lastEventId, request) : undefined;
        const hasSession = headers["mcp-session-id"] !== undefined;
        void this.#replies?.read(response, { exchange, hasSession, signal: request, resume }).finally(release);
        return;
      } else {
        const cancel = endAfter(lingerMs, request);
        response.resume();
        onceClosed(response, () => {
          cancel();
          release();
        });
        return;
      }
    } catch (error) {
      release();
      throw error;
    }
    release();
  }

  /** A request that ends with the connection. */
  #track(request: Canceller): void {
    if (this.#closing.signal.aborted) request.abort();
    this.#open.add(request);
  }

  #limiterFor({ method }: Post, exchange: Exchange | undefined): ConcurrencyLimiter {
    if (exchange === undefined || (method !== undefined && vital.has(method))) return this.#others;
    return this.#options.sockets.limiterOf(this.#postUrl);
  }

  /** It comes with the answer to the handshake; some servers give it with a later one. */
  #noteSession({ method }: Post, { headers }: IncomingMessage): void {
    const given = headers["mcp-session-id"];
    const isLate = this.#sessionId === undefined && this.#protocolVersion !== undefined && this.#hasResumption;
    if (typeof given === "string" && (method === "initialize" || isLate)) this.#sessionId = given;
  }

  /** Of a reply that broke off. */
  async #resume(lastEventId: string, signal: Cancellation): Promise<IncomingMessage> {
    const response = await this.#get(lastEventId, signal);
    if (isSuccess(response)) return response;
    response.destroy();
    throw new Error(`the rest of the reply was refused with HTTP status ${response.statusCode}`);
  }

  /** Whether a refusal may mean that the server does not know what it is spoken to as: its session, or its revision. */
  #mayBeForgotten(sent: Readonly<Record<string, string>>, status: number | undefined): boolean {
    if (sent["mcp-session-id"] !== undefined) return true;
    // A refusal of `subscriptions/listen` only means that the server has no subscriptions.
    if (!this.#isReady || sent["mcp-method"] === lasting) return false;
    // A server of an older revision without sessions has forgotten nothing, but it may not be there any more.
    return !this.#hasResumption || status === 400 || status === 404 || status === 405;
  }

  /** Tells whom it concerns; throws where that is nobody. */
  async #refused(
    response: IncomingMessage,
    sent: Readonly<Record<string, string>>,
    exchange: Exchange | undefined,
  ): Promise<void> {
    const { failure, answer } = await this.#refusalOf(response, exchange, sent);
    if (answer !== undefined) {
      if (exchange !== undefined && this.#hasResumption) exchange.isUnmatched = isOfAnother(answer);
      return this.#events?.onMessage(answer);
    }
    exchange?.fail(failure);
    const isLost = failure.kind === "session-lost";
    if (exchange !== undefined) return isLost ? this.#events?.onEnded(failure, { sparesRequests: true }) : undefined;
    // A server may know the session, and not the notification.
    if (isLost) this.#events?.onDoubt(failure);
    throw failure;
  }

  #refusalOf(
    response: IncomingMessage,
    exchange: Exchange | undefined,
    sent: Readonly<Record<string, string>> = {},
  ): ReturnType<typeof readRefusal> {
    return readRefusal(response, {
      id: exchange?.requestId,
      hasSession: this.#kind === "sse" ? exchange !== undefined : this.#mayBeForgotten(sent, response.statusCode),
      secrets: this.#options.secrets,
    });
  }
}
