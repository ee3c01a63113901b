import type { IncomingMessage, ServerResponse } from "node:http";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { Conductor } from "./conductor.js";
import { sendRpcError, writePieces } from "./http-reply.js";
import { hitPost, type PostBody, refuse, resetSocket } from "./post-faults.js";
import { Session } from "./session.js";

/** The SDK's transport, writing in pieces. */
class PiecewiseSse extends SSEServerTransport {
  readonly #response: ServerResponse;
  readonly #conductor: Conductor;
  #written: Promise<void> = Promise.resolve();

  constructor(response: ServerResponse, conductor: Conductor) {
    super("/messages", response);
    this.#response = response;
    this.#conductor = conductor;
  }

  override async send(message: JSONRPCMessage): Promise<void> {
    const bytes = Buffer.from(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
    this.#written = this.#written.then(() => writePieces(this.#response, bytes, this.#conductor.faults.chunkBytes));
    await this.#written;
  }
}

interface Entry {
  readonly session: Session;
  readonly transport: SSEServerTransport;
  readonly stream: ServerResponse;
}

/** `/sse` and `/messages`: the HTTP with SSE transport of protocol revision 2024-11-05. */
export class SseEndpoint {
  readonly #conductor: Conductor;
  readonly #sessions = new Map<string, Entry>();
  readonly #streams = new Set<ServerResponse>();

  constructor(conductor: Conductor) {
    this.#conductor = conductor;
  }

  get sessions(): readonly Session[] {
    return [...this.#sessions.values()].map((entry) => entry.session);
  }

  async open(response: ServerResponse): Promise<void> {
    const transport = new PiecewiseSse(response, this.#conductor);
    const id = transport.sessionId;
    const session = new Session(this.#conductor, transport, id, { announcesReady: true, asksInReply: true });
    this.#sessions.set(id, { session, transport, stream: response });
    this.#streams.add(response);
    response.once("close", () => {
      this.#sessions.delete(id);
      this.#streams.delete(response);
    });
    await session.open();
    const { streamLifeMs } = this.#conductor.faults;
    if (!Number.isFinite(streamLifeMs)) return;
    const timer = setTimeout(() => response.end(), streamLifeMs);
    response.once("close", () => clearTimeout(timer));
  }

  async post(request: IncomingMessage, response: ServerResponse, body: PostBody, id: string): Promise<void> {
    const fault = hitPost(this.#conductor, body);
    const entry = this.#sessions.get(id);
    if (entry === undefined) {
      return fault?.kind === "status"
        ? refuse(response, fault)
        : sendRpcError(response, 404, -32001, "Session not found");
    }
    if (fault === undefined) return this.#deliver(entry, response, body);
    const inTheStream = fault.kind === "endStream" || fault.kind === "holdStream";
    if (inTheStream) response.writeHead(202).end("Accepted");
    if (fault.when === "after") {
      const answered = Promise.all(body.ids.map((answer) => entry.session.transport.withhold(answer)));
      await entry.transport.handleMessage(body.json);
      await answered;
    }
    if (fault.kind === "status") refuse(response, fault);
    if (fault.kind === "resetSocket") resetSocket(request);
    if (fault.kind === "endStream") entry.stream.end();
  }

  forget(): void {
    this.#sessions.clear();
  }

  dropStreams(): void {
    for (const stream of this.#streams) stream.end();
  }

  async #deliver(entry: Entry, response: ServerResponse, body: PostBody): Promise<void> {
    try {
      await entry.transport.handleMessage(body.json);
      response.writeHead(202).end("Accepted");
    } catch {
      sendRpcError(response, 400, -32700, "Parse error: Invalid JSON-RPC message");
    }
  }
}
