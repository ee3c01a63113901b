import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Metrics } from "../src/index.js";
import { expand, panels, rulesIn } from "./dashboard.js";
import { promtool, rulesOf, runsPromtool, withFolder } from "./promtool.js";
import { cache, FakeClient, fileOf, pool, poolFigures, serverFigures } from "./support.js";

/** The example queries and alerts of the two original documents, word for word. */
const originals = [
  "mcp_pool_connections_active / mcp_pool_connections_total * 100",
  "rate(mcp_cache_hits_total[5m]) / (rate(mcp_cache_hits_total[5m]) + rate(mcp_cache_misses_total[5m])) * 100",
  'rate(mcp_client_calls_failed{server="github"}[5m]) / rate(mcp_client_calls_total{server="github"}[5m]) * 100',
  "increase(mcp_circuit_breaker_state_changes[1h])",
  "rate(mcp_client_calls_failed[5m]) / rate(mcp_client_calls_total[5m]) > 0.1",
  "mcp_cache_hit_rate < 50",
  "mcp_pool_connections_active >= mcp_pool_connections_total",
  "rate(tool_execution_total[5m])",
  "cache_hit_rate",
  "pool_connections_active / pool_connections_total",
];

async function checkExpressions(expressions: readonly string[]) {
  return withFolder((folder) => {
    const file = join(folder, "rules.yml");
    writeFileSync(file, rulesOf(expressions));
    return promtool(["check", "rules", file]);
  });
}

describe.runIf(runsPromtool)("promtool", { timeout: 120_000 }, () => {
  test("O1: it finds nothing in a scrape, empty or full, with all aliases and hostile names", async () => {
    const client = new FakeClient(["github", 'a"b\\c\nd', "", "\ud800"].map((name) => serverFigures(name)));
    const metrics = new Metrics({ aliases: ["phase-3", "tutorial-4"], maxToolsPerServer: 3 });
    const check = async () => promtool(["check", "metrics"], await metrics.text());
    expect(await check()).toEqual({ status: 0, output: "" });
    metrics.watchClient(client).watchPool(pool({ files: poolFigures() }), { name: "files" });
    metrics.watchCache(cache(), { name: "tools" });
    for (const { name } of client.servers) {
      client.call(name, 10, { tool: name });
      client.call(name, 10, { errorType: `${name} failed` });
    }
    expect(await check()).toEqual({ status: 0, output: "" });
  });

  test("O1: it would find a name that is wrong", () => {
    expect(promtool(["check", "metrics"], "# HELP a_ms X\n# TYPE a_ms counter\na_ms 1\n").status).toBe(3);
  });

  test("O5: it accepts the rules", () => {
    const files = ["alerts", "recording"].map((name) => fileOf(`prometheus/${name}.yml`));
    const { status, output } = promtool(["check", "rules", "--lint=all", "--lint-fatal", ...files]);
    expect(output).toContain("14 rules found");
    expect(status).toBe(0);
  });

  test("O5: each alert fires where it should and is silent where it should", () => {
    const files = ["alerts", "recording", "slow-burn"].map((name) => fileOf(`prometheus/tests/${name}.test.yml`));
    const { status, output } = promtool(["test", "rules", ...files]);
    expect(output).not.toContain("FAILED");
    expect(status).toBe(0);
  });

  test("O5: every expression of the dashboard and of the original documents parses", async () => {
    const asked = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expand(expr)));
    expect(await checkExpressions([...asked, ...originals])).toMatchObject({ status: 0 });
    expect((await checkExpressions(["sum(rate(mcp_client_calls_total)"])).status).toBe(1);
  });

  test("O5: the rules read here are those that Prometheus reads", async () => {
    const rules = [...rulesIn("prometheus/alerts.yml"), ...rulesIn("prometheus/recording.yml")];
    expect(rules.every(({ expr }) => expr !== "")).toBe(true);
    expect(await checkExpressions(rules.map(({ expr }) => expr))).toMatchObject({ status: 0 });
  });
});
