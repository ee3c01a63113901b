// An application under random faults, in a process of its own (--expose-gc). Arguments: JSON { seed, faults }. Writes one line of JSON:
// what it held after the first fifth of the faults, and what at the end.
import { getEventListeners } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { chaosCommand, spawnChaosServer } from "@minion/chaos";
import { MinionClient } from "../../dist/index.js";

const { seed, faults } = JSON.parse(process.argv[2]);
const atOnce = 5;
const stray = [];
process.on("unhandledRejection", (reason) => stray.push(String(reason)));
process.on("warning", (warning) => stray.push(String(warning)));

let state = seed;
/** The same numbers in every run of a seed. */
function random(below) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}
const pick = (list) => list[random(list.length)];

const processFaults = [
  {},
  { wrapper: "sh", grandchild: true },
  { wrapper: "node", grandchildSession: true },
  { ignoreEof: true, grandchildInherit: true },
  { ignoreEof: true, ignoreTerm: true, grandchildSession: true },
  { noise: 5, stderrFlood: 100_000 },
  { chunkBytes: 7 },
  { failStart: "no key" },
  { hangInitialize: true },
  { flapCalls: 2 },
  { busy: true },
  { linePrefix: "bom", nullMembers: true },
  { endlessPages: true },
  { flood: "request", floodPerSecond: 20_000 },
  { flood: "log", floodPerSecond: 20_000 },
];
const httpFaults = [
  {},
  { status: 503, only: "calls" },
  { status: 401 },
  { status: 429, retryAfter: 1 },
  { resetSocket: true, only: "calls", when: "after" },
  { endStream: true },
  { holdStream: true },
  { reply: "sse", streamLifeMs: 20 },
  { forgetAfter: 3 },
  { closeOnReuse: true },
  { lostSession: "200-null", forgetAfter: 2 },
  { listen: "refuse" },
  { listen: "silent" },
  { repeatCursor: true },
  { malformedTool: true, uncompilableSchema: true },
  { flood: "listChanged", floodPerSecond: 5_000 },
  { hangEverything: true },
];
const calls = [
  ["echo", { text: "hi" }],
  ["hang", {}],
  ["big", { bytes: 200_000 }],
  ["fail", {}],
  ["rpcError", { code: -32_001 }],
  ["progress", { steps: 20, ms: 0 }],
];
const crash = ["crash", { when: "before", key: "k" }];

// One signal for all: a listener that is left behind on it is seen.
const whole = new AbortController();
const untyped = [];
const client = new MinionClient({
  servers: {},
  capabilities: { sampling: {}, roots: {} },
  onServerRequest: async () => ({ roots: [], model: "m", role: "assistant", content: { type: "text", text: "x" } }),
  onEvent: () => {},
});

/** What is wrong shows in an error of ours, or in the reason of who gave up. */
function note(error) {
  const isOurs = String(error?.code ?? "").startsWith("ERR_MCP_") || typeof error?.code === "number";
  if (!isOurs && error?.name !== "TimeoutError" && error?.code !== "ERR_BREAKER_OPEN") untyped.push(`${error?.stack}`);
}

const http = await Promise.all(
  ["legacy", "modern"].map((protocol) => spawnChaosServer({ protocol, maxLifeMs: 3_600_000 })),
);
let made = 0;

/** An order may lose its connection to one before it that drops all of them. */
const order = (server, request) => server.control(request).catch(() => server.control(request));

async function one() {
  const number = made++;
  const name = `server-${number}`;
  const limits = {
    connectTimeoutMs: 500 + random(1_000),
    closeTimeoutMs: 1_000,
    maxMessageBytes: 100_000,
    maxListItems: 500,
  };
  const policy = { ...limits, retry: random(2) === 0 ? false : undefined };
  const host = random(2) === 0 ? undefined : pick(http);
  const plan = {
    call: pick(host === undefined ? [...calls, crash] : calls),
    kill: random(4) === 0,
    closeFirst: random(5) === 0,
    timeoutMs: 50 + random(400),
  };
  const faultsOfThis = host === undefined ? pick(processFaults) : pick(httpFaults);
  if (host === undefined) {
    const protocol = pick(["legacy", "modern", "dual"]);
    client.addServer(name, { ...chaosCommand({ protocol, faults: faultsOfThis, maxLifeMs: 120_000 }), ...policy });
  } else {
    await order(host, { reset: true, set: faultsOfThis });
    client.addServer(name, { url: host.url, ...policy });
  }
  const options = { timeoutMs: plan.timeoutMs + 1_000, signal: whole.signal };
  const work = [
    client.callTool(name, ...plan.call, { ...options, onProgress: () => {} }),
    client.listTools(name, options),
    client.callTool(name, "echo", { text: "x" }, { ...options, signal: AbortSignal.timeout(plan.timeoutMs) }),
  ].map((promise) => promise.catch(note));
  if (plan.kill && host !== undefined) await host.control({ action: "dropConnections" }).catch(() => {}); // This request is dropped too.
  if (plan.kill && host === undefined) killOne();
  if (!plan.closeFirst) await Promise.all(work);
  await client.removeServer(name);
  await Promise.all(work);
}

/** A process of some server, killed under its calls. */
function killOne() {
  const found = descendants().filter((pid) => !http.some((server) => server.pid === pid) && isServer(pid));
  if (found.length === 0) return;
  try {
    process.kill(pick(found), "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

function isServer(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("stdio");
  } catch {
    return false;
  }
}

/** All that descends from this process and is no zombie. */
function descendants() {
  const parents = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const [status, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (status !== "Z") parents.set(Number(name), Number(parent));
    } catch {
      // It ended meanwhile.
    }
  }
  const isOurs = (pid) => pid === process.pid || (parents.has(pid) && isOurs(parents.get(pid)));
  return [...parents.keys()].filter((pid) => pid !== process.pid && isOurs(pid));
}

function held() {
  const counts = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  const listeners = process.eventNames().reduce((sum, event) => sum + process.listenerCount(event), 0);
  return {
    heapBytes: process.memoryUsage().heapUsed,
    externalBytes: process.memoryUsage().external,
    resources: Object.values(counts).reduce((sum, count) => sum + count, 0),
    resourceNames: counts,
    descriptors: readdirSync("/proc/self/fd").length,
    processes: descendants().length,
    listeners,
    abortListeners: getEventListeners(whole.signal, "abort").length,
    servers: client.status().length,
  };
}

/**
 * What is held when nothing moves any more: the least of many looks, each after a collection. They last longer than the
 * `fetch` of the orders keeps an idle socket; with `bounds` they end once nothing counted is above them.
 */
async function settled(bounds) {
  for (const server of http) await order(server, { reset: true });
  const counted = ["resources", "descriptors", "processes", "abortListeners", "servers"];
  let least;
  for (let look = 0; look < (bounds === undefined ? 70 : 300); look++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = held();
    for (const [name, value] of Object.entries(now)) {
      if (typeof value === "number") now[name] = Math.min(value, least?.[name] ?? value);
    }
    least = now;
    if (bounds !== undefined && look >= 20 && counted.every((name) => least[name] <= bounds[name])) break;
  }
  return least;
}

async function run(count) {
  for (let done = 0; done < count; done += atOnce) await Promise.all(Array.from({ length: atOnce }, one));
}

await run(faults / 5);
const early = await settled();
await run((faults * 4) / 5);
const late = await settled(early);
await client.close({ graceMs: 0 });
await Promise.all(http.map((server) => server.close()));
console.log(JSON.stringify({ early, late, made, stray, untyped }));
process.exit(0);
