import { chaosCommand } from "@minion/chaos";
import { MinionClient } from "@minion/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { bareAgent, barePipe } from "../bare-callers.js";
import type { BenchCase, BenchCases, Effort } from "../bench-case.js";
import { minion, processorTime, sdkV1, sdkV2, type Target, throughput } from "../callers.js";
import { type Bound, compare, type Row } from "../row.js";
import { startHttpServer, stdioServer } from "../servers/start-servers.js";
import { median, pairedDifference } from "../statistics.js";
import { leanInMemory } from "../stub-session.js";
import { type Callers, closeAll, measureEach, measureLatency, overFreshServers, servers } from "./measure-callers.js";

/** Ours, the SDK's, and further ones, so that all of them start with each server. */
async function all(target: Target, policy: object = {}, further: Callers = {}): Promise<Callers> {
  return { minion: minion(target, policy), "SDK v1": await sdkV1(target), "SDK v2": await sdkV2(target), ...further };
}

const inMemory: BenchCase = async ({ rounds, quick }) => {
  const connected = async (): Promise<Client> => {
    const client = new Client({ name: "bench", version: "1.0.0" });
    await client.connect(await leanInMemory(10));
    return client;
  };
  const bare = await connected();
  const ours = new MinionClient({ servers: { bench: { connect: connected } } });
  const args = { text: "hello" };
  const callers: Callers = {
    minion: {
      call: () => ours.callTool("bench", "echo", args),
      list: () => ours.listTools("bench", { refresh: true }),
      close: () => ours.close(),
    },
    "SDK v1": {
      call: () => bare.callTool({ name: "echo", arguments: args }),
      list: () => bare.listTools(),
      close: () => bare.close(),
    },
  };
  const samples = await measureEach(callers, rounds, (caller) => processorTime(caller, quick ? 2_000 : 8_000));
  await closeAll(callers);
  const row = compare({
    name: "processor time of a call in memory",
    unit: "ns",
    samples,
    against: { "SDK v1": undefined },
  });
  const added = pairedDifference(samples.minion ?? [], samples["SDK v1"] ?? []);
  return {
    rows: [
      {
        ...row,
        checks: [{ of: "added", unit: "ns", value: added, bound: { atMost: 15_000 } }, ...row.checks],
        note: "one call after another over the SDK's own session and in-memory transport, the server's share included in both",
      },
    ],
  };
};

const stdio: BenchCase = async ({ rounds, quick }) => {
  const calls = quick ? 100 : 400;
  const rows: Row[] = [];
  const lean = stdioServer();
  const targets = {
    "a server built with the SDK": chaosCommand({ protocol: "legacy" }),
    "a server that costs nothing": lean,
  };
  for (const [server, target] of Object.entries(targets)) {
    // The bounds are asked of what users have; the server that costs nothing shows the client alone. Why some are not what was
    // once asked for stands in docs/decisions/client-cost.md.
    const isReal = target !== lean;
    // Only beside the server that wants no handshake, and costs nothing, is there anything to be seen of the limit.
    const limit = (bound?: Bound) => (isReal ? {} : { "bare pipe": bound });
    const each = Math.ceil(rounds / servers);
    const together = (callers: Callers) => measureEach(callers, each, (caller) => throughput(caller, 64, calls * 5));
    const warmUpCalls = calls * 10;
    const start = (policy: object = {}) => all(target, policy, isReal ? {} : { "bare pipe": barePipe(lean) });
    const one = await overFreshServers(start, warmUpCalls, (callers) => measureLatency(callers, each, calls));
    const sixteen = await overFreshServers(start, warmUpCalls, together);
    const many = await overFreshServers(() => start({ maxCallsPerConnection: 64 }), warmUpCalls, together);
    rows.push(
      compare({
        name: `stdio, one call at a time, ${server}`,
        unit: "ms",
        samples: one,
        against: { "SDK v1": isReal ? { atMost: 1.25 } : undefined, "SDK v2": undefined, ...limit() },
      }),
      {
        ...compare({
          name: `stdio, 64 calls at a time, ${server}`,
          unit: "per s",
          samples: many,
          against: { "SDK v1": { atLeast: isReal ? 0.85 : 1 }, "SDK v2": undefined, ...limit() },
        }),
        note: "with `maxCallsPerConnection: 64`, as the SDK has no limit",
      },
      {
        ...compare({
          name: `stdio, 64 callers, 16 calls at a time, ${server}`,
          unit: "per s",
          samples: sixteen,
          against: { "SDK v1": { atLeast: 0.6 }, "SDK v2": undefined, ...limit({ atLeast: 0.3 }) },
        }),
        note: "with the default `maxCallsPerConnection`, which keeps a server from more than it can take; the SDK sends it all 64",
      },
    );
  }
  return { rows };
};

