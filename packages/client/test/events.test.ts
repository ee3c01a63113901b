import { chaosCommand, startChaosServer } from "@minion/chaos";
import { McpError } from "@modelcontextprotocol/sdk/types.js";
import { expect, onTestFinished, test } from "vitest";
import type { ClientEvent } from "../src/index.js";
import { deferred, memoryServer, ofType, rejection, start, statusOf, tool, until } from "./support.js";

const once = { retry: false } as const;

test("Events: a call that ends is told once, with its method, tool, outcome and what went wrong", async () => {
  const server = memoryServer();
  const { client, events } = start({ one: { ...server.config, ...once } });
  const last = () => ofType(events, "callFinished").at(-1);
  await client.callTool("one", "echo");
  expect(last()).toMatchObject({ server: "one", method: "tools/call", tool: "echo", attempts: 1, outcome: "success" });
  expect(last()?.errorType).toBeUndefined();
  expect(last()?.durationMs).toBeGreaterThanOrEqual(0);
  expect(Math.abs(Date.now() - (last()?.at ?? 0))).toBeLessThan(60_000);
  server.call = () => ({ content: [], isError: true });
  await client.callTool("one", "echo");
  expect(last()).toMatchObject({ outcome: "error", errorType: "tool_error" });
  server.call = () => Promise.reject(new McpError(-32_602, "bad arguments"));
  await expect(client.callTool("one", "echo")).rejects.toMatchObject({ code: -32_602 });
  expect(last()).toMatchObject({ outcome: "error", errorType: "-32602" });
  server.call = () => new Promise(() => {});
  await expect(client.callTool("one", "echo", {}, { timeoutMs: 20 })).rejects.toMatchObject({
    code: "ERR_MCP_TIMEOUT",
  });
  expect(last()).toMatchObject({ outcome: "error", errorType: "ERR_MCP_TIMEOUT" });
  const caller = new AbortController();
  const call = client.callTool("one", "echo", {}, { signal: caller.signal });
  await until(() => server.calls.length === 5, "the call");
  caller.abort();
  expect(await rejection(call)).toBe(caller.signal.reason);
  expect(last()).toMatchObject({ outcome: "cancelled" });
  expect(ofType(events, "callFinished")).toHaveLength(5);
  expect(statusOf(client, "one").calls).toEqual({
    total: 5,
    succeeded: 1,
    failed: 3,
    cancelled: 1,
    inFlight: 0,
    retries: 0,
  });
});

test("Events: calls in flight and the tools of the last list stand in the status", async () => {
  const gate = deferred<object>();
  const server = memoryServer({ call: () => gate.promise, list: () => ({ tools: [tool("a"), tool("b")] }) });
  const { client } = start({ one: server.config });
  const idle = statusOf(client, "one");
  expect(idle).toMatchObject({ name: "one", health: "idle", transport: "custom", connected: false, stderrTail: "" });
  expect([idle.tools, idle.lastError, idle.nextRetryAt]).toEqual([undefined, undefined, undefined]);
  await client.listTools("one");
  const call = client.callTool("one", "a");
  await until(() => server.calls.length === 1, "the call");
  expect(statusOf(client, "one")).toMatchObject({
    tools: 2,
    connected: true,
    health: "healthy",
    calls: { inFlight: 1 },
  });
  expect(statusOf(client, "one").pool).toMatchObject({ total: 1 });
  expect(statusOf(client, "one").cache).toMatchObject({ size: 1 });
  gate.resolve({ content: [] });
  await call;
});

test("Events: what changes between two lists is told", async () => {
  const server = memoryServer({ list: () => ({ tools: [tool("a"), tool("b")] }) });
  const { client, events } = start({ one: server.config });
  await client.listTools("one");
  server.list = () => ({ tools: [tool("b"), tool("c")] });
  await server.notify();
  await client.listTools("one");
  expect(ofType(events, "listRefreshed")).toMatchObject([
    { list: "tools", count: 2, added: ["a", "b"], removed: [] },
    { list: "tools", count: 2, added: ["c"], removed: ["a"] },
  ]);
});

