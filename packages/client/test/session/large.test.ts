import { spawnChaosServer } from "@minion/chaos";
import { expect, onTestFinished, test } from "vitest";
import { type TransportName, transports } from "./fault-runner.js";
import { chaosStdio, type Opened, open, rejection } from "./support.js";

const timeout = 120_000;
const megabyte = 1_000_000;

async function connect(transport: TransportName, maxMessageBytes: number): Promise<Opened> {
  if (transport === "stdio") return open(chaosStdio().target, { maxMessageBytes });
  const server = await spawnChaosServer({
    protocol: "legacy",
    faults: { reply: transport === "http, SSE replies" ? "sse" : "json" },
  });
  onTestFinished(() => server.close());
  return open(transport === "sse" ? { type: "sse", url: server.sseUrl } : { url: server.url }, { maxMessageBytes });
}

function lengthOf(result: unknown): number {
  return JSON.stringify(result).length;
}

test.each(transports)("M7: 50 MB over %s take time linear in their size", { timeout }, async (transport) => {
  const { call } = await connect(transport, 67_108_864);
  const timeFor = async (bytes: number): Promise<number> => {
    const startedAt = performance.now();
    expect(lengthOf(await call("big", { bytes }))).toBeGreaterThan(bytes);
    return performance.now() - startedAt;
  };
  await timeFor(megabyte);
  const small = await timeFor(10 * megabyte);
  const large = await timeFor(50 * megabyte);
  // Five times the bytes; quadratic would be 25 times the time.
  expect(large).toBeLessThan(small * 13 + 500);
});

test.each(["stdio", "http, JSON replies", "http, SSE replies"] as const)(
  "M7: over %s a message that is too large costs its own call only",
  { timeout },
  async (transport) => {
    const { call, deaths } = await connect(transport, megabyte);
    const slow = call("slow", { ms: 500 });
    expect(await rejection(call("big", { bytes: 5 * megabyte }))).toMatchObject({
      kind: "too-large",
      delivery: "sent",
    });
    expect(lengthOf(await call("big", { bytes: megabyte / 2 }))).toBeGreaterThan(megabyte / 2);
    await slow;
    expect(deaths).toEqual([]);
  },
);
