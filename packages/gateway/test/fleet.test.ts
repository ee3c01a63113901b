import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type ChaosServer, startChaosServer } from "@minion/chaos";
import { Redis } from "ioredis";
import { expect, onTestFinished, vi, test as vitestTest } from "vitest";
import { joinFleet } from "../src/fleet-member.js";
import { post, readUntil } from "./support.js";

const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const isFound = spawnSync("redis-server", ["--version"]).status === 0;
/** Needs a real `redis-server`; with MINION_REQUIRE_REDIS=1 it runs in any case, and fails without one. */
const test = vitestTest.runIf(isFound || process.env.MINION_REQUIRE_REDIS === "1");

async function startRedis(
  ...settings: readonly string[]
): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  probe.close();
  await once(probe, "close");
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  args.push("--dir", temporaryFolder(), ...settings);
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(new Error("redis-server cannot be started: install it", { cause: error })));
    child.stdout.on("data", (text) => String(text).includes("Ready to accept connections") && resolve());
  });
  return { child, url: `redis://127.0.0.1:${port}` };
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "minion-gateway-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Replica {
  readonly url: string;
  /** Reads of the port for operators. */
  ops(path: string): Promise<string>;
}

async function startReplica(chaos: ChaosServer, redis: string, gateway: object = {}): Promise<Replica> {
  const folder = temporaryFolder();
  const file = join(folder, "mcp.json");
  writeFileSync(file, JSON.stringify({ mcpServers: { chaos: { url: chaos.url } }, gateway }));
  const args = [cli, "--config", file, "--port", "0", "--metrics-port", "0", "--redis", redis];
  const child = spawn(process.execPath, args);
  onTestFinished(() => void child.kill("SIGKILL"));
  let ops = "";
  for await (const line of createInterface({ input: child.stderr })) {
    ops = /serving metrics at (\S+)/.exec(line)?.[1] ?? ops;
    const url = /serving MCP at (\S+)/.exec(line)?.[1];
    if (url !== undefined) return { url, ops: async (path) => (await fetch(`${ops}${path}`)).text() };
  }
  throw new Error("The gateway ended before it served");
}

const stateOf = async (replica: Replica): Promise<unknown> => JSON.parse(await replica.ops("/status")).fleet.state;

vitestTest("G15: a URL of Redis that is none is refused by the name of its flag, and not repeated", async () => {
  const config = { quotas: [], namespace: undefined };
  for (const url of ["http://u:word@localhost", "redis://u:word@local host", "redis://u:word@localhost:99999999"])
    await expect(joinFleet(url, config, () => {})).rejects.toThrow(
      /^--redis must be a redis:\/\/ or rediss:\/\/ URL[^@]*$/,
    );
});

test("R1: what Redis refuses is said, once, and what it was for is done by the replica itself", async () => {
  const { url } = await startRedis("--maxmemory", "1");
  const said: string[] = [];
  const quotas = [{ per: [], limit: 2, perMs: 60_000 }];
  await using member = await joinFleet(url, { quotas, namespace: undefined }, (text) => said.push(text));
  const call = { principal: undefined, server: "a", tool: "b" };
  const decisions = [await member.quota?.(call), await member.quota?.(call), await member.quota?.(call)];
  expect(decisions.map((one) => one?.ok)).toEqual([true, true, false]);
  const refusals = said.filter((text) => text.includes("refuses"));
  expect(refusals).toEqual([expect.stringMatching(/^Redis refuses "take", this replica is by itself in that: OOM /)]);
});