test("Events: sessions opened and closed, and why", async () => {
  const server = memoryServer();
  const { client, events } = start({ one: server.config });
  await client.callTool("one", "echo");
  await server.drop();
  await until(() => ofType(events, "sessionClosed").length === 1, "the end of the connection");
  await client.callTool("one", "echo");
  await client.close();
  expect(ofType(events, "sessionOpened")).toHaveLength(2);
  const [first, second] = ofType(events, "sessionClosed");
  expect(first).toMatchObject({ server: "one", replica: 0, reason: "died" });
  expect(second?.reason).not.toBe("died");
});

test("Events: health goes from idle to healthy to unavailable and back, each change told once", async () => {
  const server = memoryServer();
  const { client, events } = start({
    one: { ...server.config, ...once, breaker: { failureThreshold: 2, openMs: 2_000, openJitter: 0 } },
  });
  const path = () => ofType(events, "health").map(({ from, to }) => `${from}>${to}`);
  await client.callTool("one", "echo");
  expect(path()).toEqual(["idle>healthy"]);
  server.connect = () => Promise.reject(new Error("down"));
  await server.drop();
  await until(() => !statusOf(client, "one").connected, "the end of the connection");
  for (let i = 0; i < 2; i++) await rejection(client.callTool("one", "echo"));
  expect(statusOf(client, "one").health).toBe("unavailable");
  expect(path().at(-1)).toMatch(/>unavailable$/);
  expect(ofType(events, "breaker")).toMatchObject([{ server: "one", replica: 0, from: "closed", to: "open" }]);
  const { nextRetryAt, lastError } = statusOf(client, "one");
  expect(nextRetryAt).toBeGreaterThan(Date.now() - 1_000);
  expect(nextRetryAt).toBeLessThan(Date.now() + 3_000);
  expect(lastError).toMatchObject({ code: "ERR_MCP_CONNECT" });
  expect(await rejection(client.callTool("one", "echo"))).toMatchObject({
    code: "ERR_MCP_UNAVAILABLE",
    delivery: "not-sent",
  });
  server.connect = () => {};
  await until(() => statusOf(client, "one").nextRetryAt === undefined, "the end of the rest");
  for (let i = 0; i < 2; i++) await client.callTool("one", "echo");
  expect(statusOf(client, "one")).toMatchObject({ health: "healthy", nextRetryAt: undefined });
  expect(path().at(-1)).toMatch(/>healthy$/);
  const changes = ofType(events, "health");
  for (const [index, change] of changes.entries()) {
    expect(change.from).toBe(index === 0 ? "idle" : changes[index - 1]?.to);
    expect(change.from).not.toBe(change.to);
    expect(change.reason).not.toBe("");
  }
});

test("Events: a connection that opens is enough for a server without a breaker to be well again", async () => {
  const server = memoryServer({ connect: () => Promise.reject(new Error("down")) });
  const { client } = start({ one: { ...server.config, ...once, breaker: false } });
  await rejection(client.callTool("one", "echo"));
  expect(statusOf(client, "one")).toMatchObject({ health: "unavailable", nextRetryAt: undefined, breaker: undefined });
  server.connect = () => {};
  await client.connect();
  expect(statusOf(client, "one").health).toBe("healthy");
  server.call = () => new Promise(() => {});
  await rejection(client.callTool("one", "echo", {}, { timeoutMs: 20 }));
  expect(statusOf(client, "one")).toMatchObject({ health: "degraded", connected: true });
});

