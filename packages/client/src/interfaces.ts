import type { CircuitBreaker, Permit } from "@minion/breaker";
import type { Cache } from "@minion/cache";
import type { Pool } from "@minion/pool";
import type { McpSession } from "./mcp-session.js";

/** What the client needs of a pool of sessions. `Pool` of `@minion/pool` fits, and anything that has the same methods. */
export interface SessionPool extends Pick<Pool<McpSession>, "acquire" | "clear" | "stats" | "close"> {}

/** What the client needs of a circuit breaker. `CircuitBreaker` of `@minion/breaker` fits. */
export interface Breaker extends Pick<CircuitBreaker, "state" | "retryAfterMs" | "stats"> {
  /** Admits one call or throws. What the methods of the permit give back is not read. */
  admit(): { readonly [K in keyof Permit]: (...result: Parameters<Permit[K]>) => void };
}

/** What the client needs of the cache of a server's lists. `Cache` of `@minion/cache` fits. */
export interface ToolListCache
  extends Pick<Cache<unknown>, "getOrSet" | "invalidate" | "inspect" | "stats" | "close"> {}
