import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { describe, expect, test } from "vitest";
import { Metrics } from "../src/index.js";
import { expand, panels, rulesIn } from "./dashboard.js";
import { type RunningPrometheus, runsPromtool, until, withPrometheus } from "./promtool.js";
import {
  breaker,
  breakerFigures,
  cache,
  cacheFigures,
  FakeClient,
  fileOf,
  poolFigures,
  serverFigures,
} from "./support.js";

const rules = [...rulesIn("prometheus/recording.yml"), ...rulesIn("prometheus/alerts.yml")];
const ruleFiles = ["prometheus/recording.yml", "prometheus/alerts.yml"].map(fileOf);

/** One line of the table: what was asked and what came back. */
interface Row {
  readonly title: string;
  readonly expr: string;
  readonly results: number;
  readonly example: string;
}

async function isUp(prometheus: RunningPrometheus): Promise<void> {
  await until(
    () => prometheus.query("up"),
    (targets) => targets[0]?.value === 1,
  );
}

async function ask(prometheus: RunningPrometheus, title: string, expr: string): Promise<Row> {
  let results = await prometheus.query(expr);
  if (results.length === 0) {
    // A scrape that took too long, on a busy machine, leaves nothing to see until the next one.
    await isUp(prometheus);
    results = await prometheus.query(expr);
  }
  const first = results.find(({ value }) => Number.isFinite(value)) ?? results[0];
  const labels = Object.entries(first?.metric ?? {}).flatMap(([name, value]) =>
    name === "__name__" || name === "job" ? [] : [`${name}=${value}`],
  );
  const example = first === undefined ? "" : `${Number(first.value.toPrecision(4))} ${labels.join(" ")}`.trim();
  return { title, expr, results: results.length, example };
}

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ title, results, example }) => `| ${title} | ${results} | ${example.replaceAll("|", "\\|")} |`,
  );
  return ["| panel or alert | series | one of them |", "|---|---|---|", ...lines, ""].join("\n");
}

/**
 * Waits for some scrapes, then asks for every panel, every rule that records, and every alert. The table goes to
 * reports/panels.md as well.
 */
async function live(
  prometheus: RunningPrometheus,
): Promise<{ readonly panels: Row[]; readonly rules: Row[]; readonly alerts: Row[] }> {
  await until(
    () => prometheus.query("count_over_time(mcp_metrics_collect_duration_seconds[1m])"),
    (scrapes) => (scrapes[0]?.value ?? 0) >= 5,
  );
  const asked = { panels: [] as Row[], rules: [] as Row[], alerts: [] as Row[] };
  for (const { title, targets = [] } of panels)
    for (const { expr, legendFormat } of targets) {
      const name = targets.length > 1 ? `${title}: ${legendFormat}` : title;
      asked.panels.push(await ask(prometheus, name, expand(expr, "30s")));
    }
  for (const { kind, name, expr } of rules)
    (kind === "alert" ? asked.alerts : asked.rules).push(await ask(prometheus, name, kind === "alert" ? expr : name));
  const table = tableOf([...asked.panels, ...asked.rules, ...asked.alerts]);
  mkdirSync(fileOf("reports"), { recursive: true });
  writeFileSync(fileOf("reports/panels.md"), table);
  console.log(table);
  return asked;
}

/** Each rule as Prometheus judges it: none may be in error. */
async function ruleHealth(prometheus: RunningPrometheus): Promise<string[]> {
  const answer = (await prometheus.api("/api/v1/rules")) as {
    data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
  };
  return answer.data.groups.flatMap((group) =>
    group.rules.flatMap(({ name, health, lastError }) => (health === "err" ? [`${name}: ${lastError}`] : [])),
  );
}

/** A client whose figures grow at each reading, with something of everything. */
function busyClient(): FakeClient {
  const client = new FakeClient();
  let age = 0;
  client.status = () => {
    age += 1;
    const counted = age * 10;
    const pool = poolFigures({
      total: 3,
      idle: 1,
      leased: 2,
      waiting: 1,
      acquired: counted,
      released: counted,
      waits: age,
      waitMs: age * 5,
      created: age,
      createMs: age * 30,
      useMs: counted * 7,
      destroyed: { idle: age, died: age },
      acquireMs: { bounds: [1, 10, 100], counts: [counted, age, 0, 0], sum: counted },
    });
    const breakers = breakerFigures({ calls: counted, failures: age, rejected: age, transitionsTo: { open: 1 } });
    return ["github", "files"].map((name) =>
      serverFigures(name, {
        calls: { succeeded: counted, failed: age, cancelled: age, inFlight: 1, retries: age },
        pool,
        cache: cacheFigures({ hits: counted, staleHits: age, misses: age, loads: age, loadMs: age * 20, size: 1 }),
        replicas: [{ index: 0, breaker: breakers }],
      }),
    );
  };
  return client;
}

async function withFakeServer<T>(task: (target: URL) => Promise<T>): Promise<T> {
  const client = busyClient();
  const metrics = new Metrics()
    .watchClient(client)
    .watchCache(cache({ hits: 1 }), { name: "mine" })
    .watchBreaker(breaker("mail"));
  const calls = setInterval(() => {
    for (const server of ["github", "files"]) {
      client.call(server, 20);
      client.call(server, 40, { errorType: "tool_error" });
      client.call(server, 5, { method: "tools/list", tool: undefined });
    }
  }, 100);
  const server = createServer(metrics.handler()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("bug: no port");
  try {
    return await task(new URL(`http://127.0.0.1:${address.port}/metrics`));
  } finally {
    clearInterval(calls);
    server.closeAllConnections();
    server.close();
  }
}

/** Names another server to scrape, the demo for one: MINION_METRICS_URL=http://127.0.0.1:9464/metrics */
const url = process.env.MINION_METRICS_URL;

describe.runIf(runsPromtool)("a real Prometheus", { timeout: 180_000 }, () => {
  test(`O5: it scrapes ${url ?? "the handler"}, and every panel, rule and alert has an answer`, async () => {
    const scrape = async (target: URL) =>
      withPrometheus(target, ruleFiles, async (prometheus) => {
        const asked = await live(prometheus);
        // Without a failed call there is no error type to show.
        const maySilent = url === undefined ? [] : ["Errors by type"];
        const silent = asked.panels.filter(({ results }) => results === 0).map(({ title }) => title);
        expect(silent.filter((title) => !maySilent.includes(title))).toEqual([]);
        // The group of the window of three days is read every five minutes.
        expect(asked.rules.filter(({ results }) => results === 0).map(({ title }) => title)).toEqual([
          "server:mcp_client_calls_failed_per_calls:ratio_rate3d",
        ]);
        expect(asked.alerts).toHaveLength(14);
        expect(await ruleHealth(prometheus)).toEqual([]);
        await isUp(prometheus);
      });
    await (url === undefined ? withFakeServer(scrape) : scrape(new URL(url)));
  });
});
