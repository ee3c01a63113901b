import type { CircuitBreakerOptions } from "@minion/breaker";
import type { CacheOptions } from "@minion/cache";
import type { PoolLimits } from "@minion/pool";
import { longestTimerMs } from "../deadline.js";
import type {
  CustomServer,
  HttpServer,
  ProtocolVersion,
  RetryOptions,
  ServerConfig,
  ServerPolicy,
  StdioServer,
  ToolFilter,
} from "./server-config.js";

/** Where one copy of a server is reached. */
export type Target = StdioServer | HttpServer | CustomServer;

/** A server's policy with every default filled in. */
export interface Policy {
  readonly stateful: boolean;
  readonly maxConnections: number;
  readonly maxCallsPerConnection: number;
  readonly connectTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly maxListItems: number;
  readonly outputSchemas: "enforce" | "report" | "off";
  readonly protocol: "auto" | ProtocolVersion;
  readonly retry: { readonly maxAttempts: number; readonly initialDelayMs: number; readonly maxDelayMs: number };
  readonly breaker: CircuitBreakerOptions | false;
  readonly pool: Partial<PoolLimits>;
  readonly cache: CacheOptions<unknown>;
  readonly tools: ToolFilter;
  /** The server itself first, then its replicas. */
  readonly targets: readonly [Target, ...Target[]];
}

/** How the server is spoken to, as status and metrics tell it. */
export type Transport = "stdio" | "http" | "sse" | "custom";

/** The transport of a target. */
export function transportOf(target: Target): Transport {
  if ("connect" in target) return "custom";
  if ("command" in target) return "stdio";
  return target.type ?? "http";
}

/** Where a replica is reached; 0 is the server itself. */
export function targetOf({ targets }: Policy, replica: number): Target {
  return targets.reduce((found, target, index) => (index === replica ? target : found));
}

/** What a server is allowed and given: its own policy, then the common one, then the defaults. */
export function policyOf(config: ServerConfig, defaults: ServerPolicy = {}): Policy {
  const isStdio = transportOf(config) === "stdio";
  const given = { ...defaults, ...defined(config) };
  const stateful = given.stateful ?? false;
  return {
    stateful,
    maxConnections: stateful ? 1 : (given.maxConnections ?? (isStdio ? 1 : 10)),
    maxCallsPerConnection: given.maxCallsPerConnection ?? 16,
    connectTimeoutMs: timerMs(given.connectTimeoutMs ?? 30_000),
    callTimeoutMs: given.callTimeoutMs ?? 60_000,
    closeTimeoutMs: timerMs(given.closeTimeoutMs ?? 4_000),
    maxMessageBytes: given.maxMessageBytes ?? 67_108_864,
    maxListItems: given.maxListItems ?? 100_000,
    outputSchemas: given.outputSchemas ?? "enforce",
    protocol: given.protocol ?? "auto",
    retry: retryOf(merged(defaults.retry, config.retry)),
    breaker: merged(defaults.breaker, config.breaker) ?? {},
    pool: {
      ...(isStdio && { maxLifetimeMs: Number.POSITIVE_INFINITY }),
      ...defined(defaults.pool),
      ...defined(config.pool),
    },
    cache: cacheOf(merged(defaults.cache, config.cache)),
    tools: given.tools ?? {},
    targets: [config, ...(config.replicas ?? [])],
  };
}

function retryOf(retry: RetryOptions | false | undefined): Policy["retry"] {
  if (retry === false) return { maxAttempts: 1, initialDelayMs: 0, maxDelayMs: 0 };
  const { maxAttempts = 3, initialDelayMs = 200, maxDelayMs = 5_000 } = retry ?? {};
  return { maxAttempts, initialDelayMs: timerMs(initialDelayMs), maxDelayMs: timerMs(maxDelayMs) };
}

/** A time that no timer can wait for is as good as the longest that one can; Infinity starts none. */
function timerMs(ms: number): number {
  return ms === Number.POSITIVE_INFINITY ? ms : Math.min(ms, longestTimerMs);
}

function cacheOf(cache: ServerPolicy["cache"]): CacheOptions<unknown> {
  return cache === false ? { enabled: false } : { staleIfErrorMs: 3_600_000, ...defined(cache) };
}

/** The server's own part on top of the common one; false switches off, whoever says it last. */
function merged<T extends object>(common: T | false | undefined, own: T | false | undefined): T | false | undefined {
  if (own === undefined) return common;
  return own === false || common === undefined || common === false ? own : { ...common, ...defined(own) };
}

/** Without members that are undefined: they mean the default and must not hide one. */
function defined<T extends object>(object: T | undefined): Partial<T> {
  const copy: Partial<T> = { ...object };
  for (const key of Object.keys(copy)) if (Reflect.get(copy, key) === undefined) Reflect.deleteProperty(copy, key);
  return copy;
}