test("R1: after a failover behind one address the new master is found, though the old one keeps the connection as a replica", async () => {
  const [old, next] = await Promise.all([startRedis(), startRedis()]);
  let master = old;
  const address = createServer((socket) => {
    const onward = connect(Number(new URL(master.url).port), "127.0.0.1");
    for (const one of [socket, onward]) one.on("error", () => {});
    socket.pipe(onward).pipe(socket);
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void address.close());
  await once(address, "listening");
  const { port } = Object(address.address());
  const quotas = [{ per: [], limit: 1_000, perMs: 60_000 }];
  const config = { quotas, namespace: undefined };
  await using member = await joinFleet(`redis://127.0.0.1:${port}`, config, () => {});
  const [oldRedis, nextRedis] = [old, next].map(({ url }) => new Redis(url));
  onTestFinished(() => [oldRedis, nextRedis].forEach((one) => void one?.disconnect()));
  master = next;
  await oldRedis?.replicaof("127.0.0.1", new URL(next.url).port);
  await vi.waitFor(async () => {
    await member.quota?.({ principal: undefined, server: "a", tool: "b" });
    expect(await nextRedis?.keys("*quota*")).toHaveLength(1);
  }, 60_000);
});

test("R2 and G8: with --redis replicas fetch a list once, and all tell of a change that one of them hears of", async () => {
  await using chaos = await startChaosServer({ protocol: "legacy" });
  const redis = await startRedis();
  const first = await startReplica(chaos, redis.url);
  await vi.waitFor(async () => expect(await first.ops("/readyz")).toContain("ok"), 60_000);
  const second = await startReplica(chaos, redis.url);
  await vi.waitFor(async () => expect(await second.ops("/readyz")).toContain("ok"), 60_000);
  const lists = chaos.journal().filter((entry) => entry.event === "request" && entry.method === "tools/list");
  expect(lists).toHaveLength(1);
  expect(chaos.journal().filter(({ event }) => event === "initialize")).toHaveLength(1);
  const stream = await fetch(second.url, { headers: { accept: "text/event-stream" } });
  const told = readUntil(stream, (text) => text.includes("notifications/tools/list_changed"));
  await vi.waitFor(async () => expect(await stateOf(second)).toBe("linked"), 60_000);
  // The second has no connection to the server.
  chaos.listChanged();
  expect(await told).toContain("notifications/tools/list_changed");
  const metrics = await second.ops("/metrics");
  expect(metrics).toContain("minion_fleet_linked 1");
  expect(metrics).toMatch(/minion_fleet_list_hits_total [1-9]/);
});

test("R10: quotas of the configuration hold over two replicas, and each grants its share while Redis is frozen", async () => {
  await using chaos = await startChaosServer();
  const redis = await startRedis();
  const gateway = { quotas: [{ per: ["server"], limit: 6, perMs: 600_000 }], redis: { namespace: "quotas" } };
  const replicas = await Promise.all([
    startReplica(chaos, redis.url, gateway),
    startReplica(chaos, redis.url, gateway),
  ]);
  for (const replica of replicas)
    await vi.waitFor(async () => expect(await replica.ops("/metrics")).toContain("minion_fleet_replicas 2"), 60_000);
  const call = async (replica: Replica): Promise<number> => {
    const response = await post(replica.url, "tools/call", { name: "mcp_chaos_echo", arguments: { text: "a" } });
    await response.text();
    return response.status;
  };
  const statuses: number[] = [];
  for (let turn = 0; turn < 10; turn += 1)
    for (const replica of replicas.slice(turn % 2, (turn % 2) + 1)) statuses.push(await call(replica));
  // A take that a slow machine answered late was decided by one replica alone.
  const metrics = await Promise.all(replicas.map((replica) => replica.ops("/metrics")));
  const local = metrics.reduce(
    (sum, text) => sum + Number(/^minion_fleet_quota_local_total (\d+)/m.exec(text)?.[1]),
    0,
  );
  const granted = statuses.filter((status) => status === 200).length;
  expect(Math.abs(granted - 6)).toBeLessThanOrEqual(local);
  expect(statuses.filter((status) => status === 429)).toHaveLength(10 - granted);
  redis.child.kill("SIGSTOP");
  const [first] = replicas;
  if (first === undefined) throw new Error("there are two");
  await vi.waitFor(async () => {
    await call(first);
    expect(await stateOf(first)).toBe("alone");
  }, 60_000);
  expect(await call(first)).toBe(429);
  expect(JSON.parse(await first.ops("/status")).fleet.local).toEqual(["lists", "verdicts", "quotas"]);
});

vitestTest("quotas without a Redis, and a URL that is none of Redis, end the start", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "mcp.json");
  const gateway = { quotas: [{ per: ["principal", "tool"], limit: 5, perMs: 1_000 }] };
  writeFileSync(file, JSON.stringify({ mcpServers: {}, gateway }));
  const env = { ...process.env, MINION_REDIS_URL: "" };
  const run = (...more: readonly string[]) =>
    spawnSync(process.execPath, [cli, "--config", file, "--port", "0", ...more], { encoding: "utf8", env });
  const without = run();
  expect([without.status, without.stderr]).toEqual([2, expect.stringContaining('"quotas" needs --redis URL')]);
  const wrong = run("--redis", "http://user:secret@127.0.0.1");
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toContain("--redis must be a redis:// or rediss:// URL");
  expect(wrong.stderr).not.toContain("secret");
});
