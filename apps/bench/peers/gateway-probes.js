// What each gateway costs, and what becomes of calls when one of two replicas dies: hosts of SDK v1, which know nothing of it.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chaosCommand, readJournal } from "@minion/chaos";
import { stdioServer } from "../dist/servers/start-servers.js";
import { median } from "../dist/statistics.js";
import { connectHost, descendants, gateways, memoryOf, startDirect, startGateway } from "./gateways.js";

const args = { text: "hello" };
/** How long each figure is measured, so that one of a slow gateway comes to its end too. */
const warmUpMs = 5_000;
const windowMs = 2_000;

async function within(name, all, use) {
  const gateway = name === "none" ? await startDirect() : await startGateway(name, all);
  try {
    return await use(gateway);
  } finally {
    await gateway.close();
  }
}

async function withHost(name, all, use) {
  return within(name, all, async (gateway) => {
    const host = await connectHost(gateway);
    try {
      return await use(host, gateway);
    } finally {
      await host.close();
    }
  });
}

/** How long each run took of those that begin within a time, one after the other. */
async function timesFor(withinMs, run) {
  const times = [];
  const until = performance.now() + withinMs;
  do {
    const startedAt = performance.now();
    await run();
    times.push(performance.now() - startedAt);
  } while (performance.now() < until);
  return times;
}

