import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { isForModern } from "../era.js";
import type { EndpointHost, FaultController, ListName } from "../fault-controller.js";
import type { JsonObject } from "../json.js";
import { SseEndpoint } from "../legacy/sse-endpoint.js";
import { StreamableEndpoint } from "../legacy/streamable-endpoint.js";
import { ModernEndpoint } from "../modern/modern-endpoint.js";
import { answerControl } from "./control-endpoint.js";
import { isWelcome, readBody } from "./door.js";
import { sendJson, sendRpcError, shaped, writePieces } from "./http-reply.js";
import { type PostBody, readPostBody } from "./post-faults.js";

const noise = Buffer.from(": this line is not a message\n\n");

/** Where and to whom an HTTP server is open. */
export interface HttpOptions {
  /** The address to listen on. */
  readonly host: string;
  /** Names beside the loopback ones by which it may be called. */
  readonly allowedHosts: readonly string[];
}

/** A chaos server on a port, in whatever process. */
export class HttpEndpoint implements EndpointHost {
  readonly #controller: FaultController;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Those on which an order is being answered: they survive it. */
  readonly #controlling = new Set<Socket>();
  readonly #streamable: StreamableEndpoint;
  readonly #sse: SseEndpoint;
  readonly #modern: ModernEndpoint;
  readonly #options: HttpOptions;
  /** Sockets on which a request has come in. */
  readonly #used = new WeakSet<Socket>();
  #startedAt = performance.now();

  constructor(controller: FaultController, options: HttpOptions) {
    this.#options = options;
    this.#controller = controller;
    this.#streamable = new StreamableEndpoint(controller);
    this.#sse = new SseEndpoint(controller);
    this.#modern = new ModernEndpoint(controller);
    this.#server = createServer((request, response) => {
      this.#route(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else sendRpcError(response, 500, -32603, String(error));
      });
    });
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      controller.journal.write({ event: "connection", open: this.#sockets.size });
    });
  }

  /** Whether a request is being worked on in any session. */
  get isBusy(): boolean {
    return this.#modern.dialect.isBusy || this.#sessions().some((session) => session.transport.isBusy);
  }

  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, this.#options.host, () => {
        this.#startedAt = performance.now();
        this.#server.off("error", reject);
        resolve(portOf(this.#server.address()));
      });
    });
  }

  /** Begins anew, as a process that crashed and was started again: `bootMs` counts from now. */
  restart(): void {
    this.#startedAt = performance.now();
    this.dropConnections();
    this.forgetSessions();
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
    this.#modern.dialect.subscriptions.end("graceful");
  }

  cutStreams(): void {
    for (const stream of [...this.#streamable.streams, ...this.#sse.streams]) stream.destroy();
    this.#modern.dialect.subscriptions.end("cut");
  }

  listChanged(count: number, list: ListName): void {
    for (const session of this.#sessions()) session.listChanged(count, list);
    this.#modern.dialect.subscriptions.listChanged(count, list);
  }

  resourceUpdated(uri: string, count: number): void {
    for (const session of this.#sessions()) session.resourceUpdated(uri, count);
    this.#modern.dialect.subscriptions.resourceUpdated(uri, count);
  }

  inject(message: JsonObject | undefined): void {
    for (const stream of [...this.#streamable.streams, ...this.#sse.streams, ...this.#modern.streams]) {
      // One that does not read is not flooded further: its share would pile up here.
      if (stream.writableNeedDrain || !stream.headersSent) continue;
      const bytes =
        message === undefined
          ? noise
          : Buffer.from(`event: message\ndata: ${JSON.stringify(shaped(message, this.#controller))}\n\n`);
      writePieces(stream, bytes, this.#controller.faults.chunkBytes).catch(() => {});
    }
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
    if (!isWelcome(request, response, this.#options.allowedHosts, this.#controller.journal)) return;
    if (path === "/control") {
      this.#controlling.add(request.socket);
      response.once("close", () => this.#controlling.delete(request.socket));
      const counts = () => ({ sessions: this.#sessions().length, connections: this.#sockets.size });
      return answerControl(this.#controller, request, response, counts);
    }
    if (!(await this.#isLetIn(request, method))) return;
    const body = method === "POST" ? await this.#read(request, response) : undefined;
    const session = request.headers["mcp-session-id"] ?? url.searchParams.get("sessionId") ?? undefined;
    this.#controller.journal.write({
      event: "http",
      method,
      path,
      session: typeof session === "string" ? session : undefined,
      rpc: body?.method,
      tool: body?.tool,
    });
    if (method === "POST" && body === undefined) return;
    const { faults } = this.#controller;
    const version = request.headers["mcp-protocol-version"];
    const isModern = path === "/mcp" && isForModern(faults, body?.json, version);
    if (isModern && body !== undefined) return this.#modern.post(request, response, body);
    if (isModern) return this.#refuseMethod(response);
    if (faults.protocol === "modern")
      return sendJson(response, 404, { error: "minion-chaos: the older transport is off" });
    if (body !== undefined && typeof version === "string" && !faults.versions.some((one) => one === version)) {
      const text = `Bad Request: Unsupported protocol version: ${version} (supported versions: ${faults.versions.join(", ")})`;
      return sendRpcError(response, 400, -32000, text);
    }
    if (path === "/mcp" && body !== undefined) return this.#streamable.post(request, response, body);
    if (path === "/mcp" && method === "GET") return this.#streamable.get(request, response);
    if (path === "/mcp" && method === "DELETE") return this.#streamable.delete(request, response);
    if (path === "/sse" && method === "GET") return this.#sse.open(response);
    if (path === "/messages" && body !== undefined) return this.#sse.post(request, response, body, String(session));
    if (path === "/mcp" || path === "/sse") return this.#refuseMethod(response);
    sendJson(response, 404, { error: `minion-chaos: nothing at ${path}; there are /mcp, /sse and /control` });
  }

  #refuseMethod(response: ServerResponse): void {
    response.setHeader("allow", "POST");
    sendRpcError(response, 405, -32000, "Method not allowed.");
  }

  /** Whether the faults of the start and of the socket let a request pass, now or after a while. */
  async #isLetIn({ socket }: IncomingMessage, method: string): Promise<boolean> {
    const { closeOnReuse, bootMs } = this.#controller.faults;
    if (closeOnReuse && this.#used.has(socket)) {
      this.#controller.struck("closeOnReuse", `${method} on a socket that was used before`);
      socket.destroy();
      return false;
    }
    this.#used.add(socket);
    const wait = this.#startedAt + bootMs - performance.now();
    if (wait > 0) {
      this.#controller.struck("bootMs", `${method} waits ${Math.ceil(wait)} ms`);
      await new Promise((resolve) => setTimeout(resolve, wait).unref());
    }
    return !socket.destroyed;
  }

  /** The body of a POST; undefined when it is not JSON or too large, and has been refused. */
  async #read(request: IncomingMessage, response: ServerResponse): Promise<PostBody | undefined> {
    const text = await readBody(request, response, this.#controller.journal);
    if (text === undefined) return undefined;
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
