import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { HttpProxyAgent } from "http-proxy-agent";
import { HttpsProxyAgent } from "https-proxy-agent";
import { getProxyForUrl } from "proxy-from-env";
import type { Cancellation } from "../../cancellation.js";
import type { HttpServer } from "../../config/server-config.js";
import { TurnBudget } from "../turn-budget.js";
import { ConcurrencyLimiter } from "./concurrency-limiter.js";

/** One HTTP request, as it is sent. */
export interface HttpRequest {
  readonly method: "POST" | "GET" | "DELETE";
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: Cancellation;
  /** How host names are looked up, where that is not left to the system. */
  readonly lookup?: LookupFunction | undefined;
  /** Called when the request waits for nothing but the server any more. */
  readonly onStarted?: (() => void) | undefined;
  /** Called when the request is handed to a socket that is open. */
  readonly onSent?: (() => void) | undefined;
  /** Called by a layer in front of the sockets that waits for something else: nothing has been sent, or it was refused. */
  readonly onWaiting?: (() => void) | undefined;
}

/**
 * Sends one HTTP request to a server. Resolves with the head of the answer, whatever its status, whose body the caller
 * reads or destroys. Rejects with `signal.reason` on abort, with the error of the socket, or with a `Failure`. Every request
 * of a wire goes through one function of this form, so that a layer can be put in front of the sockets.
 */
export type SendHttp = (url: URL, request: HttpRequest) => Promise<IncomingMessage>;

/**
 * The sockets of one server, shared by all connections to it: a session is bound to none. They are not those of the global
 * `fetch`, which opens one for each request that is under way and costs several times as much.
 */
export class HttpSockets {
  /** How much of what the server says is heard in a turn, over all of them. */
  readonly budget: TurnBudget = new TurnBudget();
  readonly #limiters = new Map<string, ConcurrencyLimiter>();
  readonly #agents: Agents;
  #users = 0;

  constructor(server: Pick<HttpServer, "proxy" | "ca"> = {}) {
    this.#agents = new Agents(server);
  }

  /** Keeps sockets open that rest. Returns what ends them all when the last user has gone. */
  use(): () => void {
    this.#users += 1;
    let isUser = true;
    return () => {
      if (!isUser) return;
      isUser = false;
      this.#users -= 1;
      if (this.#users > 0) return;
      this.#agents.destroy();
    };
  }

  /**
   * Where calls have to pass; notifications and answers need not wait for them, so that a few more sockets may be open.
   * There is one for each origin: where one replica hangs, calls to another do not.
   */
  limiterOf({ origin }: URL): ConcurrencyLimiter {
    const known = this.#limiters.get(origin);
    if (known !== undefined) return known;
    const limiter = new ConcurrencyLimiter({ width: 12, maxWidth: 256, slowMs: 50 });
    this.#limiters.set(origin, limiter);
    return limiter;
  }

  readonly send: SendHttp = (url, { method, headers, body, signal, lookup, onStarted, onSent }) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) throw signal.reason;
      onStarted?.();
      const isSecure = url.protocol === "https:";
      // Answers are read as they come: nothing here decodes gzip or the like.
      const sent = { ...headers, "accept-encoding": "identity" };
      this.#agents.closeOverdue();
      const { agent, secureContext } = this.#agents.optionsFor(url);
      const options = { method, headers: sent, lookup, agent, secureContext };
      const request = (isSecure ? httpsRequest : httpRequest)(url, options);
      const abort = (): void => {
        reject(signal.reason);
        // Without an error: a socket that is just being given back has nobody who listens for one.
        request.destroy();
      };
      signal.addEventListener("abort", abort);
      let isAnswered = false;
      request.on("close", () => {
        this.#agents.noteUse();
        signal.removeEventListener("abort", abort);
        // A server that switches to another protocol gives neither an answer nor an error.
        if (!isAnswered) reject(new Error("the connection ended without an answer"));
      });
      request.on("error", reject);
      request.on("response", (message) => {
        isAnswered = true;
        resolve(message);
      });
      request.on("socket", (socket) => {
        if (socket.connecting) socket.once(isSecure ? "secureConnect" : "connect", () => onSent?.());
        else onSent?.();
      });
      request.end(body);
    });
}

