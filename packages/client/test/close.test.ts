import { expect, test } from "vitest";
import { ClientClosedError, MinionClient, ServerNotFoundError } from "../src/index.js";
import { deferred, memoryServer, rejection, start, statusOf, until } from "./support.js";
import { alive, chaosHttp, chaosStdio, count, refusedUrl, textOf } from "./support-client.js";

const slowTest = 60_000;
const stubborn = { wrapper: "sh", grandchildSession: true, ignoreEof: true, ignoreTerm: true } as const;

test("M5: close() leaves no process, however stubborn", { timeout: slowTest }, async () => {
  const { config, journal } = await chaosStdio(stubborn);
  const { client } = start({ one: { ...config, closeTimeoutMs: 1_000 } });
  await client.callTool("one", "echo", { text: "x" });
  expect(alive(journal()).length).toBeGreaterThan(1);
  await client.close();
  expect(alive(journal())).toEqual([]);
});

test.each([30_000, Number.POSITIVE_INFINITY])(
  "M5: close() while a process is starting leaves none, connectTimeoutMs: %s",
  { timeout: slowTest },
  async (ms) => {
    const { config, journal } = await chaosStdio({ hangInitialize: true });
    const { client } = start({ one: { ...config, closeTimeoutMs: 1_000, connectTimeoutMs: ms } });
    const call = rejection(client.callTool("one", "echo", { text: "x" }));
    await until(() => count(journal(), "spawn") === 1, "it starts");
    await client.close({ graceMs: 0 });
    expect(await call).toMatchObject({ code: "ERR_MCP_CLOSED" });
    expect(alive(journal())).toEqual([]);
  },
);

test("M5: calls in flight have graceMs to end, then reject with ClientClosedError", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url } });
  const quickOne = client.callTool("one", "slow", { ms: 100 });
  const hung = rejection(client.callTool("one", "hang"));
  await until(() => count(chaos.journal(), "request", { method: "tools/call" }) === 2, "both are on their way");
  const closed = client.close({ graceMs: 1_000 });
  await quickOne;
  const error = await hung;
  expect(error).toBeInstanceOf(ClientClosedError);
  expect(error).toMatchObject({ server: "one", delivery: "sent" });
  await closed;
});

test("M5: queued calls reject at close, and are never sent", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url, maxConnections: 1, maxCallsPerConnection: 1 } });
  const hung = rejection(client.callTool("one", "hang"));
  await until(() => count(chaos.journal(), "request", { tool: "hang" }) === 1, "it hangs");
  const queued = rejection(client.callTool("one", "sideEffect", { key: "k" }));
  await client.close({ graceMs: 0 });
  expect(await queued).toMatchObject({ code: "ERR_MCP_CLOSED", delivery: "not-sent" });
  expect(await hung).toMatchObject({ code: "ERR_MCP_CLOSED", delivery: "sent" });
  expect(count(chaos.journal(), "sideEffect")).toBe(0);
});

test("M5: queued calls reject at once also where those in flight are given time", async () => {
  const gate = deferred();
  const server = memoryServer({ call: () => gate.promise.then(() => ({ content: [] })) });
  const { client } = start({ one: { ...server.config, maxConnections: 1, maxCallsPerConnection: 1 } });
  const running = client.callTool("one", "echo");
  await until(() => server.calls.length === 1, "the first call");
  const queued = rejection(client.callTool("one", "echo"));
  const closing = client.close({ graceMs: 60_000 });
  expect(await queued).toMatchObject({ code: "ERR_MCP_CLOSED", server: "one", delivery: "not-sent" });
  gate.resolve();
  expect(await running).toEqual({ content: [] });
  await closing;
  expect(server.calls).toHaveLength(1);
});

test("M5: a session's calls reject when its client is closed", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  const session = await client.session("one");
  await client.close({ graceMs: 0 });
  expect(session.signal.aborted).toBe(true);
  const error = await rejection(session.callTool("echo"));
  expect(error).toMatchObject({ code: "ERR_MCP_CLOSED", server: "one", delivery: "not-sent" });
  expect(server.calls).toHaveLength(0);
});

test("M5: the end of a block closes the client that was made for it", async () => {
  const server = memoryServer();
  {
    await using client = new MinionClient({ servers: { one: server.config } });
    await client.callTool("one", "echo");
    expect(server.connections).toHaveLength(1);
  }
  expect(server.connections).toHaveLength(0);
});

