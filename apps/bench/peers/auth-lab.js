// A server that wants a token with every request, over streamable HTTP and over HTTP+SSE, and the authorization server that gives it.
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

/** Long enough that calls that are made together are refused together. */
const answerMs = 20;

/** Starts both; `rotates`: each refresh gives another refresh token, and the old one presented again ends the login. */
export async function startAuthLab({ rotates }) {
  const grants = { byAccess: new Map(), byRefresh: new Map(), byCode: new Map() };
  const lab = { refreshes: 0, reuses: 0, issuer: "", url: "", sseUrl: "", close, expire, issue, agree, isLoggedIn };
  const servers = [];
  lab.issuer = await listen(authorize);
  const origin = await listen(serve);
  lab.url = `${origin}/mcp`;
  lab.sseUrl = `${origin}/sse`;
  const streams = new Map();
  return lab;

  /** No access token that was given out so far is good any more. */
  function expire() {
    grants.byAccess.clear();
  }

  function isLoggedIn() {
    return [...grants.byRefresh.values()].some(({ isRevoked }) => !isRevoked);
  }

  function issue(scope, grant = { isRevoked: false, used: new Set() }) {
    const [access_token, refresh_token] = [randomUUID(), randomUUID()];
    Object.assign(grant, { scope });
    grants.byAccess.set(access_token, grant);
    grants.byRefresh.set(refresh_token, grant);
    return { access_token, refresh_token, token_type: "Bearer", expires_in: 3_600, scope };
  }

  /** What the user comes back with who was sent to `url`, and agrees. */
  function agree(url) {
    const asked = new URL(url).searchParams;
    const code = randomUUID();
    grants.byCode.set(code, { scope: asked.get("scope") ?? "read", challenge: asked.get("code_challenge") });
    return new URLSearchParams({ code, iss: lab.issuer, ...(asked.has("state") && { state: asked.get("state") }) });
  }

  function refresh(token) {
    lab.refreshes += 1;
    const grant = grants.byRefresh.get(token);
    if (grant === undefined || grant.isRevoked) return undefined;
    if (rotates && grant.used.has(token)) {
      lab.reuses += 1;
      grant.isRevoked = true;
      for (const [access, of] of grants.byAccess) if (of === grant) grants.byAccess.delete(access);
      return undefined;
    }
    grant.used.add(token);
    const tokens = issue(grant.scope, grant);
    return rotates ? tokens : { ...tokens, refresh_token: undefined };
  }

  async function authorize(request, response) {
    const body = await textOf(request);
    const { pathname } = new URL(request.url, lab.issuer);
    if (pathname === "/.well-known/oauth-authorization-server")
      return json(response, 200, {
        issuer: lab.issuer,
        authorization_endpoint: `${lab.issuer}/authorize`,
        token_endpoint: `${lab.issuer}/token`,
        registration_endpoint: `${lab.issuer}/register`,
        response_types_supported: ["code"],
        grant_types_supported: ["authorization_code", "refresh_token"],
        code_challenge_methods_supported: ["S256"],
        token_endpoint_auth_methods_supported: ["none"],
        authorization_response_iss_parameter_supported: true,
      });
    if (pathname === "/register") return json(response, 201, { ...JSON.parse(body), client_id: randomUUID() });
    if (pathname !== "/token") return json(response, 404, {});
    const form = new URLSearchParams(body);
    const code = grants.byCode.get(form.get("code"));
    const verifier = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    const tokens =
      form.get("grant_type") === "refresh_token"
        ? refresh(form.get("refresh_token"))
        : code?.challenge === verifier && issue(code.scope);
    return json(response, tokens ? 200 : 400, tokens || { error: "invalid_grant" });
  }

  async function serve(request, response) {
    const body = await textOf(request);
    const { pathname, searchParams } = new URL(request.url, origin);
    if (pathname.startsWith("/.well-known/oauth-protected-resource"))
      return json(response, 200, {
        resource: `${origin}${pathname.endsWith("/sse") ? "/sse" : "/mcp"}`,
        authorization_servers: [lab.issuer],
        scopes_supported: ["read"],
      });
    if (!["/mcp", "/sse", "/messages"].includes(pathname)) return json(response, 404, {});
    const metadata = `${origin}/.well-known/oauth-protected-resource${pathname === "/mcp" ? "/mcp" : "/sse"}`;
    const refuse = (status, error, scope) =>
      json(
        response,
        status,
        { error },
        {
          "www-authenticate": `Bearer error="${error}", scope="${scope}", resource_metadata="${metadata}"`,
        },
      );
    const message = body === "" ? undefined : JSON.parse(body);
    if (message?.method === "tools/call") await new Promise((resolve) => setTimeout(resolve, answerMs));
    const grant = grants.byAccess.get(request.headers.authorization?.replace(/^Bearer /i, ""));
    if (grant === undefined) return refuse(401, "invalid_token", "read");
    if (pathname === "/sse") {
      const id = randomUUID();
      streams.set(id, response);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`event: endpoint\ndata: /messages?stream=${id}\n\n`);
      return;
    }
    if (request.method !== "POST") return response.writeHead(request.method === "GET" ? 405 : 200).end();
    if (message.id === undefined) return response.writeHead(202).end();
    const wanted = message.params?.name === "write" ? "write" : "read";
    if (!grant.scope.split(" ").includes(wanted)) return refuse(403, "insufficient_scope", "read write");
    const reply = { jsonrpc: "2.0", id: message.id, ...replyTo(message) };
    if (pathname === "/mcp")
      return json(response, 200, reply, message.method === "initialize" ? { "mcp-session-id": randomUUID() } : {});
    response.writeHead(202).end();
    streams.get(searchParams.get("stream"))?.write(`event: message\ndata: ${JSON.stringify(reply)}\n\n`);
  }

  async function listen(answer) {
    const server = createServer((request, response) => void answer(request, response));
    servers.push(server);
    await once(server.listen(0, "127.0.0.1"), "listening");
    return `http://127.0.0.1:${server.address().port}`;
  }

  function close() {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  }
}

function replyTo({ method, params }) {
  if (method === "initialize") {
    const serverInfo = { name: "bench", version: "1.0.0" };
    return { result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo } };
  }
  if (method === "tools/list")
    return { result: { tools: ["read", "write"].map((name) => ({ name, inputSchema: { type: "object" } })) } };
  if (method === "tools/call") return { result: { content: [{ type: "text", text: params.name }] } };
  return method === "ping" ? { result: {} } : { error: { code: -32_601, message: "no such method" } };
}

async function textOf(request) {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) text += piece;
  return text;
}

function json(response, status, body, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}
