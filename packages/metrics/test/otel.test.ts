import type { Meter } from "@opentelemetry/api";
import {
  type DataPoint,
  DataPointType,
  MeterProvider,
  MetricReader,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import { expect, test } from "vitest";
import { type MeterLike, Metrics } from "../src/index.js";
import { breaker, cache, cacheFigures, FakeClient, family, pool, poolFigures, serverFigures } from "./support.js";

const untyped = (value: unknown) => JSON.parse(JSON.stringify(value));

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** A meter of OpenTelemetry's own SDK, and what it collects, by name. */
function realMeter() {
  const reader = new Reader();
  const meter: Meter = new MeterProvider({ readers: [reader] }).getMeter("minion");
  const collect = async () => {
    const { resourceMetrics, errors } = await reader.collect();
    expect(errors).toEqual([]);
    return byName(resourceMetrics);
  };
  return { meter, collect };
}

function byName({ scopeMetrics }: ResourceMetrics) {
  const all = scopeMetrics.flatMap(({ metrics }) => metrics).filter(({ dataPoints }) => dataPoints.length > 0);
  return new Map(all.map((metric) => [metric.descriptor.name, metric]));
}

function values(metric: { readonly dataPoints: readonly DataPoint<unknown>[] } | undefined) {
  return metric?.dataPoints.map(({ attributes, value }) => [attributes, value]);
}

function watched(options?: ConstructorParameters<typeof Metrics>[0]) {
  const client = new FakeClient([serverFigures("github", { tools: 3 })]);
  const metrics = new Metrics(options)
    .watchClient(client)
    .watchPool(pool({ db: poolFigures({ idle: 2, max: Infinity }) }, poolFigures({ acquired: 9 })), { name: "p" })
    .watchCache(cache({ hits: 5, misses: 1, maxEntries: 50 }), { name: "c" });
  return { client, metrics };
}

test("O8: a meter of OpenTelemetry's SDK collects the figures of pool, cache, breaker and client", async () => {
  const { meter, collect } = realMeter();
  const { client, metrics } = watched();
  const handle = metrics.otel(meter);
  metrics.watchBreaker(breaker("mail", { state: "open", failures: 4 }));
  client.call("github", 20);
  client.call("github", 3_000, { errorType: "tool_error" });
  const metricsByName = await collect();
  expect(values(metricsByName.get("mcp.pool.acquires"))).toContainEqual([{ "mcp.pool.name": "p" }, 9]);
  expect(values(metricsByName.get("mcp.pool.connection.count"))).toContainEqual([
    { "mcp.pool.name": "p", "mcp.server.name": "db", "mcp.state": "idle" },
    2,
  ]);
  expect(values(metricsByName.get("mcp.cache.hits"))).toContainEqual([{ "mcp.cache.name": "c" }, 5]);
  expect(values(metricsByName.get("mcp.circuit_breaker.failures"))).toContainEqual([{ "mcp.server.name": "mail" }, 4]);
  expect(values(metricsByName.get("mcp.client.tool.count"))).toEqual([[{ "mcp.server.name": "github" }, 3]]);
  const durations = metricsByName.get("mcp.client.operation.duration");
  expect(durations?.descriptor.unit).toBe("s");
  expect(durations?.dataPointType).toBe(DataPointType.HISTOGRAM);
  const call = { "mcp.server.name": "github", "mcp.method.name": "tools/call" };
  expect(durations?.dataPoints.map(({ attributes }) => attributes)).toEqual([
    call,
    { ...call, "error.type": "tool_error" },
  ]);
  expect(durations?.dataPoints[0]?.value).toMatchObject({
    count: 1,
    sum: 0.02,
    buckets: { boundaries: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300] },
  });
  handle[Symbol.dispose]();
  handle[Symbol.dispose]();
  client.call("github", 20);
  const after = await collect();
  expect(after.get("mcp.client.operation.duration")?.dataPoints[0]?.value).toMatchObject({ count: 1 });
});

