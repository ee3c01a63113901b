import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Conductor, Host } from "./conductor.js";
import { answerControl, readBody } from "./control-endpoint.js";
import { sendJson, sendRpcError } from "./http-reply.js";
import { type PostBody, readPostBody } from "./post-faults.js";
import { SseEndpoint } from "./sse-endpoint.js";
import { StreamableEndpoint } from "./streamable-endpoint.js";

/** A chaos server on a port of 127.0.0.1, in whatever process. */
export class HttpEndpoint implements Omit<Host, "ownsProcess" | "crash" | "spin"> {
  readonly #conductor: Conductor;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Those on which an order is being answered: they survive it. */
  readonly #controlling = new Set<Socket>();
  readonly #streamable: StreamableEndpoint;
  readonly #sse: SseEndpoint;

  constructor(conductor: Conductor) {
    this.#conductor = conductor;
    this.#streamable = new StreamableEndpoint(conductor);
    this.#sse = new SseEndpoint(conductor);
    this.#server = createServer((request, response) => {
      this.#route(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else sendRpcError(response, 500, -32603, String(error));
      });
    });
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      conductor.journal.write({ event: "connection", open: this.#sockets.size });
    });
  }

  /** Whether a request is being worked on in any session. */
  get isBusy(): boolean {
    return this.#sessions().some((session) => session.transport.isBusy);
  }

  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", () => {
        this.#server.off("error", reject);
        resolve(portOf(this.#server.address()));
      });
    });
  }

  forgetSessions(): void {
    this.#streamable.forget();
    this.#sse.forget();
  }

  dropConnections(): void {
    for (const socket of this.#sockets) if (!this.#controlling.has(socket)) socket.destroy();
  }

  dropStreams(): void {
    this.#streamable.dropStreams();
    this.#sse.dropStreams();
  }

  listChanged(count: number): void {
    for (const session of this.#sessions()) session.listChanged(count);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#streamable.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #sessions(): readonly StreamableEndpoint["sessions"][number][] {
    return [...this.#streamable.sessions, ...this.#sse.sessions];
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET" } = request;
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    const path = url.pathname;
    if (path === "/control") {
      this.#controlling.add(request.socket);
      response.once("close", () => this.#controlling.delete(request.socket));
      const counts = () => ({ sessions: this.#sessions().length, connections: this.#sockets.size });
      return answerControl(this.#conductor, request, response, counts);
    }
    const body = method === "POST" ? await this.#read(request, response) : undefined;
    const session = request.headers["mcp-session-id"] ?? url.searchParams.get("sessionId") ?? undefined;
    this.#conductor.journal.write({
      event: "http",
      method,
      path,
      session: typeof session === "string" ? session : undefined,
      rpc: body?.method,
      tool: body?.tool,
    });
    if (method === "POST" && body === undefined) return;
    if (path === "/mcp" && body !== undefined) return this.#streamable.post(request, response, body);
    if (path === "/mcp" && method === "GET") return this.#streamable.get(request, response);
    if (path === "/mcp" && method === "DELETE") return this.#streamable.delete(request, response);
    if (path === "/sse" && method === "GET") return this.#sse.open(response);
    if (path === "/messages" && body !== undefined) return this.#sse.post(request, response, body, String(session));
    if (path === "/mcp" || path === "/sse") return sendRpcError(response, 405, -32000, "Method not allowed.");
    sendJson(response, 404, { error: `minion-chaos: nothing at ${path}; there are /mcp, /sse and /control` });
  }

  /** The body of a POST; undefined when it is no JSON and has been refused. */
  async #read(request: IncomingMessage, response: ServerResponse): Promise<PostBody | undefined> {
    const text = await readBody(request);
    try {
      return readPostBody(JSON.parse(text));
    } catch {
      sendRpcError(response, 400, -32700, "Parse error: Invalid JSON");
      return undefined;
    }
  }
}

/** The port of a server that listens on TCP. */
export function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === "string") throw new Error("bug: not listening on a port");
  return address.port;
}
