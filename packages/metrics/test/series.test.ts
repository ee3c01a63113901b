import * as successor from "@prometheus-io/client";
import * as promClient from "prom-client";
import { describe, expect, test } from "vitest";
import { Metrics, type Registry } from "../src/index.js";
import {
  breaker,
  breakerFigures,
  cache,
  cacheFigures,
  declared,
  FakeClient,
  family,
  pool,
  poolFigures,
  seriesOf,
  serverFigures,
} from "./support.js";

const registries: readonly (readonly [string, () => Registry])[] = [
  ["prom-client", () => new promClient.Registry()],
  ["@prometheus-io/client", () => new successor.Registry()],
];

describe.each(registries)("with %s", (_name, createRegistry) => {
  const watching = () => new Metrics({ registry: createRegistry() });

  test("O1: a scrape reads the sources as they are at that moment", async () => {
    let idle = 1;
    const metrics = watching().watchPool({ keys: () => ["github"], stats: () => poolFigures({ idle }) });
    const idleNow = async () => family(await metrics.text(), "mcp_pool_connections")['{server="github",state="idle"}'];
    expect(await idleNow()).toBe("1");
    idle = 7;
    expect(await idleNow()).toBe("7");
  });

  test("O1: one scrape reads each source once, whatever the number of families", async () => {
    const client = new FakeClient([serverFigures("github")]);
    const metrics = watching().watchClient(client);
    await metrics.text();
    expect(client.reads).toBe(1);
    await Promise.all([metrics.text(), metrics.text()]);
    expect(client.reads).toBe(2);
    await metrics.text();
    expect(client.reads).toBe(3);
  });

  test("O1: a pool's gauges stand by key, its counters as totals, its durations in seconds", async () => {
    const totals = poolFigures({
      acquired: 40,
      released: 39,
      timeouts: 2,
      cancelled: 3,
      rejected: 4,
      created: 5,
      createFailures: 6,
      waits: 7,
      waitMs: 1_500,
      createMs: 2_500,
      useMs: 3_500,
      destroyed: { idle: 8, died: 0 },
      acquireMs: { bounds: [0.5, 1, 2.5, 1000], counts: [10, 20, 0, 9, 1], sum: 4_000 },
    });
    const github = poolFigures({ total: 10, idle: 1, leased: 2, creating: 3, destroying: 4, waiting: 5, max: 10 });
    const metrics = watching().watchPool(pool({ github, files: poolFigures({ max: Infinity }) }, totals));
    const text = await metrics.text();
    expect(family(text, "mcp_pool_connections")).toMatchObject({
      '{server="github",state="idle"}': "1",
      '{server="github",state="in_use"}': "2",
      '{server="github",state="creating"}': "3",
      '{server="github",state="destroying"}': "4",
    });
    expect(family(text, "mcp_pool_max_connections")).toEqual({ '{server="github"}': "10", '{server="files"}': "+Inf" });
    expect(family(text, "mcp_pool_pending_acquires")).toEqual({ '{server="github"}': "5", '{server="files"}': "0" });
    const counters = {
      mcp_pool_acquires_total: "40",
      mcp_pool_releases_total: "39",
      mcp_pool_acquire_timeouts_total: "2",
      mcp_pool_acquires_cancelled_total: "3",
      mcp_pool_acquires_rejected_total: "4",
      mcp_pool_connections_created_total: "5",
      mcp_pool_connection_create_failures_total: "6",
      mcp_pool_waits_total: "7",
      mcp_pool_wait_seconds_total: "1.5",
      mcp_pool_connection_create_seconds_total: "2.5",
      mcp_pool_connection_use_seconds_total: "3.5",
    };
    for (const [name, value] of Object.entries(counters)) expect(family(text, name), name).toEqual({ "": value });
    expect(family(text, "mcp_pool_connections_closed_total")).toEqual({
      '{reason="idle"}': "8",
      '{reason="died"}': "0",
    });
    expect(family(text, "mcp_pool_acquire_duration_seconds_bucket")).toEqual({
      '{le="0.0005"}': "10",
      '{le="0.001"}': "30",
      '{le="0.0025"}': "30",
      '{le="1"}': "39",
      '{le="+Inf"}': "40",
    });
    expect(family(text, "mcp_pool_acquire_duration_seconds_sum")).toEqual({ "": "4" });
    expect(family(text, "mcp_pool_acquire_duration_seconds_count")).toEqual({ "": "40" });
  });

  test("O1: hits include the stale ones, removals stand by reason", async () => {
    const figures = {
      hits: 40,
      staleHits: 5,
      misses: 6,
      loads: 7,
      loadFailures: 1,
      loadMs: 250,
      evictions: 2,
      expirations: 3,
      invalidations: 4,
      size: 9,
      maxEntries: Infinity,
    };
    const text = await watching().watchCache(cache(figures), { name: "tools" }).text();
    const value = (name: string, labels = '{cache="tools"}') => family(text, name)[labels];
    expect(value("mcp_cache_hits_total")).toBe("45");
    expect(value("mcp_cache_stale_hits_total")).toBe("5");
    expect(value("mcp_cache_misses_total")).toBe("6");
    expect(value("mcp_cache_loads_total")).toBe("7");
    expect(value("mcp_cache_load_failures_total")).toBe("1");
    expect(value("mcp_cache_load_seconds_total")).toBe("0.25");
    expect(value("mcp_cache_evictions_total", '{cache="tools",reason="capacity"}')).toBe("2");
    expect(value("mcp_cache_evictions_total", '{cache="tools",reason="expired"}')).toBe("3");
    expect(value("mcp_cache_evictions_total", '{cache="tools",reason="invalidated"}')).toBe("4");
    expect(value("mcp_cache_entries")).toBe("9");
    expect(value("mcp_cache_max_entries")).toBe("+Inf");
  });

  test("O1: a breaker's state is one-hot, and forced states appear once used", async () => {
    const figures = breakerFigures({ state: "half-open", stateChangedAt: 5_500, calls: 9, failures: 5, rejected: 3 });
    const quiet = await watching()
      .watchBreaker(breaker("github", { ...figures, transitionsTo: { open: 2, "half-open": 1 } }))
      .text();
    expect(family(quiet, "mcp_circuit_breaker_state")).toEqual({
      '{server="github",state="closed"}': "0",
      '{server="github",state="open"}': "0",
      '{server="github",state="half_open"}': "1",
    });
    expect(family(quiet, "mcp_circuit_breaker_transitions_total")).toEqual({
      '{server="github",to="closed"}': "0",
      '{server="github",to="open"}': "2",
      '{server="github",to="half_open"}': "1",
    });
    expect(family(quiet, "mcp_circuit_breaker_calls_total")).toEqual({ '{server="github"}': "9" });
    expect(family(quiet, "mcp_circuit_breaker_failures_total")).toEqual({ '{server="github"}': "5" });
    expect(family(quiet, "mcp_circuit_breaker_rejected_total")).toEqual({ '{server="github"}': "3" });
    expect(family(quiet, "mcp_circuit_breaker_last_transition_timestamp_seconds")).toEqual({
      '{server="github"}': "5.5",
    });

    const forced = breaker("github", { state: "forced-open", transitionsTo: { "forced-open": 1, "forced-closed": 1 } });
    expect(family(await watching().watchBreaker(forced).text(), "mcp_circuit_breaker_state")).toEqual({
      '{server="github",state="closed"}': "0",
      '{server="github",state="open"}': "0",
      '{server="github",state="half_open"}': "0",
      '{server="github",state="forced_open"}': "1",
      '{server="github",state="forced_closed"}': "0",
    });
  });

  test("O1: a client shows each server's health, calls, share of the pool, cache and breakers", async () => {
    const github = serverFigures("github", {
      health: "degraded",
      calls: { succeeded: 30, failed: 8, cancelled: 4, inFlight: 2, retries: 6 },
      pool: poolFigures({ leased: 3, acquired: 11 }),
      cache: cacheFigures({ size: 1 }),
      replicas: [
        { index: 0, breaker: breakerFigures({ state: "open" }) },
        { index: 1, breaker: breakerFigures() },
        { index: 2, breaker: undefined },
      ],
    });
    const files = serverFigures("files", {
      connected: false,
      health: "idle",
      tools: undefined,
      cache: undefined,
      pool: poolFigures({ acquired: 4 }),
      replicas: [{ index: 0, breaker: breakerFigures() }],
    });
    const text = await watching()
      .watchClient(new FakeClient([github, files]))
      .text();
    expect(family(text, "mcp_client_connected")).toEqual({ '{server="github"}': "1", '{server="files"}': "0" });
    expect(family(text, "mcp_client_tools_discovered")).toEqual({ '{server="github"}': "15" });
    expect(family(text, "mcp_client_server_health")).toMatchObject({
      '{server="github",state="healthy"}': "0",
      '{server="github",state="degraded"}': "1",
      '{server="files",state="idle"}': "1",
      '{server="files",state="unavailable"}': "0",
    });
    const ofGithub = (name: string) => family(text, name)['{server="github"}'];
    expect(ofGithub("mcp_client_calls_total")).toBe("42");
    expect(ofGithub("mcp_client_calls_failed_total")).toBe("8");
    expect(ofGithub("mcp_client_calls_cancelled_total")).toBe("4");
    expect(ofGithub("mcp_client_calls_in_flight")).toBe("2");
    expect(ofGithub("mcp_client_retries_total")).toBe("6");
    expect(family(text, "mcp_cache_entries")).toEqual({ '{server="github"}': "1" });
    expect(family(text, "mcp_pool_connections")['{server="github",state="in_use"}']).toBe("3");
    expect(family(text, "mcp_pool_acquires_total")).toEqual({ "": "15" });
    const states = family(text, "mcp_circuit_breaker_state");
    expect(states['{server="github",replica="0",state="open"}']).toBe("1");
    expect(states['{server="github",replica="1",state="closed"}']).toBe("1");
    expect(states['{server="files",state="closed"}']).toBe("1");
    expect(Object.keys(states)).toHaveLength(9);
  });

  test("O1: the duration of calls has the buckets and labels of the OpenTelemetry conventions", async () => {
    const client = new FakeClient([serverFigures("github")]);
    const metrics = watching().watchClient(client);
    client.call("github", 10);
    client.call("github", 11);
    client.call("github", 400_000);
    client.call("github", 2_000, { errorType: "tool_error" });
    client.call("github", 5, { method: "tools/list", tool: undefined });
    const text = await metrics.text();
    const name = "mcp_client_operation_duration_seconds";
    const success = 'server="github",mcp_method_name="tools/call"';
    const buckets = family(text, `${name}_bucket`);
    expect(Object.keys(buckets).filter((labels) => labels.startsWith(`{${success},le=`))).toHaveLength(15);
    expect(buckets[`{${success},le="0.01"}`]).toBe("1");
    expect(buckets[`{${success},le="0.02"}`]).toBe("2");
    expect(buckets[`{${success},le="300"}`]).toBe("2");
    expect(buckets[`{${success},le="+Inf"}`]).toBe("3");
    expect(family(text, `${name}_count`)).toEqual({
      [`{${success}}`]: "3",
      [`{${success},error_type="tool_error"}`]: "1",
      '{server="github",mcp_method_name="tools/list"}': "1",
    });
    expect(Number(family(text, `${name}_sum`)[`{${success}}`])).toBeCloseTo(400.021, 9);
  });

  test("O1: no series is written twice, also where two sources speak of the same thing", async () => {
    const first = new FakeClient([
      serverFigures("github", { calls: { succeeded: 2, failed: 0, cancelled: 0, inFlight: 0, retries: 0 } }),
    ]);
    const second = new FakeClient([
      serverFigures("github", {
        connected: false,
        calls: { succeeded: 3, failed: 0, cancelled: 0, inFlight: 0, retries: 0 },
      }),
    ]);
    const metrics = watching()
      .watchClient(first)
      .watchClient(second)
      .watchPool(pool({ github: poolFigures({ idle: 5 }) }))
      .watchBreaker(breaker("github", { calls: 1 }));
    first.call("github", 10);
    second.call("github", 10);
    const text = await metrics.text();
    const names = seriesOf(text).map((line) => line.slice(0, line.lastIndexOf(" ")));
    expect(names).toHaveLength(new Set(names).size);
    expect(family(text, "mcp_client_calls_total")).toEqual({ '{server="github"}': "5" });
    expect(family(text, "mcp_client_connected")).toEqual({ '{server="github"}': "1" });
    expect(family(text, "mcp_client_server_health")['{server="github",state="healthy"}'], "both see it so").toBe("2");
    expect(family(text, "mcp_pool_connections")['{server="github",state="idle"}']).toBe("5");
    expect(
      family(text, "mcp_client_operation_duration_seconds_count")['{server="github",mcp_method_name="tools/call"}'],
    ).toBe("2");
  });

  test("O1: default labels of the registry reach every series", async () => {
    const registry = createRegistry();
    if (registry instanceof promClient.Registry || registry instanceof successor.Registry)
      registry.setDefaultLabels({ app: "shop" });
    const text = await new Metrics({ registry }).watchPool(pool({ github: poolFigures() })).text();
    expect(family(text, "mcp_pool_pending_acquires")).toEqual({ '{app="shop",server="github"}': "0" });
    expect(seriesOf(text).every((line) => line.includes('app="shop"'))).toBe(true);
  });

  test("O1: a registry that is reset or read as JSON keeps its metrics", async () => {
    const registry = createRegistry();
    const metrics = new Metrics({ registry }).watchPool(pool({ github: poolFigures({ waiting: 3 }) }));
    if (!(registry instanceof promClient.Registry || registry instanceof successor.Registry))
      throw new Error("bug: unknown");
    registry.resetMetrics();
    expect(family(await metrics.text(), "mcp_pool_pending_acquires")).toEqual({ '{server="github"}': "3" });
    const json = await registry.getMetricsAsJSON();
    expect(json.find(({ name }) => name === "mcp_pool_pending_acquires")).toMatchObject({
      type: "gauge",
      aggregator: "sum",
      values: [{ labels: { server: "github" }, value: 3 }],
    });
  });
});

