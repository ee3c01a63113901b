import type { FamilyName } from "./families.js";
import type { Family, Labels, SeriesValue } from "./registry.js";
import { addHistograms, type HistogramSample, histogramSeries, type Sample, type Samples } from "./samples.js";

/** A name of one of the two original documents: what stands for it now, and how its values follow from that. */
export interface Alias extends Family {
  readonly name: string;
  /** The canonical family, or the rule, to use instead. */
  readonly instead: string;
  readonly series: (samples: Samples) => readonly SeriesValue[];
}

/**
 * Untyped, since the linter of Prometheus refuses some of these names as counters or gauges. `rate()` and `increase()`
 * work on them all the same.
 */
function alias(name: string, instead: string, series: Alias["series"], type: Family["type"] = "untyped"): Alias {
  return { name, instead, type, help: `Deprecated alias of ${instead}.`, series };
}

/** The same values under another name. */
function same(name: string, of: FamilyName): Alias {
  return alias(name, of, (samples) => samples.values(of));
}

/** The sum over all series, one unlabelled value as in the originals; none while no source of this kind is watched. */
function total(name: string, of: FamilyName, watched: FamilyName, states?: readonly string[]): Alias {
  const instead = states?.length === 1 ? `${of}{state="${states[0]}"}` : of;
  return alias(name, instead, (samples) => {
    if (samples.values(watched).length === 0) return [];
    const counted = samples
      .values(of)
      .filter(({ labels }) => !states || states.some((state) => labels.state === state));
    return [{ labels: {}, value: counted.reduce((sum, { value }) => sum + value, 0) }];
  });
}

/** Joins the series that are equal without some of their labels. */
function without<S extends { readonly labels: Labels }>(
  samples: readonly S[],
  dropped: readonly string[],
  join: (a: S, b: S) => S,
): S[] {
  const joined = new Map<string, S>();
  for (const sample of samples) {
    const labels = Object.fromEntries(Object.entries(sample.labels).filter(([name]) => !dropped.includes(name)));
    const key = JSON.stringify(labels);
    const before = joined.get(key);
    const bare = { ...sample, labels };
    joined.set(key, before === undefined ? bare : join(before, bare));
  }
  return [...joined.values()];
}

function add(a: Sample, b: Sample): Sample {
  return { labels: a.labels, value: a.value + b.value };
}

function connections(prefix: string): Alias[] {
  const count = (name: string, states?: readonly string[]) =>
    total(`${prefix}${name}`, "mcp_pool_connections", "mcp_pool_acquires_total", states);
  return [count("connections_total"), count("connections_idle", ["idle"]), count("connections_active", ["in_use"])];
}

/** Lifetime share of the hits, times `scale`; 0 before the first read. */
function hitRate(name: string, scale: number): Alias {
  return alias(name, "server:mcp_cache_hits_per_reads:ratio_rate5m", (samples) => {
    if (samples.values("mcp_cache_hits_total").length === 0) return [];
    const hits = samples.sum("mcp_cache_hits_total");
    const reads = hits + samples.sum("mcp_cache_misses_total");
    return [{ labels: {}, value: reads === 0 ? 0 : (scale * hits) / reads }];
  });
}

/** The tutorial's number of a breaker's state; what is forced counts as what it is forced to. */
function breakerNumber(state: string | undefined): number {
  if (state === "half_open") return 2;
  return state === "open" || state === "forced_open" ? 1 : 0;
}

/** The calls of each server: all, and those that failed. */
function callsOf(samples: Samples): { labels: Labels; total: number; failed: number }[] {
  const total = samples
    .values("mcp_client_calls_total")
    .map(({ labels, value }) => ({ labels, total: value, failed: 0 }));
  const failed = samples
    .values("mcp_client_calls_failed_total")
    .map(({ labels, value }) => ({ labels, total: 0, failed: value }));
  return without([...total, ...failed], [], (a, b) => ({
    labels: a.labels,
    total: a.total + b.total,
    failed: a.failed + b.failed,
  }));
}

function toolCalls(samples: Samples): HistogramSample[] {
  const calls = samples.histograms("mcp_client_operation_duration_seconds");
  return calls.filter(({ labels }) => labels.mcp_method_name === "tools/call");
}

