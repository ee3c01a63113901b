import type { CircuitBreakerOptions } from "@minion/breaker";
import type { CacheOptions } from "@minion/cache";
import type { PoolLimits } from "@minion/pool";
import type { OAuthClientProvider } from "@modelcontextprotocol/client";
import type { ConnectContext, McpSession } from "../mcp-session.js";

/** A server that is started as a child process and spoken to over its stdin and stdout. */
export interface StdioServer {
  readonly type?: "stdio" | undefined;
  /** The program; found through PATH where it is no path. */
  readonly command: string;
  /** Its arguments, none by default. */
  readonly args?: readonly string[] | undefined;
  /** Added to the few variables a server gets anyway (HOME, LOGNAME, PATH, SHELL, TERM, USER); undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Its working directory, this process's by default. */
  readonly cwd?: string | undefined;
}

/** A server that is reached over the network. */
export interface HttpServer {
  /**
   * Streamable HTTP ("http") or the deprecated HTTP+SSE transport ("sse"). By default streamable HTTP, and HTTP+SSE where a
   * server refuses that with 400, 404 or 405; what was found is remembered.
   */
  readonly type?: "http" | "sse" | undefined;
  readonly url: string;
  /** Sent with every request to the server; a function is asked before each. */
  readonly headers?:
    | Readonly<Record<string, string>>
    | ((context: { readonly principal: string | undefined }) => Promise<Record<string, string>>)
    | undefined;
  /**
   * What keeps the login at the server, as SDK v2 asks for it (a provider of SDK v1 fits), or a function that gives one for
   * each principal and is asked once for each. Its tokens go to the origin of `url` and to no other, so that a provider
   * serves one origin.
   */
  readonly authProvider?:
    | OAuthClientProvider
    | ((context: {
        readonly server: string;
        readonly principal: string | undefined;
      }) => OAuthClientProvider | Promise<OAuthClientProvider>)
    | undefined;
  /**
   * Other origins whose metadata the server may name in a challenge, and whose authorization servers may have private
   * addresses. Default none.
   */
  readonly allowedAuthOrigins?: readonly string[] | undefined;
  /**
   * The URL of an HTTP proxy, or "environment" for what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say as each connection is
   * opened; false: none. Default false.
   */
  readonly proxy?: string | false | undefined;
  /** Certificates in PEM format that are trusted beside those that Node.js trusts. Default none. */
  readonly ca?: string | readonly string[] | undefined;
}

/** A server that is connected to by a function of one's own: in memory, over another transport, by SDK v2. */
export interface CustomServer {
  /** Opens a session, to be used for nothing else; it is closed by the client. */
  readonly connect: (context: ConnectContext) => Promise<McpSession>;
}

/** Which tools of a server there are for the users of the client: whole names, `"*"` alone for all. */
export interface ToolFilter {
  /** The tools that there are. Default all; an empty list allows none. */
  readonly allow?: readonly string[] | undefined;
  /** The tools that there are not, whatever `allow` says. Default none. */
  readonly deny?: readonly string[] | undefined;
}

/** How failed calls are repeated. Only what cannot run a side effect twice is repeated at all. */
export interface RetryOptions {
  /** Attempts in all, the first included. Default 3. */
  readonly maxAttempts?: number | undefined;
  /** Milliseconds: upper bound of the random delay before the second attempt; it doubles with each. Default 200. */
  readonly initialDelayMs?: number | undefined;
  /** Milliseconds: upper bound of any such delay. A server's Retry-After is honoured beyond it. Default 5 000. */
  readonly maxDelayMs?: number | undefined;
}

/** A revision of the protocol. */
export type ProtocolVersion = "2026-07-28" | "2025-11-25" | "2025-06-18" | "2025-03-26" | "2024-11-05";

/** Limits, timeouts and mechanisms of one server. Every member may be left out. */
export interface ServerPolicy {
  /** The server remembers its client: one connection, never given up for reasons of age or room. Default false. */
  readonly stateful?: boolean | undefined;
  /** Connections at the same time. Default 1 for stdio, 10 for others. */
  readonly maxConnections?: number | undefined;
  /** Calls at the same time on one connection; another is opened only when all are full. Default 16. */
  readonly maxCallsPerConnection?: number | undefined;
  /** Milliseconds to open a connection. Default 30 000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Milliseconds for a call: queueing, connecting, calling and retrying together. Default 60 000. */
  readonly callTimeoutMs?: number | undefined;
  /** Milliseconds from the end of a server's input to the last SIGKILL. Default 4 000. */
  readonly closeTimeoutMs?: number | undefined;
  /** Bytes of the largest message that is read. Default 67 108 864. */
  readonly maxMessageBytes?: number | undefined;
  /** Tools to leave out: they are not listed, and a call of one is a `ToolNotFoundError`. Default: all are there. */
  readonly tools?: ToolFilter | undefined;
  /** Items of the longest list (tools, resources, prompts) that is taken, all pages together. Default 100 000. */
  readonly maxListItems?: number | undefined;
  /**
   * What happens where a tool's structured content does not fit its output schema: "enforce" rejects with an
   * `OutputSchemaError` that has the result, "report" returns the result and tells `schemaSkipped`, "off" looks at no
   * schema. Default "enforce".
   */
  readonly outputSchemas?: "enforce" | "report" | "off" | undefined;
  /** The revision of MCP that is spoken; "auto", the default: the newest that the server knows, found by asking it once. */
  readonly protocol?: "auto" | ProtocolVersion | undefined;
  /** How failed calls are repeated; false turns retries off. */
  readonly retry?: RetryOptions | false | undefined;
  /** The circuit breaker of each replica; false turns it off. */
  readonly breaker?: CircuitBreakerOptions | false | undefined;
  /** The pool of connections. `maxLifetimeMs` is Infinity for stdio; `destroyTimeoutMs` is more than `closeTimeoutMs`. */
  readonly pool?:
    | Omit<Partial<PoolLimits>, "maxPerKey" | "maxLeasesPerResource" | "acquireTimeoutMs" | "createTimeoutMs">
    | undefined;
  /** The cache of lists; false turns it off. `staleIfErrorMs` is 3 600 000 here. */
  readonly cache?:
    | Pick<CacheOptions<unknown>, "enabled" | "ttlMs" | "staleWhileRevalidateMs" | "staleIfErrorMs">
    | false
    | undefined;
  /** Other places of the same server, tried in order where the one before is unavailable. */
  readonly replicas?: readonly (StdioServer | HttpServer | CustomServer)[] | undefined;
}

/** One server: how it is reached, and what it is allowed and given. */
export type ServerConfig = (StdioServer | HttpServer | CustomServer) & ServerPolicy;
