import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** What was granted to a user: the access tokens of one grant end together. */
interface Grant {
  readonly user: string;
  scope: string;
  isRevoked: boolean;
  access: string | undefined;
  readonly usedRefreshTokens: Set<string>;
}

/** What an authorization server does; everything may be changed while it runs. */
export interface AuthorizationBehaviour {
  /** Whether each refresh gives out another refresh token, and the old one presented again ends the grant. */
  rotates: boolean;
  /** How the token endpoint answers: with this status and text in place of a token; "hang": never. */
  tokenAnswer:
    | { readonly status: number; readonly text: string; readonly headers?: Record<string, string> }
    | "hang"
    | undefined;
  /** Awaited before a token request is answered. */
  beforeToken: () => Promise<void>;
  /** What its metadata say on top. */
  metadata: Record<string, unknown>;
  /** Seconds. */
  expiresIn: number | undefined;
  /** Sees every request first; returns true where it has answered, or will. */
  hook: (path: string, response: ServerResponse) => boolean;
}

/** An authorization server of the tests' own, with a journal. */
export interface AuthorizationServer extends AuthorizationBehaviour {
  readonly issuer: string;
  /** What reached it: method and path. */
  readonly requests: string[];
  readonly tokenRequests: URLSearchParams[];
  readonly refreshes: string[];
  readonly registrations: Record<string, unknown>[];
  /** Refresh tokens that were presented a second time. */
  reuses: number;
  /** The grant of an access token that is good. */
  grantOf(accessToken: string | undefined): Grant | undefined;
  /** Tokens of a new grant. */
  issue(user: string, scope?: string): Tokens;
  /** No access token given out so far is good any more. */
  expire(): void;
  /** No grant given so far is good any more. */
  revoke(): void;
  /** What the user agrees to who was sent to `url`: the parameters that come back. */
  agree(url: URL, options?: { readonly user?: string; readonly scope?: string }): URLSearchParams;
  close(): void;
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token?: string;
  readonly token_type: string;
  readonly expires_in?: number;
  readonly scope: string;
}

/** Starts an authorization server; it is closed when the test ends. */
export async function startAuthorizationServer(
  given: Partial<AuthorizationBehaviour> = {},
): Promise<AuthorizationServer> {
  const byAccess = new Map<string, Grant>();
  const byRefresh = new Map<string, Grant>();
  const codes = new Map<string, { readonly user: string; readonly scope: string; readonly challenge: string }>();
  const next = (grant: Grant): Tokens => {
    const access_token = `access-${randomUUID()}`;
    const refresh_token = `refresh-${randomUUID()}`;
    if (grant.access !== undefined) byAccess.delete(grant.access);
    grant.access = access_token;
    byAccess.set(access_token, grant);
    byRefresh.set(refresh_token, grant);
    const { expiresIn } = server;
    return {
      access_token,
      refresh_token,
      token_type: "Bearer",
      scope: grant.scope,
      ...(expiresIn !== undefined && { expires_in: expiresIn }),
    };
  };
  const refresh = (token: string): Tokens | undefined => {
    server.refreshes.push(token);
    const grant = byRefresh.get(token);
    if (grant === undefined || grant.isRevoked) return undefined;
    if (server.rotates && grant.usedRefreshTokens.has(token)) {
      server.reuses += 1;
      grant.isRevoked = true;
      if (grant.access !== undefined) byAccess.delete(grant.access);
      return undefined;
    }
    grant.usedRefreshTokens.add(token);
    const tokens = next(grant);
    if (server.rotates) return tokens;
    const { refresh_token: _, ...rest } = tokens;
    return rest;
  };
  const token = (form: URLSearchParams): Tokens | undefined => {
    const type = form.get("grant_type");
    if (type === "client_credentials")
      return server.issue(form.get("client_id") ?? "client", form.get("scope") ?? "read");
    if (type === "refresh_token") return refresh(form.get("refresh_token") ?? "");
    const code = codes.get(form.get("code") ?? "");
    codes.delete(form.get("code") ?? "");
    const challenge = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    return code?.challenge === challenge ? server.issue(code.user, code.scope) : undefined;
  };
  const answer: RequestListener = async (request, response) => {
    const body = await textOf(request);
    const { pathname } = new URL(request.url ?? "", server.issuer);
    server.requests.push(`${request.method} ${pathname}`);
    if (server.hook(pathname, response)) return;
    if (pathname === "/.well-known/oauth-authorization-server") return json(response, 200, metadataOf(server));
    if (pathname === "/register") {
      const registration: Record<string, unknown> = JSON.parse(body);
      server.registrations.push(registration);
      return json(response, 201, { ...registration, client_id: `client-${randomUUID()}` });
    }
    if (pathname !== "/token") return json(response, 404, {});
    const form = new URLSearchParams(body);
    server.tokenRequests.push(form);
    const said = server.tokenAnswer;
    await server.beforeToken();
    if (said === "hang") return;
    if (said !== undefined) {
      response.writeHead(said.status, { "content-type": "application/json", ...said.headers }).end(said.text);
      return;
    }
    const tokens = token(form);
    json(response, tokens === undefined ? 400 : 200, tokens ?? { error: "invalid_grant" });
  };
  const { origin, close } = await listen(answer);
  const server: AuthorizationServer = {
    rotates: true,
    tokenAnswer: undefined,
    beforeToken: async () => {},
    metadata: {},
    expiresIn: 3_600,
    hook: () => false,
    ...given,
    issuer: origin,
    requests: [],
    tokenRequests: [],
    refreshes: [],
    registrations: [],
    reuses: 0,
    grantOf: (accessToken) => byAccess.get(accessToken ?? ""),
    issue: (user, scope = "read") =>
      next({ user, scope, isRevoked: false, access: undefined, usedRefreshTokens: new Set() }),
    expire: () => byAccess.clear(),
    revoke: () => {
      for (const grant of byRefresh.values()) grant.isRevoked = true;
      byAccess.clear();
    },
    agree: (url, { user = "ann", scope = url.searchParams.get("scope") ?? "read" } = {}) => {
      const code = `code-${randomUUID()}`;
      codes.set(code, { user, scope, challenge: url.searchParams.get("code_challenge") ?? "" });
      const state = url.searchParams.get("state");
      return new URLSearchParams({ code, iss: server.issuer, ...(state !== null && { state }) });
    },
    close,
  };
  return server;
}

function metadataOf({ issuer, metadata }: AuthorizationServer): Record<string, unknown> {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    response_types_supported: ["code"],
    grant_types_supported: ["authorization_code", "refresh_token"],
    code_challenge_methods_supported: ["S256"],
    token_endpoint_auth_methods_supported: ["none", "client_secret_basic"],
    authorization_response_iss_parameter_supported: true,
    ...metadata,
  };
}

/** Starts an HTTP server on a port of its own; it is closed when the test ends. */
export async function listen(
  answer: RequestListener,
): Promise<{ readonly origin: string; readonly close: () => void }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(close);
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, close };
}

export async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) text += piece;
  return text;
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}
