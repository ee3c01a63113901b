import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { Cluster, Redis } from "ioredis";
import { expect, onTestFinished, test as plainTest, vi } from "vitest";
import { Fleet, type FleetEvent } from "../src/index.js";
import { cacheOf, key, versionIn } from "./numbered-lists.js";
import { freePort, redisClient, startCluster, startRedis, test } from "./redis-server.js";
import { linked, listsOf, startReplica, startServer, until } from "./support.js";

test("R4: a subscriber that is cut while 50 changes happen lists nothing old once it is linked again", async () => {
  const redis = await startRedis();
  const events: FleetEvent[] = [];
  let version = 0;
  const admin = redisClient(redis.port);
  await admin.call("ACL", "SETUSER", "second", "on", ">second", "~*", "&*", "+@all");
  const [first, second] = ["first", "second"].map((name) => {
    const client = redisClient(redis.port, name === "second" ? { username: name, password: name } : {});
    const onEvent = (event: FleetEvent): void => void (name === "second" && events.push(event));
    const fleet = new Fleet({ redis: client, commandTimeoutMs: 2_000, onEvent });
    onTestFinished(() => fleet.close());
    return { fleet, cache: cacheOf(fleet, "server"), other: cacheOf(fleet, "other") };
  });
  if (first === undefined || second === undefined) throw new Error("there are two");
  await linked(first, second);
  // One list is fetched by the second itself, the other by the first.
  expect(await versionIn(second.cache, () => version)).toBe(0);
  expect(await versionIn(first.cache, () => version)).toBe(0);
  expect(await versionIn(first.other, () => version)).toBe(0);
  await until(async () => (await admin.keys("minion:{other}:list:*")).length === 1, "it is stored");
  expect(await versionIn(second.other, () => 5)).toBe(0);
  // Redis ends the subscription, and takes no other.
  await admin.call("ACL", "SETUSER", "second", "resetchannels");
  await until(() => !second.fleet.stats().isLinked, "the cut is noticed");
  const generation = (): Promise<string | null> => admin.get("minion:{server}:generation:tools");
  for (let change = 1; change <= 50; change += 1) {
    const before = await generation();
    version = change;
    first.cache.invalidateList?.("tools");
    first.cache.invalidate(key);
    await until(async () => (await generation()) !== before, "the fleet knows of the change");
  }
  // What the first had fetched counts as fresh no longer: it is asked for.
  first.other.invalidateList?.("tools");
  await until(async () => (await versionIn(second.other, () => version)) === 50, "the other list is that of today");
  expect(await versionIn(first.cache, () => version)).toBe(50);
  const losses = events.length;
  expect(second.fleet.stats().isLinked).toBe(false);
  await admin.call("ACL", "SETUSER", "second", "&*");
  await linked(second);
  expect(await versionIn(second.cache, () => version)).toBe(50);
  expect(events.slice(0, losses).some(({ type }) => type === "linkLost")).toBe(true);
  expect(events.at(-1)?.type).toBe("linkRestored");
});

test("R3: a Redis that can be read and not written gives no list that was invalidated here", async () => {
  const redis = await startRedis();
  const fleet = new Fleet({ redis: redisClient(redis.port), commandTimeoutMs: 2_000 });
  onTestFinished(() => fleet.close());
  await linked({ fleet });
  const cache = cacheOf(fleet, "server");
  expect(await versionIn(cache, () => 0)).toBe(0);
  const admin = redisClient(redis.port);
  await until(async () => (await admin.keys("*:list:*")).length === 1, "it is stored");
  await redis.command("REPLICAOF", "127.0.0.1", await freePort());
  cache.invalidateList?.("tools");
  expect(await versionIn(cache, () => 1)).toBe(1);
  // Nor later, while it holds.
  cache.invalidate(key);
  expect(await versionIn(cache, () => 2)).toBe(2);
  expect(await admin.keys("*:list:*")).toHaveLength(1);
  await redis.command("REPLICAOF", "NO", "ONE");
  const other = cacheOf(fleet, "server");
  await until(async () => (await versionIn(other, () => 3)) === 3, "the change is told when it can be");
});

test("R2: a process that dies while it fetches holds the others up no longer than its lease", async () => {
  const redis = await startRedis();
  const fleets = [0, 1].map(() => new Fleet({ redis: redisClient(redis.port), commandTimeoutMs: 2_000, leaseMs: 500 }));
  onTestFinished(async () => void (await Promise.all(fleets.map((fleet) => fleet.close()))));
  await linked(...fleets.map((fleet) => ({ fleet })));
  const [first, second] = fleets.map((fleet) => cacheOf(fleet, "server"));
  // As good as dead: its fetch never ends.
  versionIn(first, () => new Promise(() => {})).catch(() => {});
  await until(() => (fleets[0]?.stats().leases ?? 0) === 1, "the first has the lease");
  expect(await versionIn(second, () => 2)).toBe(2);
  expect(fleets[1]?.stats().leases).toBe(1);
});

