import { chaosCommand } from "@minion/chaos";
import type { BenchCase, BenchCases } from "../bench-case.js";
import { minion, sdkV2, type Target, throughput } from "../callers.js";
import { compare, type Row } from "../row.js";
import { startHttpServer, stdioServer } from "../servers/start-servers.js";
import { type Callers, closeAll, measureEach, measureLatency, overFreshServers, servers } from "./measure-callers.js";

/** Only the second line of the SDK speaks revision 2026-07-28. */
async function both(target: Target, policy: object = {}): Promise<Callers> {
  return { minion: minion(target, policy), "SDK v2": await sdkV2(target, "auto") };
}

const stdio: BenchCase = async ({ rounds, quick }) => {
  const calls = quick ? 100 : 400;
  const each = Math.ceil(rounds / servers);
  const rows: Row[] = [];
  const targets = {
    "a server that checks what the revision asks": chaosCommand({ protocol: "modern" }),
    "a server that costs nothing": stdioServer({ protocol: "modern" }),
  };
  for (const [server, target] of Object.entries(targets)) {
    const warmUpCalls = calls * 5;
    const one = await overFreshServers(
      () => both(target),
      warmUpCalls,
      (callers) => measureLatency(callers, each, calls),
    );
    const many = await overFreshServers(
      () => both(target, { maxCallsPerConnection: 64 }),
      warmUpCalls,
      (callers) => measureEach(callers, each, (caller) => throughput(caller, 64, calls * 5)),
    );
    rows.push(
      compare({
        name: `2026-07-28 over stdio, one call at a time, ${server}`,
        unit: "ms",
        samples: one,
        against: { "SDK v2": undefined },
      }),
      {
        ...compare({
          name: `2026-07-28 over stdio, 64 calls at a time, ${server}`,
          unit: "per s",
          samples: many,
          against: { "SDK v2": undefined },
        }),
        note: "with `maxCallsPerConnection: 64`, as the SDK has no limit",
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
    await using forOurs = await startHttpServer(form, { protocol: "modern" });
    await using forV2 = await startHttpServer(form, { protocol: "modern" });
    const callers: Callers = { minion: minion({ url: forOurs.url }), "SDK v2": await sdkV2(forV2, "auto") };
    const one = await measureLatency(callers, rounds, quick ? 50 : 150);
    const many = await measureEach(callers, rounds, (caller) => throughput(caller, 64, calls));
    const sockets = await forOurs.mostSockets();
    const theirSockets = await forV2.mostSockets();
    await closeAll(callers);
    const row = compare({
      name: `2026-07-28 over HTTP, 64 calls at a time, replies as ${form}`,
      unit: "per s",
      samples: many,
      against: { "SDK v2": undefined },
    });
    rows.push(
      compare({
        name: `2026-07-28 over HTTP, one call at a time, replies as ${form}`,
        unit: "ms",
        samples: one,
        against: { "SDK v2": undefined },
      }),
      {
        ...row,
        checks: [...row.checks, { of: "sockets at most", unit: "count", value: sockets, bound: { atMost: 16 } }],
        note: `SDK v2 had ${theirSockets} sockets open`,
      },
    );
  }
  return { rows };
};

export const clientModernCases: BenchCases = {
  "client-modern-stdio": stdio,
  "client-modern-http": http,
};
