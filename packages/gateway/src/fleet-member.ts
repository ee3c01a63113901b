import { setTimeout as pause } from "node:timers/promises";
import type { Fleet } from "@minion/redis";
import type { FleetConfig, QuotaRule } from "./fleet-config.js";
import type { GatewayOptions, QuotaDecision } from "./gateway-options.js";

/** This gateway as a member of a fleet. */
export interface FleetMember extends AsyncDisposable {
  readonly fleet: Fleet;
  /** For {@link GatewayOptions.quota}; undefined where there are no quotas. */
  readonly quota: GatewayOptions["quota"];
}

/** How long the start waits for Redis, so that replicas that start together share their first lists. */
const startMs = 2_000;
/** How often a Redis that cannot be written to is connected to anew: it may be a replica that stays one. */
const reconnectEveryMs = 30_000;

/**
 * Joins the fleet that shares over a Redis. Where that cannot be reached the gateway starts by itself and joins later.
 *
 * @throws Error where the optional packages are not installed or the URL is none of Redis
 */
export async function joinFleet(
  url: string,
  { quotas, namespace }: FleetConfig,
  say: (text: string) => void,
): Promise<FleetMember> {
  if (!/^rediss?:\/\//.test(url) || !URL.canParse(url))
    throw new Error("--redis must be a redis:// or rediss:// URL, and so must MINION_REDIS_URL");
  const { Fleet, Redis } = await packages();
  // A connection that a firewall has dropped silently is given up after a while.
  let reconnectedAt = Number.NEGATIVE_INFINITY;
  const redis = new Redis(url, {
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    socketTimeout: 10_000,
    // After a failover behind one address an open connection still leads to the master that was.
    reconnectOnError: ({ message }) => {
      const isDue = message.startsWith("READONLY") && performance.now() - reconnectedAt > reconnectEveryMs;
      if (isDue) reconnectedAt = performance.now();
      return isDue;
    },
  });
  let lastError = "";
  redis.on("error", (error: Error) => {
    if (error.message !== lastError) say(`Redis: ${withoutUrl(error.message)}`);
    lastError = error.message;
  });
  const refused = new Set<string>();
  const fleet = new Fleet({
    redis,
    namespace,
    onEvent: (event) => {
      // What Redis itself refuses begins with a code, as NOPERM, READONLY or OOM do, and is refused again each time.
      if (event.type === "commandFailed" && /^[A-Z]{2,} /.test(event.message) && !refused.has(event.command)) {
        refused.add(event.command);
        say(`Redis refuses "${event.command}", this replica is by itself in that: ${withoutUrl(event.message)}`);
      }
      if (event.type === "linkLost") say(`Redis is lost, each replica is by itself: ${withoutUrl(event.reason)}`);
      if (event.type === "linkRestored") say("sharing over Redis");
    },
  });
  const giveUpAt = performance.now() + startMs;
  while (!fleet.stats().isLinked && performance.now() < giveUpAt) await pause(20);
  return {
    fleet,
    quota: quotas.length === 0 ? undefined : quotaOf(fleet, quotas),
    [Symbol.asyncDispose]: async () => {
      await fleet.close();
      redis.disconnect();
    },
  };
}

/** A call must be granted by every rule. Those that granted before one refuses have counted it. */
function quotaOf(fleet: Fleet, rules: readonly QuotaRule[]): NonNullable<GatewayOptions["quota"]> {
  const counted = rules.map(({ per, limit, perMs }) => ({
    per,
    quota: fleet.quota(`${per.join("-") || "all"}-${limit}-${perMs}`, { limit, perMs }),
  }));
  return async (call) => {
    let remaining = Number.POSITIVE_INFINITY;
    for (const { per, quota } of counted) {
      const decision: QuotaDecision = await quota.take(JSON.stringify(per.map((part) => call[part] ?? null)));
      if (!decision.ok) return decision;
      remaining = Math.min(remaining, decision.remaining);
    }
    return { ok: true, remaining };
  };
}

async function packages(): Promise<{
  readonly Fleet: typeof import("@minion/redis").Fleet;
  readonly Redis: typeof import("ioredis").Redis;
}> {
  try {
    const [{ Fleet }, { Redis }] = await Promise.all([import("@minion/redis"), import("ioredis")]);
    return { Fleet, Redis };
  } catch (error) {
    const how = "npx -p @minion/gateway -p @minion/redis -p ioredis minion-gateway";
    throw new Error(`--redis needs the packages @minion/redis and ioredis: install them, or run ${how}`, {
      cause: error,
    });
  }
}

/** A URL may hold a password. */
function withoutUrl(text: string): string {
  return text.replace(/rediss?:\/\/\S+/g, "redis://...");
}
