import { expect, test } from "vitest";
import { Metrics } from "../src/index.js";
import { cache, declared, FakeClient, family, pool, poolFigures, serverFigures } from "./support.js";

const untyped = (value: unknown) => JSON.parse(JSON.stringify(value));

test("O7: every family has the prefix, and no help text names another", async () => {
  const client = new FakeClient([serverFigures("github")]);
  const metrics = new Metrics({ prefix: "app_", aliases: [] }).watchClient(client).watchCache(cache({ size: 3 }));
  client.call("github", 20);
  const text = await metrics.text();
  expect([...declared(text).keys()].filter((name) => !/^(app|process|nodejs)_/.test(name))).toEqual([]);
  expect(text).not.toContain("mcp_client");
  expect(family(text, "app_cache_entries")[""]).toBe("3");
  const labels = '{server="github",mcp_method_name="tools/call"}';
  expect(family(text, "app_client_operation_duration_seconds_count")).toEqual({ [labels]: "1" });
});

test("O7: the aliases keep the names of the originals, and those that were canonical are served too", async () => {
  const metrics = new Metrics({ prefix: "app_", aliases: ["phase-3", "tutorial-4"] });
  const text = await metrics
    .watchClient(new FakeClient([serverFigures("github")]))
    .watchPool(pool({}, poolFigures({ waits: 7 })), { name: "p" })
    .text();
  const types = declared(text);
  for (const name of [
    "mcp_client_connected",
    "mcp_client_tools_discovered",
    "mcp_client_calls_total",
    "mcp_cache_hits_total",
    "mcp_cache_misses_total",
    "mcp_cache_evictions_total",
    "mcp_cache_hit_rate",
    "circuit_breaker_state",
  ])
    expect(types.get(name), name).toBe("untyped");
  expect(family(text, "mcp_client_connected")).toEqual(family(text, "app_client_connected"));
  expect(family(text, "mcp_pool_wait_count")).toEqual({ "": "7" });
  expect(text).toContain("# HELP mcp_pool_wait_count Deprecated alias of app_pool_waits_total.");
  expect(text).toContain("# HELP mcp_cache_hit_rate Deprecated alias of server:app_cache_hits_per_reads:ratio_rate5m.");
});

test("O7: no prefix at all is one too, unless an alias of another form has the name", async () => {
  const text = await new Metrics({ prefix: "" }).watchCache(cache({ size: 3 })).text();
  expect(family(text, "cache_entries")).toEqual({ "": "3" });
  expect(() => new Metrics({ prefix: "", aliases: ["tutorial-4"] })).toThrow(
    'Metrics: prefix "" gives pool_acquire_duration_seconds to a metric and to an alias of another form',
  );
});

test.each([["app"], ["App_"], ["a-b_"], ["1_"], ["_"], ["a b_"], [" "], ["ä_"], ["a\n_"], [`${"a".repeat(200)}_`]])(
  "O7: the prefix %j is refused",
  (prefix) => {
    expect(() => new Metrics({ prefix })).toThrow(RangeError);
    expect(() => new Metrics({ prefix })).toThrow("Metrics: prefix must be lower-case letters, digits and _");
  },
);

test("O7: a prefix that is not a string is a TypeError", () => {
  expect(() => new Metrics({ prefix: untyped(7) })).toThrow(TypeError);
  expect(() => new Metrics({ prefix: untyped(null) })).toThrow(TypeError);
});

test("P24: an error message repeats at most 100 characters of what it was given", () => {
  const long = "x".repeat(100_000);
  const metrics = new Metrics();
  for (const attempt of [
    () => new Metrics({ prefix: long }),
    () => new Metrics(untyped({ [long]: 1 })),
    () => new Metrics(untyped({ aliases: [long] })),
    () => new Metrics(untyped({ aliases: long })),
    () => new Metrics(untyped({ maxToolsPerServer: long })),
    () => new Metrics(untyped(long)),
    () => metrics.watchPool(untyped(long)),
    () => metrics.watchCache(cache(), untyped({ [long]: 1 })),
    () => metrics.watchCache(cache(), { name: untyped([long]) }),
    () => metrics.otel(untyped(long)),
  ]) {
    let message = "";
    try {
      attempt();
    } catch (error) {
      message = String(error);
    }
    expect(message).not.toBe("");
    expect(message.match(/x+/g)?.reduce((longest, run) => Math.max(longest, run.length), 0) ?? 0).toBeLessThanOrEqual(
      100,
    );
    expect(message.length).toBeLessThan(300);
  }
});
