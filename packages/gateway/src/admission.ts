import type { AuthInfo } from "@modelcontextprotocol/server";
import { type Arrival, refusalReason } from "./door.js";
import { errorResponse } from "./error-response.js";
import type { Rejection } from "./gateway-metrics.js";
import type { GatewayAuth, GatewaySettings, Principal } from "./gateway-options.js";

/** A request that may be served. */
export interface Admitted {
  readonly authInfo: AuthInfo | undefined;
  /** To be called once it has been answered to its end, or is no call but a stream. */
  readonly release: () => void;
}

const metadataPath = "/.well-known/oauth-protected-resource";

/** Decides, by the head of a request alone and before its body is read, whether it is served. */
export class Admission {
  readonly #settings: GatewaySettings;
  readonly #onRejected: (reason: Rejection) => void;
  #calls = 0;
  readonly #waiting: (() => void)[] = [];
  #isOpen = true;

  constructor(settings: GatewaySettings, onRejected: (reason: Rejection) => void) {
    this.#settings = settings;
    this.#onRejected = onRejected;
  }

  /** How many requests are being served. */
  get calls(): number {
    return this.#calls;
  }

  /** Serves no further request. Resolves when none is being served. */
  close(): Promise<void> {
    this.#isOpen = false;
    if (this.#calls === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Lets a request in, or says what it is answered instead. */
  async admit(head: Request, arrival: Arrival): Promise<Admitted | Response> {
    const { path, maxConcurrentCalls, auth } = this.#settings;
    const reason = refusalReason(arrival, this.#settings);
    if (reason !== undefined) {
      this.#onRejected("door");
      return errorResponse(403, -32000, `Forbidden: ${reason}.`);
    }
    const { pathname } = new URL(head.url);
    if (auth !== undefined && (pathname === metadataPath || pathname === `${metadataPath}${path}`))
      return Response.json(metadataOf(auth));
    if (pathname !== path) return errorResponse(404, -32000, `Not found. MCP is at ${path}.`);
    if (!this.#isOpen) {
      this.#onRejected("draining");
      const headers = { "retry-after": "1", connection: "close" };
      return errorResponse(503, -32603, "The gateway is shutting down.", { headers });
    }
    // What a POST asks for stands in its body, whatever its head says.
    const isCall = head.method === "POST";
    if (isCall && this.#calls >= maxConcurrentCalls) {
      this.#onRejected("overloaded");
      return errorResponse(503, -32603, "Too many requests are being served.", { headers: { "retry-after": "1" } });
    }
    let isCounted = isCall;
    if (isCall) this.#calls += 1;
    const release = (): void => {
      if (isCounted) this.#calls -= 1;
      isCounted = false;
      if (this.#calls === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    };
    if (auth === undefined) return { authInfo: undefined, release };
    const authInfo = await authorize(head, auth);
    if (!(authInfo instanceof Response)) return { authInfo, release };
    release();
    this.#onRejected("auth");
    return authInfo;
  }
}

/** What the token of a request stands for; the token itself goes no further. */
async function authorize(head: Request, auth: GatewayAuth): Promise<AuthInfo | Response> {
  const [, token] = /^Bearer +([!-~]+) *$/i.exec(head.headers.get("authorization") ?? "") ?? [];
  const { scopes = [] } = auth;
  if (token === undefined) return challenge(401, auth, "A bearer token is needed.");
  let principal: Principal;
  try {
    principal = checked(await auth.verify(token, head));
  } catch (error) {
    const { retryAfterMs } = Object(error);
    if (retryAfterMs > 0)
      return errorResponse(503, -32603, "Whether the bearer token is valid cannot be told now. Try again later.", {
        headers: { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) },
      });
    return challenge(401, auth, "The bearer token is not valid here.", "invalid_token");
  }
  if (scopes.some((scope) => !principal.scopes.includes(scope)))
    return challenge(403, auth, `The bearer token lacks a scope: ${scopes.join(" ")}.`, "insufficient_scope");
  return { token: "", clientId: principal.id, scopes: [...principal.scopes] };
}

/** Whoever gives back no principal has not said that the token is good. */
function checked(principal: Principal): Principal {
  if (typeof principal.id !== "string" || !Array.isArray(principal.scopes)) throw new TypeError("This is no principal");
  return principal;
}

function challenge(status: number, auth: GatewayAuth, message: string, error?: string): Response {
  const parts = [`resource_metadata="${new URL(metadataPath, auth.resource).href}"`];
  if (error !== undefined) parts.unshift(`error="${error}"`);
  if (auth.scopes !== undefined && auth.scopes.length > 0) parts.push(`scope="${auth.scopes.join(" ")}"`);
  return errorResponse(status, -32603, message, { headers: { "www-authenticate": `Bearer ${parts.join(", ")}` } });
}

/** The metadata of RFC 9728. */
function metadataOf({ resource, authorizationServers, scopes }: GatewayAuth): object {
  return {
    resource: resource.href,
    authorization_servers: authorizationServers.map(({ href }) => href),
    ...(scopes !== undefined && { scopes_supported: scopes }),
    bearer_methods_supported: ["header"],
  };
}
