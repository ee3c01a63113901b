import { spawnChaosServer } from "@minion/chaos";
import { expect, onTestFinished } from "vitest";
import type { TransportName } from "./fault-runner.js";
import { chaosStdio, type Opened, open } from "./support.js";

export const megabyte = 1_000_000;

/** A connection to a chaos server in a process of its own. */
export async function connect(transport: TransportName, maxMessageBytes: number): Promise<Opened> {
  if (transport === "stdio") return open(chaosStdio().target, { maxMessageBytes });
  const server = await spawnChaosServer({
    protocol: "legacy",
    faults: { reply: transport === "http, SSE replies" ? "sse" : "json" },
  });
  onTestFinished(() => server.close());
  return open(transport === "sse" ? { type: "sse", url: server.sseUrl } : { url: server.url }, { maxMessageBytes });
}

export function lengthOf(result: unknown): number {
  return JSON.stringify(result).length;
}

/** Expects that an answer of five times the size takes at most about five times as long. */
export async function expectLinear(transport: TransportName, megabytes: number): Promise<void> {
  const { call } = await connect(transport, 67_108_864);
  const timeFor = async (bytes: number): Promise<number> => {
    const startedAt = performance.now();
    expect(lengthOf(await call("big", { bytes }))).toBeGreaterThan(bytes);
    return performance.now() - startedAt;
  };
  await timeFor(megabyte);
  const small = await timeFor((megabytes / 5) * megabyte);
  // Five times the bytes; quadratic would be 25 times the time, at every try. A machine that is busy may need a second one.
  const enough = small * 13 + 500;
  let large = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 3 && large >= enough; tries++)
    large = Math.min(large, await timeFor(megabytes * megabyte));
  expect(large).toBeLessThan(enough);
}