test("R2: a fetch that fails gives its lease back at once, and its failure is nobody else's", async () => {
  const redis = await startRedis();
  const fleets = [0, 1].map(
    () => new Fleet({ redis: redisClient(redis.port), commandTimeoutMs: 2_000, leaseMs: 60_000 }),
  );
  onTestFinished(async () => void (await Promise.all(fleets.map((fleet) => fleet.close()))));
  await linked(...fleets.map((fleet) => ({ fleet })));
  const [first, second] = fleets.map((fleet) => cacheOf(fleet, "server"));
  await expect(versionIn(first, () => Promise.reject(new Error("mine")))).rejects.toThrow("mine");
  expect(await versionIn(second, () => 2)).toBe(2);
});

test("R11: the ACL user of the README may do all that is needed, and every key has a ttl", async () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const rule = /^ACL (SETUSER minion .+)$/m.exec(readme)?.[1]?.split(" ") ?? [];
  expect(rule.length).toBeGreaterThan(5);
  const redis = await startRedis();
  const admin = redisClient(redis.port);
  await admin.call("ACL", ...rule);
  const [, , , password = ""] = rule;
  const login = { username: "minion", password: password.slice(1) };
  const server = await startServer();
  const [first, second] = [0, 1].map(() => startReplica(redis.port, server.url, { redis: login }));
  if (first === undefined || second === undefined) throw new Error("there are two");
  await linked(first, second);
  await first.tools();
  await second.tools();
  server.listChanged();
  await first.client.callTool("one", "echo", { text: "a" });
  await first.tools();
  await first.fleet.quota("calls", { limit: 5, perMs: 60_000 }).take("ann");
  const breaker = first.fleet.breaker("one", { failureThreshold: 1 }, { identity: "another", replica: 0 });
  breaker.admit().failure(new Error("a"));
  await until(async () => (await admin.keys("*:verdict:*")).length === 1, "the verdict is told");
  const keys = await admin.keys("*");
  expect(keys.length).toBeGreaterThanOrEqual(4);
  for (const name of keys) {
    expect(name).toMatch(/^minion:\{/);
    expect(await admin.pttl(name), name).toBeGreaterThan(0);
  }
  expect(await admin.acl("LOG")).toEqual([]);
  expect([...first.events, ...second.events].filter(({ type }) => type === "commandFailed")).toEqual([]);
  expect(String(await admin.call("CLIENT", "LIST")).split("user=minion").length - 1).toBe(4);
});

test("R1: a user who may not do what is needed is told so by the status, and everything works without", async () => {
  const redis = await startRedis();
  await redis.command("ACL", "SETUSER", "poor", "on", ">word", "~*", "+@all", "resetchannels");
  const server = await startServer();
  const { fleet, tools } = startReplica(redis.port, server.url, { redis: { username: "poor", password: "word" } });
  await until(() => fleet.status().reason?.startsWith("subscribe: NOPERM") === true, "the status says what is refused");
  expect(await tools()).toContain("echo");
  expect(await fleet.quota("calls", { limit: 5, perMs: 60_000 }).take("ann")).toMatchObject({ ok: true });
});

test("R12: close ends the subscription and leaves the user's client open; lists go on by themselves", async () => {
  const redis = await startRedis();
  const server = await startServer();
  const client = redisClient(redis.port);
  const fleet = new Fleet({ redis: client });
  await linked({ fleet });
  const replica = startReplica(redis.port, server.url);
  await linked(replica);
  await Promise.all([fleet.close(), fleet.close(), replica.fleet.close()]);
  expect(fleet.status()).toMatchObject({ state: "closed", reason: "it was closed" });
  expect(await client.ping()).toBe("PONG");
  await until(async () => String(await client.call("CLIENT", "LIST", "TYPE", "pubsub")) === "", "nobody is subscribed");
  expect((await replica.tools()).length).toBeGreaterThan(0);
  expect(listsOf(server)).toBe(1);
});

