import { getRequestListener } from "@hono/node-server";
import type { MinionClient } from "@minion/client";
import type { Metrics } from "@minion/metrics";
import type { Arguments } from "./arguments.js";
import { BareSdk } from "./bare-sdk.js";
import { breakageOf } from "./breakage.js";
import { listen } from "./listen.js";
import { Live, type LiveServer } from "./live.js";
import { ownServers } from "./own-servers.js";
import { page } from "./page.js";
import { say } from "./report.js";
import { bareMarker, type DemoServer, type Playground } from "./servers.js";
import { TwoReplicas } from "./two-replicas.js";

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
    await Promise.all(bares.map((bare) => bare.end()));
  });
  const live = playground ? playgroundLive(client, playground, bares) : ownLive(client, options.config ?? "");
  const replicas = playground && new TwoReplicas(playground.ownFolder);
  if (replicas) ends.push(() => replicas.close());
  const app = page(live, client, metrics, replicas);
  const { port, host, allowedHosts } = options;
  const onTaken = (taken: number): void => say(`Port ${taken} is taken, trying the next one.`);
  const http = await listen(getRequestListener(app.fetch), { port, host, allowedHosts, onTaken });
  ends.push(http.close);
  live.start();
  ends.push(async () => live.stop());
  say(`\nOpen  ${http.url}/         ${playground ? "break the servers, watch them heal" : "see how your servers are"}`);
  say(`and   ${http.url}/metrics  for Prometheus\n`);
  say("Ctrl+C ends the demo and every process it started.");
}

function playgroundLive(client: MinionClient, { servers, callTimeoutMs }: Playground, bares: BareSdk[]): Live {
  const under = (name: string, server: DemoServer): LiveServer =>
    demoServer(client, name, server, callTimeoutMs, bares);
  return new Live(
    client,
    Object.entries(servers).map(([name, server]) => under(name, server)),
  );
}

function ownLive(client: MinionClient, file: string): Live {
  const { servers, view } = ownServers(client, file);
  return new Live(client, servers, view);
}

function demoServer(
  client: MinionClient,
  name: string,
  server: DemoServer,
  callTimeoutMs: number,
  bares: BareSdk[],
): LiveServer {
  const bare = new BareSdk(server.bare, callTimeoutMs);
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
    own: undefined,
  };
}
