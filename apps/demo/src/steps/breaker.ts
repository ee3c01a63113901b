import type { ServerStatus } from "@minion/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { duration, median, type Step, timed, times } from "../step.js";

const server = "chaos-http";
const waitMs = 500;
const bareCalls = 3;
const maxTrips = 50;
const maxRefusals = 200;

/** A server that hangs costs the full wait at every call; behind a breaker it costs it a few times, then nothing. */
export const breaker: Step = {
  id: "breaker",
  title: "Breaker: a server that hangs, with and without",
  async run({ client, playground }) {
    await playground.chaos.control?.({ set: { hangCalls: true } });
    try {
      const bare = await bareWaits(playground.chaos.url);
      let trips = 0;
      while (breakerState(client.status()) === "closed" && trips < maxTrips) {
        trips += 1;
        await timed(() => client.callTool(server, "echo", { text: "?" }, { timeoutMs: waitMs }).catch(() => undefined));
      }
      const refusals: number[] = [];
      for (let call = 0; call < maxRefusals; call += 1) {
        const { ms, value } = await timed(() =>
          client.callTool(server, "echo", { text: "?" }, { timeoutMs: waitMs }).catch(codeOf),
        );
        // Now and then the breaker lets one call find out whether the server works again: that one waits.
        if (value === "ERR_MCP_UNAVAILABLE") refusals.push(ms);
      }
      const others = await timed(() => client.callTool("everything", "echo", { message: "still here" }));
      const refusalMs = refusals.length === 0 ? Number.POSITIVE_INFINITY : median(refusals);
      return {
        ok: refusalMs < bare,
        says: `each bare call waits ${duration(bare)} (the timeout given); after ${trips} failures each of ${refusals.length} refusals takes ${duration(refusalMs)}: ${times(bare / refusalMs)}; another server answers in ${duration(others.ms)} meanwhile`,
        figures: {
          bareMs: bare,
          trips,
          refusals: refusals.length,
          refusalMs,
          ratio: bare / refusalMs,
          otherServerMs: others.ms,
        },
      };
    } finally {
      await playground.chaos.control?.({ reset: true });
    }
  },
};

/** The server works again: a probe finds out, and calls flow. */
export const recovery: Step = {
  id: "recovery",
  title: "Breaker: the server works again",
  async run({ client }) {
    const before = breakerState(client.status());
    let attempts = 0;
    const healed = await timed(async () => {
      for (; attempts < 100; attempts += 1) {
        const due = client.status().find(({ name }) => name === server)?.nextRetryAt ?? 0;
        await new Promise((resolve) => setTimeout(resolve, Math.max(20, due - Date.now())));
        try {
          return await client.callTool(server, "echo", { text: "again" });
        } catch (error) {
          if (codeOf(error) !== "ERR_MCP_UNAVAILABLE") throw error;
        }
      }
      return undefined;
    });
    const after = breakerState(client.status());
    return {
      ok: healed.value !== undefined && before !== "closed" && after === "closed",
      says: `${before}, then after ${duration(healed.ms)} of rest a ping and a call: ${after}`,
      figures: { before, after, ms: healed.ms, attempts: attempts + 1 },
    };
  },
};

async function bareWaits(url: string): Promise<number> {
  const client = new Client({ name: "without-a-breaker", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  const waits: number[] = [];
  for (let call = 0; call < bareCalls; call += 1) {
    const request = { name: "echo", arguments: { text: "?" } };
    waits.push((await timed(() => client.callTool(request, undefined, { timeout: waitMs }).catch(() => undefined))).ms);
  }
  await client.close();
  return median(waits);
}

function breakerState(status: readonly ServerStatus[]): string {
  return status.find(({ name }) => name === server)?.breaker?.state ?? "none";
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
