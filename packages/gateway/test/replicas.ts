import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ChaosProcess } from "@minion/chaos";
import { MinionClient } from "@minion/client";
import { onTestFinished } from "vitest";

const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

/** A gateway in a process of its own. */
export interface Replica {
  readonly process: ChildProcess;
  readonly port: number;
  readonly opsPort: number;
}

/** How a replica is started. */
export interface ReplicaOptions {
  /** The one server that it is over. */
  readonly url: string;
  readonly delayMs: number;
  /** Default: any that is free. */
  readonly port?: number | undefined;
  readonly opsPort?: number | undefined;
}

/** Starts a gateway that ends with the test at the latest. */
export async function startReplica({ url, delayMs, port = 0, opsPort = 0 }: ReplicaOptions): Promise<Replica> {
  const folder = mkdtempSync(join(tmpdir(), "minion-gateway-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "mcp.json");
  const gateway = { drain: { delayMs, graceMs: 60_000 } };
  writeFileSync(file, JSON.stringify({ mcpServers: { chaos: { url, maxConnections: 32 } }, gateway }));
  const args = ["--config", file, "--port", String(port), "--metrics-port", String(opsPort)];
  const child = spawn(process.execPath, [cli, ...args]);
  onTestFinished(() => void child.kill("SIGKILL"));
  let ops: string | undefined;
  let said = "";
  for await (const line of createInterface({ input: child.stderr })) {
    said += `${line}\n`;
    ops ??= /serving metrics at http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    const served = /serving MCP at http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    if (served === undefined) continue;
    child.stderr.resume();
    return { process: child, port: Number(served), opsPort: Number(ops) };
  }
  throw new Error(`The gateway ended before it served: ${said}`);
}

/** What became of a call. */
export interface Outcome {
  readonly key: string;
  readonly isSafe: boolean;
  readonly error: unknown;
  readonly tookMs: number;
}

let loads = 0;

/** Calls from 64 callers at a time, every second one unsafe, for as long as `goesOn` says of the calls a caller has made. */
export async function load(
  url: string,
  goesOn: (calls: number) => boolean,
  onOutcome: (outcomes: number) => unknown = () => {},
): Promise<readonly Outcome[]> {
  await using client = new MinionClient({ servers: { fleet: { url, maxConnections: 64, maxCallsPerConnection: 8 } } });
  await client.listTools("fleet");
  loads += 1;
  const round = loads;
  const outcomes: Outcome[] = [];
  const caller = async (id: number): Promise<void> => {
    for (let call = 0; goesOn(call); call += 1) {
      const isSafe = (id + call) % 2 === 0;
      const key = `${round}-${id}-${call}`;
      const tool = isSafe ? "mcp_chaos_sideEffectIdempotent" : "mcp_chaos_sideEffect";
      const startedAt = performance.now();
      const error: unknown = await client.callTool("fleet", tool, { key }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      outcomes.push({ key, isSafe, error, tookMs: performance.now() - startedAt });
      onOutcome(outcomes.length);
    }
  };
  await Promise.all(Array.from({ length: 64 }, (_, id) => caller(id)));
  return outcomes;
}

/** How often each effect happened, by the key of its call. */
export function effects(chaos: ChaosProcess): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const entry of chaos.journal())
    if (entry.event === "sideEffect") times.set(entry.key, (times.get(entry.key) ?? 0) + 1);
  return times;
}

/**
 * Whether an error says that the call may have run: as the client says it that lost its connection to the gateway, or as the
 * gateway does that lost its own to the server, which one that stood still for a while has.
 */
export function saysUnknown(error: unknown): boolean {
  const { code, data }: { readonly code?: unknown; readonly data?: unknown } = Object(error);
  return code === "ERR_MCP_OUTCOME_UNKNOWN" || Object(data).code === "ERR_MCP_OUTCOME_UNKNOWN";
}
