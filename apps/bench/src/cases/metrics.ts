import {
  type BreakerFigures,
  type CallFinished,
  type ClientSource,
  Metrics,
  type PoolFigures,
  type ServerFigures,
} from "@minion/metrics";
import { Gauge, Histogram, Registry } from "prom-client";
import type { BenchCase, BenchCases } from "../bench-case.js";
import { interleave, timeEach } from "../interleave.js";
import { compare, type Row } from "../row.js";

const bounds = [0.1, 0.5, 1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000];
const pool: PoolFigures = {
  total: 2,
  idle: 1,
  leased: 1,
  creating: 0,
  destroying: 0,
  waiting: 0,
  max: 10,
  acquired: 1_000,
  released: 999,
  timeouts: 1,
  cancelled: 2,
  rejected: 0,
  created: 3,
  createFailures: 1,
  destroyed: { idle: 1 },
  waits: 4,
  waitMs: 20,
  createMs: 900,
  useMs: 5_000,
  acquireMs: { bounds, counts: [...bounds.map(() => 90), 10], sum: 1_234 },
};
const breaker: BreakerFigures = {
  state: "closed",
  stateChangedAt: 1_700_000_000_000,
  calls: 1_000,
  failures: 3,
  rejected: 0,
  transitionsTo: { closed: 1, open: 1, "half-open": 1 },
};

function figures(name: string): ServerFigures {
  return {
    name,
    health: "healthy",
    connected: true,
    tools: 12,
    calls: { succeeded: 990, failed: 9, cancelled: 1, inFlight: 1, retries: 2 },
    pool,
    cache: {
      hits: 500,
      staleHits: 1,
      misses: 3,
      loads: 3,
      loadFailures: 0,
      loadMs: 40,
      evictions: 0,
      expirations: 1,
      invalidations: 1,
      size: 1,
      maxEntries: 100,
    },
    replicas: [{ index: 0, breaker }],
  };
}

/** A client that is nothing but its figures, so that what is measured is the scrape. */
class Figures implements ClientSource {
  readonly servers: ServerFigures[] = [];
  listener: ((event: CallFinished | object) => void) | undefined;

  status(): readonly ServerFigures[] {
    return this.servers;
  }

  subscribe(listener: (event: CallFinished | object) => void): () => void {
    this.listener = listener;
    return () => {};
  }
}

/** What each call took, in milliseconds. */
const durationMs = 12;

function finished(server: string): CallFinished {
  const call = { type: "callFinished", method: "tools/call", tool: "echo", durationMs } as const;
  return { ...call, server, outcome: "success", errorType: undefined };
}

const perCall: BenchCase = async (effort) => {
  const client = new Figures();
  const metrics = new Metrics().watchClient(client);
  const event = finished("github");
  const histogram = new Histogram({
    name: "call_duration_seconds",
    help: "Calls.",
    labelNames: ["server", "method", "tool", "error"],
    registers: [new Registry()],
  });
  const labels = { server: "github", method: "tools/call", tool: "echo", error: "" };
  const samples = await timeEach(
    {
      minion: () => client.listener?.(event),
      "prom-client": () => histogram.observe(labels, durationMs / 1000),
    },
    effort,
  );
  metrics.unwatch(client);
  return {
    rows: [
      compare({
        name: "what a call pays for its metrics",
        unit: "ns",
        samples,
        against: { "prom-client": undefined },
        note: "one observation of a duration; prom-client's own histogram with four labels beside it",
      }),
    ],
  };
};

/** Lines of a scrape that are series. */
function seriesIn(text: string): number {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
}

/** Adds servers until a scrape has at least so many series. */
async function grow(metrics: Metrics, client: Figures, wanted: number): Promise<number> {
  let count = seriesIn(await metrics.text());
  while (count < wanted) {
    const before = client.servers.length;
    const perServer = before === 0 ? count + 1 : Math.max(1, count / before);
    const missing = before === 0 ? 1 : Math.max(1, Math.floor((wanted - count) / perServer));
    for (let added = 0; added < missing; added += 1) {
      const name = `server-${before + added}`;
      client.servers.push(figures(name));
      client.listener?.(finished(name));
    }
    count = seriesIn(await metrics.text());
  }
  return count;
}

function plainGauges(series: number): Registry {
  const registry = new Registry();
  const perGauge = 50;
  for (let made = 0; made < series; made += perGauge) {
    const gauge = new Gauge({ name: `plain_${made}`, help: "Plain.", labelNames: ["server"], registers: [registry] });
    for (let label = 0; label < perGauge; label += 1) gauge.set({ server: `server-${label}` }, made + label);
  }
  return registry;
}

const scrape: BenchCase = async ({ rounds, roundMs }) => {
  const rows: Row[] = [];
  for (const wanted of [2_000, 20_000]) {
    const client = new Figures();
    const metrics = new Metrics().watchClient(client);
    const series = await grow(metrics, client, wanted);
    const plain = plainGauges(series);
    const contenders = [
      { name: "minion", run: () => metrics.text() },
      { name: "prom-client", run: () => plain.metrics() },
    ].map(({ name, run }) => ({
      name,
      async sample() {
        const startedAt = performance.now();
        let done = 0;
        do {
          await run();
          done += 1;
        } while (done < 5 || performance.now() - startedAt < roundMs);
        return (performance.now() - startedAt) / done;
      },
    }));
    rows.push(
      compare({
        name: `a scrape of ${wanted} series`,
        unit: "ms",
        // A collection before each figure would throw away the compiled code of whoever keeps nothing between scrapes.
        samples: await interleave(contenders, rounds, { collects: false }),
        against: { "prom-client": { atMost: 2 } },
        note: `${series} series of ${client.servers.length} servers, read and rendered; prom-client renders as many gauges that nobody has to read`,
      }),
    );
  }
  return { rows };
};

export const metricsCases: BenchCases = { "metrics-call": perCall, "metrics-scrape": scrape };