/** Calls per second of so many callers. */
async function rateOf(host, callers, withinMs) {
  let made = 0;
  const startedAt = performance.now();
  const caller = async () => {
    for (; performance.now() < startedAt + withinMs; made += 1) await host.call("echo", args);
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return made / ((performance.now() - startedAt) / 1_000);
}

/** Until whatever compiles its code as it runs has compiled it. */
const warmUp = (host) => rateOf(host, 16, warmUpMs);

const throughput = (at) => (name) =>
  withHost(name, [stdioServer()], async (host) => {
    await warmUp(host);
    const rates = [];
    for (let round = 0; round < 3; round += 1) rates.push(await rateOf(host, at, windowMs));
    return `${Math.round(median(rates))}`;
  });

const oneServerOnly = "one server only";
const needsGateway = "-";

/** Two replicas over one server each that write one journal, and what sends each request to the next of them. */
async function withReplicas(name, use) {
  if (name === "none") return needsGateway;
  const folder = mkdtempSync(join(tmpdir(), "bench-replicas-"));
  const journal = join(folder, "journal");
  const replicas = [];
  let balancer;
  try {
    for (const _ of [1, 2]) replicas.push(await startGateway(name, [chaosCommand({ journal, maxLifeMs: 60_000 })]));
    balancer = await balance(replicas);
    return await use({ ...replicas[0], port: balancer.address().port }, replicas, () => readJournal(journal));
  } finally {
    balancer?.closeAllConnections();
    balancer?.close();
    for (const replica of replicas) await replica.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function balance(replicas) {
  let next = 0;
  const gone = new Set();
  const server = createServer((incoming, answer) => {
    const chunks = [];
    incoming.on("data", (chunk) => chunks.push(chunk));
    incoming.on("end", () => pass(incoming, Buffer.concat(chunks), answer));
  });
  const pass = (incoming, body, answer) => {
    const left = replicas.filter((replica) => !gone.has(replica));
    const replica = left[next++ % left.length];
    if (replica === undefined) return void answer.writeHead(503).end();
    const { method, url: path, headers } = incoming;
    const outgoing = request({ port: replica.port, host: "127.0.0.1", method, path, headers, agent: false });
    outgoing.on("response", (response) => {
      answer.writeHead(response.statusCode, response.headers);
      answer.flushHeaders();
      response.pipe(answer);
      response.on("error", () => answer.destroy());
    });
    outgoing.on("error", ({ code }) => {
      if (code !== "ECONNREFUSED") return answer.destroy();
      gone.add(replica);
      pass(incoming, body, answer);
    });
    answer.on("close", () => outgoing.destroy());
    outgoing.end(body);
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

const callTimeoutMs = 5_000;

/** A call that is repeated once where it may be, as an application of today does it. */
async function attempt(host, tool, key) {
  const once = () => host.call(tool, { key }, { timeout: callTimeoutMs });
  const isSafe = tool === "sideEffectIdempotent";
  return once()
    .catch((error) => (isSafe ? once() : Promise.reject(error)))
    .then(
      ({ isError }) => isError !== true,
      () => false,
    );
}

/** Each row for each gateway; "none" is the same server over HTTP without one. */
export const gatewayProbes = {
  "median of a call, one at a time": (name) =>
    withHost(name, [stdioServer()], async (host) => {
      await warmUp(host);
      return `${median(await timesFor(windowMs, () => host.call("echo", args))).toFixed(2)} ms`;
    }),
  "calls per second, 16 at a time": throughput(16),
  "calls per second, 64 at a time": throughput(64),
  "the list of 5 servers with 40 tools each, asked for again": async (name) => {
    if (name === "none") return needsGateway;
    if (gateways[name].hasSeveral !== true) return oneServerOnly;
    const all = [1, 2, 3, 4, 5].map(() => stdioServer({ tools: 40 }));
    return withHost(name, all, async (host) => {
      await timesFor(warmUpMs, () => host.list());
      return `${median(await timesFor(windowMs, () => host.list())).toFixed(2)} ms for ${host.count} tools`;
    });
  },
  "processes beside the gateway's own, with 10 hosts": async (name) => {
    if (name === "none") return needsGateway;
    return within(name, [stdioServer()], async (gateway) => {
      const hosts = await Promise.all(Array.from({ length: 10 }, () => connectHost(gateway)));
      await Promise.all(hosts.map((host) => host.call("echo", args)));
      const count = descendants(gateway.pid).length;
      await Promise.all(hosts.map((host) => host.close()));
      return `${count}`;
    });
  },
  "memory of the gateway and its servers, for each of 100 idle hosts more": async (name) => {
    if (name === "none") return needsGateway;
    return within(name, [stdioServer()], async (gateway) => {
      const open = async (count) => {
        const hosts = [];
        for (let made = 0; made < count; made += 1) hosts.push(await connectHost(gateway));
        return hosts;
      };
      const first = await open(20);
      const before = memoryOf(gateway.pid);
      const more = await open(100);
      const bytes = (memoryOf(gateway.pid) - before) / more.length;
      await Promise.all([...first, ...more].map((host) => host.close()));
      return `${Math.round(bytes / 1_024)} KiB`;
    });
  },
  "two replicas, each request to the next: calls of 200 that succeed": (name) =>
    withReplicas(name, async (front) => {
      const host = await connectHost(front);
      const good = await Promise.all(
        Array.from({ length: 200 }, (_, index) => attempt(host, "sideEffectIdempotent", `${index}`)),
      );
      await host.close();
      return `${good.filter(Boolean).length}`;
    }),
  "one of the two killed under 16 callers: safe calls of 200 lost, unsafe ones of 200 run twice": (name) =>
    withReplicas(name, async (front, [first], journal) => {
      const host = await connectHost(front);
      let made = 0;
      let lost = 0;
      const caller = async () => {
        while (made < 400) {
          const number = made++;
          if (number === 150) void first.kill();
          const isSafe = number % 2 === 0;
          const isGood = await attempt(host, isSafe ? "sideEffectIdempotent" : "sideEffect", `${number}`);
          if (isSafe && !isGood) lost += 1;
        }
      };
      await Promise.all(Array.from({ length: 16 }, caller));
      await host.close();
      const times = new Map();
      for (const { event, tool, key } of journal())
        if (event === "sideEffect" && tool === "sideEffect") times.set(key, (times.get(key) ?? 0) + 1);
      return `${lost}, ${[...times.values()].filter((count) => count > 1).length}`;
    }),
};