test("O8: both exports say the same, family by family", async () => {
  const { meter, collect } = realMeter();
  const { client, metrics } = watched({ aliases: [] });
  metrics.otel(meter);
  client.call("github", 20);
  const text = await metrics.text();
  const collected = await collect();
  const pairs: readonly (readonly [string, string])[] = [
    ["mcp_pool_acquires_total", "mcp.pool.acquires"],
    ["mcp_pool_connections", "mcp.pool.connection.count"],
    ["mcp_cache_misses_total", "mcp.cache.misses"],
    ["mcp_client_server_health", "mcp.client.server.health"],
    ["mcp_circuit_breaker_state", "mcp.circuit_breaker.state"],
    ["mcp_pool_acquire_duration_seconds_sum", "mcp.pool.acquire_time"],
  ];
  for (const [ours, theirs] of pairs) {
    const seen = values(collected.get(theirs))?.map(([, value]) => String(value));
    expect(seen?.sort(), theirs).toEqual(Object.values(family(text, ours)).sort());
  }
});

test("O8: names follow the conventions: dotted, no unit and no _total in them, kinds by what can be added up", async () => {
  const { meter, collect } = realMeter();
  const { client, metrics } = watched();
  metrics.otel(meter);
  metrics.watchBreaker(breaker("mail"));
  client.call("github", 20);
  const collected = [...(await collect()).values()];
  expect(collected.length).toBeGreaterThan(35);
  for (const { descriptor, dataPointType, ...rest } of collected) {
    expect(descriptor.name).toMatch(/^mcp(\.[a-z][a-z0-9_]*)+$/);
    expect(descriptor.name).not.toMatch(/(total|seconds|_ms|count\.|ratio)$/);
    expect(descriptor.unit).toMatch(/^(s|1|\{[a-z]+\})$/);
    expect(descriptor.description).not.toBe("");
    if (/(_time|duration|last_transition)$/.test(descriptor.name)) expect(descriptor.unit, descriptor.name).toBe("s");
    if (/\.count$/.test(descriptor.name) && dataPointType === DataPointType.SUM)
      expect("isMonotonic" in rest && rest.isMonotonic, descriptor.name).toBe(false);
  }
  // A name that is also the beginning of another would be a namespace and a metric at once.
  const names = collected.map(({ descriptor }) => descriptor.name);
  expect(names.filter((name) => names.some((other) => other.startsWith(`${name}.`)))).toEqual([]);
});

test("O8: what has no limit is left out, since infinity is no value of OpenTelemetry", async () => {
  const { meter, collect } = realMeter();
  const { metrics } = watched();
  metrics.otel(meter);
  const collected = await collect();
  expect(values(collected.get("mcp.pool.connection.limit"))).toEqual([[{ "mcp.server.name": "github" }, 10]]);
  expect(values(collected.get("mcp.cache.entry.limit"))).toContainEqual([{ "mcp.cache.name": "c" }, 50]);
});

test("O7: the prefix is the namespace", async () => {
  const { meter, collect } = realMeter();
  const { metrics } = watched({ prefix: "my_app_", aliases: [] });
  metrics.otel(meter);
  const collected = await collect();
  expect([...collected.keys()].filter((name) => !name.startsWith("my_app."))).toEqual([]);
  expect(values(collected.get("my_app.pool.acquires"))).toContainEqual([{ "my_app.pool.name": "p" }, 9]);
});

test("O8: one collection reads each source once", async () => {
  const { meter, collect } = realMeter();
  let reads = 0;
  const source = {
    stats: () => {
      reads += 1;
      return cacheFigures();
    },
  };
  new Metrics().watchCache(source).otel(meter);
  await collect();
  expect(reads).toBe(1);
});

test("O8: a meter that fails does not disturb the client, and is counted", async () => {
  const { meter } = realMeter();
  const broken: MeterLike = {
    createHistogram: () => ({
      record: () => {
        throw new Error("boom");
      },
    }),
    createObservableCounter: (name, options) => meter.createObservableCounter(name, options),
    createObservableGauge: (name, options) => meter.createObservableGauge(name, options),
    createObservableUpDownCounter: (name, options) => meter.createObservableUpDownCounter(name, options),
    addBatchObservableCallback: () => {},
    removeBatchObservableCallback: () => {},
  };
  const { client, metrics } = watched();
  metrics.otel(broken);
  expect(() => client.call("github", 20)).not.toThrow();
  expect(family(await metrics.text(), "mcp_metrics_collect_errors_total")['{source="client"}']).toBe("1");
});

test("O8: what is no meter is refused", () => {
  for (const wrong of [null, 7, {}, { createHistogram: 1 }])
    expect(() => new Metrics().otel(untyped(wrong))).toThrow("Metrics: a meter must have a method createHistogram()");
});
