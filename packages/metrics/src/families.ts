/**
 * Every family under its canonical name. Names follow the rules of Prometheus and OpenMetrics; the duration of calls
 * follows the OpenTelemetry conventions for MCP (`mcp.client.operation.duration`), whose labels these are in
 * Prometheus' spelling. `server` is an extension: those conventions have no name for a configured server.
 */
export const families = {
  mcp_client_connected: {
    type: "gauge",
    merge: "max",
    help: "Whether a connection to the server is open: 1 or 0. An idle server has none.",
  },
  mcp_client_server_health: {
    type: "gauge",
    merge: "max",
    help: "1 for the state the server is in, 0 for the others.",
  },
  mcp_client_tools_discovered: {
    type: "gauge",
    merge: "max",
    help: "Tools in the server's last list; absent before the first.",
  },
  mcp_client_calls_total: { type: "counter", help: "Calls that ended, whatever their outcome." },
  mcp_client_calls_failed_total: { type: "counter", help: "Calls that ended in an error." },
  mcp_client_calls_cancelled_total: { type: "counter", help: "Calls that their caller gave up." },
  mcp_client_calls_in_flight: { type: "gauge", help: "Calls that are under way." },
  mcp_client_retries_total: { type: "counter", help: "Attempts beyond the first of a call." },
  mcp_client_operation_duration_seconds: {
    type: "histogram",
    help: "Duration of calls as the caller saw it, queueing and retries included. No error_type means success.",
  },
  mcp_pool_connections: { type: "gauge", help: "Connections by state." },
  mcp_pool_max_connections: { type: "gauge", help: "Connections that may be open at once; +Inf without a limit." },
  mcp_pool_pending_acquires: { type: "gauge", help: "Callers that wait for a connection." },
  mcp_pool_acquires_total: { type: "counter", help: "Leases granted." },
  mcp_pool_releases_total: { type: "counter", help: "Leases given back." },
  mcp_pool_acquire_timeouts_total: { type: "counter", help: "Acquires that ran into their deadline." },
  mcp_pool_acquires_cancelled_total: { type: "counter", help: "Acquires that their caller gave up." },
  mcp_pool_acquires_rejected_total: { type: "counter", help: "Acquires refused at once." },
  mcp_pool_waits_total: { type: "counter", help: "Acquires that had to wait." },
  mcp_pool_wait_seconds_total: { type: "counter", help: "Time spent waiting by all acquires together." },
  mcp_pool_connections_created_total: { type: "counter", help: "Connections opened." },
  mcp_pool_connection_create_failures_total: { type: "counter", help: "Connections that could not be opened." },
  mcp_pool_connection_create_seconds_total: { type: "counter", help: "Time spent opening connections." },
  mcp_pool_connection_use_seconds_total: { type: "counter", help: "Time for which leases were held." },
  mcp_pool_connections_closed_total: { type: "counter", help: "Connections closed, by reason." },
  mcp_pool_acquire_duration_seconds: { type: "histogram", help: "Time from asking for a connection to its lease." },
  mcp_cache_hits_total: { type: "counter", help: "Reads served from the cache, stale ones included." },
  mcp_cache_stale_hits_total: { type: "counter", help: "Reads served with a stale value, a part of the hits." },
  mcp_cache_misses_total: { type: "counter", help: "Reads that found nothing to serve." },
  mcp_cache_loads_total: { type: "counter", help: "Loads started to fill the cache." },
  mcp_cache_load_failures_total: { type: "counter", help: "Loads that failed." },
  mcp_cache_load_seconds_total: { type: "counter", help: "Time spent loading." },
  mcp_cache_evictions_total: { type: "counter", help: "Entries removed, by reason." },
  mcp_cache_entries: { type: "gauge", help: "Entries held." },
  mcp_cache_max_entries: { type: "gauge", help: "Entries that may be held; +Inf without a limit." },
  mcp_circuit_breaker_state: {
    type: "gauge",
    merge: "max",
    help: "1 for the state the breaker is in, 0 for the others; forced states appear once used.",
  },
  mcp_circuit_breaker_calls_total: { type: "counter", help: "Calls let through that have settled." },
  mcp_circuit_breaker_failures_total: { type: "counter", help: "Calls judged as failed." },
  mcp_circuit_breaker_rejected_total: { type: "counter", help: "Calls refused without being tried." },
  mcp_circuit_breaker_transitions_total: { type: "counter", help: "Changes of state, by the state entered." },
  mcp_circuit_breaker_last_transition_timestamp_seconds: {
    type: "gauge",
    merge: "max",
    help: "When the breaker entered its state, in seconds since the epoch.",
  },
  mcp_metrics_collect_errors_total: { type: "counter", help: "Sources that could not be read." },
  mcp_metrics_collect_duration_seconds: {
    type: "gauge",
    merge: "max",
    help: "Time the last reading of all sources took.",
  },
} as const;

/** The name of a canonical family. */
export type FamilyName = keyof typeof families;
