import { type ChaosServer, type Faults, type JournalEntry, startChaosServer } from "@minion/chaos";
import { MinionClient, type MinionClientOptions } from "@minion/client";
import { onTestFinished } from "vitest";

/** A chaos server over HTTP, closed when the test ends. Sessions are what some faults are about, hence the legacy era. */
export async function chaos(faults: Partial<Faults> = {}): Promise<ChaosServer> {
  const server = await startChaosServer({ protocol: "legacy", faults });
  onTestFinished(() => server.close());
  return server;
}

/** A client of servers, closed when the test ends. */
export function minion(
  servers: MinionClientOptions["servers"],
  options: Partial<MinionClientOptions> = {},
): MinionClient {
  const client = new MinionClient({ ...options, servers });
  onTestFinished(() => client.close());
  return client;
}

/** A chaos server and a client of it, which knows it as "chaos". */
export async function chaosAndMinion(
  faults: Partial<Faults> = {},
): Promise<{ readonly server: ChaosServer; readonly client: MinionClient }> {
  const server = await chaos(faults);
  return { server, client: minion({ chaos: { url: server.url } }) };
}

/** How often something stands in a journal. */
export function count(server: ChaosServer, event: JournalEntry["event"], tool?: string): number {
  return server
    .journal()
    .filter((entry) => entry.event === event && (tool === undefined || Reflect.get(entry, "tool") === tool)).length;
}
