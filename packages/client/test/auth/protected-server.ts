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
  /** Whether it answers with streams, as HTTP+SSE does not. */
  streams: boolean;
}

/** A server that wants a token with every request, with a journal. */
export interface ProtectedServer extends ProtectedBehaviour {
  readonly url: string;
  readonly origin: string;
  /** On whose behalf each tool call ran. */
  readonly ran: string[];
  /** Method, and what was sent as Authorization. */
  readonly requests: { readonly method: string; readonly path: string; readonly authorization: string | undefined }[];
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
      return json(response, 200, { resource: server.url, authorization_servers: [server.authorization.issuer] });
    if (pathname !== "/mcp") return json(response, 404, {});
    await answer(server, request, response, body === "" ? undefined : JSON.parse(body));
  });
  const server: ProtectedServer = {
    authorization,
    scopes: { write: "write" },
    beforeAnswer: async () => {},
    hook: () => false,
    streams: false,
    ...given,
    origin,
    url: `${origin}/mcp`,
    ran: [],
    requests: [],
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
  const grant = server.authorization.grantOf(request.headers.authorization?.replace(/^Bearer /, ""));
  await server.beforeAnswer(message, grant === undefined);
  const metadata = `resource_metadata="${server.origin}/.well-known/oauth-protected-resource/mcp"`;
  if (grant === undefined) {
    server.refused += 1;
    return json(
      response,
      401,
      { error: "invalid_token" },
      { "www-authenticate": `Bearer error="invalid_token", ${metadata}, scope="read"` },
    );
  }
  if (message === undefined) {
    response.writeHead(request.method === "GET" ? 405 : 200).end();
    return;
  }
  if (message.id === undefined) {
    response.writeHead(202).end();
    return;
  }
  const { id, method, params } = message;
  const give = (result: unknown, headers: Record<string, string> = {}): void => {
    const text = JSON.stringify({ jsonrpc: "2.0", id, result });
    if (!server.streams) json(response, 200, JSON.parse(text), headers);
    else response.writeHead(200, { "content-type": "text/event-stream", ...headers }).end(`data: ${text}\n\n`);
  };
  if (method === "server/discover")
    return json(response, 200, { jsonrpc: "2.0", id, error: { code: -32_601, message: "no such method" } });
  if (method === "initialize") {
    server.sessions += 1;
    const serverInfo = { name: "protected", version: "1.0.0" };
    return give(
      { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo },
      { "mcp-session-id": randomUUID() },
    );
  }
  const name = params?.name ?? "";
  if (method === "tools/list") {
    const inputSchema = { type: "object" };
    return give({ tools: ["read", "write"].map((one) => ({ name: one, inputSchema })) });
  }
  if (method !== "tools/call") return give({});
  const wanted = server.scopes[name];
  if (wanted !== undefined && !grant.scope.split(" ").includes(wanted)) {
    const challenge = `Bearer error="insufficient_scope", scope="read ${wanted}", ${metadata}`;
    return json(response, 403, { error: "insufficient_scope" }, { "www-authenticate": challenge });
  }
  server.ran.push(grant.user);
  give({ content: [{ type: "text", text: grant.user }] });
}
