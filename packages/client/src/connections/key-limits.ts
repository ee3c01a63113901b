import type { PoolLimits } from "@minion/pool";
import { type Policy, targetOf, transportOf } from "../config/policy.js";
import type { ConnectionKey } from "./connection-key.js";

const never = Number.POSITIVE_INFINITY;

/** The pool's limits for the connections of a server under a key. */
export function keyLimits(policy: Policy, { replica, isOwn }: ConnectionKey): Partial<PoolLimits> {
  const isStdio = transportOf(targetOf(policy, replica)) === "stdio";
  const shared: Partial<PoolLimits> = {
    ...(isStdio && { maxLifetimeMs: never }),
    // One failed opening rejects every call that waits for this server, instead of one call after another.
    failFastAfter: 1,
    ...policy.pool,
    // The pool adds no timeout of its own: the call's deadline and `connectTimeoutMs` are enough.
    acquireTimeoutMs: never,
    // Finite all the same: closing by force waits only for openings that have an end of their own, and with them for
    // the processes that they leave.
    createTimeoutMs: Math.min(policy.connectTimeoutMs + policy.closeTimeoutMs + 2_000, Number.MAX_SAFE_INTEGER),
    destroyTimeoutMs: Math.max(policy.pool.destroyTimeoutMs ?? 0, policy.closeTimeoutMs + 2_000),
  };
  if (isOwn) return { ...shared, maxPerKey: never, minIdlePerKey: 0, maxLeasesPerResource: 1, maxUses: 1 };
  if (!policy.stateful)
    return { ...shared, maxPerKey: policy.maxConnections, maxLeasesPerResource: policy.maxCallsPerConnection };
  // The pin of a stateful server (stateful-pin.ts) holds a lease of its own beside those of the calls.
  const maxLeasesPerResource = policy.maxCallsPerConnection + 1;
  return { ...shared, maxPerKey: 1, maxLeasesPerResource, maxLifetimeMs: never, maxIdleMs: never, maxUses: never };
}
