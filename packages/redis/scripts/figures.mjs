// What sharing over Redis brings to ten replicas and what it costs: prints the table of the README.
//   pnpm build && node packages/redis/scripts/figures.mjs [replicas]
// Needs redis-server. Every replica has a client, a connection and a fleet of its own; all run in this process, the
// server of the calls and Redis in processes of their own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { spawnChaosServer } from "@minion/chaos";
import { MinionClient } from "@minion/client";
import { Fleet } from "@minion/redis";
import { Redis } from "ioredis";

const count = Number(process.argv[2] ?? 10);

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function startRedis() {
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const text of child.stdout) if (String(text).includes("Ready to accept connections")) break;
  child.stdout.resume();
  return { port, child };
}

async function until(holds) {
  while (!(await holds())) await pause(10);
}

/** Replicas over one server, with or without a fleet. */
async function start(port, url, namespace, policy = {}) {
  const replicas = Array.from({ length: count }, () => {
    const redis = port === undefined ? undefined : new Redis({ port, host: "127.0.0.1" });
    redis?.on("error", () => {});
    // One process does the work of ten: it may be late to read.
    const fleet = redis && new Fleet({ redis, namespace, commandTimeoutMs: 1_000 });
    const client = new MinionClient({
      servers: { one: { url, ...policy } },
      ...(fleet && { cache: fleet.cache, breaker: fleet.breaker }),
    });
    fleet?.watch(client);
    return { redis, fleet, client };
  });
  if (port !== undefined) await until(() => replicas.every(({ fleet }) => fleet.stats().isLinked));
  const end = async () => {
    for (const { redis, fleet, client } of replicas) {
      await client.close({ graceMs: 0 });
      await fleet?.close();
      redis?.disconnect();
    }
  };
  return { replicas, end };
}

const listsIn = (server) =>
  server.journal().filter(({ event, method }) => event === "request" && method === "tools/list").length;

async function lists(port) {
  const server = await spawnChaosServer({ protocol: "legacy", faults: { listDelayMs: 50 } });
  const { replicas, end } = await start(port, server.url, "lists");
  const all = () => Promise.all(replicas.map(({ client }) => client.listTools("one")));
  await all();
  const cold = listsIn(server);
  await server.control({ action: "listChanged" });
  await pause(500);
  await all();
  const changed = listsIn(server) - cold;
  await end();
  await server.close();
  return { cold, changed };
}

async function deadServer(port) {
  const server = await spawnChaosServer({ protocol: "legacy" });
  const { replicas, end } = await start(port, server.url, "dead", { retry: false, breaker: { openMs: 600_000 } });
  await Promise.all(replicas.map(({ client }) => warm(client)));
  await server.close();
  const refusing = new Set();
  let failed = 0;
  // One call after the other, each at the next replica, as behind a balancer.
  for (let turn = 0; refusing.size < count; turn += 1) {
    const { client } = replicas[turn % count];
    const code = await client.callTool("one", "echo", { text: "a" }).then(
      () => "ok",
      (error) => error.code,
    );
    if (code === "ERR_MCP_UNAVAILABLE") refusing.add(client);
    else failed += 1;
    await pause(20);
  }
  await end();
  return failed;
}

async function quota(port) {
  const limit = 100;
  let granted = 0;
  if (port === undefined) {
    // Each replica alone grants the whole of it.
    const { port: dead, child } = await startRedis();
    child.kill("SIGKILL");
    granted = await takes(dead, limit, { localShare: 1 });
  } else granted = await takes(port, limit, {});
  return `${granted} of ${limit}`;
}

async function takes(port, limit, more) {
  const fleets = Array.from({ length: count }, () => {
    const redis = new Redis({ port, host: "127.0.0.1" });
    redis.on("error", () => {});
    return { redis, fleet: new Fleet({ redis, namespace: "quota", commandTimeoutMs: 1_000 }) };
  });
  if (more.localShare === undefined) await until(() => fleets.every(({ fleet }) => fleet.stats().isLinked));
  const quotas = fleets.map(({ fleet }) => fleet.quota("calls", { limit, perMs: 60_000, ...more }));
  const decisions = await Promise.all(quotas.flatMap((one) => Array.from({ length: 200 }, () => one.take("ann"))));
  for (const { redis, fleet } of fleets) {
    await fleet.close();
    redis.disconnect();
  }
  return decisions.filter(({ ok }) => ok).length;
}

/** A connection, however busy the machine is. */
function warm(client) {
  return until(() =>
    client.callTool("one", "echo", { text: "a" }).then(
      () => true,
      () => false,
    ),
  );
}

/** The middle and the slowest of calls one after the other, in ms. */
async function latency(client) {
  const times = [];
  for (let call = 0; call < 500; call += 1) {
    const begin = performance.now();
    await client.callTool("one", "echo", { text: "a" }, { idempotent: true });
    times.push(performance.now() - begin);
  }
  times.sort((a, b) => a - b);
  return { p50: times[250], p99: times[495] };
}

async function frozen({ port, child }) {
  const server = await spawnChaosServer({ protocol: "legacy" });
  const alone = await start(undefined, server.url);
  const shared = await start(port, server.url, "frozen");
  const [plain] = alone.replicas;
  const [linked] = shared.replicas;
  await Promise.all([plain, linked].map(({ client }) => warm(client)));
  await latency(plain.client);
  const without = await latency(plain.client);
  const before = linked.fleet.stats().commands;
  const withRedis = await latency(linked.client);
  const commands = linked.fleet.stats().commands - before;
  child.kill("SIGSTOP");
  const whileFrozen = await latency(linked.client);
  child.kill("SIGCONT");
  const one = linked.fleet.quota("calls", { limit: 1_000, perMs: 60_000 });
  const { commands: start1 } = linked.fleet.stats();
  for (let take = 0; take < 100; take += 1) await one.take("ann");
  const perTake = (linked.fleet.stats().commands - start1) / 100;
  await alone.end();
  await shared.end();
  await server.close();
  return { without, withRedis, whileFrozen, commands, perTake };
}

const redis = await startRedis();
const [listsAlone, listsShared] = [await lists(undefined), await lists(redis.port)];
const [deadAlone, deadShared] = [await deadServer(undefined), await deadServer(redis.port)];
const [quotaAlone, quotaShared] = [await quota(undefined), await quota(redis.port)];
const { without, withRedis, whileFrozen, commands, perTake } = await frozen(redis);
redis.child.kill("SIGKILL");

const ms = ({ p50, p99 }) => `${p50.toFixed(2)} ms, ${p99.toFixed(2)} ms`;
console.log(`| ${count} replicas | without Redis | with Redis |
|---|---|---|
| list requests at the server, all cold and at once | ${listsAlone.cold} | ${listsShared.cold} |
| the same after one change | ${listsAlone.changed} | ${listsShared.changed} |
| calls that fail before a dead server is refused everywhere | ${deadAlone} | ${deadShared} |
| takes that a quota of 100 grants when 2,000 are asked | ${quotaAlone} | ${quotaShared} |
| a call over HTTP, p50 and p99 of 500 | ${ms(without)} | ${ms(withRedis)} |
| the same while Redis is frozen | - | ${ms(whileFrozen)} |
| commands per call, and with a quota | - | ${commands === 0 ? 0 : (commands / 500).toFixed(3)}, ${perTake} more |`);
process.exit(0);