/** Less than the five seconds after which a server of Node ends a socket that rests: it would meet the next request. */
const restMs = 4_000;
const kept = { keepAlive: true, timeout: restMs } as const;

/** What opens and keeps the sockets to a server: directly, or through an HTTP proxy. */
export class Agents {
  readonly #proxy: string | false;
  readonly #ca: readonly string[];
  /** By the URL of the proxy, and whether TLS goes through it. */
  readonly #byProxy = new Map<string, HttpAgent>();
  #secureContext: SecureContext | undefined;
  /** By the wall clock, since the other may stand still while the machine sleeps. */
  #usedAt = Date.now();

  constructor({ proxy = false, ca = [] }: Pick<HttpServer, "proxy" | "ca">) {
    this.#proxy = proxy;
    this.#ca = typeof ca === "string" ? [ca] : ca;
  }

  /** The agent for a URL, and what TLS trusts beside what Node.js does. Throws where the environment names no HTTP proxy. */
  optionsFor(url: URL): { readonly agent: HttpAgent; readonly secureContext: SecureContext | undefined } {
    const proxy = this.#proxy === "environment" ? getProxyForUrl(url.href) : this.#proxy || "";
    const isSecure = url.protocol === "https:";
    const key = `${url.protocol}${proxy}`;
    let agent = this.#byProxy.get(key);
    if (agent === undefined) {
      agent = this.#make(proxy, isSecure);
      this.#byProxy.set(key, agent);
    }
    return { agent, secureContext: isSecure ? this.#trust() : undefined };
  }

  /** Must be called when a request begins and when it ends: a socket rests since the last of these at the latest. */
  noteUse(): void {
    this.#usedAt = Date.now();
  }

  /**
   * Closes the sockets that have rested for too long, where the timers that should have done it come later than the next
   * request, since the process or the machine stood still. The server has closed such a socket, or is about to.
   */
  closeOverdue(): void {
    if (Date.now() - this.#usedAt >= restMs)
      for (const { freeSockets } of this.#byProxy.values())
        for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
    this.noteUse();
  }

  /** Closes the sockets that rest; the next request opens another. */
  destroy(): void {
    for (const agent of this.#byProxy.values()) agent.destroy();
  }

  #make(proxy: string, isSecure: boolean): HttpAgent {
    if (proxy === "") return isSecure ? new HttpsAgent(kept) : new HttpAgent(kept);
    const url = URL.canParse(proxy) ? new URL(proxy) : undefined;
    if (url?.protocol !== "http:" && url?.protocol !== "https:")
      throw new TypeError("the proxy that the environment names has no http or https URL");
    const secureContext = url.protocol === "https:" ? this.#trust() : undefined;
    const options = { ...kept, ...(secureContext !== undefined && { secureContext }) };
    return isSecure ? new HttpsProxyAgent(url, options) : new HttpProxyAgent(url, options);
  }

  #trust(): SecureContext | undefined {
    if (this.#ca.length === 0) return undefined;
    this.#secureContext ??= createSecureContext({ ca: [...rootCertificates, ...this.#ca] });
    return this.#secureContext;
  }
}

const maxRedirects = 5;

/**
 * Sends a request and follows redirects within the origin: of a POST only those that keep it one (307, 308). Any other
 * redirect is the answer, so that credentials and arguments go to no other origin.
 */
export async function sendFollowing(send: SendHttp, url: URL, request: HttpRequest): Promise<IncomingMessage> {
  let at = url;
  for (let count = 0; ; count++) {
    const response = await send(at, request);
    const next = count < maxRedirects ? targetOf(response, at, request.method) : undefined;
    if (next === undefined) return response;
    response.resume();
    at = next;
  }
}

function targetOf({ statusCode = 0, headers }: IncomingMessage, from: URL, method: string): URL | undefined {
  const keepsMethod = statusCode === 307 || statusCode === 308;
  const isFollowed = keepsMethod || (method === "GET" && statusCode >= 301 && statusCode <= 303);
  const { location } = headers;
  if (!isFollowed || location === undefined || !URL.canParse(location, from.href)) return undefined;
  const target = new URL(location, from);
  return target.origin === from.origin ? target : undefined;
}