const http: BenchCase = async ({ rounds, quick }) => {
  const calls = quick ? 256 : 640;
  const rows: Row[] = [];
  for (const form of ["json", "sse"] as const) {
    // A server each, so that its sockets are those of one client.
    await using forOurs = await startHttpServer(form);
    await using forV1 = await startHttpServer(form);
    await using forV2 = await startHttpServer(form);
    await using forBare = await startHttpServer(form);
    const callers = {
      minion: minion({ url: forOurs.url }),
      "SDK v1": await sdkV1(forV1),
      "SDK v2": await sdkV2(forV2),
      "bare agent": bareAgent(forBare.url),
    };
    const one = await measureLatency(callers, rounds, quick ? 50 : 150);
    const many = await measureEach(callers, rounds, (caller) => throughput(caller, 64, calls));
    const sockets = await forOurs.mostSockets();
    const theirSockets = await forV1.mostSockets();
    await closeAll(callers);
    const row = compare({
      name: `HTTP, 64 calls at a time, replies as ${form}`,
      unit: "per s",
      samples: many,
      against: { "SDK v1": { atLeast: 1.3 }, "SDK v2": undefined, "bare agent": { atLeast: 0.3 } },
    });
    rows.push(
      compare({
        name: `HTTP, one call at a time, replies as ${form}`,
        unit: "ms",
        samples: one,
        against: { "SDK v1": undefined, "SDK v2": undefined, "bare agent": undefined },
      }),
      {
        ...row,
        checks: [...row.checks, { of: "sockets at most", unit: "count", value: sockets, bound: { atMost: 16 } }],
        note: `SDK v1 had ${theirSockets} sockets open`,
      },
    );
  }
  return { rows };
};

const concurrencies = [1, 4, 16, 64, 256] as const;

async function curve(callers: Callers, effort: Effort, callsFor: (concurrency: number) => number) {
  const points: Record<string, [number, number][]> = {};
  for (const concurrency of concurrencies) {
    const rounds = Math.ceil(effort.rounds / 3);
    const samples = await measureEach(callers, rounds, (caller) =>
      throughput(caller, concurrency, callsFor(concurrency)),
    );
    for (const [name, figures] of Object.entries(samples)) {
      points[name] ??= [];
      points[name].push([concurrency, median(figures)]);
    }
  }
  return Object.entries(points).map(([name, found]) => ({ name, points: found }));
}

const concurrency: BenchCase = async (effort) => {
  const overStdio = await all(stdioServer());
  const stdioSeries = await curve(overStdio, effort, (at) => (effort.quick ? 256 : Math.min(4_000, 500 + 50 * at)));
  await closeAll(overStdio);
  await using server = await startHttpServer("json");
  const overHttp = await all({ url: server.url });
  const httpSeries = await curve(overHttp, effort, () => (effort.quick ? 256 : 512));
  await closeAll(overHttp);
  const axes = { xLabel: "calls at a time", yLabel: "calls per second" };
  return {
    rows: [],
    growth: [
      { id: "client-stdio", title: "Calls per second over stdio, one server", ...axes, series: stdioSeries },
      { id: "client-http", title: "Calls per second over HTTP, one server", ...axes, series: httpSeries },
    ],
  };
};

export const clientCallCases: BenchCases = {
  "client-in-memory": inMemory,
  "client-stdio": stdio,
  "client-http": http,
  "client-concurrency": concurrency,
};
