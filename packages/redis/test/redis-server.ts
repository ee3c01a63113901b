import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
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
  let child = await spawnRedis(port, settings);
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
      child = await spawnRedis(port, settings);
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

/** Starts a Cluster of three nodes without replicas; gives their ports. It ends with the test. */
export async function startCluster(): Promise<readonly number[]> {
  const nodes = await Promise.all(
    [0, 1, 2].map(async () => {
      const bus = await freePort();
      const folder = mkdtempSync(join(tmpdir(), "minion-redis-"));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const settings = ["--cluster-enabled", "yes", "--cluster-port", String(bus), "--dir", folder];
      return { bus, server: await startRedis(settings) };
    }),
  );
  const [first] = nodes;
  const slots = [0, 5_461, 10_923, 16_384];
  for (const [index, { bus, server }] of nodes.entries()) {
    await server.command("CLUSTER", "ADDSLOTSRANGE", slots[index] ?? 0, (slots[index + 1] ?? 0) - 1);
    if (index > 0) await first?.server.command("CLUSTER", "MEET", "127.0.0.1", server.port, bus);
  }
  const isWhole = async (server: RedisServer): Promise<boolean> => {
    const info = String(await server.command("CLUSTER", "INFO"));
    return info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3");
  };
  await vi.waitFor(
    async () => expect(await Promise.all(nodes.map(({ server }) => isWhole(server)))).toEqual([true, true, true]),
    60_000,
  );
  return nodes.map(({ server }) => server.port);
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

async function spawnRedis(port: number, settings: readonly string[]): Promise<ChildProcess> {
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", ...settings];
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "ignore"] });
  await new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(new Error("redis-server cannot be started: install it", { cause: error })));
    child.once("exit", (code) => reject(new Error(`redis-server ended with ${code}`)));
    child.stdout.on("data", (text) => {
      if (String(text).includes("Ready to accept connections")) resolve();
    });
  });
  child.removeAllListeners("exit");
  return child;
}
