import { expect, onTestFinished } from "vitest";
import { Fleet } from "../src/index.js";
import { cacheOf, versionIn } from "./numbered-lists.js";
import { freePort, type RedisServer, redisClient, startRedis, test } from "./redis-server.js";
import { linked, until } from "./support.js";

/** Fetches that end when they are let, each with its own number. */
function fetches(): { readonly fetch: () => Promise<number>; count(): number; end(fetch: number): void } {
  const ends: (() => void)[] = [];
  return {
    fetch: () => new Promise((resolve) => ends.push(() => resolve(ends.length))),
    count: () => ends.length,
    end: (fetch) => ends[fetch - 1]?.(),
  };
}

/** Members of a fleet that need not be linked yet. */
function members(port: number, count: number, leaseMs: number, commandTimeoutMs = 20_000): Fleet[] {
  const fleets = Array.from(
    { length: count },
    () => new Fleet({ redis: redisClient(port), commandTimeoutMs, leaseMs }),
  );
  onTestFinished(async () => void (await Promise.all(fleets.map((fleet) => fleet.close()))));
  return fleets;
}

function total(fleets: readonly Fleet[], name: "leases" | "l2Hits" | "l2Misses"): number {
  return fleets.reduce((sum, fleet) => sum + fleet.stats()[name], 0);
}

/** How often Redis has run a command, by whatever script. */
async function calls(redis: RedisServer, command: string): Promise<number> {
  const stats = String(await redis.command("INFO", "commandstats"));
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

test("R2: replicas whose links are only just being made wait for them, and fetch once", async () => {
  const redis = await startRedis();
  const fleets = members(redis.port, 10, 60_000);
  const { fetch, count, end } = fetches();
  const versions = Promise.all(fleets.map((fleet) => versionIn(cacheOf(fleet, "server"), fetch)));
  await until(() => count() === 1, "one fetches");
  end(1);
  expect(new Set(await versions)).toEqual(new Set([1]));
  expect([count(), total(fleets, "l2Hits")]).toEqual([1, 9]);
});

test("R2: a fetch that is slower than its lease has one more made, and no third", { timeout: 120_000 }, async () => {
  const redis = await startRedis();
  const fleets = members(redis.port, 10, 5_000);
  const { fetch, count, end } = fetches();
  const versions = Promise.all(fleets.map((fleet) => versionIn(cacheOf(fleet, "server"), fetch)));
  await until(() => count() === 2, "a second fetches");
  // Its lease is prolonged three times in its length.
  const before = await calls(redis, "pexpire");
  await until(async () => (await calls(redis, "pexpire")) >= before + 5, "the second lease is longer than the first");
  expect([count(), total(fleets, "leases")]).toEqual([2, 2]);
  // Whichever ends first serves all.
  end(1);
  await until(() => total(fleets, "l2Hits") === 8, "the others have it");
  end(2);
  await versions;
  expect([count(), total(fleets, "l2Misses")]).toEqual([2, 2]);
});

test("R2: a second fetch that hangs too holds nobody up for more than four leases", async () => {
  const redis = await startRedis();
  const fleets = members(redis.port, 4, 200);
  const { fetch, count, end } = fetches();
  const versions = Promise.all(fleets.map((fleet) => versionIn(cacheOf(fleet, "server"), fetch)));
  await until(() => count() === 4, "each fetches for itself");
  for (const one of [1, 2, 3, 4]) end(one);
  await versions;
});

/** One of two members fetches, and the other waits for it. */
async function oneWaits(redis: RedisServer) {
  const [first, second] = members(redis.port, 2, 60_000, 3_000);
  if (first === undefined || second === undefined) throw new Error("there are two");
  await linked({ fleet: first }, { fleet: second });
  const { fetch, count, end } = fetches();
  const fetching = versionIn(cacheOf(first, "server"), fetch);
  await until(() => count() === 1, "the first fetches");
  const waiting = versionIn(cacheOf(second, "server"), fetch);
  const asked = second.stats().commands;
  // More than it says of itself meanwhile.
  await until(() => second.stats().commands > asked + 8, "the second waits");
  return { second, count, end, both: Promise.all([fetching, waiting]) };
}

test("R2: an answer of Redis that is missed while another process fetches makes nobody fetch alone", async () => {
  const redis = await startRedis();
  const { second, count, end, both } = await oneWaits(redis);
  redis.signal("SIGSTOP");
  await until(() => second.stats().timeouts > 0, "an answer is missed");
  redis.signal("SIGCONT");
  end(1);
  expect(await both).toEqual([1, 1]);
  expect([count(), second.stats().l2Hits]).toEqual([1, 1]);
});

test.each([
  ["is lost", (redis: RedisServer) => redis.kill()],
  ["can be read only", async (redis: RedisServer) => redis.command("REPLICAOF", "127.0.0.1", await freePort())],
])("R1: a Redis that %s while another process fetches is waited for no longer", async (_, spoil) => {
  const redis = await startRedis();
  const { count, end, both } = await oneWaits(redis);
  await spoil(redis);
  await until(() => count() === 2, "it fetches for itself");
  for (const fetch of [1, 2]) end(fetch);
  await both;
});
