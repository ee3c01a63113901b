import { spawnChaosServer, startChaosServer } from "@minion/chaos";
import { type Breaker, MinionClient } from "@minion/client";
import { Redis } from "ioredis";
import { expect, onTestFinished } from "vitest";
import { Fleet } from "../src/index.js";
import { isDeadServer } from "../src/is-dead-server.js";
import { freePort, redisClient, startRedis, test } from "./redis-server.js";
import { linked, type Replica, startReplica, startServer, until } from "./support.js";

const policy = { retry: false, breaker: { openMs: 600_000 }, connectTimeoutMs: 20_000 } as const;

async function codeOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => Reflect.get(Object(error), "code"),
  );
}

function stateOf({ client }: Replica): string | undefined {
  return client.status()[0]?.breaker?.state;
}

/** How many calls of a replica fail before they are refused. */
async function failuresOf({ client }: Replica): Promise<number> {
  for (let failures = 0; ; failures += 1)
    if ((await codeOf(client.callTool("one", "echo", { text: "a" }))) === "ERR_MCP_UNAVAILABLE") return failures;
}

test("R8: what one replica learns by failing calls, nine others learn by one ping each, and refuse", async () => {
  const redis = await startRedis();
  const server = await spawnChaosServer({ maxLifeMs: 600_000 });
  const replicas = Array.from({ length: 10 }, () => startReplica(redis.port, server.url, { policy }));
  await linked(...replicas);
  await Promise.all(replicas.map(({ client }) => client.callTool("one", "echo", { text: "a" })));
  await server.close();
  const [first, ...others] = replicas;
  const failed = first === undefined ? 0 : await failuresOf(first);
  expect(failed).toBeLessThanOrEqual(5);
  await until(() => others.every((one) => stateOf(one) === "open"), "the others have opened");
  for (const one of others) expect(await codeOf(one.client.callTool("one", "echo", {}))).toBe("ERR_MCP_UNAVAILABLE");
  for (const { fleet } of others) {
    const { verdictsChecked, verdictsConfirmed } = fleet.stats();
    expect([verdictsChecked, verdictsConfirmed]).toEqual([1, 1]);
  }
});

test("R8: behind a balancer, where each of ten replicas sees a few of the calls, they open after as many failures as one alone", async () => {
  const redis = await startRedis();
  const server = await spawnChaosServer({ maxLifeMs: 600_000 });
  const replicas = Array.from({ length: 10 }, () => startReplica(redis.port, server.url, { policy }));
  await linked(...replicas);
  await Promise.all(replicas.map(({ client }) => client.callTool("one", "echo", { text: "a" })));
  await server.close();
  const heardBy = (): number[] => replicas.map(({ fleet }) => fleet.stats().verdictsConfirmed);
  for (let turn = 0; turn < 5; turn += 1) {
    const code = await codeOf(replicas[turn]?.client.callTool("one", "echo", { text: "a" }) ?? Promise.resolve());
    expect(code).not.toBe("ERR_MCP_UNAVAILABLE");
  }
  await until(() => heardBy().every((confirmed) => confirmed === 1), "all have asked the server themselves");
  for (const one of replicas) expect(await codeOf(one.client.callTool("one", "echo", {}))).toBe("ERR_MCP_UNAVAILABLE");
});

test("R8: a replica that finds the server well again tells the others, which probe it at once", async () => {
  const redis = await startRedis();
  const port = await freePort();
  const server = await spawnChaosServer({ port, maxLifeMs: 600_000 });
  const short = { ...policy, breaker: { openMs: 300 } };
  const first = startReplica(redis.port, server.url, { policy: short });
  const second = startReplica(redis.port, server.url, { policy });
  await linked(first, second);
  await Promise.all([first, second].map(({ client }) => client.callTool("one", "echo", { text: "a" })));
  await server.close();
  await failuresOf(first);
  await until(() => stateOf(second) === "open", "the second has opened");
  await using _again = await spawnChaosServer({ port, maxLifeMs: 600_000 });
  await until(async () => {
    await codeOf(first.client.callTool("one", "echo", { text: "a" }));
    return stateOf(first) === "closed";
  }, "the first has closed");
  await until(() => stateOf(second) === "half-open", "the second rests no longer");
  expect(await codeOf(second.client.callTool("one", "echo", { text: "a" }))).toBeUndefined();
});