test("Events: a retry is told with its cause", async () => {
  let refusals = 1;
  const server = memoryServer({
    connect: () => {
      if (refusals-- > 0) throw new Error("not yet");
    },
  });
  const { client, events } = start({ one: { ...server.config, retry: { initialDelayMs: 1 } } });
  await client.callTool("one", "echo");
  expect(ofType(events, "retry")).toMatchObject([{ server: "one", attempt: 1, errorType: "ERR_MCP_CONNECT" }]);
  expect(ofType(events, "callFinished")).toMatchObject([{ attempts: 2, outcome: "success" }]);
  expect(statusOf(client, "one").calls).toMatchObject({ total: 1, retries: 1 });
});

test("Events: a listener that throws, rejects or calls back changes nothing", async () => {
  const server = memoryServer();
  const { client } = start(
    { one: server.config },
    {
      onEvent: () => {
        throw new Error("from a listener");
      },
    },
  );
  const seen: ClientEvent[] = [];
  client.subscribe(() => Promise.reject(new Error("from a listener")) as never);
  client.subscribe(() => void client.status());
  const listener = (event: ClientEvent): void => void seen.push(event);
  const stop = client.subscribe(listener);
  const stopSecond = client.subscribe(listener);
  await client.callTool("one", "echo");
  expect(ofType(seen, "callFinished")).toHaveLength(2);
  stop();
  stop();
  await client.callTool("one", "echo");
  expect(ofType(seen, "callFinished")).toHaveLength(3);
  stopSecond();
  await client.callTool("one", "echo");
  expect(ofType(seen, "callFinished")).toHaveLength(3);
});

test("Events: a client that nobody listens to works and counts as any other", async () => {
  const { client } = start({ one: memoryServer().config }, { onEvent: undefined });
  await client.callTool("one", "echo");
  await client.listTools("one");
  expect(statusOf(client, "one")).toMatchObject({ health: "healthy", tools: 1, calls: { total: 2, succeeded: 2 } });
});

test("Events: what a process writes to stderr stands in the status, and in the error of a failed start", async () => {
  const fine = chaosCommand({ protocol: "legacy" });
  const broken = chaosCommand({ protocol: "legacy", faults: { failStart: "no licence found" } });
  const { client } = start({
    fine: { command: fine.command, args: fine.args, env: { ...fine.env } },
    broken: { command: broken.command, args: broken.args, env: { ...broken.env }, ...once },
  });
  const error = await rejection(client.callTool("broken", "echo", { text: "x" }));
  expect(error).toMatchObject({ code: "ERR_MCP_CONNECT", stderrTail: expect.stringContaining("no licence found") });
  expect(statusOf(client, "broken").stderrTail).toContain("no licence found");
  expect(statusOf(client, "broken").lastError?.code).toBe("ERR_MCP_CONNECT");
  await client.callTool("fine", "stderr", { text: "a word from the server\n" });
  await until(() => statusOf(client, "fine").stderrTail.includes("a word from the server"), "its stderr");
}, 60_000);

test("Events: an HTTP server's refusal is told by its code", async () => {
  const chaos = await startChaosServer({ protocol: "legacy", faults: { status: 403 } });
  onTestFinished(() => chaos.close());
  const { client, events } = start({ one: { url: chaos.url, ...once } });
  expect(await rejection(client.callTool("one", "echo", { text: "x" }))).toMatchObject({ server: "one" });
  expect(ofType(events, "callFinished").at(-1)?.errorType).toMatch(/^ERR_MCP_/);
});

test("Events: a warm-up that fails makes the server unavailable, with an error that an operator can read", async () => {
  const server = memoryServer({ connect: () => Promise.reject(new Error("no such host")) });
  const { client, events } = start({ one: server.config });
  await client.connect();
  expect(statusOf(client, "one")).toMatchObject({ health: "unavailable", lastError: { code: "ERR_MCP_CONNECT" } });
  expect(statusOf(client, "one").lastError?.message).toContain("no such host");
  expect(ofType(events, "health").map(({ from, to }) => [from, to])).toEqual([["idle", "unavailable"]]);
});
