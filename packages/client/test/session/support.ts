import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChaosCommandOptions, chaosCommand, type JournalEntry, readJournal } from "@minion/chaos";
import { onTestFinished } from "vitest";
import type { Connection } from "../../src/session/connection.js";
import { ServerMemory } from "../../src/session/era/server-memory.js";
import type { Failure } from "../../src/session/failure.js";
import { HttpSockets } from "../../src/session/http/http-sockets.js";
import { type OpenConnectionOptions, openConnection } from "../../src/session/open-connection.js";

/** A connection with what it told about itself. */
export interface Opened {
  readonly connection: Connection;
  readonly notifications: string[];
  readonly deaths: Failure[];
  call(tool: string, args?: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly progress: number }) => void;
  readonly onSent?: () => void;
}

export const defaults = {
  server: "test",
  principal: undefined,
  connectTimeoutMs: 30_000,
  closeTimeoutMs: 4_000,
  maxMessageBytes: 67_108_864,
  clientInfo: { name: "test", version: "1.0.0" },
  capabilities: {},
} as const;

/** Opens a connection and closes it when the test ends. */
export async function open(
  target: OpenConnectionOptions["target"],
  options: Partial<OpenConnectionOptions> = {},
): Promise<Opened> {
  const notifications: string[] = [];
  const deaths: Failure[] = [];
  const connection = await openConnection({
    ...defaults,
    sockets: new HttpSockets(),
    memory: new ServerMemory(),
    // Sessions are what most tests here are about; which revision is found by asking is tested in era/.
    protocol: "2025-11-25",
    target,
    signal: new AbortController().signal,
    onNotification: (method) => notifications.push(method),
    onMissed: (method) => notifications.push(method),
    onDied: (failure) => deaths.push(failure),
    ...options,
  });
  onTestFinished(() => connection.close());
  return {
    connection,
    notifications,
    deaths,
    call: (name, args = {}, { signal = new AbortController().signal, ...rest } = {}) =>
      connection.send({ method: "tools/call", params: { name, arguments: args } }, { signal, ...rest }),
  };
}

/** A chaos server over stdio, with its journal. */
export function chaosStdio(options: Omit<ChaosCommandOptions, "journal"> = {}): {
  readonly target: { readonly command: string; readonly args: readonly string[]; readonly env: Record<string, string> };
  journal(): JournalEntry[];
} {
  const folder = temporaryFolder();
  const journal = join(folder, "journal.jsonl");
  const { env, ...command } = chaosCommand({ protocol: "legacy", ...options, journal });
  return { target: { ...command, env: { ...env } }, journal: () => readJournal(journal) };
}

/** A folder that is removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "minion-client-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Whether a process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Dead, and waited for by nobody yet, or dead and just being taken off the list.
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

/** The processes of a chaos server that still run. */
export function survivors(journal: readonly JournalEntry[]): number[] {
  const pids = journal.flatMap((entry) =>
    entry.event === "spawn" ? [entry.pid, entry.ppid] : entry.event === "grandchild" ? [entry.child] : [],
  );
  return [...new Set(pids)].filter((pid) => pid !== process.pid && isAlive(pid));
}

/** Resolves when `condition` holds; rejects after a long time. */
export async function until(condition: () => boolean, what: string, withinMs = 20_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The reason that a promise rejected with. */
export function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`resolved with ${JSON.stringify(value)}`);
    },
    (reason) => reason,
  );
}
