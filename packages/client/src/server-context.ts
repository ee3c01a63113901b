import type { CircuitBreakerOptions } from "@minion/breaker";
import type { CacheOptions } from "@minion/cache";
import type { ClientCapabilities } from "@modelcontextprotocol/sdk/types.js";
import type { ServerRequestHandler } from "./config/client-options.js";
import type { Events } from "./events.js";
import type { Breaker, BreakerContext, CacheContext, SessionPool, ToolListCache } from "./interfaces.js";

/** What all servers of a client share. */
export interface ServerContext {
  readonly pool: SessionPool;
  readonly events: Events;
  readonly clientInfo: { readonly name: string; readonly version: string };
  readonly capabilities: ClientCapabilities;
  readonly onServerRequest: ((server: string, principal: string | undefined) => ServerRequestHandler) | undefined;
  readonly makeCache: (server: string, options: CacheOptions<unknown>, context: CacheContext) => ToolListCache;
  readonly makeBreaker: (server: string, options: CircuitBreakerOptions, context: BreakerContext) => Breaker;
}