/** A member of the fleet whose breaker for the server of others opens and closes at will. */
async function alarm(port: number, openMs: number): Promise<{ readonly fleet: Fleet; open(): void; close(): void }> {
  const client = redisClient(port);
  let identity = "";
  await until(async () => {
    [, identity = ""] = /\{([0-9a-f]{32})\}/.exec((await client.keys("*:list:*"))[0] ?? "") ?? [];
    return identity !== "";
  }, "the server's identity is known");
  const fleet = new Fleet({ redis: redisClient(port), commandTimeoutMs: 2_000 });
  onTestFinished(() => fleet.close());
  await linked({ fleet });
  const breaker = fleet.breaker("one", { openMs, failureThreshold: 1, successThreshold: 1 }, { identity, replica: 0 });
  return {
    fleet,
    open: () => breaker.admit().failure(new Error("only seen here")),
    close: () => {
      if ("endRest" in breaker && typeof breaker.endRest === "function") breaker.endRest();
      breaker.admit().success();
    },
  };
}

test("R8: a false alarm refuses no call, and costs one ping in openMs however often it is given", async () => {
  const redis = await startRedis();
  const server = await startServer();
  const replica = startReplica(redis.port, server.url, { policy });
  await linked(replica);
  await replica.tools();
  const { open, close } = await alarm(redis.port, 60_000);
  const pings = (): number =>
    server.journal().filter((entry) => entry.event === "request" && entry.method === "ping").length;
  const before = pings();
  open();
  await until(() => replica.fleet.stats().verdictsChecked === 1, "it is checked");
  await until(() => pings() === before + 1, "by a ping");
  close();
  open();
  // The next verdict of a breaker is told a second later.
  const heard = redisClient(redis.port);
  const verdicts: string[] = [];
  await heard.subscribe("minion:bus");
  heard.on("message", (_, text: string) => verdicts.push(text));
  await until(() => verdicts.some((text) => text.includes('"open"')), "it is told again");
  expect(await codeOf(replica.client.callTool("one", "echo", { text: "a" }))).toBeUndefined();
  expect(stateOf(replica)).toBe("closed");
  expect(pings()).toBe(before + 1);
  expect(replica.fleet.stats()).toMatchObject({ verdictsChecked: 1, verdictsConfirmed: 0 });
});

test("R9: a verdict that was replaced, has run out or is of another server is ignored, and a breaker tells once a second", async () => {
  const redis = await startRedis();
  const server = await startServer();
  const replica = startReplica(redis.port, server.url, { policy });
  await linked(replica);
  await replica.tools();
  const { open, close, fleet } = await alarm(redis.port, 60_000);
  const heard = redisClient(redis.port);
  const verdicts: string[] = [];
  await heard.subscribe("minion:bus");
  heard.on("message", (_, text: string) => void (text.includes('"verdict"') && verdicts.push(text)));
  for (let round = 0; round < 50; round += 1) {
    open();
    close();
  }
  await until(() => verdicts.length === 2, "the first and the last are told");
  expect(verdicts.map((text) => JSON.parse(text).verdict)).toEqual(["open", "closed"]);
  const checked = replica.fleet.stats().verdictsChecked;
  const sender = new Redis({ port: redis.port, host: "127.0.0.1" });
  onTestFinished(() => sender.disconnect());
  const old = JSON.parse(verdicts[0] ?? "{}");
  await sender.publish("minion:bus", JSON.stringify(old));
  await sender.publish("minion:bus", JSON.stringify({ ...old, identity: "of another server" }));
  await sender.publish("minion:bus", JSON.stringify({ ...old, token: "never given" }));
  const { replicas } = replica.fleet.stats();
  await sender.publish("minion:bus", JSON.stringify({ version: 1, from: "late", type: "present", beat: "b" }));
  await until(() => replica.fleet.stats().replicas === replicas + 1, "all of them were heard");
  expect(replica.fleet.stats().verdictsChecked).toBe(checked);
  expect(fleet.stats().verdictsChecked).toBe(0);
});

