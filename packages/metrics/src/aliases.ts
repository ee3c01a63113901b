import type { FamilyName } from "./families.js";
import type { LabelSet } from "./label-set.js";
import { type Family, type SeriesValue, seriesValue } from "./registry.js";
import {
  addHistograms,
  type HistogramSample,
  histogramSeries,
  type Samples,
  sameBounds,
  valueSeries,
} from "./samples.js";

/** A name of one of the two original documents: what stands for it now, and how its values follow from that. */
export interface Alias extends Family {
  readonly name: string;
  /** The family of the same meaning and shape, which may have this very name. */
  readonly sameAs?: FamilyName | undefined;
  readonly series: (samples: Samples) => readonly SeriesValue[];
}

/** The name of a family in this registry, with the prefix. */
type NameOf = (family: FamilyName) => string;

type AliasMaker = (nameOf: NameOf) => Alias;

/**
 * Untyped, since the linter of Prometheus refuses some of these names as counters or gauges. `rate()` and `increase()`
 * work on them all the same.
 */
function alias(
  name: string,
  instead: (nameOf: NameOf) => string,
  series: Alias["series"],
  more: Partial<Pick<Alias, "type" | "merge" | "cluster" | "sameAs">> = {},
): AliasMaker {
  return (nameOf) => ({ name, type: "untyped", help: `Deprecated alias of ${instead(nameOf)}.`, series, ...more });
}

/** The same values under another name. */
function same(name: string, of: FamilyName, merge?: "max"): AliasMaker {
  return alias(
    name,
    (nameOf) => nameOf(of),
    (samples) => valueSeries(samples.values(of)),
    { sameAs: of, merge },
  );
}

/** The sum over all series, one unlabelled value as in the originals; none while no source of this kind is watched. */
function total(name: string, of: FamilyName, watched: FamilyName, state?: string): AliasMaker {
  const instead = (nameOf: NameOf) => (state === undefined ? nameOf(of) : `${nameOf(of)}{state="${state}"}`);
  return alias(name, instead, (samples) => {
    if (samples.values(watched).size === 0) return [];
    let sum = 0;
    for (const [{ labels }, value] of samples.values(of))
      if (state === undefined || labels.state === state) sum += value;
    return [seriesValue({}, sum)];
  });
}

/** Joins the values whose labels are equal after `narrow`. */
function grouped<T>(
  values: Iterable<readonly [LabelSet, T]>,
  narrow: (set: LabelSet) => LabelSet,
  join: (a: T, b: T) => T,
): Map<LabelSet, T> {
  const joined = new Map<LabelSet, T>();
  for (const [set, value] of values) {
    const key = narrow(set);
    const before = joined.get(key);
    joined.set(key, before === undefined ? value : join(before, value));
  }
  return joined;
}

const add = (a: number, b: number): number => a + b;

/** Histograms of other bounds than the first cannot be shown under one name without labels, and are left out. */
const addEqual = (a: HistogramSample, b: HistogramSample): HistogramSample =>
  sameBounds(a, b) ? addHistograms(a, b) : a;

function connections(prefix: string): AliasMaker[] {
  const count = (name: string, state?: string) =>
    total(`${prefix}${name}`, "pool_connections", "pool_acquires_total", state);
  return [count("connections_total"), count("connections_idle", "idle"), count("connections_active", "in_use")];
}

/** Lifetime share of the hits, times `scale`; 0 before the first read. */
function hitRate(name: string, scale: number): AliasMaker {
  return alias(
    name,
    (nameOf) => `server:${nameOf("cache_hits_total").replace(/_total$/, "")}_per_reads:ratio_rate5m`,
    (samples) => {
      if (samples.values("cache_hits_total").size === 0) return [];
      const hits = samples.sum("cache_hits_total");
      const reads = hits + samples.sum("cache_misses_total");
      return [seriesValue({}, reads === 0 ? 0 : (scale * hits) / reads)];
    },
    { cluster: "omit" },
  );
}

/** The tutorial's number of a breaker's state; what is forced counts as what it is forced to. */
function breakerNumber(state: string | undefined): number {
  if (state === "half_open") return 2;
  return state === "open" || state === "forced_open" ? 1 : 0;
}

/** What `value` makes of the calls of each server. */
function perServer(
  samples: Samples,
  value: (calls: number, failed: number, cancelled: number) => number,
): readonly SeriesValue[] {
  return Array.from(samples.values("client_calls_total"), ([set, calls]) => {
    const failed = samples.value("client_calls_failed_total", set);
    return seriesValue(set.labels, value(calls, failed, samples.value("client_calls_cancelled_total", set)));
  });
}