function toolCounts(name: string, counts: (labels: Labels) => boolean, instead: string): Alias {
  return alias(name, instead, (samples) => {
    const calls = toolCalls(samples).map(({ labels, counts: buckets }) => ({
      labels,
      value: counts(labels) ? buckets.reduce((sum, count) => sum + count, 0) : 0,
    }));
    return without(calls, ["mcp_method_name", "error_type", "gen_ai_tool_name"], add);
  });
}

/** The names of the phase report that are not canonical. Rates are percent there. */
const phase3: readonly Alias[] = [
  alias("mcp_client_calls_success", "mcp_client_calls_total", (samples) => {
    const others = [
      ...samples.values("mcp_client_calls_failed_total"),
      ...samples.values("mcp_client_calls_cancelled_total"),
    ];
    const negative = others.map(({ labels, value }) => ({ labels, value: -value }));
    return without([...samples.values("mcp_client_calls_total"), ...negative], [], add);
  }),
  same("mcp_client_calls_failed", "mcp_client_calls_failed_total"),
  alias("mcp_client_error_rate", "server:mcp_client_calls_failed_per_calls:ratio_rate5m", (samples) =>
    callsOf(samples).map(({ labels, total, failed }) => ({ labels, value: total === 0 ? 0 : (100 * failed) / total })),
  ),
  hitRate("mcp_cache_hit_rate", 100),
  total("mcp_cache_size", "mcp_cache_entries", "mcp_cache_entries"),
  ...connections("mcp_pool_"),
  total("mcp_pool_wait_count", "mcp_pool_waits_total", "mcp_pool_waits_total"),
  total("mcp_pool_wait_duration_seconds", "mcp_pool_wait_seconds_total", "mcp_pool_wait_seconds_total"),
  alias("mcp_circuit_breaker_state_changes", "mcp_circuit_breaker_transitions_total", (samples) =>
    without(samples.values("mcp_circuit_breaker_transitions_total"), ["to"], add),
  ),
];

/** The names of the tutorial. Rates are ratios there. */
const tutorial4: readonly Alias[] = [
  ...connections("pool_"),
  alias(
    "pool_acquire_duration_seconds",
    "mcp_pool_acquire_duration_seconds",
    (samples) =>
      histogramSeries(
        "pool_acquire_duration_seconds",
        without(samples.histograms("mcp_pool_acquire_duration_seconds"), ["pool"], addHistograms),
      ),
    "histogram",
  ),
  total("cache_entries_total", "mcp_cache_entries", "mcp_cache_entries"),
  total("cache_hits_total", "mcp_cache_hits_total", "mcp_cache_hits_total"),
  total("cache_misses_total", "mcp_cache_misses_total", "mcp_cache_misses_total"),
  hitRate("cache_hit_rate", 1),
  same("circuit_breaker_requests_total", "mcp_circuit_breaker_calls_total"),
  same("circuit_breaker_failures_total", "mcp_circuit_breaker_failures_total"),
  alias("circuit_breaker_state", "mcp_circuit_breaker_state", (samples) =>
    without(
      samples
        .values("mcp_circuit_breaker_state")
        .map(({ labels, value }) => ({ labels, value: value * breakerNumber(labels.state) })),
      ["state"],
      add,
    ),
  ),
  alias(
    "tool_execution_duration_seconds",
    "mcp_client_operation_duration_seconds",
    (samples) =>
      histogramSeries(
        "tool_execution_duration_seconds",
        without(toolCalls(samples), ["mcp_method_name", "error_type", "gen_ai_tool_name"], addHistograms),
      ),
    "histogram",
  ),
  toolCounts("tool_execution_total", () => true, "mcp_client_operation_duration_seconds_count"),
  toolCounts(
    "tool_execution_errors_total",
    ({ error_type }) => error_type !== undefined,
    'mcp_client_operation_duration_seconds_count{error_type!=""}',
  ),
];

/** The names of both documents, by document. */
export const aliases: { readonly "phase-3": readonly Alias[]; readonly "tutorial-4": readonly Alias[] } = {
  "phase-3": phase3,
  "tutorial-4": tutorial4,
};
