import { readFileSync } from "node:fs";
import { setImmediate, setTimeout } from "node:timers/promises";
import type { ChaosServer } from "@minion/chaos";
import { Redis } from "ioredis";
import { afterAll, expect, onTestFinished } from "vitest";
import type { Quota } from "../src/index.js";
import { type ClientOptions, freePort, type RedisServer, startRedis, test } from "./redis-server.js";
import { slowProxy } from "./slow-proxy.js";
import { linked, listsOf, type Replica, startReplica, startServer, until } from "./support.js";

/** What happens to Redis, and how it ends. */
interface Fault {
  readonly name: string;
  readonly settings?: readonly string[];
  /** How the replica connects, where not as usual. */
  readonly connect?: (redis: RedisServer) => Promise<{ readonly port: number; readonly redis?: ClientOptions }>;
  readonly isFromStart?: boolean;
  readonly strike: (redis: RedisServer) => Promise<unknown> | unknown;
  readonly mend: ((redis: RedisServer) => Promise<unknown> | unknown) | undefined;
}

const commandTimeoutMs = 100;
let proxyOf: { delayMs: number } = { delayMs: 0 };
let killing: NodeJS.Timeout | undefined;

const faults: readonly Fault[] = [
  { name: "killed", strike: (redis) => redis.kill(), mend: (redis) => redis.restart() },
  { name: "frozen (SIGSTOP)", strike: (redis) => redis.signal("SIGSTOP"), mend: (redis) => redis.signal("SIGCONT") },
  {
    name: "slow: 500 ms an answer",
    connect: async ({ port }) => {
      const proxy = await slowProxy(port);
      proxyOf = proxy;
      return { port: proxy.port };
    },
    strike: () => {
      proxyOf.delayMs = 500;
    },
    mend: () => {
      proxyOf.delayMs = 0;
    },
  },
  {
    name: "full (`noeviction`)",
    strike: (redis) => redis.command("CONFIG", "SET", "maxmemory", "1mb"),
    mend: (redis) => redis.command("CONFIG", "SET", "maxmemory", "0"),
  },
  {
    name: "a read-only replica",
    strike: async (redis) => redis.command("REPLICAOF", "127.0.0.1", await freePort()),
    mend: (redis) => redis.command("REPLICAOF", "NO", "ONE"),
  },
  { name: "emptied (`FLUSHALL`)", strike: (redis) => redis.command("FLUSHALL"), mend: () => {} },
  { name: "restarted, empty", strike: (redis) => redis.restart(), mend: () => {} },
  {
    name: "subscriptions cut every 200 ms",
    strike: (redis) => {
      const admin = new Redis({ port: redis.port, host: "127.0.0.1" });
      admin.on("error", () => {});
      killing = setInterval(() => void admin.call("CLIENT", "KILL", "TYPE", "pubsub").catch(() => {}), 200);
      onTestFinished(() => {
        clearInterval(killing);
        admin.disconnect();
      });
    },
    mend: () => clearInterval(killing),
  },
  {
    name: "another password",
    settings: ["--requirepass", "theirs"],
    connect: async ({ port }) => ({ port, redis: { password: "ours" } }),
    isFromStart: true,
    strike: () => {},
    mend: async ({ port }) => {
      const admin = new Redis({ port, host: "127.0.0.1", password: "theirs" });
      await admin.config("SET", "requirepass", "ours");
      admin.disconnect();
    },
  },
  {
    name: "a host name that is unknown",
    connect: async ({ port }) => ({ port, redis: { host: "no-such-host.invalid" } }),
    isFromStart: true,
    strike: () => {},
    mend: undefined,
  },
];

const rows: string[] = [];

/** Calls, lists that change, and takes: how many of them failed. */
async function load({ client, tools }: Replica, server: ChaosServer, quota: Quota): Promise<number> {
  let failed = 0;
  for (let round = 0; round < 4; round += 1) {
    server.listChanged();
    const work: Promise<unknown>[] = Array.from({ length: 16 }, () => client.callTool("one", "echo", { text: "a" }));
    work.push(tools(), tools({ principal: `user-${round}` }), quota.take("ann"));
    for (const { status } of await Promise.allSettled(work)) failed += Number(status === "rejected");
  }
  return failed;
}

for (const fault of faults) {
  test(`R1: Redis is ${fault.name}: no call, list or take fails, and nobody waits for it for long`, async () => {
    const redis = await startRedis(fault.settings);
    const server = await startServer();
    const { port, redis: options } = (await fault.connect?.(redis)) ?? { port: redis.port };
    const replica = startReplica(port, server.url, {
      fleet: { commandTimeoutMs },
      ...(options !== undefined && { redis: options }),
    });
    const { fleet } = replica;
    const quota = fleet.quota("calls", { limit: 1_000, perMs: 600_000 });
    if (fault.isFromStart !== true) await linked(replica);
    await replica.tools();
    await fault.strike(redis);
    expect(await load(replica, server, quota)).toBe(0);
    if (killing !== undefined)
      await until(() => replica.events.some(({ type }) => type === "linkLost"), "a cut subscription is noticed");

    // What it has come to.
    const refusesWrites = fault.name.startsWith("full") || fault.name.startsWith("a read-only");
    const isGone = fault.mend !== undefined && ["killed", "frozen", "slow:"].includes(fault.name.split(" ")[0] ?? "");
    if (isGone || fault.isFromStart === true) {
      await until(async () => (await quota.take("ann")).ok && !fleet.stats().isLinked, "it is alone");
      await until(async () => {
        const { commands } = fleet.stats();
        await quota.take("ann");
        return fleet.stats().commands === commands;
      }, "Redis is not asked");
      // What was sent before is given up by then: no figure tells that it is under way.
      await setTimeout(2 * commandTimeoutMs);
      await setImmediate();
      const { commands, timeouts } = fleet.stats();
      expect(await load(replica, server, quota)).toBe(0);
      // Nothing was sent, so nothing was waited for.
      expect(fleet.stats()).toMatchObject({ commands, timeouts });
    } else if (!refusesWrites) await until(async () => fleet.stats().isLinked || killing !== undefined, "it is linked");
    const before = fleet.stats();
    const lists = listsOf(server);
    await replica.tools({ principal: "newcomer" });
    expect(listsOf(server)).toBe(lists + 1);
    await quota.take("ann");
    const after = fleet.stats();
    const shared = (isShared: boolean): string => (isShared ? "shared" : "each for itself");
    const listed = shared(after.leases > before.leases);
    const counted = shared(after.quotaLocal === before.quotaLocal);
    let end = "-";
    if (fault.mend !== undefined) {
      await fault.mend(redis);
      await linked(replica);
      await until(async () => {
        const { quotaLocal } = fleet.stats();
        await quota.take("ann");
        return fleet.stats().quotaLocal === quotaLocal;
      }, "takes are counted together again");
      end = "by itself";
    }
    killing = undefined;
    const reasons = new Set(replica.events.map(({ type }) => type));
    const told = reasons.has("linkLost") || fault.isFromStart === true ? "`alone`" : "`linked`";
    rows.push(`| ${fault.name} | 0 | ${listed} | ${counted} | ${told} | ${end} |`);
  });
}

afterAll(() => {
  if (rows.length < faults.length) return;
  console.log(rows.join("\n"));
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  for (const row of rows) expect(readme, "the table of failures in the README").toContain(row);
});
