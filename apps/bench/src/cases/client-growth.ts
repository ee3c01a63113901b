import { MinionClient, type ServerConfig } from "@minion/client";
import type { BenchCase, BenchCases } from "../bench-case.js";
import { type Caller, minion, sdkV1 } from "../callers.js";
import { timeEach } from "../interleave.js";
import { bytesHeldBy } from "../memory.js";
import { stdioServer } from "../servers/start-servers.js";
import { median, unevenness } from "../statistics.js";
import { stubSession } from "../stub-session.js";

const sizes = [10, 100, 1_000, 10_000] as const;

function manyServers(count: number): { client: MinionClient; names: readonly string[] } {
  const names = Array.from({ length: count }, (_, index) => `server-${index}`);
  const config: ServerConfig = { connect: async () => stubSession() };
  return { client: new MinionClient({ servers: Object.fromEntries(names.map((name) => [name, config])) }), names };
}

const servers: BenchCase = async (effort) => {
  const few: Record<string, () => Promise<unknown>> = {};
  const all: Record<string, () => Promise<unknown>> = {};
  const clients: MinionClient[] = [];
  for (const size of sizes) {
    const { client, names } = manyServers(size);
    clients.push(client);
    for (const name of names) await client.callTool(name, "echo", {});
    few[size] = inTurn(client, names.slice(0, 10));
    all[size] = inTurn(client, names);
  }
  // Collecting the garbage of a heap with 11,000 servers takes longer than the measurement.
  const short = { ...effort, rounds: Math.min(effort.rounds, 5) };
  const samples = { few: await timeEach(few, short), all: await timeEach(all, short) };
  for (const client of clients) await client.close();
  const rounds = (kind: "few" | "all") => sizes.map((size) => samples[kind][String(size)] ?? []);
  const points = (kind: "few" | "all") =>
    rounds(kind).map((figures, index) => [sizes[index] ?? Number.NaN, median(figures)] as const);
  return {
    rows: [
      {
        name: "a call, 10 to 10,000 connected servers",
        unit: "ns",
        ours: points("few")[0]?.[1] ?? Number.NaN,
        peers: [],
        checks: [
          { of: "dearest to cheapest size, 10 servers in use", unit: "x", value: unevenness(rounds("few")) },
          { of: "dearest to cheapest size, every server in turn", unit: "x", value: unevenness(rounds("all")) },
        ],
        note: "over sessions that answer without a wire: all of the cost is ours",
      },
    ],
    growth: [
      {
        id: "client-servers",
        title: "A call's cost against the number of servers",
        xLabel: "connected servers",
        yLabel: "ns per call",
        series: [
          { name: "10 servers in use", points: points("few") },
          { name: "every server in turn", points: points("all") },
        ],
      },
    ],
  };
};

function inTurn(client: MinionClient, names: readonly string[]): () => Promise<unknown> {
  let next = 0;
  return () => {
    const name = names[next] ?? "";
    next = next + 1 === names.length ? 0 : next + 1;
    return client.callTool(name, "echo", {});
  };
}

const memory: BenchCase = async ({ quick }) => {
  const count = 1_000;
  const processes = quick ? 4 : 12;
  const configured = await bytesHeldBy(() => manyServers(count));
  const connected = await bytesHeldBy(async () => {
    const { client, names } = manyServers(count);
    for (const name of names) await client.callTool(name, "echo", {});
    return client;
  });
  // What is loaded once must not count for the first connection.
  const warm = [minion(stdioServer()), await sdkV1(stdioServer())];
  for (const caller of warm) await caller.call();
  const ours = await heldByEach(processes, async () => minion(stdioServer()));
  const theirs = await heldByEach(processes, () => sdkV1(stdioServer()));
  for (const caller of warm) await caller.close();
  return {
    rows: [
      {
        name: "a server that is configured and was never used",
        unit: "B",
        ours: configured / count,
        peers: [],
        checks: [],
      },
      {
        name: "a server with a session, the session not counted",
        unit: "B",
        ours: connected / count,
        peers: [],
        checks: [],
        note: "pool, breaker and cache of it, after one call",
      },
      {
        name: "a client with one stdio connection",
        unit: "B",
        ours,
        peers: [{ name: "SDK v1", value: theirs }],
        checks: [{ of: "SDK v1", unit: "x", value: ours / theirs }],
        note: "in the process of the client, after one call; the server's own process not counted",
      },
    ],
  };
};

async function heldByEach(count: number, make: () => Promise<Caller>): Promise<number> {
  const callers: Caller[] = [];
  const bytes = await bytesHeldBy(async () => {
    for (let made = 0; made < count; made += 1) {
      const caller = await make();
      await caller.call();
      callers.push(caller);
    }
    return callers;
  });
  for (const caller of callers) await caller.close();
  return bytes / count;
}

export const clientGrowthCases: BenchCases = { "client-servers": servers, "client-memory": memory };
