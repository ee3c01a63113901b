import { expect, test } from "vitest";
import { Metrics } from "../src/index.js";
import { labelValue } from "../src/label-value.js";
import {
  breaker,
  cache,
  cacheFigures,
  FakeClient,
  family,
  pool,
  poolFigures,
  seriesOf,
  serverFigures,
} from "./support.js";

const errors = "mcp_metrics_collect_errors_total";

function boom(): never {
  throw new Error("boom");
}

test("O1: a source that throws costs its own series only and is counted", async () => {
  const metrics = new Metrics()
    .watchPool({ keys: boom, stats: boom }, { name: "bad" })
    .watchPool(pool({ good: poolFigures({ idle: 1 }) }), { name: "good" })
    .watchCache({ stats: boom }, { name: "bad" })
    .watchCache(cache({ size: 1 }), { name: "good" })
    .watchBreaker({ name: "bad", stats: boom })
    .watchBreaker(breaker("good"))
    .watchClient({ status: boom, subscribe: () => () => {} })
    .watchClient(new FakeClient([serverFigures("good")]));
  const text = await metrics.text();
  expect(text).not.toContain('"bad"');
  for (const name of ["mcp_pool_connections", "mcp_cache_entries", "mcp_circuit_breaker_state", "mcp_client_connected"])
    expect(Object.keys(family(text, name)).length, name).toBeGreaterThan(0);
  const counted = {
    '{source="breaker"}': "1",
    '{source="cache"}': "1",
    '{source="client"}': "1",
    '{source="pool"}': "1",
  };
  expect(family(text, errors)).toEqual(counted);
  expect(family(await metrics.text(), errors)['{source="pool"}']).toBe("2");
});

test("O1: a source that is async by mistake costs its own series only, and what it rejects with is nobody's", async () => {
  const late = () => Reflect.get({ late: Promise.reject(new Error("boom")) }, String("late"));
  const metrics = new Metrics()
    .watchPool({ keys: late, stats: late }, { name: "bad" })
    .watchPool({ keys: () => [], stats: late }, { name: "bad" })
    .watchCache({ stats: late }, { name: "bad" })
    .watchCache(cache({ size: 1 }), { name: "good" })
    .watchBreaker({ name: "bad", stats: late })
    .watchClient({ status: late, subscribe: () => () => {} });
  const text = await metrics.text();
  await new Promise((resolve) => setImmediate(resolve));
  expect(text).not.toContain('"bad"');
  expect(family(text, errors)).toMatchObject({ '{source="client"}': "1", '{source="pool"}': "2" });
});

test("O1: one server whose figures are broken costs that server only", async () => {
  const broken = { ...serverFigures("bad"), pool: poolFigures({ idle: Number.NaN }) };
  const client = new FakeClient([broken, serverFigures("good", { pool: poolFigures({ acquired: 2 }) })]);
  const metrics = new Metrics().watchClient(client);
  client.call("bad", 1);
  const text = await metrics.text();
  expect(family(text, "mcp_client_connected")).toEqual({ '{server="good"}': "1" });
  expect(family(text, errors)['{source="client"}']).toBe("1");
  expect(family(text, "mcp_pool_acquires_total")).toEqual({ "": "2" });
  client.servers = [serverFigures("bad"), serverFigures("good", { pool: poolFigures({ acquired: 2 }) })];
  const repaired = await metrics.text();
  expect(family(repaired, "mcp_client_operation_duration_seconds_count")).toEqual({
    '{server="bad",mcp_method_name="tools/call"}': "1",
  });
});

test("O1: names that every object has are counted as any other", async () => {
  const client = new FakeClient([serverFigures("a", { pool: poolFigures({ destroyed: { constructor: 3 } }) })]);
  const twin = () => breaker("twin", { transitionsTo: { toString: 2 } });
  const text = await new Metrics().watchClient(client).watchBreaker(twin()).watchBreaker(twin()).text();
  expect(family(text, "mcp_pool_connections_closed_total")).toEqual({ '{reason="constructor"}': "3" });
  expect(family(text, "mcp_circuit_breaker_transitions_total")['{server="twin",to="toString"}']).toBe("4");
});

test("O1: a server that cannot be read for a while adds its pool's counts once", async () => {
  const good = () => serverFigures("github", { pool: poolFigures({ acquired: 100 }) });
  const client = new FakeClient([good()]);
  const metrics = new Metrics().watchClient(client);
  const acquired = async () => family(await metrics.text(), "mcp_pool_acquires_total")[""];
  expect(await acquired()).toBe("100");
  client.servers = [{ ...good(), health: JSON.parse("7") }];
  expect(await acquired()).toBe("100");
  client.servers = [good()];
  expect(await acquired()).toBe("100");
});

