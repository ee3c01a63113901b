import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import type { FaultController } from "../fault-controller.js";
import { discard, relay, sendRpcError } from "../http/http-reply.js";
import { hitPost, type PostBody, strike } from "../http/post-faults.js";
import { announceLoss } from "./lost-session.js";
import { Session } from "./session.js";

interface Entry {
  readonly session: Session;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  requests: number;
  announced: boolean;
  wasRead: boolean;
}

/** `/mcp`: streamable HTTP, one session per client. */
export class StreamableEndpoint {
  readonly #controller: FaultController;
  readonly #sessions = new Map<string, Entry>();
  /** Forgotten ones may still have work and streams; they are closed with the server. */
  readonly #forgotten = new Set<Session>();
  readonly #streams = new Set<ServerResponse>();

  constructor(controller: FaultController) {
    this.#controller = controller;
  }

  get sessions(): readonly Session[] {
    return [...this.#sessions.values()].map((entry) => entry.session);
  }

  /** The standing streams that are open. */
  get streams(): ReadonlySet<ServerResponse> {
    return this.#streams;
  }

  async post(request: IncomingMessage, response: ServerResponse, body: PostBody): Promise<void> {
    const fault = hitPost(this.#controller, body);
    if (fault === undefined) {
      const entry = await this.#entryFor(request, response, body);
      if (entry !== undefined) await relay(await this.#handle(entry, request, body), response, this.#controller);
      return;
    }
    const run = async (): Promise<void> => {
      const entry = await this.#entryFor(request, undefined, body);
      if (entry !== undefined) await discard(await this.#handle(entry, request, body));
    };
    await strike(fault, this.#controller.faults.reply, request, response, run);
  }

  async get(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { noGetStream, streamLifeMs, listChangedOnInit, failFirstGet } = this.#controller.faults;
    if (noGetStream) return sendRpcError(response, 405, -32000, "Method not allowed.");
    const entry = await this.#entryFor(request, response, undefined);
    if (entry === undefined) return;
    if (failFirstGet !== undefined && !entry.wasRead) {
      entry.wasRead = true;
      this.#controller.struck("failFirstGet", `${failFirstGet} in session ${entry.session.id}`);
      return sendRpcError(response, failFirstGet, -32000, `the first GET is refused with ${failFirstGet}, as asked`);
    }
    const reply = await this.#handle(entry, request, undefined);
    this.#streams.add(response);
    const timer = Number.isFinite(streamLifeMs) ? setTimeout(() => response.end(), streamLifeMs) : undefined;
    response.once("close", () => {
      clearTimeout(timer);
      this.#streams.delete(response);
    });
    if (reply.ok && !entry.announced) {
      entry.announced = true;
      entry.session.listChanged(listChangedOnInit, "tools");
    }
    await relay(reply, response, this.#controller);
  }

  async delete(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const entry = await this.#entryFor(request, response, undefined);
    if (entry !== undefined) await relay(await this.#handle(entry, request, undefined), response, this.#controller);
  }

  forget(): void {
    for (const { session } of this.#sessions.values()) this.#forgotten.add(session);
    this.#sessions.clear();
  }

  dropStreams(): void {
    for (const stream of this.#streams) stream.end();
  }

  async close(): Promise<void> {
    this.forget();
    await Promise.all([...this.#forgotten].map((session) => session.close()));
    this.#forgotten.clear();
  }

  /** The session that a request belongs to, a new one where it opens one; otherwise the refusal is sent. */
  async #entryFor(
    request: IncomingMessage,
    response: ServerResponse | undefined,
    body: PostBody | undefined,
  ): Promise<Entry | undefined> {
    const id = request.headers["mcp-session-id"];
    if (id === undefined && body?.method === "initialize") {
      if (!this.#controller.faults.singleSession || this.#sessions.size === 0) return this.#open();
      this.#controller.struck("singleSession", "a further initialize is refused");
      if (response) sendRpcError(response, 400, -32600, "Invalid Request: Server already initialized");
      return undefined;
    }
    if (typeof id !== "string") {
      if (response) sendRpcError(response, 400, -32000, "Bad Request: Mcp-Session-Id header is required");
      return undefined;
    }
    const entry = this.#sessions.get(id);
    if (entry !== undefined && body !== undefined && body.ids.length > 0) entry.requests += 1;
    if (entry === undefined || entry.requests > this.#controller.faults.forgetAfter) {
      this.#sessions.delete(id);
      if (entry !== undefined) this.#forgotten.add(entry.session);
      if (response) announceLoss(response, this.#controller, body);
      return undefined;
    }
    return entry;
  }

  async #open(): Promise<Entry> {
    const id = randomUUID();
    const asksInReply = this.#controller.faults.reply === "sse";
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => id,
      enableJsonResponse: !asksInReply,
      onsessionclosed: () => {
        this.#sessions.delete(id);
        this.#controller.journal.write({ event: "sessionClosed", session: id });
      },
    });
    const session = new Session(this.#controller, transport, id, { announcesReady: false, asksInReply });
    await session.open();
    const entry = { session, transport, requests: 0, announced: false, wasRead: false };
    this.#sessions.set(id, entry);
    return entry;
  }

  #handle(entry: Entry, request: IncomingMessage, body: PostBody | undefined): Promise<Response> {
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers)) {
      if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
    }
    const url = `http://127.0.0.1${request.url ?? "/"}`;
    const options = body === undefined ? {} : { parsedBody: body.json };
    return entry.transport.handleRequest(new Request(url, { method: request.method ?? "GET", headers }), options);
  }
}
