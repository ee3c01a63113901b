#!/usr/bin/env node
import { MinionClient } from "@minion/client";
import { Metrics } from "@minion/metrics";
import { commandLine } from "./command-line.js";
import { onInterrupt } from "./interrupt.js";
import { reportLines } from "./own-servers.js";
import { pagePolicy, tourPolicy } from "./policies.js";
import { say } from "./report.js";
import { startPlayground } from "./servers.js";
import { showPage } from "./show-page.js";
import { showTour } from "./show-tour.js";

const options = commandLine();
const ends: (() => Promise<void>)[] = [];
const end = onInterrupt(ends);

// The servers: those of an mcp.json, or those of the demo.
const playground = options.config === undefined ? await startPlayground(ends) : undefined;

// One client for all of them, with a pool, a cache and a breaker for each: this is all it takes.
const client = playground
  ? new MinionClient({ servers: playground.configs, defaults: options.once ? tourPolicy : pagePolicy(playground) })
  : await MinionClient.fromConfig(options.config ?? "mcp.json");
ends.push(() => client.close({ graceMs: 0 }));
if (client.configReport) for (const line of reportLines(client.configReport)) say(line);

// What it does, for Prometheus.
const metrics = new Metrics().watchClient(client);

if (options.once && playground) {
  process.exitCode = await showTour({ client, metrics, playground }, options);
  await end();
} else {
  await showPage({ client, metrics, playground }, options, ends);
}
