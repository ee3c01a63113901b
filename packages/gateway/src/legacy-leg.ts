import {
  type AuthInfo,
  isInitializeRequest,
  isJSONRPCResponse,
  readRequestBody,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { type Changes, notificationOf } from "./changes.js";
import { errorResponse } from "./error-response.js";
import { askable, sessionIdOf } from "./host-capabilities.js";
import { HostQuestions } from "./host-questions.js";
import { isRecord } from "./is-record.js";

/** What the leg of the older revisions needs. */
export interface LegacyLegOptions {
  /** A server for the messages of one POST. */
  readonly newServer: () => Server;
  readonly changes: Changes;
  readonly maxBodyBytes: number;
  readonly maxStreams: number;
  /** Whether any server may ask hosts something. */
  readonly isInteractive: boolean;
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
  readonly #questions = new HostQuestions();
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
    const body = await readJson(request, this.#options.maxBodyBytes);
    if (body instanceof Response) return body;
    const principal = authInfo?.clientId;
    const messages: readonly unknown[] = Array.isArray(body) ? body : [body];
    if (messages.length > 0 && messages.every(isJSONRPCResponse)) {
      const heard = messages.filter((answer) => this.#questions.answer(answer, principal));
      if (heard.length > 0) return new Response(null, { status: 202 });
      return errorResponse(404, -32600, "Nobody here waits for this answer.");
    }
    // What is cancelled in the batch that asks for it would never be answered, and the batch with it.
    const kept = messages.filter((message) => !isRecord(message) || message.method !== "notifications/cancelled");
    if (Array.isArray(body) && messages.length > 0 && kept.length === 0) return new Response(null, { status: 202 });
    const server = this.#options.newServer();
    const transport = new WebStandardStreamableHTTPServerTransport({
      keepAliveMs: 0,
      sessionIdGenerator: undefined,
    });
    const endQuestions = this.#questions.watch(transport, principal);
    await server.connect(transport);
    const parsed = { parsedBody: Array.isArray(body) ? kept : body, ...(authInfo !== undefined && { authInfo }) };
    const response = await transport.handleRequest(request, parsed);
    if (response.body === null || response.headers.get("content-type") !== "text/event-stream") {
      await server.close();
      return response;
    }
    const capabilities = isInitializeRequest(body) ? askable(body.params.capabilities) : undefined;
    if (this.#options.isInteractive && capabilities !== undefined)
      response.headers.set("mcp-session-id", sessionIdOf(capabilities));
    const reader = response.body.getReader();
    const first = await reader.read();
    let isRead = true;
    let timer: NodeJS.Timeout | undefined;
    const stream = new ReadableStream<Uint8Array>({
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
        endQuestions();
      },
    });
    return new Response(stream, { status: response.status, headers: response.headers });
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
          // Nobody subscribes to a resource on this leg, and what others have subscribed to is theirs.
          if (event.kind === "resource_updated") return;
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

/** The body of a request, or what is answered where it is too large or not JSON. */
async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  try {
    const body = await readRequestBody(request, maxBytes);
    if (body.tooLarge) return errorResponse(413, -32000, `The body is larger than ${maxBytes} bytes.`);
    return JSON.parse(body.text);
  } catch {
    return errorResponse(400, -32700, "Parse error: the body is not valid JSON.");
  }
}