test("O1: figures that are missing or of the wrong kind never reach the text", async () => {
  const wrong = JSON.parse('[null, "7", {}, [], true]');
  const metrics = new Metrics();
  for (const size of [...wrong, undefined, Number.NaN, -Infinity])
    metrics.watchCache({ stats: () => ({ ...cacheFigures(), size }) });
  metrics.watchPool({ keys: () => wrong, stats: () => poolFigures() });
  metrics.watchPool(pool({}, poolFigures({ acquireMs: { bounds: [1, 2], counts: [1, 2], sum: 3 } })));
  metrics.watchBreaker(breaker("github", { transitionsTo: { open: Number.NaN } }));
  const text = await metrics.text();
  expect(family(text, errors)).toEqual({
    '{source="breaker"}': "1",
    '{source="cache"}': "8",
    '{source="client"}': "0",
    '{source="pool"}': "2",
  });
  for (const line of seriesOf(text)) expect(line).toMatch(/ (\d\S*|\+Inf)$/);
});

test("O1: pools whose histograms cannot be added up cost the later one", async () => {
  const other = poolFigures({ acquired: 5, acquireMs: { bounds: [7], counts: [1, 0], sum: 1 } });
  const metrics = new Metrics()
    .watchPool(pool({}, poolFigures({ acquired: 3 })))
    .watchPool(pool({}, other))
    .watchClient(
      new FakeClient([serverFigures("a", { pool: poolFigures({ acquired: 1 }) }), serverFigures("b", { pool: other })]),
    );
  const text = await metrics.text();
  expect(family(text, "mcp_pool_acquires_total")).toEqual({ "": "3" });
  expect(family(text, errors)).toMatchObject({ '{source="pool"}': "1", '{source="client"}': "1" });
  expect(family(text, "mcp_client_connected")).toEqual({ '{server="a"}': "1", '{server="b"}': "1" });
});

test("O1: a status that throws while a call ends does not disturb the client", async () => {
  const client = new FakeClient([serverFigures("github")]);
  const metrics = new Metrics().watchClient(client);
  client.status = boom;
  expect(() => client.call("github", 1)).not.toThrow();
  expect(family(await metrics.text(), errors)['{source="client"}']).toBe("2");
});

const hostileNames = [
  "",
  " ",
  '"',
  "\\",
  "a\nb",
  "a\r\n# HELP x y",
  '"} 1\nmcp_injected_total 7\n{a="',
  "\u0000",
  "\ud800",
  "\udfff",
  "__proto__",
  "constructor",
  "toString",
  "ключ 鍵 🔑",
  "\u202eevil",
  "x".repeat(1_000_000),
  `${"x".repeat(999_999)}y`,
];

test("O1: whatever a server or a tool is called, the text stays valid and each name its own", async () => {
  const client = new FakeClient(hostileNames.map((name) => serverFigures(name)));
  const metrics = new Metrics({ maxToolsPerServer: 100, aliases: ["phase-3", "tutorial-4"] }).watchClient(client);
  for (const name of hostileNames)
    for (const tool of hostileNames) client.call(name, 1, { tool, errorType: tool, outcome: "error" });
  metrics.watchPool(pool(Object.fromEntries(hostileNames.map((name) => [name, poolFigures()]))));
  for (const name of hostileNames) metrics.watchBreaker(breaker(name));
  const text = await metrics.text();
  const line = /^\w+(\{(\w+="([^"\\\n]|\\["\\n])*",?)*\})? (\d[\d.e+-]*|\+Inf)$/u;
  const series = seriesOf(text);
  for (const each of series) if (!line.test(each)) expect(each.slice(0, 200)).toBe("a line of the text format");
  const names = series.map((each) => each.slice(0, each.lastIndexOf(" ")));
  expect(names).toHaveLength(new Set(names).size);
  expect(Object.keys(family(text, "mcp_client_connected"))).toHaveLength(hostileNames.length);
  expect(text).not.toMatch(/^mcp_injected_total/m);
});

test("O1: a label is cut where it is too long, cleaned where it is not text, and left alone otherwise", () => {
  expect(labelValue("github")).toBe("github");
  expect(labelValue("ключ 🔑")).toBe("ключ 🔑");
  expect(labelValue("x".repeat(128))).toBe("x".repeat(128));
  expect(labelValue("x".repeat(129))).toMatch(/^x{119}~[0-9a-f]{8}$/);
  expect(labelValue("a\tb")).toMatch(/^a_b~[0-9a-f]{8}$/);
  expect(labelValue("\ud800")).not.toBe(labelValue("\ud801"));
  // The cut falls into the middle of a pair.
  expect(labelValue(`${"x".repeat(118)}🔑${"x".repeat(20)}`)).toMatch(/^x{118}_~[0-9a-f]{8}$/);
});
