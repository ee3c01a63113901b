import type { StoredOAuthTokens } from "@modelcontextprotocol/client";
import type { CallOptions, ClientEvent, HttpServer, MinionClient, ServerConfig } from "../../src/index.js";
import { start } from "../support.js";
import {
  type AuthorizationBehaviour,
  type AuthorizationServer,
  startAuthorizationServer,
} from "./authorization-server.js";
import { MemoryProvider } from "./memory-provider.js";
import { type ProtectedBehaviour, type ProtectedServer, startProtectedServer } from "./protected-server.js";

/** A protected server, where one logs in, and a client of it. */
export interface Lab {
  readonly authorization: AuthorizationServer;
  readonly server: ProtectedServer;
  readonly provider: MemoryProvider;
  readonly client: MinionClient;
  readonly events: ClientEvent[];
  /** Calls a tool so many times at once, and tells how each ended: its text, or its code. */
  burst(count: number, tool?: string, options?: CallOptions): Promise<string[]>;
}

/** Starts a lab whose client has, unless told otherwise, a login of Ann's. */
export async function startLab(
  options: {
    readonly authorization?: Partial<AuthorizationBehaviour>;
    readonly server?: Partial<ProtectedBehaviour>;
    readonly config?: Partial<HttpServer> & Omit<ServerConfig, "url" | "connect" | "command">;
    readonly isLoggedIn?: boolean;
    /** Over HTTP+SSE. */
    readonly isSse?: boolean;
    readonly provider?: (tokens: StoredOAuthTokens | undefined) => MemoryProvider;
  } = {},
): Promise<Lab> {
  const authorization = await startAuthorizationServer(options.authorization);
  const server = await startProtectedServer(authorization, options.server);
  const { issuer } = authorization;
  const tokens = options.isLoggedIn === false ? undefined : { ...authorization.issue("ann"), issuer };
  const provider = options.provider?.(tokens) ?? new MemoryProvider(tokens, { client_id: "test", issuer });
  const { client, events } = start({
    s: {
      ...(options.isSse === true ? { url: server.sseUrl, type: "sse" } : { url: server.url }),
      authProvider: provider,
      ...options.config,
    },
  });
  return {
    authorization,
    server,
    provider,
    client,
    events,
    burst: (count, tool = "read", how = {}) =>
      Promise.all(Array.from({ length: count }, () => outcomeOf(client.callTool("s", tool, {}, how)))),
  };
}

/** The text of a result, or the code of an error. */
export async function outcomeOf(call: Promise<{ readonly content?: unknown }>): Promise<string> {
  try {
    const { content } = await call;
    const [first]: unknown[] = Array.isArray(content) ? content : [];
    return typeof first === "object" && first !== null && "text" in first ? String(first.text) : "";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

/** How often each of them is there. */
export function tally(all: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of all) counts[one] = (counts[one] ?? 0) + 1;
  return counts;
}
