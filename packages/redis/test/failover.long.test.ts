import { setTimeout as pause } from "node:timers/promises";
import { Cluster, Redis } from "ioredis";
import { expect, onTestFinished } from "vitest";
import { startCluster, startSentinel, test } from "./redis-server.js";
import { linked, listsOf, type Replica, startReplica, startServer, until } from "./support.js";

interface Engine {
  /** A client of it, as a user makes one. */
  client(): Redis | Cluster;
  /** Kills the server that the fleet's keys are on; another one takes over. */
  fail(): Promise<void>;
}

const engines: readonly (readonly [name: string, start: () => Promise<Engine>])[] = [
  ["a Redis behind Sentinel", sentinelEngine],
  ["a Cluster of three masters with a replica each", clusterEngine],
];

async function sentinelEngine(): Promise<Engine> {
  const { master, sentinel } = await startSentinel();
  const sentinels = [{ host: "127.0.0.1", port: sentinel.port }];
  return { client: () => new Redis({ sentinels, name: "fleet" }), fail: () => master.kill() };
}

async function clusterEngine(): Promise<Engine> {
  const { masters, replicas } = await startCluster(1);
  const nodes = [...masters, ...replicas].map(({ port }) => ({ host: "127.0.0.1", port }));
  return {
    client: () => new Cluster(nodes),
    fail: async () => {
      // The one with the lists of the server of this test.
      const keys = await Promise.all(masters.map((master) => master.command("KEYS", "*:generation:*")));
      await masters[keys.findIndex((found) => Array.isArray(found) && found.length > 0)]?.kill();
    },
  };
}

/** How many of 60 takes at once a quota of ten grants. */
async function granted(replicas: readonly Replica[], name: string): Promise<number> {
  const quotas = replicas.map(({ fleet }) => fleet.quota(name, { limit: 10, perMs: 60_000 }));
  const takes = quotas.flatMap((quota) => Array.from({ length: 20 }, () => quota.take("ann")));
  return (await Promise.all(takes)).filter(({ ok }) => ok).length;
}

test.each(engines)(
  "R1: over %s lists, changes and quotas are shared, and a failover under load loses no call",
  {
    timeout: 300_000,
  },
  async (_, start) => {
    const engine = await start();
    const server = await startServer({ extraTools: [{ name: "tool-0" }] });
    const replicas = [0, 1, 2].map(() => {
      const redis = engine.client();
      redis.on("error", () => {});
      onTestFinished(() => redis.disconnect());
      return startReplica(redis, server.url, { fleet: { commandTimeoutMs: 2_000 } });
    });
    const [first, second, quiet] = replicas;
    if (first === undefined || second === undefined || quiet === undefined) throw new Error("there are three");
    let told = 0;
    // It never calls: it has no connection to the server that could tell it.
    quiet.client.subscribe(({ type }) => {
      if (type === "listChanged") told += 1;
    });
    let changes = 0;
    /** All list the tools with one request, and who has no connection to the server hears of a change. */
    const isShared = async (): Promise<boolean> => {
      const before = [listsOf(server), told];
      for (const replica of [first, second, quiet]) expect(await replica.tools()).toContain(`tool-${changes}`);
      const lists = listsOf(server) - (before[0] ?? 0);
      changes += 1;
      server.set({ extraTools: [{ name: `tool-${changes}` }] });
      server.listChanged();
      await until(() => told > (before[1] ?? 0), "the change is heard of");
      return lists === 1;
    };
    await linked(...replicas);
    expect(await isShared()).toBe(true);
    expect(await granted(replicas, "before")).toBe(10);

    const failures: unknown[] = [];
    let calls = 0;
    let isOver = false;
    const callers = [first, second].flatMap(({ client }) =>
      Array.from({ length: 4 }, async () => {
        while (!isOver) {
          await client.callTool("one", "echo", { text: "a" }).catch((error) => failures.push(error));
          calls += 1;
          await pause(10);
        }
      }),
    );
    await until(() => calls > 100, "there is load");
    await engine.fail();
    const during = calls;
    // Takes and lists go on without it.
    expect((await first.tools()).length).toBeGreaterThan(0);
    expect(await granted(replicas, "meanwhile")).toBeGreaterThan(0);
    await until(
      () => first.events.some(({ type }) => type === "commandFailed" || type === "linkLost"),
      "it is noticed",
    );
    await until(() => calls > during + 100, "the load goes on");
    // Once the other server has taken over.
    await until(async () => {
      await linked(...replicas);
      return isShared();
    }, "lists are shared again");
    isOver = true;
    await Promise.all(callers);
    expect(failures).toEqual([]);
    let round = 0;
    await until(async () => (await granted(replicas, `after-${++round}`)) === 10, "quotas are shared again");
  },
);
