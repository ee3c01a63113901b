import { labelValue } from "./label-value.js";
import type { PoolCounters } from "./pool-totals.js";
import type { Labels } from "./registry.js";
import type { Samples } from "./samples.js";
import type { BreakerSnapshot, CacheSnapshot, NamedPoolSnapshot, PoolKeySnapshot, ServerSnapshot } from "./snapshot.js";

const healthStates = ["healthy", "degraded", "unavailable", "idle"];
const breakerStates = ["closed", "open", "half-open"];

/** Keys of one pool that get a `server` of their own; the rest is added up under `other`. */
const maxKeysPerPool = 100;

/** Bounds written in seconds, free of the noise of the division. */
function secondsOf(bounds: readonly number[]): number[] {
  return bounds.map((bound) => Number((bound / 1000).toPrecision(12)));
}

function poolGauges(samples: Samples, labels: Labels, pool: Omit<PoolKeySnapshot, "key">): void {
  const connections = (state: string, value: number) =>
    samples.add("mcp_pool_connections", { ...labels, state }, value);
  connections("idle", pool.idle);
  connections("in_use", pool.leased);
  connections("creating", pool.creating);
  connections("destroying", pool.destroying);
  samples.add("mcp_pool_max_connections", labels, pool.max ?? Number.POSITIVE_INFINITY);
  samples.add("mcp_pool_pending_acquires", labels, pool.waiting);
}

/** The counters of a pool. */
export function poolCounters(samples: Samples, labels: Labels, pool: PoolCounters): void {
  const { bounds, counts, sum } = pool.acquireMs;
  samples.addHistogram("mcp_pool_acquire_duration_seconds", {
    labels,
    bounds: secondsOf(bounds),
    counts,
    sum: sum / 1000,
  });
  samples.add("mcp_pool_acquires_total", labels, pool.acquired);
  samples.add("mcp_pool_releases_total", labels, pool.released);
  samples.add("mcp_pool_acquire_timeouts_total", labels, pool.timeouts);
  samples.add("mcp_pool_acquires_cancelled_total", labels, pool.cancelled);
  samples.add("mcp_pool_acquires_rejected_total", labels, pool.rejected);
  samples.add("mcp_pool_waits_total", labels, pool.waits);
  samples.add("mcp_pool_wait_seconds_total", labels, pool.waitMs / 1000);
  samples.add("mcp_pool_connections_created_total", labels, pool.created);
  samples.add("mcp_pool_connection_create_failures_total", labels, pool.createFailures);
  samples.add("mcp_pool_connection_create_seconds_total", labels, pool.createMs / 1000);
  samples.add("mcp_pool_connection_use_seconds_total", labels, pool.useMs / 1000);
  for (const [reason, count] of Object.entries(pool.destroyed))
    samples.add("mcp_pool_connections_closed_total", { ...labels, reason: labelValue(reason) }, count);
}

/** A pool that is watched by itself: its counters as totals, its gauges by key. */
export function poolSeries(samples: Samples, pool: NamedPoolSnapshot): void {
  const labels = pool.name === null ? {} : { pool: labelValue(pool.name) };
  poolCounters(samples, labels, pool);
  for (const [index, figures] of pool.keys.entries())
    poolGauges(samples, { ...labels, server: index < maxKeysPerPool ? labelValue(figures.key) : "other" }, figures);
}

/** A cache, under its own labels or those of the server whose it is. */
export function cacheSeries(samples: Samples, labels: Labels, cache: CacheSnapshot): void {
  samples.add("mcp_cache_hits_total", labels, cache.hits + cache.staleHits);
  samples.add("mcp_cache_stale_hits_total", labels, cache.staleHits);
  samples.add("mcp_cache_misses_total", labels, cache.misses);
  samples.add("mcp_cache_loads_total", labels, cache.loads);
  samples.add("mcp_cache_load_failures_total", labels, cache.loadFailures);
  samples.add("mcp_cache_load_seconds_total", labels, cache.loadMs / 1000);
  samples.add("mcp_cache_evictions_total", { ...labels, reason: "capacity" }, cache.evictions);
  samples.add("mcp_cache_evictions_total", { ...labels, reason: "expired" }, cache.expirations);
  samples.add("mcp_cache_evictions_total", { ...labels, reason: "invalidated" }, cache.invalidations);
  samples.add("mcp_cache_entries", labels, cache.size);
  samples.add("mcp_cache_max_entries", labels, cache.maxEntries ?? Number.POSITIVE_INFINITY);
}

/** A breaker, under the label of the server that it guards. */
export function breakerSeries(samples: Samples, labels: Labels, breaker: BreakerSnapshot): void {
  const entered = (state: string) => breaker.transitionsTo[state] ?? 0;
  const used = Object.keys(breaker.transitionsTo).filter((state) => entered(state) > 0);
  for (const state of new Set([...breakerStates, breaker.state, ...used])) {
    const label = labelValue(state).replace("-", "_");
    samples.add("mcp_circuit_breaker_state", { ...labels, state: label }, Number(state === breaker.state));
    samples.add("mcp_circuit_breaker_transitions_total", { ...labels, to: label }, entered(state));
  }
  samples.add("mcp_circuit_breaker_calls_total", labels, breaker.calls);
  samples.add("mcp_circuit_breaker_failures_total", labels, breaker.failures);
  samples.add("mcp_circuit_breaker_rejected_total", labels, breaker.rejected);
  samples.add("mcp_circuit_breaker_last_transition_timestamp_seconds", labels, breaker.stateChangedAt / 1000);
}

/** One server of a client, with its share of the pool, its cache and its breakers. */
export function serverSeries(samples: Samples, status: ServerSnapshot): void {
  const { calls, tools } = status;
  const labels = { server: labelValue(status.name) };
  samples.add("mcp_client_connected", labels, Number(status.connected));
  for (const state of new Set([...healthStates, status.health]))
    samples.add("mcp_client_server_health", { ...labels, state: labelValue(state) }, Number(state === status.health));
  if (tools !== null) samples.add("mcp_client_tools_discovered", labels, tools);
  samples.add("mcp_client_calls_total", labels, calls.succeeded + calls.failed + calls.cancelled);
  samples.add("mcp_client_calls_failed_total", labels, calls.failed);
  samples.add("mcp_client_calls_cancelled_total", labels, calls.cancelled);
  samples.add("mcp_client_calls_in_flight", labels, calls.inFlight);
  samples.add("mcp_client_retries_total", labels, calls.retries);
  poolGauges(samples, labels, status.pool);
  if (status.cache !== null) cacheSeries(samples, labels, status.cache);
  for (const { index, breaker } of status.replicas) {
    if (breaker === null) continue;
    const replica = status.replicas.length > 1 ? { ...labels, replica: String(index) } : labels;
    breakerSeries(samples, replica, breaker);
  }
}
