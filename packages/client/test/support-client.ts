import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ChaosServer,
  chaosCommand,
  type Faults,
  type JournalEntry,
  readJournal,
  startChaosServer,
} from "@minion/chaos";
import { onTestFinished } from "vitest";
import type { StdioServer } from "../src/index.js";

/** Quick retries, so that nothing but a server's own Retry-After takes time. */
export const quick = { maxAttempts: 3, initialDelayMs: 1, maxDelayMs: 5 } as const;

/** A chaos server over HTTP, closed when the test ends. */
export async function chaosHttp(faults: Partial<Faults> = {}): Promise<ChaosServer> {
  const server = await startChaosServer({ protocol: "legacy", faults });
  onTestFinished(() => server.close());
  return server;
}

/** A chaos server over stdio, and its journal. */
export async function chaosStdio(
  faults: Partial<Faults> = {},
): Promise<{ readonly config: StdioServer; readonly journal: () => JournalEntry[] }> {
  const folder = await mkdtemp(join(tmpdir(), "minion-client-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "journal");
  const { command, args, env } = chaosCommand({ protocol: "legacy", journal: file, faults });
  return { config: { command, args, env }, journal: () => readJournal(file) };
}

/** How often something stands in a journal. */
export function count(
  journal: readonly JournalEntry[],
  event: JournalEntry["event"],
  where: Readonly<Record<string, unknown>> = {},
): number {
  return journal.filter(
    (entry) =>
      entry.event === event && Object.entries(where).every(([key, value]) => Reflect.get(entry, key) === value),
  ).length;
}

/** The address of a port that refuses connections. */
export async function refusedUrl(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}/mcp`;
}

/** The address of a server that accepts connections and never answers. */
export async function deafUrl(): Promise<string> {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}/mcp`;
}

/** Every process of a journal that still runs, zombies excepted. */
export function alive(journal: readonly JournalEntry[]): number[] {
  const pids = new Set<number>();
  for (const entry of journal) {
    for (const key of ["pid", "child"]) {
      const pid: unknown = Reflect.get(entry, key);
      if (typeof pid === "number") pids.add(pid);
    }
  }
  return [...pids].filter((pid) => pid !== process.pid && isRunning(pid));
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** The text of a call's answer. */
export function textOf(result: { readonly content?: unknown }): string {
  const [first] = Array.isArray(result.content) ? result.content : [];
  return String(Reflect.get(Object(first), "text"));
}
