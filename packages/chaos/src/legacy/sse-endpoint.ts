import type { IncomingMessage, ServerResponse } from "node:http";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { FaultController } from "../fault-controller.js";
import { sendRpcError, writeEvent, writeRetry } from "../http/http-reply.js";
import { hitPost, type PostBody, refuse, resetSocket } from "../http/post-faults.js";
import { announceLoss } from "./lost-session.js";
import { Session } from "./session.js";

/** The SDK's transport, writing in pieces. */
class PiecewiseSse extends SSEServerTransport {
  readonly #response: ServerResponse;
  readonly #controller: FaultController;

  constructor(response: ServerResponse, controller: FaultController) {
    super("/messages", response);
    this.#response = response;
    this.#controller = controller;
  }

  override async send(message: JSONRPCMessage): Promise<void> {
    await writeEvent(this.#response, { ...message }, this.#controller);
  }
}

interface Entry {
  readonly session: Session;
  readonly transport: SSEServerTransport;
  readonly stream: ServerResponse;
}

/** `/sse` and `/messages`: the HTTP with SSE transport of protocol revision 2024-11-05. */
export class SseEndpoint {
  readonly #controller: FaultController;
  readonly #sessions = new Map<string, Entry>();
  readonly #streams = new Set<ServerResponse>();

  constructor(controller: FaultController) {
    this.#controller = controller;
  }

  get sessions(): readonly Session[] {
    return [...this.#sessions.values()].map((entry) => entry.session);
  }

  async open(response: ServerResponse): Promise<void> {
    const transport = new PiecewiseSse(response, this.#controller);
    const id = transport.sessionId;
    const session = new Session(this.#controller, transport, id, { announcesReady: true, asksInReply: true });
    this.#sessions.set(id, { session, transport, stream: response });
    this.#streams.add(response);
    response.once("close", () => {
      this.#sessions.delete(id);
      this.#streams.delete(response);
    });
    await session.open();
    writeRetry(response, this.#controller);
    const { streamLifeMs } = this.#controller.faults;
    if (!Number.isFinite(streamLifeMs)) return;
    const timer = setTimeout(() => response.end(), streamLifeMs);
    response.once("close", () => clearTimeout(timer));
  }

  async post(request: IncomingMessage, response: ServerResponse, body: PostBody, id: string): Promise<void> {
    const fault = hitPost(this.#controller, body);
    const entry = this.#sessions.get(id);
    if (entry === undefined) {
      if (fault?.kind === "status") return refuse(response, fault);
      return announceLoss(response, this.#controller, body);
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

  /** The standing streams that are open. */
  get streams(): ReadonlySet<ServerResponse> {
    return this.#streams;
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
