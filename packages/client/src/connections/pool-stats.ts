import type { PoolStats } from "@minion/pool";

/** The figures of two keys as those of one. */
export function addPoolStats(a: PoolStats, b: PoolStats): PoolStats {
  return {
    total: a.total + b.total,
    idle: a.idle + b.idle,
    leased: a.leased + b.leased,
    creating: a.creating + b.creating,
    destroying: a.destroying + b.destroying,
    leases: a.leases + b.leases,
    waiting: a.waiting + b.waiting,
    max: a.max + b.max,
    acquired: a.acquired + b.acquired,
    released: a.released + b.released,
    timeouts: a.timeouts + b.timeouts,
    cancelled: a.cancelled + b.cancelled,
    rejected: a.rejected + b.rejected,
    created: a.created + b.created,
    createFailures: a.createFailures + b.createFailures,
    destroyed: addReasons(a.destroyed, b.destroyed),
    waits: a.waits + b.waits,
    waitMs: a.waitMs + b.waitMs,
    createMs: a.createMs + b.createMs,
    useMs: a.useMs + b.useMs,
    acquireMs: {
      bounds: a.acquireMs.bounds,
      counts: a.acquireMs.counts.map((count, index) => count + (b.acquireMs.counts[index] ?? 0)),
      sum: a.acquireMs.sum + b.acquireMs.sum,
    },
  };
}

function addReasons(a: PoolStats["destroyed"], b: PoolStats["destroyed"]): PoolStats["destroyed"] {
  return {
    idle: a.idle + b.idle,
    surplus: a.surplus + b.surplus,
    lifetime: a.lifetime + b.lifetime,
    uses: a.uses + b.uses,
    invalid: a.invalid + b.invalid,
    died: a.died + b.died,
    evicted: a.evicted + b.evicted,
    cleared: a.cleared + b.cleared,
    resized: a.resized + b.resized,
    discarded: a.discarded + b.discarded,
    closed: a.closed + b.closed,
  };
}
