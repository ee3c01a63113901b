import { describe, expect, test } from "vitest";
import { Metrics } from "../src/index.js";
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
  serverFigures,
  textOf,
} from "./support.js";

/** All that the phase report names, its example queries and alerts included. */
const phase3 = [
  "mcp_client_connected",
  "mcp_client_tools_discovered",
  "mcp_client_calls_total",
  "mcp_client_calls_success",
  "mcp_client_calls_failed",
  "mcp_client_error_rate",
  "mcp_cache_hits_total",
  "mcp_cache_misses_total",
  "mcp_cache_hit_rate",
  "mcp_cache_evictions_total",
  "mcp_cache_size",
  "mcp_pool_connections_total",
  "mcp_pool_connections_idle",
  "mcp_pool_connections_active",
  "mcp_pool_wait_count",
  "mcp_pool_wait_duration_seconds",
  "mcp_circuit_breaker_state_changes",
];

/** All that the tutorial names. */
const tutorial4 = [
  "pool_connections_total",
  "pool_connections_active",
  "pool_connections_idle",
  "pool_acquire_duration_seconds",
  "cache_entries_total",
  "cache_hits_total",
  "cache_misses_total",
  "cache_hit_rate",
  "circuit_breaker_requests_total",
  "circuit_breaker_failures_total",
  "circuit_breaker_state",
  "tool_execution_duration_seconds",
  "tool_execution_total",
  "tool_execution_errors_total",
];

function busy(metrics: Metrics): Metrics {
  const client = new FakeClient([
    serverFigures("github", {
      calls: { succeeded: 30, failed: 8, cancelled: 2, inFlight: 0, retries: 0 },
      pool: poolFigures({ total: 3, idle: 1, leased: 2, waits: 4, waitMs: 500, acquired: 9 }),
      cache: cacheFigures({ hits: 50, staleHits: 5, misses: 5, size: 2 }),
      replicas: [
        {
          index: 0,
          breaker: breakerFigures({
            state: "half-open",
            calls: 20,
            failures: 6,
            transitionsTo: { open: 2, closed: 1 },
          }),
        },
      ],
    }),
    serverFigures("idle", { pool: poolFigures({ total: 1, creating: 1 }) }),
  ]);
  metrics.watchClient(client);
  client.call("github", 30, { tool: "a" });
  client.call("github", 30, { tool: "b" });
  client.call("github", 30, { errorType: "tool_error" });
  client.call("github", 30, { method: "tools/list", tool: undefined });
  return metrics
    .watchPool(pool({ files: poolFigures({ idle: 4 }) }, poolFigures({ waits: 1, waitMs: 250 })), { name: "files" })
    .watchCache(cache({ hits: 30, misses: 10, size: 3 }), { name: "tools" })
    .watchBreaker(breaker("mail", { state: "forced-open" }));
}

describe("the phase report", () => {
  test("O2: every name is served by default, with help", async () => {
    const text = await new Metrics().text();
    for (const name of phase3) expect(text).toMatch(new RegExp(`^# HELP ${name} \\S.*$`, "m"));
  });

  test("O2: names that are not canonical are untyped and say what stands for them", async () => {
    const text = await new Metrics().text();
    const types = declared(text);
    const without = declared(await new Metrics({ aliases: [] }).text());
    const added = [...types.keys()].filter((name) => !without.has(name));
    expect(added.every((name) => phase3.includes(name))).toBe(true);
    expect(added).toHaveLength(11);
    for (const name of added) {
      expect(types.get(name)).toBe("untyped");
      expect(text).toMatch(new RegExp(`^# HELP ${name} Deprecated alias of \\S+\\.$`, "m"));
    }
  });

  test("O2: values have the original's meaning and unit: rates are percent, pool and cache are one number", async () => {
    const text = await busy(new Metrics()).text();
    expect(family(text, "mcp_client_calls_success")['{server="github"}']).toBe("30");
    expect(family(text, "mcp_client_calls_failed")['{server="github"}']).toBe("8");
    expect(family(text, "mcp_client_error_rate")).toEqual({ '{server="github"}': "20", '{server="idle"}': "0" });
    expect(family(text, "mcp_cache_hit_rate")).toEqual({ "": "85" });
    expect(family(text, "mcp_cache_size")).toEqual({ "": "5" });
    expect(family(text, "mcp_pool_connections_total")).toEqual({ "": "8" });
    expect(family(text, "mcp_pool_connections_idle")).toEqual({ "": "5" });
    expect(family(text, "mcp_pool_connections_active")).toEqual({ "": "2" });
    expect(family(text, "mcp_pool_wait_count")).toEqual({ "": "5" });
    expect(family(text, "mcp_pool_wait_duration_seconds")).toEqual({ "": "0.75" });
    expect(family(text, "mcp_circuit_breaker_state_changes")).toEqual({
      '{server="github"}': "3",
      '{server="idle"}': "0",
      '{server="mail"}': "0",
    });
  });

  test("O2: what was read of an empty cache or pool is 0, and nothing is said of what is not watched", async () => {
    const names = ["mcp_cache_hit_rate", "mcp_cache_size", "mcp_pool_connections_total", "mcp_pool_wait_count"];
    const empty = await new Metrics().watchCache(cache()).watchPool(pool({})).text();
    for (const name of names) expect(family(empty, name), name).toEqual({ "": "0" });
    const nothing = await new Metrics().text();
    for (const name of names) expect(family(nothing, name), name).toEqual({});
  });
});

