import { describe, expect, test } from "vitest";
import { Metrics } from "../src/index.js";
import { dashboard, metricsIn, panels, rulesIn } from "./dashboard.js";
import { declared, textOf } from "./support.js";

/** How a dashboard names the data source that its user chose. */
const dataSource = `\${datasource}`;
const alerts = rulesIn("prometheus/alerts.yml");
const recordings = rulesIn("prometheus/recording.yml");
const targets = panels.flatMap((panel) => (panel.targets ?? []).map((target) => ({ panel, ...target })));
const variables = new Map(dashboard.templating.list.map((variable) => [variable.name, variable]));
const runbooks = [...textOf("prometheus/runbook.md").matchAll(/^## (\S+)$/gm)].map(([, name = ""]) => name);

/** The names one may ask for: each family, what a histogram consists of, what the rules record, and `up`. */
async function known(): Promise<Set<string>> {
  const names = new Set(["up", ...recordings.map(({ name }) => name)]);
  for (const [name, type] of declared(await new Metrics().text())) {
    if (type === "histogram") for (const part of ["bucket", "sum", "count"]) names.add(`${name}_${part}`);
    else names.add(name);
  }
  return names;
}

describe("dashboard", () => {
  test("O5: it can be imported: classic schema, stable identity, not edited in place", () => {
    expect(dashboard).toMatchObject({ uid: "minion-mcp", schemaVersion: 42, editable: false });
    expect(dashboard.title).not.toBe("");
    expect(dashboard.tags.length).toBeGreaterThan(0);
    expect(Object.keys(dashboard)).not.toContain("dashboard");
  });

  test("O5: it has rows for calls, pool, cache, breakers and process", () => {
    const rows = dashboard.panels.filter(({ type }) => type === "row").map(({ title }) => title);
    expect(rows).toEqual(["Overview", "Calls", "Pool", "Cache", "Circuit breakers", "Process"]);
  });

  test("O5: the data source can be chosen, then job, instance and server", () => {
    expect([...variables.keys()]).toEqual(["datasource", "job", "instance", "server"]);
    expect(variables.get("datasource")).toMatchObject({
      type: "datasource",
      query: "prometheus",
      label: "Data source",
    });
    for (const name of ["job", "instance", "server"])
      expect(variables.get(name), name).toMatchObject({
        type: "query",
        label: name,
        datasource: { uid: dataSource },
        multi: true,
        includeAll: true,
        refresh: 2,
      });
    expect(variables.get("job")?.allValue).toBe(".+");
    expect(variables.get("instance")?.allValue).toBe(".+");
    // A cache that is watched by itself belongs to no server.
    expect(variables.get("server")?.allValue).toBe(".*");
  });

  test("O5: each panel has a title, a description, a unit, a data source and something to ask", () => {
    for (const { title, description, fieldConfig, datasource, targets: asked } of panels) {
      expect(title).toMatch(/^[A-Z]/);
      expect(description, title).toMatch(/\.$/);
      expect(["short", "none", "s", "bytes", "percentunit", "reqps", "ops", "cps"], title).toContain(
        fieldConfig?.defaults.unit,
      );
      expect(datasource?.uid, title).toBe(dataSource);
      expect(asked?.length, title).toBeGreaterThan(0);
    }
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });

  test("O5: panels do not overlap and stay within the 24 columns", () => {
    const taken = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x},${y}`), title).toBe(false);
          taken.add(`${x},${y}`);
        }
    }
  });

  test("O5: each query chooses job and instance, rates take the interval from Grafana, counters stand in a rate", () => {
    for (const { expr, panel, datasource } of targets) {
      expect(datasource.uid, panel.title).toBe(dataSource);
      for (const [selector] of expr.matchAll(/\{(?:[^{}"]|"[^"]*")*\}/g)) {
        expect(selector, panel.title).toContain('job=~"$job"');
        expect(selector, panel.title).toContain('instance=~"$instance"');
      }
      for (const metric of metricsIn(expr)) expect(expr, panel.title).not.toMatch(new RegExp(`\\b${metric}\\b(?!\\{)`));
      for (const [range] of expr.matchAll(/\[[^\]]*\]/g)) expect(range).toBe("[$__rate_interval]");
      const counters = expr.match(/\w+(_total|_bucket|_count|_sum)\b/g)?.length ?? 0;
      expect(expr.match(/\b(rate|increase)\(\w+(_total|_bucket|_count|_sum)\b/g)?.length ?? 0, panel.title).toBe(
        counters,
      );
    }
  });

  test("O5: every metric it asks for exists, and every canonical family that moves is asked for", async () => {
    const names = await known();
    const asked = new Set(targets.flatMap(({ expr }) => metricsIn(expr)));
    expect([...asked].filter((name) => !names.has(name))).toEqual([]);
    const canonical = [...declared(await new Metrics({ aliases: [] }).text()).keys()];
    const unseen = canonical.filter((name) => ![...asked].some((used) => used.startsWith(name)));
    expect(unseen).toEqual(["mcp_cache_max_entries"]);
  });

  test("O5: its variables are filled from metrics that exist", async () => {
    const names = await known();
    for (const { query } of variables.values()) {
      if (typeof query === "string") continue;
      const used = query.query.match(/\bmcp_\w+/g) ?? [];
      expect(used.length).toBeGreaterThan(0);
      for (const name of used) expect(names).toContain(name);
    }
  });
});

describe("rules", () => {
  test("O5: every metric that alerts and rules ask for exists", async () => {
    const names = await known();
    for (const { name, expr } of [...alerts, ...recordings])
      expect(
        metricsIn(expr).filter((metric) => !names.has(metric)),
        name,
      ).toEqual([]);
  });

  test("O5: each alert has a severity, a summary, a description and its own part of the runbook", () => {
    expect(alerts).toHaveLength(14);
    for (const { name, text } of alerts) {
      expect(name).toMatch(/^MinionMCP([A-Z][a-z]+)+$/);
      expect(text, name).toMatch(/^ {10}severity: (critical|warning|info)$/m);
      expect(text, name).toMatch(/^ {10}summary: [A-Z][^{}]*\.$/m);
      expect(text, name).toMatch(/^ {10}description: .*\{\{.*\}\}.*\.["']$/m);
      expect(text, name).toMatch(
        new RegExp(`^ {10}runbook_url: https://\\S+/prometheus/runbook\\.md#${name.toLowerCase()}$`, "m"),
      );
    }
    expect(runbooks).toEqual(expect.arrayContaining(alerts.map(({ name }) => name)));
    expect(runbooks).toHaveLength(alerts.length);
  });

  test("O5: the three alerts of the phase report are there", () => {
    const names = alerts.map(({ name }) => name);
    for (const [original, now] of [
      ["HighErrorRate", "MinionMCPHighErrorRate"],
      ["LowCacheHitRate", "MinionMCPLowCacheHitRate"],
      ["PoolExhausted", "MinionMCPPoolSaturated"],
    ]) {
      expect(names).toContain(now);
      expect(textOf("README.md")).toContain(`\`${original}\``);
    }
  });

  test("O5: each alert has a test that shows it firing and one that shows it silent", () => {
    const text = textOf("prometheus/tests/alerts.test.yml") + textOf("prometheus/tests/slow-burn.test.yml");
    for (const { name } of alerts) {
      expect(text, name).toMatch(new RegExp(`alertname: ${name}\\n +exp_alerts:\\n`));
      expect(text, name).toMatch(new RegExp(`alertname: ${name}\\n +exp_alerts: \\[\\]\\n`));
    }
  });

  test("O5: rules that record are named level:metric:operation", () => {
    for (const { name } of recordings)
      expect(name).toMatch(/^(instance_)?server:mcp_\w+:(ratio_|p95_)?(rate(5m|30m|1h|6h|3d)|ratio)$/);
  });
});
