import { MinionClient, type ServerConfig } from "@minion/client";
import type { BenchCase, BenchCases } from "../bench-case.js";
import type { Row } from "../row.js";
import { type FloodKind, floodKinds } from "../servers/flood-message.js";
import { startHttpFlood, stdioFlood, stdioServer } from "../servers/start-servers.js";
import { median, pairedRatio } from "../statistics.js";

/** Before a flood is measured, the pipes are full. */
const floodedMs = 200;

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** Calls the healthy server, one call after the other. */
async function measure(client: MinionClient, forMs: number): Promise<Latency> {
  const times: number[] = [];
  for (const end = performance.now() + forMs; performance.now() < end; ) {
    const startedAt = performance.now();
    await client.callTool("good", "echo", { text: "hello" });
    times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

/** A client with a healthy server over stdio, and another that floods from its first call on. */
async function round(
  flood: ServerConfig,
  forMs: number,
): Promise<{ readonly quiet: Latency; readonly flooded: Latency }> {
  const client = new MinionClient({
    servers: { good: stdioServer({ tools: 1 }), flood: { ...flood, closeTimeoutMs: 500, retry: false } },
    capabilities: { sampling: {} },
    onServerRequest: async () => ({ model: "m", role: "assistant", content: { type: "text", text: "x" } }),
  });
  try {
    await client.connect();
    await measure(client, forMs / 2);
    const quiet = await measure(client, forMs);
    const calling = client.callTool("flood", "echo", {}, { timeoutMs: 60_000, onProgress: () => {} }).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, floodedMs));
    const flooded = await measure(client, forMs);
    await client.close({ graceMs: 0 });
    await calling;
    return { quiet, flooded };
  } finally {
    await client.close({ graceMs: 0 });
  }
}

async function rowOf(kind: FloodKind, wire: "stdio" | "HTTP", effort: { rounds: number; forMs: number }): Promise<Row> {
  const found: { readonly quiet: Latency; readonly flooded: Latency }[] = [];
  while (found.length < effort.rounds) {
    if (wire === "stdio") found.push(await round(stdioFlood(kind), effort.forMs));
    else {
      await using server = await startHttpFlood(kind);
      found.push(await round({ url: server.url }, effort.forMs));
    }
  }
  const quiet = found.map((one) => one.quiet.p50);
  const flooded = found.map((one) => one.flooded.p50);
  const p99 = median(found.map((one) => one.flooded.p99));
  return {
    name: `a call beside a flood over ${wire}: ${kind}`,
    unit: "ms",
    ours: median(flooded),
    peers: [{ name: "before the flood", value: median(quiet) }],
    checks: [
      { of: "median", unit: "ms", value: median(flooded), bound: { atMost: 20 } },
      { of: "99th percentile", unit: "ms", value: p99, bound: { atMost: 60 } },
      { of: "before the flood", unit: "x", value: pairedRatio(flooded, quiet) },
    ],
  };
}

const floods: BenchCase = async ({ quick }) => {
  const effort = quick ? { rounds: 1, forMs: 300 } : { rounds: 3, forMs: 500 };
  const rows: Row[] = [];
  for (const kind of floodKinds) rows.push(await rowOf(kind, "stdio", effort));
  for (const kind of floodKinds) if (kind !== "stderr") rows.push(await rowOf(kind, "HTTP", effort));
  return { rows };
};

export const clientFloodCases: BenchCases = { "client-floods": floods };
