// One process of cluster.test.ts. The primary forks two workers, scrapes both, prints the text and ends them.
import cluster from "node:cluster";
import { AggregatorRegistry, Registry } from "prom-client";
import { Metrics } from "../dist/index.js";

if (cluster.isPrimary) {
  const aggregator = new AggregatorRegistry();
  const workers = [cluster.fork(), cluster.fork()];
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))));
  process.stdout.write(await aggregator.clusterMetrics());
  for (const worker of workers) worker.process.kill("SIGKILL");
} else {
  const registry = new Registry();
  AggregatorRegistry.setRegistries(registry);
  new AggregatorRegistry();
  const number = cluster.worker.id;
  const metrics = new Metrics({ registry, aliases: ["phase-3", "tutorial-4"], prefix: process.env.PREFIX });
  const pool = {
    ...{
      total: 3,
      idle: 1,
      leased: 2,
      creating: 0,
      destroying: 0,
      waiting: 0,
      max: Infinity,
      acquired: 5,
      released: 3,
    },
    ...{ timeouts: 0, cancelled: 0, rejected: 0, created: 3, createFailures: 0, destroyed: {}, waits: 0, waitMs: 0 },
    ...{ createMs: 0, useMs: 0, acquireMs: { bounds: [1], counts: [4, 1], sum: 10 } },
  };
  const cache = {
    ...{ hits: 99 * number, staleHits: 0, misses: 1, loads: 1, loadFailures: 0, loadMs: 0, evictions: 0 },
    ...{ expirations: 0, invalidations: 0, size: 1, maxEntries: Infinity },
  };
  const breaker = {
    ...{ state: number === 1 ? "open" : "half-open", stateChangedAt: 1_000 * number, calls: 2, failures: 2 },
    ...{ rejected: 0, transitionsTo: { open: 1 } },
  };
  const calls = { succeeded: 9, failed: 1, cancelled: 0, inFlight: 1, retries: 0 };
  const replicas = [{ index: 0, breaker }];
  const status = { name: "github", health: "healthy", connected: number === 1, tools: 7, calls, pool, cache, replicas };
  const listeners = [];
  metrics.watchClient({
    status: () => [status],
    subscribe: (listener) => {
      listeners.push(listener);
      return () => {};
    },
  });
  const call = { type: "callFinished", server: "github", method: "tools/call", tool: "t", durationMs: 20 };
  for (const listener of listeners) listener({ ...call, outcome: "success", errorType: undefined });
  process.send("ready");
}
