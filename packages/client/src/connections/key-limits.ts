import type { PoolLimits } from "@minion/pool";
import { type Policy, targetOf, transportOf } from "../config/policy.js";
import type { ConnectionKey } from "./connection-key.js";

const never = Number.POSITIVE_INFINITY;

/** The pool's limits for the connections of a server under a key. */
export function keyLimits(policy: Policy, { replica, isOwn }: ConnectionKey): Partial<PoolLimits> {
  const isStdio = transportOf(targetOf(policy, replica)) === "stdio";
  const shared: Partial<PoolLimits> = {
    ...(isStdio && { maxLifetimeMs: never }),
    // All who wait for a server that cannot be reached are told at once.
    failFastAfter: 1,
    ...policy.pool,
    // The deadline of the call and those of the connection are the only ones.
    acquireTimeoutMs: never,
    // Finite all the same: closing by force waits only for openings that have an end of their own, and with them for
    // the processes that they leave.
    createTimeoutMs: Math.min(policy.connectTimeoutMs + policy.closeTimeoutMs + 2_000, Number.MAX_SAFE_INTEGER),
    destroyTimeoutMs: Math.max(policy.pool.destroyTimeoutMs ?? 0, policy.closeTimeoutMs + 2_000),
  };
  if (isOwn) return { ...shared, maxPerKey: never, minIdlePerKey: 0, maxLeasesPerResource: 1, maxUses: 1 };
  if (!policy.stateful)
    return { ...shared, maxPerKey: policy.maxConnections, maxLeasesPerResource: policy.maxCallsPerConnection };
  // One place more than calls may have, for the pin.
  const maxLeasesPerResource = policy.maxCallsPerConnection + 1;
  return { ...shared, maxPerKey: 1, maxLeasesPerResource, maxLifetimeMs: never, maxIdleMs: never, maxUses: never };
}
