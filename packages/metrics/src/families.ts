import type { Family } from "./registry.js";

/** A family of the package: how Prometheus and how OpenTelemetry show it. */
export interface Definition extends Family {
  /** The name in OpenTelemetry, without the namespace. */
  readonly otel: string;
  /** The unit there, as UCUM writes it. */
  readonly unit: string;
}

/**
 * Every family, by its Prometheus name without the prefix. Names follow the rules of Prometheus and OpenMetrics, and
 * beside them those of OpenTelemetry; the duration of calls is the one that OpenTelemetry defines for MCP
 * (`mcp.client.operation.duration`), with its labels. `server` is an extension: those conventions have no name for a
 * configured server. States are one series each, whose values are added up: over several sources or processes they
 * count how many are in it.
 */
export const families = {
  client_connected: {
    type: "gauge",
    merge: "max",
    help: "Whether a connection to the server is open: 1 or 0. An idle server has none.",
    otel: "client.connected",
    unit: "1",
  },
  client_server_health: {
    type: "gauge",
    help: "1 for the state the server is in, 0 for the others; of several clients, how many see it so.",
    otel: "client.server.health",
    unit: "{client}",
  },
  client_tools_discovered: {
    type: "gauge",
    merge: "max",
    help: "Tools in the server's last list; absent before the first.",
    otel: "client.tool.count",
    unit: "{tool}",
  },
  client_calls_total: {
    type: "counter",
    help: "Calls that ended, whatever their outcome.",
    otel: "client.calls",
    unit: "{call}",
  },
  client_calls_failed_total: {
    type: "counter",
    help: "Calls that ended in an error.",
    otel: "client.call.failures",
    unit: "{call}",
  },
  client_calls_cancelled_total: {
    type: "counter",
    help: "Calls that their caller gave up.",
    otel: "client.call.cancellations",
    unit: "{call}",
  },
  client_calls_in_flight: {
    type: "gauge",
    help: "Calls that are under way.",
    otel: "client.active_calls",
    unit: "{call}",
  },
  client_retries_total: {
    type: "counter",
    help: "Attempts beyond the first of a call.",
    otel: "client.retries",
    unit: "{retry}",
  },
  client_operation_duration_seconds: {
    type: "histogram",
    help: "Time that calls waited for their server, to connect and to answer, in all attempts. No error_type means success.",
    otel: "client.operation.duration",
    unit: "s",
  },
  pool_connections: {
    type: "gauge",
    help: "Connections by state.",
    otel: "pool.connection.count",
    unit: "{connection}",
  },
  pool_max_connections: {
    type: "gauge",
    help: "Connections that may be open at once; +Inf without a limit.",
    otel: "pool.connection.limit",
    unit: "{connection}",
  },
  pool_pending_acquires: {
    type: "gauge",
    help: "Callers that wait for a connection.",
    otel: "pool.pending_acquires",
    unit: "{acquire}",
  },
  pool_acquires_total: { type: "counter", help: "Leases granted.", otel: "pool.acquires", unit: "{lease}" },
  pool_releases_total: { type: "counter", help: "Leases given back.", otel: "pool.releases", unit: "{lease}" },
  pool_acquire_timeouts_total: {
    type: "counter",
    help: "Acquires that ran into their deadline.",
    otel: "pool.acquire.timeouts",
    unit: "{acquire}",
  },
  pool_acquires_cancelled_total: {
    type: "counter",
    help: "Acquires that their caller gave up.",
    otel: "pool.acquire.cancellations",
    unit: "{acquire}",
  },
  pool_acquires_rejected_total: {
    type: "counter",
    help: "Acquires refused at once.",
    otel: "pool.acquire.rejections",
    unit: "{acquire}",
  },
  pool_waits_total: { type: "counter", help: "Acquires that had to wait.", otel: "pool.waits", unit: "{acquire}" },
  pool_wait_seconds_total: {
    type: "counter",
    help: "Time spent waiting by all acquires together.",
    otel: "pool.wait_time",
    unit: "s",
  },
  pool_connections_created_total: {
    type: "counter",
    help: "Connections opened.",
    otel: "pool.connection.created",
    unit: "{connection}",
  },
  pool_connection_create_failures_total: {
    type: "counter",
    help: "Connections that could not be opened.",
    otel: "pool.connection.create_failures",
    unit: "{connection}",
  },
  pool_connection_create_seconds_total: {
    type: "counter",
    help: "Time spent opening connections.",
    otel: "pool.connection.create_time",
    unit: "s",
  },
  pool_connection_use_seconds_total: {
    type: "counter",
    help: "Time for which leases were held.",
    otel: "pool.connection.use_time",
    unit: "s",
  },
  pool_connections_closed_total: {
    type: "counter",
    help: "Connections closed, by reason.",
    otel: "pool.connection.closed",
    unit: "{connection}",
  },
  pool_acquire_duration_seconds: {
    type: "histogram",
    help: "Time from asking for a connection to its lease.",
    otel: "pool.acquire_time",
    unit: "s",
  },
  cache_hits_total: {
    type: "counter",
    help: "Reads served from the cache, stale ones included.",
    otel: "cache.hits",
    unit: "{read}",
  },
  cache_stale_hits_total: {
    type: "counter",
    help: "Reads served with a stale value, a part of the hits.",
    otel: "cache.stale_hits",
    unit: "{read}",
  },
  cache_misses_total: {
    type: "counter",
    help: "Reads that found nothing to serve.",
    otel: "cache.misses",
    unit: "{read}",
  },
  cache_loads_total: { type: "counter", help: "Loads started to fill the cache.", otel: "cache.loads", unit: "{load}" },
  cache_load_failures_total: {
    type: "counter",
    help: "Loads that failed.",
    otel: "cache.load_failures",
    unit: "{load}",
  },
  cache_load_seconds_total: { type: "counter", help: "Time spent loading.", otel: "cache.load_time", unit: "s" },
  cache_evictions_total: {
    type: "counter",
    help: "Entries removed, by reason.",
    otel: "cache.evictions",
    unit: "{entry}",
  },
  cache_entries: { type: "gauge", help: "Entries held.", otel: "cache.entry.count", unit: "{entry}" },
  cache_max_entries: {
    type: "gauge",
    help: "Entries that may be held; +Inf without a limit.",
    otel: "cache.entry.limit",
    unit: "{entry}",
  },
  circuit_breaker_state: {
    type: "gauge",
    help: "1 for the state the breaker is in, 0 for the others; of several breakers, how many are in it.",
    otel: "circuit_breaker.state",
    unit: "{breaker}",
  },
  circuit_breaker_calls_total: {
    type: "counter",
    help: "Calls let through that have settled.",
    otel: "circuit_breaker.calls",
    unit: "{call}",
  },
  circuit_breaker_failures_total: {
    type: "counter",
    help: "Calls judged as failed.",
    otel: "circuit_breaker.failures",
    unit: "{call}",
  },
  circuit_breaker_rejected_total: {
    type: "counter",
    help: "Calls refused without being tried.",
    otel: "circuit_breaker.rejections",
    unit: "{call}",
  },
  circuit_breaker_transitions_total: {
    type: "counter",
    help: "Changes of state, by the state entered.",
    otel: "circuit_breaker.transitions",
    unit: "{transition}",
  },
  circuit_breaker_last_transition_timestamp_seconds: {
    type: "gauge",
    merge: "max",
    help: "When the breaker entered its state, in seconds since the epoch.",
    otel: "circuit_breaker.last_transition",
    unit: "s",
  },
  metrics_collect_errors_total: {
    type: "counter",
    help: "Sources that could not be read.",
    otel: "metrics.collect_errors",
    unit: "{error}",
  },
  metrics_collect_duration_seconds: {
    type: "gauge",
    merge: "max",
    help: "Time the last reading of all sources took.",
    otel: "metrics.collect_time",
    unit: "s",
  },
} as const;

/** The name of a family, without the prefix. */
export type FamilyName = keyof typeof families;
/** The names of all families, without the prefix. */
export const familyNames: readonly FamilyName[] = Object.keys(families).filter(
  (name): name is FamilyName => name in families,
);
