import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const found = ["promtool", "prometheus"].every((tool) => spawnSync(tool, ["--version"]).status === 0);

/**
 * Whether the tests that need the tools of Prometheus run. Where MINION_REQUIRE_PROMTOOL=1 they run in any case, and
 * fail where the tools are missing.
 */
export const runsPromtool: boolean = found || process.env.MINION_REQUIRE_PROMTOOL === "1";

/** Runs promtool and returns what it said. */
export function promtool(
  args: readonly string[],
  input = "",
): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr, error } = spawnSync("promtool", args, { input, encoding: "utf8", timeout: 120_000 });
  return { status, output: error === undefined ? `${stdout}${stderr}` : String(error) };
}

/** Calls the task with a folder that is gone afterwards. */
export async function withFolder<T>(task: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "minion-metrics-"));
  try {
    return await task(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Expressions as a file of recording rules, so that Prometheus' own parser checks them. */
export function rulesOf(expressions: readonly string[]): string {
  const rules = expressions.map((expr, index) => ({ record: `check:expression_${index}`, expr }));
  // JSON is YAML.
  return JSON.stringify({ groups: [{ name: "check", rules }] });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("bug: no port");
  server.close();
  await once(server, "close");
  return address.port;
}

/** One result of an instant query. */
export interface QueryResult {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A Prometheus that scrapes one target every second. */
export interface RunningPrometheus {
  query(expression: string): Promise<readonly QueryResult[]>;
  /** Any part of the HTTP API. */
  api(path: string): Promise<unknown>;
}

/** Asks until the check is content, or until the test's own time limit. */
export async function until<T>(ask: () => Promise<T>, isContent: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isContent(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Starts a real Prometheus on loopback that scrapes `url` and evaluates `ruleFiles`, and ends it after the task. */
export function withPrometheus<T>(
  url: URL,
  ruleFiles: readonly string[],
  task: (prometheus: RunningPrometheus) => Promise<T>,
): Promise<T> {
  return withFolder(async (folder) => {
    const port = await freePort();
    const config = join(folder, "prometheus.yml");
    const scrape = { job_name: "minion", metrics_path: url.pathname, static_configs: [{ targets: [url.host] }] };
    const global = { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" };
    writeFileSync(config, JSON.stringify({ global, rule_files: ruleFiles, scrape_configs: [scrape] }));
    const address = `127.0.0.1:${port}`;
    const child = spawn(
      "prometheus",
      [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, "data")}`, `--web.listen-address=${address}`],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    let log = "";
    child.stderr.on("data", (chunk) => {
      log += chunk;
    });
    const ended = once(child, "exit");
    try {
      const api = async (path: string): Promise<unknown> => {
        if (child.exitCode !== null) throw new Error(`prometheus ended: ${log}`);
        const response = await fetch(`http://${address}${path}`);
        return response.json();
      };
      const ready = until(
        () => fetch(`http://${address}/-/ready`).catch(() => undefined),
        (response) => response?.ok === true || child.exitCode !== null,
      );
      await Promise.race([ready, ended]);
      return await task({ api, query: (expression) => query(api, expression) });
    } finally {
      child.kill("SIGKILL");
      await ended;
    }
  });
}

interface QueryAnswer {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value: readonly [number, string];
    }[];
  };
}

async function query(api: (path: string) => Promise<unknown>, expression: string): Promise<readonly QueryResult[]> {
  const answer = (await api(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as QueryAnswer;
  if (answer.data === undefined) throw new Error(`${expression}: ${answer.error}`);
  return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
}
