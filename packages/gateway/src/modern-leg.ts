import { type AuthInfo, createMcpHandler, type McpHttpHandler } from "@modelcontextprotocol/server";
import { withHeader } from "./answer.js";
import type { Changes } from "./changes.js";
import { listenBody } from "./listen-body.js";
import type { RequestAnswering } from "./request-answering.js";
import type { ResourceWatch } from "./resource-watch.js";

/** What the leg of revision 2026-07-28 needs. */
export interface ModernLegOptions {
  readonly answering: RequestAnswering;
  readonly changes: Changes;
  readonly watch: ResourceWatch;
  readonly maxBodyBytes: number;
  readonly maxStreams: number;
}

/** Serves revision 2026-07-28 by the SDK: each POST by itself, so that any replica answers any of them. */
export class ModernLeg {
  readonly #options: ModernLegOptions;
  readonly #shared: McpHttpHandler;
  /** Those that serve one stream each. */
  readonly #own = new Set<McpHttpHandler>();
  #isClosed = false;

  constructor(options: ModernLegOptions) {
    this.#options = options;
    this.#shared = this.#newHandler();
  }

  /** Answers a request with its body, which was read. `atEnd` is given what is to be called when the answer has ended. */
  async serve(
    request: Request,
    body: unknown,
    authInfo: AuthInfo | undefined,
    atEnd: (end: () => void) => void,
  ): Promise<Response> {
    const { answering, watch } = this.#options;
    let handler = this.#shared;
    let parsedBody = body;
    const listen = listenBody(request, body);
    if (listen !== undefined) {
      const principal = authInfo?.clientId;
      const watched = await watch.watch(listen.uris, principal);
      atEnd(watched.end);
      parsedBody = listen.withUris(watched.uris);
      if (!this.#isClosed) {
        // A handler does not tell its bus for whom a stream listens, so a stream that is told of resources has its own.
        const own = this.#newHandler(principal);
        handler = own;
        this.#own.add(own);
        atEnd(() => this.#own.delete(own));
      }
    }
    const response = await handler.fetch(request, { parsedBody, ...(authInfo !== undefined && { authInfo }) });
    const outcome = answering.outcomeOf(request);
    if (outcome === undefined || response.headers.get("content-type") !== "application/json") return response;
    const { status, retryAfter } = outcome;
    const answer = new Response(response.body, { status, headers: response.headers });
    if (retryAfter !== undefined) withHeader(answer, "retry-after", retryAfter);
    return answer;
  }

  /** Ends every request and stream, the streams with a result. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#shared, ...this.#own].map((handler) => handler.close()));
  }

  #newHandler(principal?: string): McpHttpHandler {
    const { answering, changes, maxBodyBytes, maxStreams } = this.#options;
    return createMcpHandler(({ era }) => answering.newServer({ era, wire: "http" }), {
      legacy: "reject",
      bus: {
        publish: (event) => changes.publish(event),
        subscribe: (listener) => changes.subscribe(listener, principal),
      },
      maxSubscriptions: maxStreams,
      maxRequestBodySize: maxBodyBytes,
    });
  }
}
