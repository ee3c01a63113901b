import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis, type RedisOptions } from "ioredis";
import { expect, onTestFinished, vi, test as vitestTest } from "vitest";

/** Options of a client whose replies have the shapes of ioredis 5. */
export type ClientOptions = Omit<RedisOptions, "replyMapping">;

const isFound = spawnSync("redis-server", ["--version"]).status === 0;

/**
 * A test that needs a real `redis-server`. Without one it is left out, and the summary says so; where MINION_REQUIRE_REDIS=1
 * it runs in any case, and fails.
 */
export const test = vitestTest.runIf(isFound || process.env.MINION_REQUIRE_REDIS === "1");

/** A `redis-server` in a process of its own. It ends with the test. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Sends a signal to the process: SIGSTOP freezes it, SIGCONT thaws it. */
  signal(name: NodeJS.Signals): void;
  /** Kills it; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, empty, on the same port. */
  restart(): Promise<void>;
  /** Runs a command of its own connection. */
  command(...words: readonly (string | number)[]): Promise<unknown>;
}

/** Starts a server on a free loopback port, with further settings of its command line. */
export async function startRedis(settings: readonly string[] = []): Promise<RedisServer> {
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", ...settings];
  return startAt(port, args);
}

async function startAt(port: number, args: readonly string[]): Promise<RedisServer> {
  let child = await spawnRedis(args);
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  onTestFinished(kill);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    signal: (name) => void child.kill(name),
    kill,
    restart: async () => {
      await kill();
      child = await spawnRedis(args);
    },
    command: async (name, ...args) => {
      const client = new Redis({ port, host: "127.0.0.1", lazyConnect: true });
      try {
        await client.connect();
        return await client.call(String(name), ...args);
      } finally {
        client.disconnect();
      }
    },
  };
}

/** A client of a server, as a user makes one. It ends with the test. */
export function redisClient(port: number, options: ClientOptions = {}): Redis {
  const client = new Redis({ port, host: "127.0.0.1", retryStrategy: () => 100, ...options });
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

/** Starts a Cluster of three masters, each with so many replicas; gives the masters, then the replicas. It ends with the test. */
export async function startCluster(
  replicas: 0 | 1 = 0,
): Promise<{ readonly masters: readonly RedisServer[]; readonly replicas: readonly RedisServer[] }> {
  const nodes = await Promise.all(
    Array.from({ length: 3 * (1 + replicas) }, async () => {
      const bus = await freePort();
      const settings = ["--cluster-enabled", "yes", "--cluster-port", String(bus), "--cluster-node-timeout", "2000"];
      return { bus, server: await startRedis([...settings, "--dir", temporaryFolder()]) };
    }),
  );
  const [first] = nodes;
  const slots = [0, 5_461, 10_923, 16_384];
  for (const [index, { bus, server }] of nodes.entries()) {
    const [from, to] = [slots[index], slots[index + 1]];
    if (from !== undefined && to !== undefined) await server.command("CLUSTER", "ADDSLOTSRANGE", from, to - 1);
    if (index > 0) await first?.server.command("CLUSTER", "MEET", "127.0.0.1", server.port, bus);
  }
  const known = `cluster_known_nodes:${nodes.length}\r`;
  const isWhole = async ({ server }: { readonly server: RedisServer }): Promise<boolean> => {
    const info = String(await server.command("CLUSTER", "INFO"));
    return info.includes("cluster_state:ok") && info.includes(known);
  };
  const holds = async (of: (node: (typeof nodes)[number]) => Promise<boolean>, some = nodes): Promise<void> =>
    vi.waitFor(async () => expect((await Promise.all(some.map(of))).every((one) => one)).toBe(true), 60_000);
  await holds(isWhole);
  for (const [index, { server }] of nodes.slice(3).entries()) {
    const master = await nodes[index]?.server.command("CLUSTER", "MYID");
    await server.command("CLUSTER", "REPLICATE", String(master));
  }
  await holds(({ server }) => isFollowing(server), nodes.slice(3));
  const servers = nodes.map(({ server }) => server);
  return { masters: servers.slice(0, 3), replicas: servers.slice(3) };
}

/** Starts a master, a replica of it, and a Sentinel that watches both under the name "fleet". They end with the test. */
export async function startSentinel(): Promise<{ readonly master: RedisServer; readonly sentinel: RedisServer }> {
  const master = await startRedis(["--dir", temporaryFolder()]);
  const replica = await startRedis(["--dir", temporaryFolder(), "--replicaof", "127.0.0.1", String(master.port)]);
  await vi.waitFor(async () => expect(await isFollowing(replica)).toBe(true), 60_000);
  const port = await freePort();
  const file = join(temporaryFolder(), "sentinel.conf");
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `sentinel monitor fleet 127.0.0.1 ${master.port} 1`,
    "sentinel down-after-milliseconds fleet 2000",
    "sentinel failover-timeout fleet 10000",
  ];
  writeFileSync(file, lines.join("\n"));
  const sentinel = await startAt(port, [file, "--sentinel"]);
  const knows = async (): Promise<unknown> => sentinel.command("SENTINEL", "REPLICAS", "fleet");
  await vi.waitFor(async () => expect(await knows()).toHaveLength(1), 60_000);
  return { master, sentinel };
}

async function isFollowing(replica: RedisServer): Promise<boolean> {
  return String(await replica.command("INFO", "replication")).includes("master_link_status:up");
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "minion-redis-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address !== "object" || address === null) throw new Error("There is no free port");
  return address.port;
}

async function spawnRedis(args: readonly string[]): Promise<ChildProcess> {
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "ignore"] });
  await new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(new Error("redis-server cannot be started: install it", { cause: error })));
    child.once("exit", (code) => reject(new Error(`redis-server ended with ${code}`)));
    child.stdout.on("data", (text) => {
      if (/Ready to accept connections|Sentinel ID is/.test(String(text))) resolve();
    });
  });
  child.removeAllListeners("exit");
  return child;
}