test("R12: a process whose fleet and client are closed ends, also where there is no Redis", async () => {
  const { port } = await startRedis();
  for (const there of [port, await freePort()]) {
    const code = `
      import { Fleet } from "@minion/redis";
      import { Redis } from "ioredis";
      const redis = new Redis({ port: ${there}, host: "127.0.0.1" });
      redis.on("error", () => {});
      const fleet = new Fleet({ redis });
      setTimeout(async () => { await fleet.close(); redis.disconnect(); }, 300);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
      cwd: new URL("..", import.meta.url),
      stdio: ["ignore", "inherit", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    expect((await once(child, "exit"))[0]).toBe(0);
  }
});

test("R1: an onEvent that is async and fails ends no process", async () => {
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  onTestFinished(() => void process.off("unhandledRejection", unhandled));
  let told = 0;
  const onEvent = async (): Promise<void> => {
    told += 1;
    throw new Error("nobody is to hear of this");
  };
  const fleet = new Fleet({ redis: redisClient(await freePort()), onEvent, commandTimeoutMs: 1 });
  onTestFinished(() => fleet.close());
  await fleet.quota("calls", { limit: 1, perMs: 1_000 }).take("ann");
  await until(() => told > 0, "an event was told");
  await setImmediate();
  expect(unhandled).not.toHaveBeenCalled();
});

test("R1: a Redis that comes later is linked when it comes, with a client that connects at the first command", async () => {
  const redis = await startRedis();
  await redis.kill();
  const server = await startServer();
  const replica = startReplica(redis.port, server.url, { redis: { lazyConnect: true } });
  expect((await replica.tools()).length).toBeGreaterThan(0);
  await until(() => replica.fleet.status().reason !== "it is starting", "it is known to be alone");
  expect(replica.fleet.status()).toMatchObject({ state: "alone", local: ["lists", "verdicts", "quotas"] });
  await redis.restart();
  await linked(replica);
  expect(replica.fleet.status()).toMatchObject({ state: "linked", reason: undefined, local: [] });
});

test("R11: all of it works on a Cluster of three nodes, whose subscriptions are lost and found", async () => {
  const { masters } = await startCluster();
  const ports = masters.map(({ port }) => port);
  const nodes = ports.map((port) => ({ port, host: "127.0.0.1" }));
  const members = [0, 1].map(() => {
    const cluster = new Cluster(nodes);
    cluster.on("error", () => {});
    onTestFinished(() => cluster.disconnect());
    const fleet = new Fleet({ redis: cluster, commandTimeoutMs: 5_000 });
    onTestFinished(() => fleet.close());
    return { fleet, caches: Array.from({ length: 8 }, (_, index) => cacheOf(fleet, `server-${index}`)) };
  });
  await linked(...members);
  const [first, second] = members;
  let version = 1;
  const read = (of: typeof first): Promise<number[]> =>
    Promise.all((of?.caches ?? []).map((cache) => versionIn(cache, () => version)));
  expect(await read(first)).toEqual(Array(8).fill(1));
  version = 2;
  expect(await read(second)).toEqual(Array(8).fill(1));
  expect(second?.fleet.stats().l2Hits).toBe(8);
  for (const cache of first?.caches ?? []) cache.invalidateList?.("tools");
  await expect.poll(() => read(second), { timeout: 60_000 }).toEqual(Array(8).fill(2));
  const quotas = members.map(({ fleet }) => fleet.quota("calls", { limit: 10, perMs: 60_000 }));
  const takes = quotas.flatMap((quota) => Array.from({ length: 20 }, () => quota.take("ann")));
  expect((await Promise.all(takes)).filter(({ ok }) => ok)).toHaveLength(10);
  for (const port of ports) {
    const admin = new Redis({ port, host: "127.0.0.1" });
    await admin.call("CLIENT", "KILL", "TYPE", "pubsub");
    admin.disconnect();
  }
  version = 3;
  for (const cache of second?.caches ?? []) cache.invalidateList?.("tools");
  await expect.poll(() => read(first), { timeout: 60_000 }).toEqual(Array(8).fill(3));
  await linked(...members);
});

plainTest("R1: a wrong option is told before anything is sent", () => {
  const redis = new Redis({ lazyConnect: true, retryStrategy: () => null });
  redis.on("error", () => {});
  onTestFinished(() => redis.disconnect());
  const make = (options: unknown) => () => Reflect.construct(Fleet, [options]);
  expect(make(undefined)).toThrow("the options must be an object");
  expect(make({ redis: {} })).toThrow("redis must be a Redis or Cluster of ioredis 6");
  expect(make({ redis, namespac: "a" })).toThrow('unknown option "namespac"');
  expect(make({ redis, namespace: "a{b}" })).toThrow("namespace must be 1 to 64 letters");
  expect(make({ redis, commandTimeoutMs: 0 })).toThrow("commandTimeoutMs must be a number of milliseconds");
  expect(make({ redis, leaseMs: Number.POSITIVE_INFINITY })).toThrow(RangeError);
  expect(make({ redis, onEvent: 5 })).toThrow("onEvent must be a function");
});
