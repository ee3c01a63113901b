import { Client as ClientV2 } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import type { BenchCase, BenchCases } from "../bench-case.js";
import { minion, sdkV1, sdkV2 } from "../callers.js";
import { interleave, timeEach } from "../interleave.js";
import { compare } from "../row.js";
import { stdioServer } from "../servers/start-servers.js";

const cached: BenchCase = async (effort) => {
  const target = stdioServer({ tools: 10 });
  const ours = minion(target);
  const v1 = await sdkV1(target);
  const caching = new ClientV2(
    { name: "bench", version: "1.0.0" },
    { versionNegotiation: { mode: "legacy" }, defaultCacheTtlMs: 300_000 },
  );
  await caching.connect(new StdioClientTransport(target));
  const samples = await timeEach(
    {
      minion: () => ours.client.listTools("bench"),
      "ours from the server": () => ours.list(),
      "SDK v1": () => v1.list(),
      "SDK v2, its cache on": () => caching.listTools(),
    },
    effort,
  );
  await Promise.all([ours.close(), v1.close(), caching.close()]);
  return {
    rows: [
      compare({
        name: "a cached list of 10 tools",
        unit: "ns",
        samples,
        against: {
          "SDK v1": { atLeast: 2_000 },
          "ours from the server": undefined,
          "SDK v2, its cache on": undefined,
        },
        asSpeedup: true,
        note: "over stdio from a server that costs nothing: every real one widens the ratio",
      }),
    ],
  };
};

const cold: BenchCase = async ({ rounds, quick }) => {
  const target = stdioServer({ tools: 100 });
  const callers = { minion: minion(target), "SDK v1": await sdkV1(target), "SDK v2": await sdkV2(target) };
  const lists = quick ? 2 : 3;
  const contenders = Object.entries(callers).map(([name, caller]) => ({
    name,
    async sample() {
      const startedAt = performance.now();
      for (let made = 0; made < lists; made += 1) await caller.list();
      return (performance.now() - startedAt) / lists;
    },
  }));
  const samples = await interleave(contenders, Math.min(rounds, 5));
  for (const caller of Object.values(callers)) await caller.close();
  return {
    rows: [
      compare({
        name: "a list of 100 tools with output schemas, from the server",
        unit: "ms",
        samples,
        against: { "SDK v1": { atLeast: 12 }, "SDK v2": undefined },
        asSpeedup: true,
        note: "on an open connection; the SDK compiles every output schema at each list, ours one at the first call of its tool",
      }),
    ],
  };
};

export const clientListCases: BenchCases = { "client-cached-list": cached, "client-cold-list": cold };
