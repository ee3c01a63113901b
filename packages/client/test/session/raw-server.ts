import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A JSON-RPC message as it was posted. */
export interface Posted {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly requestId?: number };
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly message: Posted;
}

export interface RawServer {
  readonly url: string;
  readonly server: Server;
  /** Everything that was asked for, as "METHOD path". */
  readonly requests: {
    readonly method: string;
    readonly headers: IncomingMessage["headers"];
    readonly message: Posted;
  }[];
  /** Sockets open now, and the most at once. */
  readonly sockets: { now: number; most: number };
}

/** How a {@link RawServer} answers; what it leaves unanswered is answered as by a server that is well. */
export interface RawHandlers {
  readonly post?: (exchange: Exchange) => boolean | undefined;
  readonly get?: (exchange: Exchange) => void;
  readonly delete?: (exchange: Exchange) => void;
}

/** An MCP server by hand, for what no real one does. */
export async function startRawServer(handlers: RawHandlers = {}): Promise<RawServer> {
  const requests: RawServer["requests"] = [];
  const sockets = { now: 0, most: 0 };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    const message: Posted = text.startsWith("{") ? JSON.parse(text) : {};
    requests.push({ method: `${request.method} ${request.url}`, headers: request.headers, message });
    const exchange = { request, response, message };
    if (request.method === "GET")
      return handlers.get === undefined ? answerStatus(response, 405) : handlers.get(exchange);
    if (request.method === "DELETE")
      return handlers.delete === undefined ? answerStatus(response, 200) : handlers.delete(exchange);
    if (handlers.post?.(exchange) === true) return;
    if (message.id === undefined) return answerStatus(response, 202);
    answerJson(exchange, message.method === "initialize" ? initialized : { content: [{ type: "text", text: "fine" }] });
  });
  server.on("connection", (socket) => {
    sockets.now += 1;
    sockets.most = Math.max(sockets.most, sockets.now);
    socket.on("close", () => {
      sockets.now -= 1;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/mcp`, server, requests, sockets };
}

export const initialized = {
  protocolVersion: "2025-11-25",
  capabilities: { tools: { listChanged: true }, resources: {} },
  serverInfo: { name: "raw", version: "1.0.0" },
};

export function answerStatus(
  response: ServerResponse,
  status: number,
  headers: Record<string, string> = {},
  body = "",
): void {
  response.writeHead(status, headers).end(body);
}

export function answerJson({ response, message }: Exchange, result: object): void {
  response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "session-1" });
  response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result }));
}

export function startEvents({ response }: Exchange): void {
  response.writeHead(200, { "content-type": "text/event-stream", "mcp-session-id": "session-1" });
  response.flushHeaders();
}

/** One event that holds the answer. */
export function answerEvent(id: number | undefined, text = "fine"): string {
  return `data: ${JSON.stringify({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text }] } })}\n\n`;
}
