import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import type { Conductor } from "./conductor.js";
import { discard, relay, sendRpcError } from "./http-reply.js";
import { hitPost, type PostBody, type PostFault, refuse, resetSocket } from "./post-faults.js";
import { Session } from "./session.js";

interface Entry {
  readonly session: Session;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  requests: number;
  announced: boolean;
}

/** `/mcp`: streamable HTTP, one session per client. */
export class StreamableEndpoint {
  readonly #conductor: Conductor;
  readonly #sessions = new Map<string, Entry>();
  /** Forgotten ones may still have work and streams; they are closed with the server. */
  readonly #forgotten = new Set<Session>();
  readonly #streams = new Set<ServerResponse>();

  constructor(conductor: Conductor) {
    this.#conductor = conductor;
  }

  get sessions(): readonly Session[] {
    return [...this.#sessions.values()].map((entry) => entry.session);
  }

  async post(request: IncomingMessage, response: ServerResponse, body: PostBody): Promise<void> {
    const fault = hitPost(this.#conductor, body);
    if (fault === undefined) {
      const entry = await this.#entryFor(request, response, body);
      if (entry !== undefined)
        await relay(await this.#handle(entry, request, body), response, this.#conductor.faults.chunkBytes);
      return;
    }
    const run = async (): Promise<void> => {
      if (fault.when === "before") return;
      const entry = await this.#entryFor(request, undefined, body);
      if (entry !== undefined) await discard(await this.#handle(entry, request, body));
    };
    await this.#strike(fault, request, response, run);
  }

  async get(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { noGetStream, streamLifeMs, chunkBytes, listChangedOnInit } = this.#conductor.faults;
    if (noGetStream) return sendRpcError(response, 405, -32000, "Method not allowed.");
    const entry = await this.#entryFor(request, response, undefined);
    if (entry === undefined) return;
    const reply = await this.#handle(entry, request, undefined);
    this.#streams.add(response);
    const timer = Number.isFinite(streamLifeMs) ? setTimeout(() => response.end(), streamLifeMs) : undefined;
    response.once("close", () => {
      clearTimeout(timer);
      this.#streams.delete(response);
    });
    if (reply.ok && !entry.announced) {
      entry.announced = true;
      entry.session.listChanged(listChangedOnInit);
    }
    await relay(reply, response, chunkBytes);
  }

  async delete(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const entry = await this.#entryFor(request, response, undefined);
    if (entry !== undefined)
      await relay(await this.#handle(entry, request, undefined), response, Number.POSITIVE_INFINITY);
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
    if (id === undefined && body?.method === "initialize") return this.#open();
    if (typeof id !== "string") {
      if (response) sendRpcError(response, 400, -32000, "Bad Request: Mcp-Session-Id header is required");
      return undefined;
    }
    const entry = this.#sessions.get(id);
    if (entry !== undefined && body !== undefined && body.ids.length > 0) entry.requests += 1;
    if (entry === undefined || entry.requests > this.#conductor.faults.forgetAfter) {
      this.#sessions.delete(id);
      if (entry !== undefined) this.#forgotten.add(entry.session);
      if (response) sendRpcError(response, 404, -32001, "Session not found");
      return undefined;
    }
    return entry;
  }

  async #open(): Promise<Entry> {
    const id = randomUUID();
    const asksInReply = this.#conductor.faults.reply === "sse";
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => id,
      enableJsonResponse: !asksInReply,
      onsessionclosed: () => {
        this.#sessions.delete(id);
        this.#conductor.journal.write({ event: "sessionClosed", session: id });
      },
    });
    const session = new Session(this.#conductor, transport, id, { announcesReady: false, asksInReply });
    await session.open();
    const entry = { session, transport, requests: 0, announced: false };
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

  async #strike(
    fault: PostFault,
    request: IncomingMessage,
    response: ServerResponse,
    run: () => Promise<void>,
  ): Promise<void> {
    const streams = this.#conductor.faults.reply === "sse";
    const begin = (): void => {
      response.writeHead(200, { "content-type": streams ? "text/event-stream" : "application/json" }).flushHeaders();
    };
    switch (fault.kind) {
      case "status":
        await run();
        return refuse(response, fault);
      case "resetSocket":
        await run();
        return resetSocket(request);
      case "endStream":
        begin();
        await run();
        response.end();
        return;
      case "holdStream":
        begin();
        await run();
    }
  }
}
