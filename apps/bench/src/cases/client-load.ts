import { type ChaosProcess, chaosCommand, type FaultSettings, spawnChaosServer } from "@minion/chaos";
import { MinionClient, type ServerConfig } from "@minion/client";
import type { BenchCase, BenchCases } from "../bench-case.js";
import { type HttpServer, startHttpServer } from "../servers/start-servers.js";
import { median, pairedRatio } from "../statistics.js";

const good = 27;
const everyMs = 100;
const learnMs = 1_500;
const maxLearnMs = 15_000;

/** What is wrong with the bad third, in turn. */
const faults: readonly FaultSettings[] = [
  { hangCalls: true },
  { hangInitialize: true },
  { status: 503 },
  { resetSocket: true, only: "calls", when: "after" },
];

interface Bad extends AsyncDisposable {
  readonly servers: Readonly<Record<string, ServerConfig>>;
}

/** Thirteen servers that hang, refuse, break off, die at start or are not there. */
async function startBad(): Promise<Bad> {
  const policy = { callTimeoutMs: 1_000, connectTimeoutMs: 1_000 };
  const running: ChaosProcess[] = [];
  const servers: Record<string, ServerConfig> = {};
  for (const [kind, settings] of faults.entries()) {
    const server = await spawnChaosServer({ protocol: "legacy", faults: settings });
    running.push(server);
    for (let copy = 0; copy < 2; copy += 1) servers[`bad-${kind}-${copy}`] = { url: server.url, ...policy };
  }
  for (let copy = 0; copy < 2; copy += 1) {
    servers[`bad-absent-${copy}`] = { url: "http://127.0.0.1:9/mcp", ...policy };
    servers[`bad-start-${copy}`] = {
      ...chaosCommand({ protocol: "legacy", faults: { failStart: "no configuration" } }),
      ...policy,
    };
  }
  servers["bad-hanging-process"] = {
    ...chaosCommand({ protocol: "legacy", faults: { hangEverything: true } }),
    ...policy,
  };
  return {
    servers,
    async [Symbol.asyncDispose]() {
      for (const server of running) await server.close();
    },
  };
}

interface Load {
  /** Milliseconds of the calls to good servers. */
  readonly times: number[];
  /** Codes of what good servers' calls rejected with. */
  readonly errors: string[];
  badCalls: number;
}

/** Calls every good server, and every bad one where there are any, at a fixed rate that no slow answer slows. */
async function load(client: MinionClient, goodNames: readonly string[], badNames: readonly string[], forMs: number) {
  const result: Load = { times: [], errors: [], badCalls: 0 };
  const pending: Promise<void>[] = [];
  const call = async (name: string): Promise<void> => {
    const startedAt = performance.now();
    try {
      await client.callTool(name, "echo", { text: "hello" });
      result.times.push(performance.now() - startedAt);
    } catch (error) {
      result.errors.push(codeOf(error));
    }
  };
  const names = [...goodNames, ...badNames];
  const beginning = performance.now();
  let next = 0;
  for (let at = beginning; at - beginning < forMs; at = performance.now()) {
    // Evenly over the interval, so that no burst of our own making is measured.
    for (const due = ((at - beginning) / everyMs) * names.length; next < due; next += 1) {
      const name = names[next % names.length] ?? "";
      if (goodNames.includes(name)) pending.push(call(name));
      else {
        result.badCalls += 1;
        pending.push(client.callTool(name, "echo", { text: "hello" }).then(noop, noop));
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(pending);
  return result;
}

function noop(): void {}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

async function warmClient(server: HttpServer, bad: Bad["servers"]): Promise<{ client: MinionClient; names: string[] }> {
  const names = Array.from({ length: good }, (_, index) => `good-${index}`);
  const servers = Object.fromEntries(names.map((name): [string, ServerConfig] => [name, { url: server.url }]));
  const client = new MinionClient({ servers: { ...servers, ...bad } });
  for (const name of names) await client.callTool(name, "echo", { text: "hello" });
  return { client, names };
}

const mixed: BenchCase = async ({ quick }) => {
  const rounds = quick ? 1 : 3;
  const forMs = quick ? 1_000 : 3_500;
  await using server = await startHttpServer("json");
  await using bad = await startBad();
  const p50 = { with: [] as number[], without: [] as number[] };
  const p95 = { with: [] as number[], without: [] as number[] };
  const errors: string[] = [];
  let badCalls = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of round % 2 === 0 ? (["without", "with"] as const) : (["with", "without"] as const)) {
      const others = kind === "with" ? bad.servers : {};
      const { client, names } = await warmClient(server, others);
      // The breakers learn first what they are there for.
      for (let spentMs = 0; spentMs < maxLearnMs && (spentMs === 0 || isLearning(client)); spentMs += learnMs)
        await load(client, names, Object.keys(others), learnMs);
      const found = await load(client, names, Object.keys(others), forMs);
      await client.close();
      found.times.sort((a, b) => a - b);
      p50[kind].push(found.times[Math.floor(found.times.length * 0.5)] ?? Number.NaN);
      p95[kind].push(found.times[Math.floor(found.times.length * 0.95)] ?? Number.NaN);
      errors.push(...found.errors);
      badCalls += found.badCalls;
    }
  }
  return {
    rows: [
      {
        name: `${good} good servers among ${Object.keys(bad.servers).length} bad ones, median call`,
        unit: "ms",
        ours: median(p50.with),
        peers: [{ name: "without the bad ones", value: median(p50.without) }],
        checks: [
          { of: "without the bad ones", unit: "x", value: pairedRatio(p50.with, p50.without) },
          { of: "errors of good servers", unit: "count", value: errors.length, bound: { atMost: 0 } },
        ],
        note: `${(forMs * rounds) / 1000} s of load, once the breakers have learned, each server called every ${everyMs} ms; ${badCalls} calls went to servers that hang, refuse, break off, die at start or are not there${told(errors)}`,
      },
      {
        name: "the same, 95th percentile",
        unit: "ms",
        ours: median(p95.with),
        peers: [{ name: "without the bad ones", value: median(p95.without) }],
        checks: [{ of: "without the bad ones", unit: "x", value: pairedRatio(p95.with, p95.without) }],
      },
    ],
  };
};

/** Whether a bad server is still called. */
function isLearning(client: MinionClient): boolean {
  return client.status().some(({ name, breaker }) => name.startsWith("bad-") && breaker?.state === "closed");
}

function told(errors: readonly string[]): string {
  return errors.length === 0 ? "" : `; errors: ${[...new Set(errors)].join(", ")}`;
}

export const clientLoadCases: BenchCases = { "client-mixed-load": mixed };