test("O1: a registry of its own holds a few metrics of the process, an injected one is left to its owner", async () => {
  const own = declared(await new Metrics().text());
  const injected = declared(await new Metrics({ registry: new promClient.Registry() }).text());
  const extra = [...own.keys()].filter((name) => !injected.has(name));
  expect(extra).toEqual([
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "nodejs_heap_size_used_bytes",
    "nodejs_eventloop_time_seconds_total",
  ]);
  const text = await new Metrics().text();
  for (const name of extra)
    for (const value of Object.values(family(text, name))) expect(Number(value), name).toBeGreaterThanOrEqual(0);
  expect(Number(family(text, "process_resident_memory_bytes")[""])).toBeGreaterThan(1e6);
});

test("O1: an application's own metrics and prom-client's defaults fit into the same registry", async () => {
  const registry = new promClient.Registry();
  const metrics = new Metrics({ registry });
  promClient.collectDefaultMetrics({ register: registry });
  new promClient.Counter({ name: "orders_total", help: "Orders.", registers: [registry] }).inc(3);
  const text = await metrics.text();
  expect(family(text, "orders_total")).toEqual({ "": "3" });
  expect(Object.keys(family(text, "process_cpu_seconds_total"))).toHaveLength(1);
});

test("O1: the global registries stay empty", () => {
  new Metrics().watchPool(pool({ github: poolFigures() }));
  expect(promClient.register.getMetricsAsArray()).toEqual([]);
  expect(successor.register.getMetricsAsArray()).toEqual([]);
});
