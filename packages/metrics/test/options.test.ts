import { Counter, Registry } from "prom-client";
import { expect, test } from "vitest";
import { MetricNameTakenError, Metrics, MetricsCollector } from "../src/index.js";
import { breaker, cache, pool, poolFigures } from "./support.js";

/** As JavaScript would call it: no type stands in the way. */
const untyped = (value: unknown) => JSON.parse(JSON.stringify(value));

test("O1: a promise in place of the options is refused", () => {
  const given = Promise.resolve({ prefix: "app_" });
  expect(() => new Metrics(Reflect.get({ given }, String("given")))).toThrow("got [object Promise] with none");
});

test.each([
  [{ registery: 1 }, "unknown option registery; known are registry, aliases, maxToolsPerServer, prefix"],
  [{ aliases: "phase-3" }, "aliases must be an array, got phase-3"],
  [{ aliases: ["phase-4"] }, "aliases may hold phase-3, tutorial-4, got phase-4"],
  [{ maxToolsPerServer: -1 }, "maxToolsPerServer must be an integer from 0 to 1000, got -1"],
  [{ maxToolsPerServer: 1.5 }, "maxToolsPerServer must be an integer from 0 to 1000, got 1.5"],
  [{ maxToolsPerServer: "2" }, "maxToolsPerServer must be an integer from 0 to 1000, got 2"],
  [{ registry: {} }, "registry must have a method registerMetric(), got [object Object]"],
  [7, "options must be an object, got 7"],
  [null, "options must be an object, got null"],
  [[], "options must be an object, got [object Array]"],
])("O1: new Metrics(%j) says what is wrong", (options, message) => {
  expect(() => new Metrics(untyped(options))).toThrow(`Metrics: ${message}`);
});

test("O1: no limit on tools is refused: their names come from servers", () => {
  expect(() => new Metrics({ maxToolsPerServer: Infinity })).toThrow(RangeError);
});

test("O1: undefined means the default", async () => {
  const options = { registry: undefined, aliases: undefined, maxToolsPerServer: undefined };
  const names = (text: string) => text.match(/^# TYPE \S+/gm);
  expect(names(await new Metrics(options).text())).toEqual(names(await new Metrics().text()));
});

test("O2: a set of aliases named twice counts once", async () => {
  const text = await new Metrics({ aliases: ["phase-3", "phase-3"] }).text();
  expect(text.match(/^# TYPE mcp_pool_wait_count /gm)).toHaveLength(1);
});

test("O1: a registry that renders OpenMetrics is refused, since untyped is no type there", () => {
  const registry = new Registry();
  Reflect.apply(registry.setContentType, registry, [Registry.OPENMETRICS_CONTENT_TYPE]);
  expect(() => new Metrics({ registry })).toThrow(
    "registry must render Prometheus text 0.0.4, got application/openmetrics",
  );
});

test("O1: a name that is taken is told before anything is registered", () => {
  const registry = new Registry();
  new Counter({ name: "mcp_pool_waits_total", help: "Mine.", registers: [registry] });
  const attempt = () => new Metrics({ registry });
  expect(attempt).toThrow(MetricNameTakenError);
  expect(attempt).toThrow(
    expect.objectContaining({
      name: "MetricNameTakenError",
      code: "ERR_METRICS_NAME_TAKEN",
      metric: "mcp_pool_waits_total",
    }),
  );
  expect(registry.getMetricsAsArray()).toHaveLength(1);
});

test("O4: what cannot be watched is refused at once", () => {
  const metrics = new Metrics();
  for (const wrong of [null, 7, "pool", {}, { stats: 7 }]) {
    expect(() => metrics.watchPool(untyped(wrong))).toThrow("Metrics: a pool must have a method keys()");
    expect(() => metrics.watchCache(untyped(wrong))).toThrow("Metrics: a cache must have a method stats()");
    expect(() => metrics.watchBreaker(untyped(wrong))).toThrow("Metrics: a breaker must have a method stats()");
    expect(() => metrics.watchClient(untyped(wrong))).toThrow("Metrics: a client must have a method status()");
  }
  expect(() => metrics.watchBreaker({ ...breaker("x"), name: untyped(7) })).toThrow("a breaker must have a name");
});

test("O4: the name of a source is checked", () => {
  const metrics = new Metrics();
  const source = pool({ github: poolFigures() });
  expect(() => metrics.watchPool(source, untyped({ label: "x" }))).toThrow("watchPool: unknown option label");
  expect(() => metrics.watchPool(source, { name: "" })).toThrow("name must be a non-empty string, got ");
  expect(() => metrics.watchCache(cache(), untyped({ name: 7 }))).toThrow(
    "watchCache: name must be a non-empty string, got 7",
  );
  expect(metrics.watchPool(source, { name: undefined })).toBe(metrics);
});

test.each([
  [{ intervalMs: 0 }, "intervalMs must be an integer from 1 to 2147483647, got 0"],
  [{ intervalMs: 2 ** 31 }, "intervalMs must be an integer from 1 to 2147483647, got 2147483648"],
  [{ maxSnapshots: 0 }, "maxSnapshots must be an integer from 1 to 1000000, got 0"],
  [{ interval: 1 }, "unknown option interval; known are intervalMs, maxSnapshots"],
])("O1: new MetricsCollector(metrics, %j) says what is wrong", (options, message) => {
  expect(() => new MetricsCollector(new Metrics(), untyped(options))).toThrow(`MetricsCollector: ${message}`);
});

test("O1: a collector needs metrics", () => {
  expect(() => new MetricsCollector(untyped({}))).toThrow("MetricsCollector: metrics must have a method snapshot()");
});
