import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startBalancer } from "./balancer.js";
import { BareSdk } from "./bare-sdk.js";
import { chaosRemote } from "./remote.js";
import { Replica } from "./replica.js";
import type { ReplicasView } from "./replicas-view.js";

const root = new URL("../../../", import.meta.url);
/** Hosts on each side; each calls, waits for its answer, and rests. */
const hosts = 6;
const restMs = 150;
/** A host hears of a replica that dies at once; this is for machines on which everything is slow. */
const callTimeoutMs = 20_000;
/** How long a killed replica is away. */
const awayMs = 1_500;

interface ReplicaSide {
  readonly name: string;
  readonly replicas: readonly Replica[];
  answered: number;
  again: number;
  lost: number;
}

/**
 * The scene of two replicas behind a balancer, of the gateway and of a bare proxy, under the same hosts: of the official SDK,
 * each asking a second time where a safe call fails, and starting over where that fails too. Nothing of it runs before it is
 * started.
 */
export class TwoReplicas {
  readonly #folder: string;
  readonly #closes: (() => Promise<unknown>)[] = [];
  #sides: readonly ReplicaSide[] = [];
  #state: ReplicasView["state"] = "off";
  #problem: string | undefined;
  #kills = 0;
  #isClosed = false;

  /** `folder` is for its files. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  view(): ReplicasView {
    const sides = this.#sides.map(({ name, replicas, answered, again, lost }) => {
      return { name, running: replicas.filter(({ runs }) => runs).length, of: replicas.length, answered, again, lost };
    });
    return { state: this.#state, problem: this.#problem, kills: this.#kills, sides };
  }

  /** Starts what it needs, once. Resolves when it is under load, or could not be started. */
  async start(): Promise<void> {
    if (this.#state === "starting" || this.#state === "on" || this.#isClosed) return;
    this.#state = "starting";
    this.#problem = undefined;
    try {
      await this.#begin();
      this.#state = "on";
    } catch (error) {
      await this.#fail(error);
    }
  }

  /** Kills one replica of each side at the same moment; each is started again a while later. */
  async kill(): Promise<void> {
    if (this.#state !== "on" || this.#sides.some(({ replicas }) => replicas.some(({ runs }) => !runs))) return;
    const killed = this.#sides.flatMap(({ replicas }) => replicas[this.#kills % replicas.length] ?? []);
    this.#kills += 1;
    try {
      await Promise.all(killed.map((replica) => replica.kill()));
      await pause(awayMs, undefined, { ref: false });
      if (!this.#isClosed) await Promise.all(killed.map((replica) => replica.start()));
    } catch (error) {
      await this.#fail(error);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#end();
  }

  async #begin(): Promise<void> {
    await buildGateway();
    const server = await chaosRemote(join(this.#folder, "replicas.jsonl"));
    this.#closes.push(() => server.close());
    await server.control?.({ set: { callDelayMs: 50 } });
    const config = join(this.#folder, "gateway.json");
    await writeFile(config, JSON.stringify({ mcpServers: { server: { type: "http", url: server.url } } }));
    this.#sides = await Promise.all([
      this.#startSide(
        "Minion gateway",
        () => new Replica("gateway-replica.js", (port) => ["--config", config, "--port", `${port}`]),
      ),
      this.#startSide("Bare proxy", () => new Replica("bare-proxy.js", (port) => [server.url, `${port}`])),
    ]);
  }

  async #startSide(name: string, make: () => Replica): Promise<ReplicaSide> {
    const replicas = [make(), make()];
    this.#closes.push(() => Promise.all(replicas.map((replica) => replica.kill())));
    await Promise.all(replicas.map((replica) => replica.start()));
    const balancer = await startBalancer(replicas.map(({ port }) => port));
    this.#closes.push(() => balancer.close());
    const side: ReplicaSide = { name, replicas, answered: 0, again: 0, lost: 0 };
    for (let host = 0; host < hosts; host += 1) {
      const sdk = new BareSdk({ url: `${balancer.url}/mcp` }, callTimeoutMs);
      this.#closes.push(() => sdk.close());
      void this.#load(side, sdk);
    }
    return side;
  }

  async #load(side: ReplicaSide, host: BareSdk): Promise<void> {
    const call = (): Promise<void> =>
      host.callTool(side.name === "Bare proxy" ? "readOnly" : "mcp_server_readOnly", {});
    while (!this.#isClosed && this.#state !== "failed") {
      try {
        await call().catch(() => {
          side.again += 1;
          return call();
        });
        side.answered += 1;
      } catch {
        if (this.#isClosed) return;
        side.lost += 1;
        await host.restart();
      }
      await pause(restMs, undefined, { ref: false });
    }
  }

  async #fail(error: unknown): Promise<void> {
    this.#problem = error instanceof Error ? error.message : String(error);
    this.#state = "failed";
    await this.#end();
  }

  async #end(): Promise<void> {
    await Promise.allSettled(this.#closes.splice(0).map((close) => close()));
  }
}

/** The demo does not wait for the gateway to be built; who asks for it does, where that was not done yet. */
async function buildGateway(): Promise<void> {
  if (existsSync(new URL("packages/gateway/dist/cli.js", root))) return;
  const args = [fileURLToPath(new URL("scripts/turbo.mjs", root)), "run", "build", "--filter=@minion/gateway"];
  const child = spawn(process.execPath, args, { cwd: fileURLToPath(root), stdio: "ignore" });
  const code = await new Promise((resolve) => child.once("exit", resolve).once("error", resolve));
  if (code !== 0) throw new Error("The gateway could not be built: run `pnpm build`.");
}
