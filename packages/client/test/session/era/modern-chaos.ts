import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chaosCommand, type Faults, type JournalEntry, readJournal, startChaosServer } from "@minion/chaos";
import { onTestFinished } from "vitest";
import type { HttpServer, MinionClient, StdioServer } from "../../../src/index.js";

export type TransportName = "http" | "stdio";
export const transports: readonly TransportName[] = ["http", "stdio"];

/** A chaos server of one era or of both, and what it has seen. */
export interface EraChaos {
  readonly config: HttpServer | StdioServer;
  readonly journal: () => readonly JournalEntry[];
}

/** A chaos server that is reached over `transport`; it ends when the test does. */
export async function eraChaos(
  transport: TransportName,
  protocol: Faults["protocol"] = "modern",
  faults: Partial<Faults> = {},
): Promise<EraChaos> {
  if (transport === "http") {
    const server = await startChaosServer({ protocol, faults });
    onTestFinished(() => server.close());
    return { config: { url: server.url, type: "http" }, journal: () => server.journal() };
  }
  const folder = await mkdtemp(join(tmpdir(), "minion-era-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "journal");
  const { command, args, env } = chaosCommand({ protocol, journal: file, faults });
  return { config: { command, args, env }, journal: () => readJournal(file) };
}

/** Tells the server behind `client` what to do, by its tool, which is there over every transport. */
export async function command(client: MinionClient, request: Record<string, unknown>): Promise<void> {
  const result = await client.callTool("chaos", "chaos", request);
  if (result.isError === true) throw new Error(`the server refuses: ${JSON.stringify(result.content)}`);
}

/** The granted parts of every subscription that a journal has, in order. */
export function grants(journal: readonly JournalEntry[]): readonly Record<string, unknown>[] {
  return journal.flatMap((entry) => (entry.event === "subscribed" ? [{ ...entry.granted }] : []));
}