test("M5: a call that pauses before a retry ends at close", async () => {
  const retry = { maxAttempts: 3, initialDelayMs: 30_000, maxDelayMs: 30_000 };
  const { client, events } = start({ one: { url: await refusedUrl(), retry, breaker: false } });
  const call = rejection(client.callTool("one", "echo"));
  await until(() => events.some(({ type }) => type === "retry"), "it pauses");
  await client.close({ graceMs: 0 });
  expect(await call).toMatchObject({ code: "ERR_MCP_CLOSED", delivery: "not-sent" });
});

test("M5: every method refuses after close, and closing again is the same closing", async () => {
  const { config } = memoryServer();
  const { client } = start({ one: config });
  await client.callTool("one", "echo");
  const closing = client.close();
  expect(client.close({ graceMs: 0 })).toBe(closing);
  const calls = [
    client.callTool("one", "echo"),
    client.callQualified("mcp_one_echo"),
    client.listTools("one"),
    client.listResources("one"),
    client.listPrompts("one"),
    client.readResource("one", "file:///readme"),
    client.getPrompt("one", "greet"),
    client.session("one"),
    client.ping("one"),
    client.removeServer("one"),
  ];
  for (const call of calls) expect(await rejection(call)).toBeInstanceOf(ClientClosedError);
  expect(() => client.addServer("two", config)).toThrow(ClientClosedError);
  await closing;
  expect(await rejection(client.callTool("one", "echo"))).toBeInstanceOf(ClientClosedError);
  expect(statusOf(client, "one")).toMatchObject({ connected: false });
});

test("M5: removeServer() leaves no process of it, and hurts no other", { timeout: slowTest }, async () => {
  const { config, journal } = await chaosStdio(stubborn);
  const chaos = await chaosHttp();
  const { client } = start({ one: { ...config, closeTimeoutMs: 1_000 }, two: { url: chaos.url } });
  await client.callTool("one", "echo", { text: "x" });
  const hung = rejection(client.callTool("one", "hang"));
  await until(() => count(journal(), "request", { tool: "hang" }) === 1, "it hangs");
  const removed = client.removeServer("one");
  expect(textOf(await client.callTool("two", "echo", { text: "meanwhile" }))).toBe("meanwhile");
  expect(await rejection(client.callTool("one", "echo"))).toBeInstanceOf(ServerNotFoundError);
  await removed;
  expect(await hung).toBeInstanceOf(Error);
  expect(alive(journal())).toEqual([]);
  client.addServer("one", { url: chaos.url });
  expect(textOf(await client.callTool("one", "echo", { text: "back" }))).toBe("back");
});

test("M5: removeServer() while its process is starting leaves none", { timeout: slowTest }, async () => {
  const { config, journal } = await chaosStdio({ hangInitialize: true });
  const { client } = start({ one: { ...config, closeTimeoutMs: 1_000 } });
  const call = rejection(client.callTool("one", "echo", { text: "x" }));
  await until(() => count(journal(), "spawn") === 1, "it starts");
  await client.removeServer("one");
  expect(await call).toBeInstanceOf(Error);
  expect(alive(journal())).toEqual([]);
});

test("M5: an eviction for another server leaves no process", { timeout: slowTest }, async () => {
  const { config, journal } = await chaosStdio({ ignoreEof: true, ignoreTerm: true });
  const { client } = start(
    { one: { ...config, closeTimeoutMs: 500 }, two: memoryServer().config },
    { maxTotalConnections: 1 },
  );
  await client.callTool("one", "echo", { text: "x" });
  await client.callTool("two", "echo");
  expect(alive(journal())).toEqual([]);
});

test("M5: no handler for signals, exit or exceptions is installed", { timeout: slowTest }, async () => {
  const names = ["exit", "beforeExit", "SIGINT", "SIGTERM", "SIGHUP", "uncaughtException", "unhandledRejection"];
  const counts = (): number[] => names.map((name) => process.listenerCount(name));
  const before = counts();
  const { config } = await chaosStdio();
  const { client } = start({ one: config });
  await client.callTool("one", "echo", { text: "x" });
  expect(counts()).toEqual(before);
});
