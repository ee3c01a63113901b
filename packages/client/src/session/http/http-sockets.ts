import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { Lane } from "./concurrency-limiter.js";

/** Less than the five seconds after which a server of Node ends a socket that rests: it would meet the next request. */
const restMs = 4_000;

/** One request, as it is sent. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: Headers;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
  /** Called when the request is handed to a socket that is open. */
  readonly onSent?: (() => void) | undefined;
}

/**
 * The sockets of one server, shared by all connections to it: a session is bound to none. Not those of the global
 * `fetch`, which opens one for each request that is under way and costs several times as much.
 */
export class HttpSockets {
  readonly #lanes = new Map<string, Lane>();
  readonly #plain = new HttpAgent({ keepAlive: true, timeout: restMs });
  readonly #secure = new HttpsAgent({ keepAlive: true, timeout: restMs });
  #users = 0;

  /** Keeps sockets open that rest. Returns what ends them all when the last user has gone. */
  use(): () => void {
    this.#users += 1;
    let isUser = true;
    return () => {
      if (!isUser) return;
      isUser = false;
      this.#users -= 1;
      if (this.#users > 0) return;
      this.#plain.destroy();
      this.#secure.destroy();
    };
  }

  /**
   * Where requests have to pass; notices and answers need not wait for them, so that a few more sockets may be open. One
   * for each origin: where one replica hangs, calls to another do not.
   */
  laneTo({ origin }: URL): Lane {
    const known = this.#lanes.get(origin);
    if (known !== undefined) return known;
    const lane = new Lane({ width: 12, maxWidth: 256, slowMs: 50 });
    this.#lanes.set(origin, lane);
    return lane;
  }

  /** Resolves with the head of the answer, whose body is to be read or destroyed. Rejects with `signal.reason` on abort. */
  send(url: URL, { method, headers, body, signal, onSent }: HttpRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const isSecure = url.protocol === "https:";
      // Nobody here would decode another.
      const options = { method, headers: { ...Object.fromEntries(headers), "accept-encoding": "identity" } };
      const request = isSecure
        ? httpsRequest(url, { ...options, agent: this.#secure })
        : httpRequest(url, { ...options, agent: this.#plain });
      const abort = (): void => {
        reject(signal.reason);
        // Without an error: a socket that is just being given back has nobody who listens for one.
        request.destroy();
      };
      signal.addEventListener("abort", abort, { once: true });
      let isAnswered = false;
      request.on("close", () => {
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
}
