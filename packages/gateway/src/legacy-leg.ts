import { type AuthInfo, type Server, WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import { type Changes, notificationOf } from "./changes.js";
import { errorResponse } from "./error-response.js";

/** What the leg of the older revisions needs. */
export interface LegacyLegOptions {
  /** A server for the messages of one POST. */
  readonly newServer: () => Server;
  readonly changes: Changes;
  readonly maxBodyBytes: number;
  readonly maxStreams: number;
}

const keepAliveMs = 15_000;
const keepAlive = new TextEncoder().encode(": keep-alive\n\n");
const eventStream = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

/**
 * Serves the revisions up to 2025-11-25 without a session: each POST by a server of its own, so that any replica answers
 * any of them, and a GET with a stream of what has changed.
 */
export class LegacyLeg {
  readonly #options: LegacyLegOptions;
  /** What ends each GET stream. */
  readonly #streams = new Set<() => void>();

  constructor(options: LegacyLegOptions) {
    this.#options = options;
  }

  async serve(request: Request, authInfo: AuthInfo | undefined): Promise<Response> {
    switch (request.method) {
      case "POST":
        return this.#post(request, authInfo);
      case "GET":
        return this.#get(request);
      default:
        return errorResponse(405, -32000, "Method not allowed.", { headers: { allow: "GET, POST" } });
    }
  }

  /** Ends every GET stream; a client opens another one, at another replica. */
  close(): void {
    for (const end of this.#streams) end();
  }

  /**
   * Answers with nothing, not even a status, before there is a message: a client that was told nothing when this process
   * dies learns of it at once, and one that holds the head of a stream waits for its own timeout. A client that goes away
   * cancels nothing: the revisions of this leg say so.
   */
  async #post(request: Request, authInfo: AuthInfo | undefined): Promise<Response> {
    const server = this.#options.newServer();
    const transport = new WebStandardStreamableHTTPServerTransport({
      keepAliveMs: 0,
      maxRequestBodySize: this.#options.maxBodyBytes,
    });
    await server.connect(transport);
    const response = await transport.handleRequest(request, authInfo === undefined ? {} : { authInfo });
    if (response.body === null || response.headers.get("content-type") !== "text/event-stream") {
      await server.close();
      return response;
    }
    const reader = response.body.getReader();
    const first = await reader.read();
    let isRead = true;
    let timer: NodeJS.Timeout | undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        timer = setInterval(() => isRead && controller.enqueue(keepAlive), keepAliveMs);
        const pump = async (): Promise<void> => {
          for (let part = first; !part.done; part = await reader.read()) if (isRead) controller.enqueue(part.value);
          if (isRead) controller.close();
        };
        pump()
          .catch((error: unknown) => isRead && controller.error(error))
          .finally(() => {
            clearInterval(timer);
            return server.close();
          })
          .catch(() => {});
      },
      cancel: () => {
        isRead = false;
        clearInterval(timer);
      },
    });
    return new Response(body, { status: response.status, headers: response.headers });
  }

  #get(request: Request): Response {
    if (!/text\/event-stream|\*\/\*/.test(request.headers.get("accept") ?? ""))
      return errorResponse(406, -32000, "Not Acceptable: the client must accept text/event-stream");
    if (this.#streams.size >= this.#options.maxStreams)
      return errorResponse(503, -32603, "Too many streams are open.", { headers: { "retry-after": "5" } });
    const encoder = new TextEncoder();
    let end = (): void => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const stop = this.#options.changes.subscribe((event) => {
          const data = JSON.stringify({ jsonrpc: "2.0", ...notificationOf(event) });
          controller.enqueue(encoder.encode(`event: message\ndata: ${data}\n\n`));
        });
        const timer = setInterval(() => controller.enqueue(keepAlive), keepAliveMs);
        const release = (): void => {
          this.#streams.delete(close);
          clearInterval(timer);
          stop();
        };
        const close = (): void => {
          release();
          controller.close();
        };
        this.#streams.add(close);
        end = release;
        // The head of the response goes out with the first bytes.
        controller.enqueue(keepAlive);
      },
      cancel: () => end(),
    });
    return new Response(body, { headers: eventStream });
  }
}
