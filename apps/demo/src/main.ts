#!/usr/bin/env node
import { MinionClient } from "@minion/client";
import { Metrics } from "@minion/metrics";
import { commandLine } from "./command-line.ts";
import { onInterrupt } from "./interrupt.ts";
import { listen } from "./listen.ts";
import { printTour, say } from "./report.ts";
import { startPlayground } from "./servers.ts";
import { runTour } from "./tour.ts";

const options = commandLine();
const ends: (() => Promise<void>)[] = [];
const end = onInterrupt(ends);

// The servers: those of the demo, or those of an mcp.json.
const playground = options.config === undefined ? await startPlayground() : undefined;
if (playground) ends.push(playground.close);

// One client for all of them, with a pool, a cache and a breaker for each: this is all it takes.
const client =
  playground === undefined
    ? await MinionClient.fromConfig(options.config ?? "mcp.json")
    : new MinionClient({ servers: playground.servers });
ends.push(() => client.close());

// What it does, for Prometheus.
const metrics = new Metrics().watchClient(client);
const http = await listen(metrics.handler(), options.port, (port) =>
  say(`Port ${port} is taken, trying the next one.`),
);
ends.push(http.close);
const metricsUrl = `http://127.0.0.1:${http.port}/metrics`;

if (playground) {
  const results = await runTour({ client, metrics, metricsUrl, playground }, (step, number, of) =>
    say(`[${number}/${of}] ${step.title} ...`),
  );
  printTour(results, options.json);
  if (!results.every(({ ok }) => ok)) process.exitCode = 1;
}
if (options.once) await end();
else say(`Metrics at ${metricsUrl}. Ctrl+C ends the demo and every process it started.`);