test("R8: any answer to a ping is life, and what failed on this side says nothing", () => {
  const error = (code: string | number, more: object = {}): Error => Object.assign(new Error("a"), { code, ...more });
  const dead = ["ERR_MCP_CONNECT", "ERR_MCP_TIMEOUT", "ERR_MCP_SESSION_LOST", "ERR_MCP_OUTCOME_UNKNOWN"];
  for (const one of [...dead.map((code) => error(code)), error("ERR_MCP_HTTP", { status: 502 })])
    expect(isDeadServer(one), String(Object(one).code)).toBe(true);
  const alive = [
    error("ERR_MCP_AUTHORIZATION", { status: 401 }),
    error("ERR_MCP_HTTP", { status: 404 }),
    error(-32601),
    error("ERR_MCP_UNAVAILABLE"),
    error("ERR_MCP_OVERLOADED"),
    error("ERR_MCP_CLOSED"),
    error("ERR_MCP_SERVER_NOT_FOUND"),
    error("ERR_MCP_CONNECT", { cause: error("ERR_MCP_AUTHORIZATION") }),
    "text",
  ];
  for (const one of alive) expect(isDeadServer(one), String(Object(one).code)).toBe(false);
});

/** What a member comes to whose server refuses its ping with a status when another member has raised an alarm. */
async function opensAt(status: number, port: number, protocol: "legacy" | "modern", isConnected: boolean) {
  const server = await startChaosServer({ protocol });
  const fleets = [0, 1].map(
    () => new Fleet({ redis: redisClient(port), namespace: `of-${status}`, commandTimeoutMs: 20_000 }),
  );
  const [asking, alarming] = fleets;
  if (asking === undefined || alarming === undefined) throw new Error("there are two");
  let alarmed: Breaker | undefined;
  let asked: Breaker | undefined;
  const client = new MinionClient({
    servers: { one: { url: server.url, ...policy } },
    breaker: (name, options, context) => {
      alarmed = alarming.breaker(name, { ...options, failureThreshold: 1 }, context);
      asked = asking.breaker(name, options, context);
      return asked;
    },
  });
  try {
    await linked(...fleets.map((fleet) => ({ fleet })));
    if (isConnected) await client.callTool("one", "echo", { text: "a" });
    server.set({ status });
    const refused = new Promise<unknown>((resolve) => {
      asking.watch({
        ping: (...target) => {
          const pinged = client.ping(...target);
          pinged.then(() => resolve(undefined), resolve);
          return pinged;
        },
      });
    });
    alarmed?.admit().failure(new Error("only seen there"));
    expect(await refused).toBeInstanceOf(Error);
    await new Promise(setImmediate);
    return asked?.state;
  } finally {
    await client.close({ graceMs: 0 });
    for (const fleet of fleets) await fleet.close();
    await server.close();
  }
}

const cases = (["legacy", "modern"] as const).flatMap((era) =>
  [true, false].map((isConnected) => [era, isConnected] as const),
);

test.each(cases)(
  "R8: a ping that is refused shows that the server lives, one that is answered with 5xx that it does not (%s, connected: %s)",
  async (era, isConnected) => {
    const redis = await startRedis();
    for (const status of [400, 401, 403, 404, 405, 429])
      expect([status, await opensAt(status, redis.port, era, isConnected)]).toEqual([status, "closed"]);
    for (const status of [500, 502, 503, 504])
      expect([status, await opensAt(status, redis.port, era, isConnected)]).toEqual([status, "open"]);
  },
);
