import { getRequestListener } from "@hono/node-server";
import type { MinionClient } from "@minion/client";
import type { Metrics } from "@minion/metrics";
import type { Arguments } from "./arguments.js";
import { BareSdk } from "./bare-sdk.js";
import { breakageOf } from "./breakage.js";
import { listen } from "./listen.js";
import { Live, type LiveServer } from "./live.js";
import { page } from "./page.js";
import { say } from "./report.js";
import { bareMarker, type DemoServer, type Playground } from "./servers.js";

/** What the page is about. Without a playground the servers are the user's own: nothing of them is broken. */
export interface Scene {
  readonly client: MinionClient;
  readonly metrics: Metrics;
  readonly playground: Playground | undefined;
}

/** Puts the servers under load and serves the page and /metrics until the demo ends; what it starts is added to `ends`. */
export async function showPage(scene: Scene, options: Arguments, ends: (() => Promise<void>)[]): Promise<void> {
  const { client, metrics, playground } = scene;
  const bares: BareSdk[] = [];
  ends.push(async () => {
    await Promise.all(bares.map((bare) => bare.close()));
  });
  const servers = playground
    ? Object.entries(playground.servers).map(([name, server]) => demoServer(client, name, server, bares))
    : client.status().map(({ name }) => ownServer(client, name));
  const live = new Live(client, servers);
  const app = page(live, metrics);
  const { port, host, allowedHosts } = options;
  const onTaken = (taken: number): void => say(`Port ${taken} is taken, trying the next one.`);
  const http = await listen(getRequestListener(app.fetch), { port, host, allowedHosts, onTaken });
  ends.push(http.close);
  live.start();
  ends.push(async () => live.stop());
  say(`\nOpen  ${http.url}/         break the servers, watch them heal`);
  say(`and   ${http.url}/metrics  for Prometheus\n`);
  say("Ctrl+C ends the demo and every process it started.");
}

function demoServer(client: MinionClient, name: string, server: DemoServer, bares: BareSdk[]): LiveServer {
  const bare = new BareSdk(server.bare, 2_000);
  bares.push(bare);
  const { tool, args } = server.load;
  let calls = 0;
  return {
    name,
    // Now and then an agent asks what there is, too.
    withMinion: async () => {
      calls += 1;
      if (calls % 5 === 1) await client.listTools(name);
      await client.callTool(name, tool, args);
    },
    bare: () => bare.callTool(tool, args),
    breakage: breakageOf(server, bare),
    countProcesses: (processes) =>
      processes.filter(({ command }) => command.includes(server.marker) && !command.includes(bareMarker)).length,
  };
}

/** A user's own server is only asked for its list: its tools may do anything. */
function ownServer(client: MinionClient, name: string): LiveServer {
  return {
    name,
    withMinion: () => client.listTools(name),
    bare: undefined,
    breakage: undefined,
    countProcesses: () => client.status().find((server) => server.name === name)?.pool.total ?? 0,
  };
}
