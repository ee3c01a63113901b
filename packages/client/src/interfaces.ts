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

/**
 * What the client needs of the cache of a server's lists. `Cache` of `@minion/cache` fits. Its keys are JSON: an array of
 * the server's name, the number of the replica, a hash of the principal or null, the list, and the client's capabilities.
 */
export interface ToolListCache extends Pick<Cache<unknown>, "getOrSet" | "invalidate" | "inspect" | "stats" | "close"> {
  /**
   * Told when the server says that a list has changed, for a cache that is shared by several processes: every key of that
   * list is out of date, also those that this process has never asked for. Where it is absent, the client invalidates
   * the keys that it knows.
   */
  invalidateList?(list: ListName): void;
  /**
   * What another process has stored under a key, also kept here from then on; undefined where there is nothing. Never
   * loads. Asked once for each key, before the first call whose tool is not known here, so that its hints are known.
   */
  recall?(key: string): Promise<unknown>;
  /**
   * Called once, with what the cache is to call when another process has heard that a list has changed: it is forgotten
   * here too, and told as `listChanged`. `invalidateList` is not called for it.
   */
  onChangedElsewhere?(changed: (list: ListName) => void): void;
}

/** The lists that a server can have. */
export type ListName = "tools" | "resources" | "resourceTemplates" | "prompts";

/** Turns a cached list into text and back, so that a cache can keep lists outside this process. */
export interface ListCodec {
  /** The text of a list that the client put into the cache. Throws `TypeError` for anything else. */
  encode(list: unknown): string;
  /**
   * The list that a text stands for: checked again as if the server had just sent it, and frozen. Throws `TypeError`
   * where the text is not one that `encode` made, is larger than the server's `maxMessageBytes`, or holds an entry that
   * is not valid.
   */
  decode(text: string): unknown;
}

/** What the cache of a server's lists is told, so that it can be shared by several processes. */
export interface CacheContext {
  /**
   * Stands for where the server is reached: a hash of its URL, or of its command, arguments and working directory, and of
   * the names of its headers and variables, never their values. Servers with different identities share nothing.
   * A server that is connected to by a function has an identity that no other process and no other client has.
   */
  readonly identity: string;
  /** Turns a list into text and back. What `decode` returns may be given out by the cache; it has been checked again. */
  readonly codec: ListCodec;
}

/** What the breaker of a replica is told beside its options. */
export interface BreakerContext {
  /** As {@link CacheContext.identity}. */
  readonly identity: string;
  /** The replica that it stands before: 0 is the server itself. */
  readonly replica: number;
}
