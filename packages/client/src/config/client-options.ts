import type { CircuitBreakerOptions } from "@minion/breaker";
import type { CacheOptions } from "@minion/cache";
import type { PoolOptions } from "@minion/pool";
import type { ClientCapabilities } from "@modelcontextprotocol/sdk/types.js";
import type { ClientEvent } from "../events.js";
import type { Breaker, BreakerContext, CacheContext, SessionPool, ToolListCache } from "../interfaces.js";
import type { McpSession } from "../mcp-session.js";
import type { NameOptions } from "./name-options.js";
import type { ServerConfig, ServerPolicy } from "./server-config.js";

/** Options of {@link MinionClient}. */
export interface MinionClientOptions {
  /** The servers by name: the `mcpServers` object of mcp.json. */
  readonly servers: Readonly<Record<string, ServerConfig>>;
  /** The policy of every server, where its own entry does not override it. */
  readonly defaults?: ServerPolicy | undefined;
  /** Connections over all servers at the same time; the one that has been idle longest makes room. Default Infinity. */
  readonly maxTotalConnections?: number | undefined;
  /** The name and version that servers are told. Default: minion. */
  readonly clientInfo?: { readonly name: string; readonly version: string } | undefined;
  /** The capabilities that are declared to servers. Default: none. */
  readonly capabilities?: ClientCapabilities | undefined;
  /** Answers what servers ask, as far as `capabilities` declare it. Its result goes to the server as it is. */
  readonly onServerRequest?: OnServerRequest | undefined;
  /** Called with each event. Errors that it throws are dropped. */
  readonly onEvent?: ((event: ClientEvent) => void) | undefined;
  /** How the names of `listAllTools` and `callQualified` are made. */
  readonly names?: NameOptions | undefined;
  /** Makes the pool of connections. Default: `Pool` of `@minion/pool`. */
  readonly pool?: ((options: PoolOptions<McpSession>) => SessionPool) | undefined;
  /** Makes the cache of a server's lists. Default: `Cache` of `@minion/cache`. */
  readonly cache?:
    | ((server: string, options: CacheOptions<unknown>, context: CacheContext) => ToolListCache)
    | undefined;
  /** Makes the breaker of a replica. Default: `CircuitBreaker` of `@minion/breaker`. */
  readonly breaker?: ((server: string, options: CircuitBreakerOptions, context: BreakerContext) => Breaker) | undefined;
}

/** Answers a request of a server. Its result is sent to the server; if it rejects, the server gets an error. */
export type OnServerRequest = (request: ServerRequest, context: ServerRequestContext) => Promise<unknown>;

/** A request that a server sends to its client. */
export interface ServerRequest {
  readonly server: string;
  /** On whose behalf the connection was opened over which the server asks. */
  readonly principal: string | undefined;
  readonly method: ServerRequestMethod;
  /** As the server sent them: untrusted. */
  readonly params: unknown;
}

/** The context of a {@link ServerRequest}. */
export interface ServerRequestContext {
  /** Aborts when the server does not want the answer any more. */
  readonly signal: AbortSignal;
  /**
   * The call that the server asks in: over HTTP the one in whose reply it asks, elsewhere the only one that is on its way
   * on that connection. Undefined where neither tells.
   */
  readonly call: { readonly method: string; readonly target: string | undefined } | undefined;
}

/** The methods that a server may request of its client. */
export type ServerRequestMethod = "elicitation/create" | "sampling/createMessage" | "roots/list";

/** Answers what one server asks on behalf of one principal. */
export type ServerRequestHandler = (method: string, params: unknown, context: ServerRequestContext) => Promise<unknown>;