describe("the tutorial", () => {
  test("O2: every name is served on request only, with help", async () => {
    const byDefault = declared(await new Metrics().text());
    for (const name of tutorial4) expect(byDefault.has(name), name).toBe(false);
    const text = await new Metrics({ aliases: ["tutorial-4"] }).text();
    for (const name of tutorial4) expect(text).toMatch(new RegExp(`^# HELP ${name} Deprecated alias of \\S.*$`, "m"));
    expect(declared(text).has("mcp_pool_wait_count")).toBe(false);
  });

  test("O2: values have the original's meaning and unit: rates are ratios, the breaker's state is 0, 1 or 2", async () => {
    const text = await busy(new Metrics({ aliases: ["tutorial-4"] })).text();
    expect(family(text, "pool_connections_total")).toEqual({ "": "8" });
    expect(family(text, "pool_connections_idle")).toEqual({ "": "5" });
    expect(family(text, "pool_connections_active")).toEqual({ "": "2" });
    expect(family(text, "cache_entries_total")).toEqual({ "": "5" });
    expect(family(text, "cache_hits_total")).toEqual({ "": "85" });
    expect(family(text, "cache_misses_total")).toEqual({ "": "15" });
    expect(family(text, "cache_hit_rate")).toEqual({ "": "0.85" });
    expect(family(text, "circuit_breaker_requests_total")['{server="github"}']).toBe("20");
    expect(family(text, "circuit_breaker_failures_total")['{server="github"}']).toBe("6");
    expect(family(text, "circuit_breaker_state")).toEqual({
      '{server="github"}': "2",
      '{server="idle"}': "0",
      '{server="mail"}': "1",
    });
  });

  test("O2: tool executions are the calls to tools, whatever tools and errors are told apart", async () => {
    const text = await busy(new Metrics({ aliases: ["tutorial-4"], maxToolsPerServer: 5 })).text();
    expect(family(text, "tool_execution_total")).toEqual({ '{server="github"}': "3" });
    expect(family(text, "tool_execution_errors_total")).toEqual({ '{server="github"}': "1" });
    expect(family(text, "tool_execution_duration_seconds_count")).toEqual({ '{server="github"}': "3" });
    expect(family(text, "tool_execution_duration_seconds_bucket")['{server="github",le="0.05"}']).toBe("3");
  });

  test("O2: the durations stay histograms, so that quantiles can be taken of them", async () => {
    const text = await busy(new Metrics({ aliases: ["tutorial-4"] })).text();
    const types = declared(text);
    const histograms = tutorial4.filter((name) => types.get(name) === "histogram");
    expect(histograms).toEqual(["pool_acquire_duration_seconds", "tool_execution_duration_seconds"]);
    expect(tutorial4.filter((name) => types.get(name) === "untyped")).toHaveLength(tutorial4.length - 2);
    expect(family(text, "pool_acquire_duration_seconds_count")).toEqual({ "": "0" });
  });
});

test("O2: the README maps each name of both documents", async () => {
  const text = await new Metrics({ aliases: ["phase-3", "tutorial-4"] }).text();
  const table = textOf("README.md")
    .split("\n")
    .map((line) => line.split("|"));
  for (const name of [...phase3, ...tutorial4]) {
    const instead = new RegExp(`^# HELP ${name} Deprecated alias of (\\S+)\\.$`, "m").exec(text)?.[1];
    const row = table.find((cells) =>
      cells
        .slice(instead === undefined ? 1 : 2)
        .join()
        .includes(`\`${name}\``),
    );
    expect(row?.[1], name).toContain(`\`${instead ?? name}\``);
  }
});

test("O2: pools whose histograms have other bounds do not spoil the scrape: the first is shown", async () => {
  const one = poolFigures({ acquireMs: { bounds: [1], counts: [3, 0], sum: 2 } });
  const other = poolFigures({ acquireMs: { bounds: [7], counts: [1, 1], sum: 9 } });
  const metrics = new Metrics({ aliases: ["tutorial-4"] })
    .watchPool(pool({}, one), { name: "a" })
    .watchPool(pool({}, other), { name: "b" });
  const text = await metrics.text();
  expect(family(text, "pool_acquire_duration_seconds_count")).toEqual({ "": "3" });
  expect(family(text, "mcp_pool_acquire_duration_seconds_count")).toEqual({ '{pool="a"}': "3", '{pool="b"}': "2" });
});
