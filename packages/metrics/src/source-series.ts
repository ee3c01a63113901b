import type { BreakerCounters } from "./breaker-totals.js";
import type { LabelSet } from "./label-set.js";
import { labelValue } from "./label-value.js";
import type { PoolCounters } from "./pool-totals.js";
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

function poolGauges(samples: Samples, labels: LabelSet, pool: Omit<PoolKeySnapshot, "key">): void {
  const connections = (state: string, value: number) =>
    samples.add("pool_connections", labels.with("state", state), value);
  connections("idle", pool.idle);
  connections("in_use", pool.leased);
  connections("creating", pool.creating);
  connections("destroying", pool.destroying);
  samples.add("pool_max_connections", labels, pool.max ?? Number.POSITIVE_INFINITY);
  samples.add("pool_pending_acquires", labels, pool.waiting);
}

/** The counters of a pool. */
export function poolCounters(samples: Samples, labels: LabelSet, pool: PoolCounters): void {
  const { bounds, counts, sum } = pool.acquireMs;
  samples.addHistogram("pool_acquire_duration_seconds", labels, {
    bounds: secondsOf(bounds),
    counts,
    sum: sum / 1000,
  });
  samples.add("pool_acquires_total", labels, pool.acquired);
  samples.add("pool_releases_total", labels, pool.released);
  samples.add("pool_acquire_timeouts_total", labels, pool.timeouts);
  samples.add("pool_acquires_cancelled_total", labels, pool.cancelled);
  samples.add("pool_acquires_rejected_total", labels, pool.rejected);
  samples.add("pool_waits_total", labels, pool.waits);
  samples.add("pool_wait_seconds_total", labels, pool.waitMs / 1000);
  samples.add("pool_connections_created_total", labels, pool.created);
  samples.add("pool_connection_create_failures_total", labels, pool.createFailures);
  samples.add("pool_connection_create_seconds_total", labels, pool.createMs / 1000);
  samples.add("pool_connection_use_seconds_total", labels, pool.useMs / 1000);
  for (const [reason, count] of Object.entries(pool.destroyed))
    samples.add("pool_connections_closed_total", labels.with("reason", labelValue(reason)), count);
}

/** A pool that is watched by itself: its counters as totals, its gauges by key. */
export function poolSeries(samples: Samples, root: LabelSet, pool: NamedPoolSnapshot): void {
  const labels = pool.name === null ? root : root.with("pool", labelValue(pool.name));
  poolCounters(samples, labels, pool);
  for (const [index, figures] of pool.keys.entries())
    poolGauges(samples, labels.with("server", index < maxKeysPerPool ? labelValue(figures.key) : "other"), figures);
}

/** A cache, under its own labels or those of the server whose it is. */
export function cacheSeries(samples: Samples, labels: LabelSet, cache: CacheSnapshot): void {
  samples.add("cache_hits_total", labels, cache.hits + cache.staleHits);
  samples.add("cache_stale_hits_total", labels, cache.staleHits);
  samples.add("cache_misses_total", labels, cache.misses);
  samples.add("cache_loads_total", labels, cache.loads);
  samples.add("cache_load_failures_total", labels, cache.loadFailures);
  samples.add("cache_load_seconds_total", labels, cache.loadMs / 1000);
  samples.add("cache_evictions_total", labels.with("reason", "capacity"), cache.evictions);
  samples.add("cache_evictions_total", labels.with("reason", "expired"), cache.expirations);
  samples.add("cache_evictions_total", labels.with("reason", "invalidated"), cache.invalidations);
  samples.add("cache_entries", labels, cache.size);
  samples.add("cache_max_entries", labels, cache.maxEntries ?? Number.POSITIVE_INFINITY);
}

/** A breaker's state, under the label of the server that it guards. */
export function breakerState(samples: Samples, labels: LabelSet, breaker: BreakerSnapshot): void {
  for (const state of new Set([...breakerStates, breaker.state, ...statesEntered(breaker)]))
    samples.add("circuit_breaker_state", labels.with("state", stateLabel(state)), Number(state === breaker.state));
  samples.add("circuit_breaker_last_transition_timestamp_seconds", labels, breaker.stateChangedAt / 1000);
}

/** The counters of a breaker, or of several under one label. */
export function breakerCounters(samples: Samples, labels: LabelSet, counters: BreakerCounters): void {
  for (const state of new Set([...breakerStates, ...statesEntered(counters)])) {
    const entered = counters.transitionsTo[state] ?? 0;
    samples.add("circuit_breaker_transitions_total", labels.with("to", stateLabel(state)), entered);
  }
  samples.add("circuit_breaker_calls_total", labels, counters.calls);
  samples.add("circuit_breaker_failures_total", labels, counters.failures);
  samples.add("circuit_breaker_rejected_total", labels, counters.rejected);
}

function statesEntered({ transitionsTo }: BreakerCounters): string[] {
  return Object.entries(transitionsTo).flatMap(([state, count]) => (count > 0 ? [state] : []));
}

function stateLabel(state: string): string {
  return labelValue(state).replace("-", "_");
}

/** One server of a client, with its share of the pool, its cache and its breakers. */
export function serverSeries(samples: Samples, root: LabelSet, status: ServerSnapshot): void {
  const { calls, tools } = status;
  const labels = root.with("server", labelValue(status.name));
  samples.add("client_connected", labels, Number(status.connected));
  for (const state of new Set([...healthStates, status.health]))
    samples.add("client_server_health", labels.with("state", labelValue(state)), Number(state === status.health));
  if (tools !== null) samples.add("client_tools_discovered", labels, tools);
  samples.add("client_calls_total", labels, calls.succeeded + calls.failed + calls.cancelled);
  samples.add("client_calls_failed_total", labels, calls.failed);
  samples.add("client_calls_cancelled_total", labels, calls.cancelled);
  samples.add("client_calls_in_flight", labels, calls.inFlight);
  samples.add("client_retries_total", labels, calls.retries);
  poolGauges(samples, labels, status.pool);
  if (status.cache !== null) cacheSeries(samples, labels, status.cache);
  for (const { index, breaker } of status.replicas) {
    if (breaker === null) continue;
    const replica = status.replicas.length > 1 ? labels.with("replica", String(index)) : labels;
    breakerState(samples, replica, breaker);
    breakerCounters(samples, replica, breaker);
  }
}
