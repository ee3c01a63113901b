import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type AuthorizationServer, json, listen, textOf } from "./authorization-server.js";

/** A JSON-RPC message, as far as it is looked at. */
export interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly arguments?: Record<string, unknown> };
}

/** What a protected server does; everything may be changed while it runs. */
export interface ProtectedBehaviour {
  /** Where its metadata say that one logs in. */
  authorization: AuthorizationServer;
  /** Scopes that a tool needs beyond "read". */
  scopes: Record<string, string>;
  /** Awaited before a request is refused or let through. */
  beforeAnswer: (message: Message | undefined, isRefused: boolean) => Promise<void>;
  /** Sees every request first; returns true where it has answered. */
  hook: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Whether its answers are streams. */
  streams: boolean;
  /** Whether it has a standing stream. */
  listens: boolean;
}

/** A server that wants a token with every request, with a journal. */
export interface ProtectedServer extends ProtectedBehaviour {
  readonly url: string;
  /** The same server over HTTP+SSE. */
  readonly sseUrl: string;
  readonly origin: string;
  /** On whose behalf each tool call ran. */
  readonly ran: string[];
  /** Method, and what was sent as Authorization. */
  readonly requests: { readonly method: string; readonly path: string; readonly authorization: string | undefined }[];
  /** The notifications that it took. */
  readonly notifications: string[];
  readonly openStreams: ServerResponse[];
  refused: number;
  sessions: number;
}

/** Starts a protected server; it is closed when the test ends. */
export async function startProtectedServer(
  authorization: AuthorizationServer,
  given: Partial<ProtectedBehaviour> = {},
): Promise<ProtectedServer> {
  const { origin } = await listen(async (request, response) => {
    const body = await textOf(request);
    const { pathname } = new URL(request.url ?? "", "http://localhost");
    server.requests.push({
      method: request.method ?? "",
      path: pathname,
      authorization: request.headers.authorization,
    });
    if (server.hook(request, response)) return;
    if (pathname.startsWith("/.well-known/oauth-protected-resource"))
      return json(response, 200, {
        resource: pathname.endsWith("/sse") ? server.sseUrl : server.url,
        authorization_servers: [server.authorization.issuer],
      });
    if (!["/mcp", "/sse", "/messages"].includes(pathname)) return json(response, 404, {});
    await answer(server, request, response, body === "" ? undefined : JSON.parse(body));
  });
  const server: ProtectedServer = {
    authorization,
    scopes: { write: "write" },
    beforeAnswer: async () => {},
    hook: () => false,
    streams: false,
    listens: false,
    ...given,
    origin,
    url: `${origin}/mcp`,
    sseUrl: `${origin}/sse`,
    ran: [],
    requests: [],
    notifications: [],
    openStreams: [],
    refused: 0,
    sessions: 0,
  };
  return server;
}

async function answer(
  server: ProtectedServer,
  request: IncomingMessage,
  response: ServerResponse,
  message: Message | undefined,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "", server.origin);
  const grant = server.authorization.grantOf(request.headers.authorization?.replace(/^Bearer /, ""));
  const metadata = `resource_metadata="${server.origin}/.well-known/oauth-protected-resource${pathname === "/mcp" ? pathname : "/sse"}"`;
  await server.beforeAnswer(message, grant === undefined);
  if (grant === undefined) {
    server.refused += 1;
    const challenge = `Bearer error="invalid_token", ${metadata}, scope="read"`;
    return json(response, 401, { error: "invalid_token" }, { "www-authenticate": challenge });
  }
  if (message === undefined) return answerWithoutBody(server, request, response);
  if (message.id === undefined) {
    server.notifications.push(message.method ?? "");
    response.writeHead(202).end();
    return;
  }
  const wanted = server.scopes[message.params?.name ?? ""];
  if (message.method === "tools/call" && wanted !== undefined && !grant.scope.split(" ").includes(wanted)) {
    const challenge = `Bearer error="insufficient_scope", scope="read ${wanted}", ${metadata}`;
    return json(response, 403, { error: "insufficient_scope" }, { "www-authenticate": challenge });
  }
  const reply = { jsonrpc: "2.0", id: message.id, ...replyTo(server, message, grant.user) };
  if (pathname === "/messages") {
    response.writeHead(202).end();
    server.openStreams[Number(searchParams.get("stream"))]?.write(`event: message\ndata: ${JSON.stringify(reply)}\n\n`);
    return;
  }
  const headers: Record<string, string> = message.method === "initialize" ? { "mcp-session-id": randomUUID() } : {};
  if (!server.streams) return json(response, 200, reply, headers);
  response
    .writeHead(200, { "content-type": "text/event-stream", ...headers })
    .end(`data: ${JSON.stringify(reply)}\n\n`);
}

/** A stream, or the end of a session. */
function answerWithoutBody(server: ProtectedServer, request: IncomingMessage, response: ServerResponse): void {
  const isSse = request.url === "/sse";
  if (request.method !== "GET" || !(isSse || server.listens)) {
    response.writeHead(request.method === "GET" ? 405 : 200).end();
    return;
  }
  const number = server.openStreams.push(response) - 1;
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(isSse ? `event: endpoint\ndata: /messages?stream=${number}\n\n` : ": hello\n\n");
}

function replyTo(server: ProtectedServer, { method }: Message, user: string): Record<string, unknown> {
  if (method === "server/discover") return { error: { code: -32_601, message: "no such method" } };
  if (method === "initialize") {
    server.sessions += 1;
    const serverInfo = { name: "protected", version: "1.0.0" };
    return { result: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo } };
  }
  if (method === "tools/list") {
    const inputSchema = { type: "object" };
    return { result: { tools: ["read", "write"].map((name) => ({ name, inputSchema })) } };
  }
  if (method !== "tools/call") return { result: {} };
  server.ran.push(user);
  return { result: { content: [{ type: "text", text: user }] } };
}
