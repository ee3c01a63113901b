import { chaosCommand, startChaosServer } from "@minion/chaos";
import { expect, onTestFinished, test } from "vitest";
import { memoryServer, ofType, rejection, start, statusOf, until } from "./support.js";

const once = { retry: false } as const;

async function badServers() {
  const hungCalls = await startChaosServer({ protocol: "legacy", faults: { hangEverything: true } });
  const hungStart = await startChaosServer({ protocol: "legacy", faults: { hangInitialize: true } });
  const dead = await startChaosServer({ protocol: "legacy" });
  await dead.close();
  onTestFinished(async () => {
    await hungCalls.close();
    await hungStart.close();
  });
  const failing = chaosCommand({ protocol: "legacy", faults: { failStart: "broken" } });
  return {
    hungCalls: { url: hungCalls.url, ...once, callTimeoutMs: 700, connectTimeoutMs: 700 },
    hungStart: { url: hungStart.url, ...once, callTimeoutMs: 700, connectTimeoutMs: 700 },
    dead: { url: dead.url, ...once },
    failing: { command: failing.command, args: failing.args, env: { ...failing.env }, ...once },
    neverConnects: {
      ...memoryServer({ connect: () => new Promise(() => {}) }).config,
      ...once,
      callTimeoutMs: 700,
      connectTimeoutMs: 700,
    },
    neverExists: { command: "/there/is/no/such/program", ...once },
  };
}
const bad = ["hungCalls", "hungStart", "dead", "failing", "neverConnects", "neverExists"];

test("M10: hung and dead servers neither fail nor delay the others' calls and lists", async () => {
  const { client } = start({ ...(await badServers()), good: memoryServer().config });
  const doomed = Promise.all(bad.map((name) => rejection(client.callTool(name, "echo", { text: "x" }))));
  let isOver = false;
  void doomed.then(() => {
    isOver = true;
  });
  for (let i = 0; i < 100; i++) await client.callTool("good", "echo");
  expect(await client.listTools("good")).toHaveLength(1);
  expect(await client.ping("good")).toBeGreaterThanOrEqual(0);
  expect(client.status()).toHaveLength(bad.length + 1);
  expect(isOver).toBe(false);
  const errors = await doomed;
  for (const [index, error] of errors.entries())
    expect(error).toMatchObject({ server: bad[index], code: expect.stringMatching(/^ERR_MCP_(CONNECT|TIMEOUT)$/) });
  expect(statusOf(client, "good")).toMatchObject({ health: "healthy", calls: { failed: 0 } });
}, 60_000);

test("M10: listAllTools and connect report each server that cannot be asked, and wait on none beyond its deadline", async () => {
  const { client } = start({ ...(await badServers()), good: memoryServer().config });
  const begin = performance.now();
  const { tools, failures } = await client.listAllTools();
  expect(tools.map(({ name }) => name)).toEqual(["mcp_good_echo"]);
  expect(failures.map(({ server }) => server).sort()).toEqual([...bad].sort());
  for (const { server, error } of failures) expect(error).toMatchObject({ server });
  const report = await client.connect({ timeoutMs: 700 });
  expect(report.connected).toContain("good");
  expect(report.failures.map(({ server }) => server).sort()).toEqual(
    bad.filter((name) => !report.connected.includes(name)).sort(),
  );
  expect(report.failures.length).toBeGreaterThanOrEqual(4);
  // Two rounds of 700 ms, one after the other, on a machine that may be slow; six one after the other would be 8.4 s.
  expect(performance.now() - begin).toBeLessThan(8_000);
}, 60_000);

test("M10: close waits on no hung server", async () => {
  const servers = await badServers();
  const { client } = start({ ...servers, good: memoryServer().config });
  const doomed = Promise.all(
    ["hungCalls", "hungStart", "neverConnects"].map((name) =>
      rejection(client.callTool(name, "echo", {}, { timeoutMs: 60_000 })),
    ),
  );
  await client.callTool("good", "echo");
  const begin = performance.now();
  await client.close({ graceMs: 0 });
  expect(performance.now() - begin).toBeLessThan(8_000);
  for (const error of await doomed) expect(error).toMatchObject({ code: "ERR_MCP_CLOSED" });
}, 60_000);

test("M10: a server that is flooded with calls keeps nobody else waiting", async () => {
  const chaos = await startChaosServer({ protocol: "legacy", faults: { hangCalls: true } });
  onTestFinished(() => chaos.close());
  const { client } = start({
    flooded: { url: chaos.url, ...once, maxConnections: 1, maxCallsPerConnection: 4, pool: { maxWaitersPerKey: 50 } },
    good: memoryServer().config,
  });
  const caller = new AbortController();
  const flood = Array.from({ length: 200 }, () =>
    rejection(client.callTool("flooded", "echo", { text: "x" }, { signal: caller.signal, timeoutMs: 50_000 })),
  );
  await until(
    () => chaos.journal().filter((e) => e.event === "request" && e.method === "tools/call").length === 4,
    "it to be full",
  );
  for (let i = 0; i < 50; i++) await client.callTool("good", "echo");
  caller.abort();
  const errors = await Promise.all(flood);
  const overloaded = errors.filter((error) => error !== caller.signal.reason);
  expect(overloaded.length).toBeGreaterThanOrEqual(140);
  for (const error of overloaded) expect(error).toMatchObject({ code: "ERR_MCP_OVERLOADED", delivery: "not-sent" });
  expect(statusOf(client, "flooded").breaker?.failures).toBe(0);
}, 60_000);

test("M10: connect opens what is asked for and nothing else; nothing is opened before", async () => {
  const [one, two] = [memoryServer(), memoryServer()];
  const { client, events } = start({ one: one.config, two: two.config });
  expect(await client.connect({ servers: ["two"] })).toEqual({ connected: ["two"], failures: [] });
  expect([one.contexts.length, two.contexts.length]).toEqual([0, 1]);
  expect(ofType(events, "sessionOpened").map(({ server }) => server)).toEqual(["two"]);
  const caller = new AbortController();
  caller.abort();
  expect(await rejection(client.connect({ signal: caller.signal }))).toBe(caller.signal.reason);
});

test("M12: a session is a connection of one's own, and ends with its lease", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  await client.callTool("one", "echo");
  const session = await client.session("one");
  expect(server.connections).toHaveLength(2);
  await session.callTool("echo");
  expect(await session.listTools()).toHaveLength(1);
  await session[Symbol.asyncDispose]();
  await session[Symbol.asyncDispose]();
  expect(server.connections).toHaveLength(1);
  expect(await rejection(session.callTool("echo"))).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
  expect(await rejection(session.listTools())).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
});
