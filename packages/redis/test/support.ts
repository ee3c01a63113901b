import { type ChaosServer, startChaosServer } from "@minion/chaos";
import { MinionClient, type ServerPolicy } from "@minion/client";
import type { Cluster, Redis } from "ioredis";
import { expect, onTestFinished, vi } from "vitest";
import { Fleet, type FleetEvent, type FleetOptions } from "../src/index.js";
import { type ClientOptions, redisClient } from "./redis-server.js";

/** One process of a fleet, as far as the others can tell: with clients, a connection to Redis and a fleet of its own. */
export interface Replica {
  readonly fleet: Fleet;
  readonly client: MinionClient;
  readonly events: FleetEvent[];
  /** The names of the tools that it lists. */
  tools(options?: { readonly principal?: string }): Promise<readonly string[]>;
}

export interface ReplicaOptions {
  readonly fleet?: Partial<FleetOptions>;
  readonly redis?: ClientOptions;
  readonly policy?: ServerPolicy;
  readonly server?: string;
}

/** Starts a replica whose server "one" is at a URL. It ends with the test. */
export function startReplica(redisAt: number | Redis | Cluster, url: string, options: ReplicaOptions = {}): Replica {
  const events: FleetEvent[] = [];
  const redis = typeof redisAt === "number" ? redisClient(redisAt, options.redis) : redisAt;
  // Ten replicas in one process on a busy machine answer late.
  const fleet = new Fleet({ redis, commandTimeoutMs: 2_000, onEvent: (event) => events.push(event), ...options.fleet });
  const name = options.server ?? "one";
  const client = new MinionClient({
    servers: { [name]: { url, ...options.policy } },
    cache: fleet.cache,
    breaker: fleet.breaker,
  });
  fleet.watch(client);
  onTestFinished(async () => {
    await client.close({ graceMs: 0 });
    await fleet.close();
  });
  const tools: Replica["tools"] = async (how) => (await client.listTools(name, how)).map((tool) => tool.name);
  return { fleet, client, events, tools };
}

/** A server over HTTP that ends with the test; of older revisions, so that each connection has a stream for changes. */
export async function startServer(faults: Parameters<ChaosServer["set"]>[0] = {}): Promise<ChaosServer> {
  const server = await startChaosServer({ faults, protocol: "legacy" });
  onTestFinished(() => server.close());
  return server;
}

/** How often a server was asked for its tools. */
export function listsOf(server: Pick<ChaosServer, "journal">): number {
  return server.journal().filter((entry) => entry.event === "request" && entry.method === "tools/list").length;
}

/** Waits until something holds, however slow the machine is. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  await vi.waitFor(async () => expect(await holds(), what).toBe(true), { timeout: 60_000, interval: 20 });
}

/** Waits until replicas are linked. */
export async function linked(...replicas: readonly Pick<Replica, "fleet">[]): Promise<void> {
  await until(() => replicas.every(({ fleet }) => fleet.stats().isLinked), "the fleet is linked");
}
