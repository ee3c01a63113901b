import { CircuitBreaker } from "@minion/breaker";
import { MinionClient } from "@minion/client";
import type { BenchCase, BenchCases } from "../bench-case.js";
import { minion, sdkV1 } from "../callers.js";
import { interleave, timeEach } from "../interleave.js";
import { compare } from "../row.js";
import { stdioServer } from "../servers/start-servers.js";
import { median } from "../statistics.js";
import { stubSession } from "../stub-session.js";

async function millisecondsOf(run: () => Promise<unknown>, times: number): Promise<number> {
  const startedAt = performance.now();
  for (let done = 0; done < times; done += 1) await run();
  return (performance.now() - startedAt) / times;
}

const pooled: BenchCase = async ({ rounds, quick }) => {
  const ours = minion(stdioServer());
  const contenders = [
    { name: "minion", sample: () => millisecondsOf(() => ours.call(), 200) },
    {
      name: "a process per call",
      sample: () =>
        millisecondsOf(
          async () => {
            const client = await sdkV1(stdioServer());
            await client.call();
            await client.close();
          },
          quick ? 1 : 3,
        ),
    },
  ];
  const samples = await interleave(contenders, Math.min(rounds, 5));
  await ours.close();
  return {
    rows: [
      compare({
        name: "a call over a pooled connection, against a new process per call",
        unit: "ms",
        samples,
        against: { "a process per call": { atLeast: 100 } },
        asSpeedup: true,
        note: "stdio, a server that loads nothing and so starts as fast as node can; start, handshake, call and close with the SDK's client. Claimed: 100x",
      }),
    ],
  };
};

const list: BenchCase = async (effort) => {
  const ours = minion(stdioServer({ tools: 10 }));
  const samples = await timeEach(
    { minion: () => ours.client.listTools("bench"), "from the server": () => ours.list() },
    effort,
  );
  await ours.close();
  return {
    rows: [
      compare({
        name: "a cached list of tools, against the list from the server",
        unit: "ns",
        samples,
        against: { "from the server": undefined },
        asSpeedup: true,
        note: "both by the same client, stdio, 10 tools, a server that answers at once. Claimed: 2,000x",
      }),
    ],
  };
};

const refusal: BenchCase = async (effort) => {
  const breaker = new CircuitBreaker();
  const client = new MinionClient({
    servers: { bench: { connect: async () => stubSession(), retry: false } },
    breaker: () => breaker,
  });
  breaker.forceOpen();
  const refused = await timeEach({ minion: () => client.callTool("bench", "echo", {}).catch(() => {}) }, effort);
  await client.close();

  // That a time-out takes what it is set to is measured with one that the bench can afford.
  const waitMs = 300;
  const patient = new MinionClient({
    servers: {
      bench: { connect: async () => ({ ...stubSession(), ...deaf() }), retry: false, callTimeoutMs: waitMs },
    },
  });
  const waited = await millisecondsOf(() => patient.callTool("bench", "echo", {}).catch(() => {}), 3);
  await patient.close({ graceMs: 0 });
  const refusalMs = median(refused.minion ?? []) / 1e6;
  return {
    rows: [
      {
        name: "a refusal by an open breaker, against waiting for a time-out of 30 s",
        unit: "ms",
        ours: refusalMs,
        peers: [{ name: "the time-out", value: 30_000 }],
        checks: [{ of: "faster than the time-out", unit: "x", value: 30_000 / refusalMs, bound: { atLeast: 30_000 } }],
        note: `the 30 s are a configured wait and not a measurement: a time-out set to ${waitMs} ms took ${waited.toFixed(0)} ms. Claimed: 30,000x`,
      },
    ],
  };
};

/** Never answers. */
function deaf() {
  const never = (): Promise<never> => new Promise(() => {});
  return { request: never, callTool: never };
}

export const headlineCases: BenchCases = {
  "headline-pool": pooled,
  "headline-list": list,
  "headline-breaker": refusal,
};
