import { expect, test } from "vitest";
import { Metrics } from "../src/index.js";
import { FakeClient, family, finished, pool, poolFigures, seriesOf, serverFigures } from "./support.js";

const count = "mcp_client_operation_duration_seconds_count";
const reasons = "idle surplus lifetime uses invalid died evicted cleared resized discarded closed".split(" ");

/** Figures as large as the real ones: 13 bounds of the pool's histogram, 11 reasons of closing. */
const realPool = poolFigures({
  destroyed: Object.fromEntries(reasons.map((reason) => [reason, 1])),
  acquireMs: {
    bounds: [0.5, 1, 5, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000],
    counts: Array(14).fill(1),
    sum: 9,
  },
});

test("O3: twenty servers that are called, listed and fail stay under 2,000 series", async () => {
  const names = Array.from({ length: 20 }, (_, index) => `server-${index}`);
  const client = new FakeClient(names.map((name) => serverFigures(name, { pool: realPool })));
  const metrics = new Metrics().watchClient(client);
  for (const name of names) {
    for (let call = 0; call < 50; call += 1) client.call(name, call, { tool: `tool-${call}` });
    client.call(name, 5, { method: "tools/list", tool: undefined });
    client.call(name, 5, { errorType: "tool_error" });
  }
  const series = seriesOf(await metrics.text());
  expect(series.length).toBeLessThan(2_000);
  expect(series.length).toBeGreaterThan(1_500);
  expect(series.some((line) => line.includes("tool-1"))).toBe(false);
});

test("O3: tools get a label on request only, and no more of them than allowed", async () => {
  const client = new FakeClient([serverFigures("github"), serverFigures("files")]);
  const metrics = new Metrics({ maxToolsPerServer: 2 }).watchClient(client);
  for (const tool of ["a", "b", "c", "d", "a"]) client.call("github", 1, { tool });
  client.call("files", 1, { tool: "d" });
  client.call("files", 1, { method: "tools/list", tool: undefined });
  const labels = (server: string, tool: string) =>
    `{server="${server}",mcp_method_name="tools/call",gen_ai_tool_name="${tool}"}`;
  expect(family(await metrics.text(), count)).toEqual({
    [labels("github", "a")]: "2",
    [labels("github", "b")]: "1",
    [labels("github", "other")]: "2",
    [labels("files", "d")]: "1",
    '{server="files",mcp_method_name="tools/list"}': "1",
  });
});

test("O3: a server that invents error codes and methods gets no more than nine and one series of them", async () => {
  const client = new FakeClient([serverFigures("github")]);
  const metrics = new Metrics().watchClient(client);
  for (let code = 0; code < 500; code += 1) client.call("github", 1, { errorType: String(-code - 1) });
  for (let method = 0; method < 500; method += 1) client.call("github", 1, { method: `x/${method}` });
  const counts = family(await metrics.text(), count);
  expect(Object.keys(counts)).toHaveLength(10);
  expect(counts['{server="github",mcp_method_name="tools/call",error_type="_OTHER"}']).toBe("492");
  expect(counts['{server="github",mcp_method_name="_OTHER"}']).toBe("500");
});

test("O3: a failed call always has an error type, since an empty one would count it as a success", async () => {
  const client = new FakeClient([serverFigures("github")]);
  const metrics = new Metrics().watchClient(client);
  client.call("github", 1, { outcome: "error" });
  client.call("github", 1, { outcome: "error", errorType: "" });
  client.call("github", 1, { outcome: "cancelled" });
  client.call("github", 1, { outcome: "success", errorType: "left over" });
  expect(family(await metrics.text(), count)).toEqual({
    '{server="github",mcp_method_name="tools/call",error_type="_OTHER"}': "2",
    '{server="github",mcp_method_name="tools/call",error_type="cancelled"}': "1",
    '{server="github",mcp_method_name="tools/call"}': "1",
  });
});

test("O3: error types and tools that look like each other are told apart", async () => {
  const client = new FakeClient([serverFigures("github")]);
  const metrics = new Metrics({ maxToolsPerServer: 10 }).watchClient(client);
  for (const [errorType, tool] of [
    ["a", "b c"],
    ["a b", "c"],
    ["1 a", "b"],
    ["1", " ab"],
  ] as const)
    client.call("github", 1, { errorType, tool });
  expect(Object.values(family(await metrics.text(), count))).toEqual(["1", "1", "1", "1"]);
});

test("O3: the status is not asked for while calls run", () => {
  const client = new FakeClient([serverFigures("github")]);
  new Metrics().watchClient(client);
  for (let call = 0; call < 1_000; call += 1) client.call("github", call);
  expect(client.reads).toBe(1);
});

test("O3: other events cost nothing and record nothing", async () => {
  const client = new FakeClient([serverFigures("github")]);
  const metrics = new Metrics().watchClient(client);
  const odd: object[] = [
    {},
    { type: "health", server: "github" },
    { type: "callFinished" },
    { type: "callFinished", server: "github" },
    { type: "callFinished", server: 7, durationMs: 1 },
    { type: "callFinished", server: "github", durationMs: Number.NaN },
    { type: "callFinished", server: "github", durationMs: Infinity },
    { type: "callFinished", server: "github", durationMs: "1" },
  ];
  for (const event of odd) client.emit(event);
  expect(family(await metrics.text(), count)).toEqual({});
});

test("M23: a call that never waited for its server is in no latency figure", async () => {
  const client = new FakeClient([serverFigures("github")]);
  const metrics = new Metrics().watchClient(client);
  const refused = { outcome: "error", errorType: "ERR_MCP_UNAVAILABLE" } as const;
  client.emit({ ...finished("github", 1, refused), durationMs: undefined });
  expect(family(await metrics.text(), count)).toEqual({});
  client.call("github", 1, refused);
  expect(Object.values(family(await metrics.text(), count))).toEqual(["1"]);
});

test("O3: a pool of a thousand keys shows a hundred and adds up the rest", async () => {
  const keys = Object.fromEntries(
    Array.from({ length: 1_000 }, (_, index) => [`key-${index}`, poolFigures({ idle: 1 })]),
  );
  const connections = family(await new Metrics().watchPool(pool(keys)).text(), "mcp_pool_connections");
  expect(Object.keys(connections)).toHaveLength(101 * 4);
  expect(connections['{server="key-99",state="idle"}']).toBe("1");
  expect(connections['{server="other",state="idle"}']).toBe("900");
});