function toolCalls(samples: Samples): (readonly [LabelSet, HistogramSample])[] {
  const calls = [...samples.histograms("client_operation_duration_seconds")];
  return calls.filter(([{ labels }]) => labels.mcp_method_name === "tools/call");
}

/** The label of calls that stands first is that of the server. */
const ofServer = (set: LabelSet): LabelSet => set.first(1);
const ofNobody = (set: LabelSet): LabelSet => set.first(0);

function toolCounts(name: string, matcher: string, counts: (set: LabelSet) => boolean): AliasMaker {
  return alias(
    name,
    (nameOf) => `${nameOf("client_operation_duration_seconds")}_count${matcher}`,
    (samples) => {
      const calls = toolCalls(samples).map(
        ([set, histogram]) => [set, counts(set) ? histogram.counts.reduce(add, 0) : 0] as const,
      );
      return valueSeries(grouped(calls, ofServer, add));
    },
  );
}

/** The names of the phase report. Rates are percent there. */
const phase3: readonly AliasMaker[] = [
  same("mcp_client_connected", "client_connected", "max"),
  same("mcp_client_tools_discovered", "client_tools_discovered", "max"),
  same("mcp_client_calls_total", "client_calls_total"),
  alias(
    "mcp_client_calls_success",
    (nameOf) => nameOf("client_calls_total"),
    (samples) => perServer(samples, (calls, failed, cancelled) => calls - failed - cancelled),
  ),
  same("mcp_client_calls_failed", "client_calls_failed_total"),
  alias(
    "mcp_client_error_rate",
    (nameOf) => `server:${nameOf("client_calls_failed_total").replace(/_total$/, "")}_per_calls:ratio_rate5m`,
    (samples) => perServer(samples, (calls, failed) => (calls === 0 ? 0 : (100 * failed) / calls)),
    { cluster: "omit" },
  ),
  same("mcp_cache_hits_total", "cache_hits_total"),
  same("mcp_cache_misses_total", "cache_misses_total"),
  same("mcp_cache_evictions_total", "cache_evictions_total"),
  hitRate("mcp_cache_hit_rate", 100),
  total("mcp_cache_size", "cache_entries", "cache_entries"),
  ...connections("mcp_pool_"),
  total("mcp_pool_wait_count", "pool_waits_total", "pool_waits_total"),
  total("mcp_pool_wait_duration_seconds", "pool_wait_seconds_total", "pool_wait_seconds_total"),
  alias(
    "mcp_circuit_breaker_state_changes",
    (nameOf) => nameOf("circuit_breaker_transitions_total"),
    (samples) =>
      valueSeries(grouped(samples.values("circuit_breaker_transitions_total"), (set) => set.withoutLast(), add)),
  ),
];

/** The names of the tutorial. Rates are ratios there. */
const tutorial4: readonly AliasMaker[] = [
  ...connections("pool_"),
  alias(
    "pool_acquire_duration_seconds",
    (nameOf) => nameOf("pool_acquire_duration_seconds"),
    (samples) =>
      histogramSeries(
        "pool_acquire_duration_seconds",
        grouped(samples.histograms("pool_acquire_duration_seconds"), ofNobody, addEqual),
      ),
    { type: "histogram" },
  ),
  total("cache_entries_total", "cache_entries", "cache_entries"),
  total("cache_hits_total", "cache_hits_total", "cache_hits_total"),
  total("cache_misses_total", "cache_misses_total", "cache_misses_total"),
  hitRate("cache_hit_rate", 1),
  same("circuit_breaker_requests_total", "circuit_breaker_calls_total"),
  same("circuit_breaker_failures_total", "circuit_breaker_failures_total"),
  alias(
    "circuit_breaker_state",
    (nameOf) => nameOf("circuit_breaker_state"),
    (samples) => {
      const numbers = Array.from(
        samples.values("circuit_breaker_state"),
        ([set, count]) => [set, count > 0 ? breakerNumber(set.labels.state) : 0] as const,
      );
      return valueSeries(grouped(numbers, (set) => set.withoutLast(), Math.max));
    },
    { cluster: "omit" },
  ),
  alias(
    "tool_execution_duration_seconds",
    (nameOf) => nameOf("client_operation_duration_seconds"),
    (samples) => histogramSeries("tool_execution_duration_seconds", grouped(toolCalls(samples), ofServer, addEqual)),
    { type: "histogram" },
  ),
  toolCounts("tool_execution_total", "", () => true),
  toolCounts("tool_execution_errors_total", '{error_type!=""}', ({ labels }) => labels.error_type !== undefined),
];

/** The names of both documents, by document. */
export const aliases: { readonly "phase-3": readonly AliasMaker[]; readonly "tutorial-4": readonly AliasMaker[] } = {
  "phase-3": phase3,
  "tutorial-4": tutorial4,
};
