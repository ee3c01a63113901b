import { expect } from "vitest";
import { redisClient, startRedis, test } from "./redis-server.js";
import { linked, listsOf, startReplica, startServer, until } from "./support.js";

test("R2: ten cold replicas that ask at once cause one list request", async () => {
  const redis = await startRedis();
  const server = await startServer({ listDelayMs: 100 });
  const replicas = Array.from({ length: 10 }, () => startReplica(redis.port, server.url));
  await linked(...replicas);
  const lists = await Promise.all(replicas.map(({ tools }) => tools()));
  expect(listsOf(server)).toBe(1);
  expect(new Set(lists.map((names) => names.join())).size).toBe(1);
  const total = (name: "l2Hits" | "leases"): number =>
    replicas.reduce((sum, { fleet }) => sum + fleet.stats()[name], 0);
  expect(total("leases")).toBe(1);
  expect(total("l2Hits")).toBe(9);
});

test("R2: a list is shared whatever the user's client makes of names and numbers", async () => {
  const redis = await startRedis();
  const server = await startServer();
  const options = { redis: { stringNumbers: true, keyPrefix: "app:", db: 3 } };
  const [first, second] = [1, 2].map(() => startReplica(redis.port, server.url, options));
  if (first === undefined || second === undefined) throw new Error("There are two");
  await linked(first, second);
  await first.tools();
  await until(async () => (await redisClient(redis.port, { db: 3 }).keys("app:*:list:*")).length > 0, "it is stored");
  expect(await second.tools()).toEqual(await first.tools());
  expect(listsOf(server)).toBe(1);
});

test("R3: a change that one replica hears of is heard by all, and nobody lists the old tools again", async () => {
  const redis = await startRedis();
  const server = await startServer({ extraTools: [{ name: "before" }] });
  const [first, second] = [startReplica(redis.port, server.url), startReplica(redis.port, server.url)];
  await linked(first, second);
  expect(await first.tools()).toContain("before");
  expect(await second.tools()).toContain("before");
  // The second has never had a connection to the server.
  expect(listsOf(server)).toBe(1);
  let told = 0;
  second.client.subscribe((event) => {
    if (event.type === "listChanged" && event.list === "tools") told += 1;
  });
  server.set({ extraTools: [{ name: "after" }] });
  server.listChanged();
  await until(() => told > 0, "the second replica is told");
  expect(await second.tools()).toContain("after");
  expect(await first.tools()).toContain("after");
  expect(listsOf(server)).toBe(2);
});

test("R5: what another process fetched is good for as long as it is in Redis, whatever the clock of this one says", async () => {
  const redis = await startRedis();
  const server = await startServer();
  const [first, second] = [startReplica(redis.port, server.url), startReplica(redis.port, server.url)];
  await linked(first, second);
  await first.tools();
  const client = redisClient(redis.port);
  const [entry = ""] = await client.keys("*:list:*");
  await client.pexpire(entry, 400);
  await second.tools();
  await until(async () => {
    await second.tools();
    return second.fleet.stats().l2Misses > 0;
  }, "it has expired there too");
});

test("R6: a list that is not public is shared with nobody but its principal, and no key shows who that is", async () => {
  const redis = await startRedis();
  const server = await startServer();
  const [first, second] = [startReplica(redis.port, server.url), startReplica(redis.port, server.url)];
  await linked(first, second);
  await first.tools({ principal: "ann@example.com" });
  await second.tools({ principal: "ann@example.com" });
  expect(listsOf(server)).toBe(1);
  await second.tools({ principal: "bob@example.com" });
  await second.tools();
  expect(listsOf(server)).toBe(3);
  const heard = new Set<unknown>();
  for (const replica of [first, second])
    replica.client.subscribe((event) => void (event.type === "listChanged" && heard.add(replica)));
  server.set({ cacheScope: "public", ttlMs: 60_000 });
  server.listChanged();
  await until(() => heard.size === 2, "both have heard of the change");
  const client = redisClient(redis.port);
  await until(async () => {
    // Each of them renews the generation when its own connection tells it.
    await first.tools({ principal: "ann@example.com" });
    const generation = await client.get((await client.keys("*:generation:tools"))[0] ?? "");
    const stored = await Promise.all((await client.keys("*:list:*")).map((name) => client.hget(name, "generation")));
    return stored.includes(generation);
  }, "the new list is stored");
  const before = listsOf(server);
  await second.tools({ principal: "cid@example.com" });
  expect(listsOf(server)).toBe(before);
  for (const key of await client.keys("*")) {
    expect(key).toMatch(/^minion:\{[^}]+\}/);
    expect(key).not.toContain("example.com");
    expect(await client.pttl(key)).toBeGreaterThan(0);
  }
});

test("R7: what stands in Redis and is no list is a miss and an event", async () => {
  const redis = await startRedis();
  const server = await startServer();
  const first = startReplica(redis.port, server.url);
  await linked(first);
  const names = await first.tools();
  const client = redisClient(redis.port);
  await until(async () => (await client.keys("*:list:*")).length > 0, "it is stored");
  const [entry = ""] = await client.keys("*:list:*");
  const good = (await client.hget(entry, "list")) ?? "";
  const values = ["", "{", "null", "[]", good.replace('"version":1', '"version":2'), good.replace('"name"', '"nom"')];
  for (const value of [...values, "x".repeat(4_194_305)]) {
    await client.hset(entry, "list", value);
    const other = startReplica(redis.port, server.url);
    await linked(other);
    expect(await other.tools(), value.slice(0, 20)).toEqual(names);
    if (value.length < 4_194_304) expect(other.events.map(({ type }) => type)).toContain("valueRefused");
    await client.hset(entry, "list", good);
  }
  await client.del(entry);
  await client.set(entry, "a string", "PX", 60_000);
  const other = startReplica(redis.port, server.url);
  await linked(other);
  expect(await other.tools()).toEqual(names);
  await client.publish("minion:bus", "nonsense");
  await until(() => other.events.some(({ type }) => type === "valueRefused"), "nonsense on the bus is told");
});
