import { startChaosServer } from "@minion/chaos";
import { PingRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect, onTestFinished, test } from "vitest";
import type { ConnectContext, McpSession } from "../../src/index.js";
import { deferred, type MemoryServer, memoryServer, ofType, rejection, start, statusOf, until } from "../support.js";

const policy = { retry: false, breaker: { failureThreshold: 2, openMs: 100 } } as const;
const stateOf = (client: Parameters<typeof statusOf>[0]) => statusOf(client, "one").breaker?.state;
const hang = () => new Promise<object>(() => {});
const answer = () => ({ content: [] });

/** A client whose breaker is open since the server could not be connected to, and whose rest is then over. */
async function halfOpen(server: MemoryServer, more: object = {}) {
  const { client, events } = start({ one: { ...server.config, ...policy, ...more } });
  const connect = server.connect;
  server.connect = () => Promise.reject(new Error("down"));
  for (let i = 0; i < 2; i++) await rejection(client.callTool("one", "echo"));
  expect(stateOf(client)).toBe("open");
  server.connect = connect;
  await until(() => stateOf(client) === "half-open", "the end of the rest");
  return { client, events };
}

test("M9: failed connects open the breaker; while it is open nothing is tried, and the refusal says for how long", async () => {
  const server = memoryServer({ connect: () => Promise.reject(new Error("down")) });
  const { client } = start({ one: { ...server.config, ...policy, breaker: { failureThreshold: 2 } } });
  for (let i = 0; i < 2; i++)
    expect(await rejection(client.callTool("one", "echo"))).toMatchObject({ code: "ERR_MCP_CONNECT" });
  const refusal = await rejection(client.callTool("one", "echo"));
  expect(refusal).toMatchObject({ code: "ERR_MCP_UNAVAILABLE", server: "one", delivery: "not-sent" });
  expect(Reflect.get(Object(refusal), "retryAfterMs")).toBeGreaterThan(20_000);
  expect(server.contexts).toHaveLength(2);
  const { health, nextRetryAt } = statusOf(client, "one");
  expect(health).toBe("unavailable");
  expect(nextRetryAt).toBeGreaterThan(Date.now());
});

test("M9: calls and lists that end at their deadline while awaiting an answer count, whoever set the deadline", async () => {
  const server = memoryServer({ call: hang, list: hang });
  for (const callTimeoutMs of [60, 10_000]) {
    const { client } = start({ one: { ...server.config, ...policy, callTimeoutMs } });
    await client.ping("one");
    const timeoutMs = 60;
    expect(await rejection(client.callTool("one", "echo", {}, { timeoutMs }))).toMatchObject({
      code: "ERR_MCP_TIMEOUT",
    });
    expect(await rejection(client.listTools("one", { timeoutMs }))).toMatchObject({ code: "ERR_MCP_TIMEOUT" });
    await until(() => stateOf(client) === "open", "the breaker opens");
    await until(() => statusOf(client, "one").calls.failed === 2, "the end of the fetch");
    expect(statusOf(client, "one")).toMatchObject({ health: "unavailable", calls: { cancelled: 0 } });
  }
});

test("M9: a hung connect counts at the caller's deadline", async () => {
  const server = memoryServer({ connect: () => new Promise(() => {}) });
  const { client } = start({ one: { ...server.config, ...policy } });
  for (let i = 0; i < 2; i++)
    expect(await rejection(client.callTool("one", "echo", {}, { timeoutMs: 50 }))).toMatchObject({
      code: "ERR_MCP_TIMEOUT",
      delivery: "not-sent",
    });
  expect(stateOf(client)).toBe("open");
});

test("M9: what a tool says, JSON-RPC errors, aborts and time lost in the local queue do not count", async () => {
  const server = memoryServer();
  const { client } = start({
    one: { ...server.config, ...policy, maxConnections: 1, maxCallsPerConnection: 1, pool: { maxWaitersPerKey: 1 } },
  });
  server.call = () => ({ content: [], isError: true });
  for (let i = 0; i < 5; i++) await client.callTool("one", "echo");
  server.call = () => Promise.reject(Object.assign(new Error("no"), { code: -32602 }));
  for (let i = 0; i < 5; i++) expect(await rejection(client.callTool("one", "echo"))).toMatchObject({ code: -32602 });
  const gate = deferred();
  server.call = () => gate.promise.then(answer);
  const before = server.calls.length;
  const busy = client.callTool("one", "echo");
  await until(() => server.calls.length > before, "the call that takes the only place");
  for (let i = 0; i < 5; i++)
    expect(await rejection(client.callTool("one", "echo", {}, { timeoutMs: 5 }))).toMatchObject({
      code: "ERR_MCP_TIMEOUT",
      delivery: "not-sent",
    });
  for (let i = 0; i < 5; i++) {
    const leaving = new AbortController();
    const queued = rejection(client.callTool("one", "echo", {}, { signal: leaving.signal }));
    expect(await rejection(client.callTool("one", "echo"))).toMatchObject({ code: "ERR_MCP_OVERLOADED" });
    leaving.abort(i);
    expect(await queued).toBe(i);
  }
  gate.resolve();
  await busy;
  expect(statusOf(client, "one").breaker).toMatchObject({ state: "closed", failures: 0 });
});

test("M9: 5xx count; 4xx, 401, 403 and 429 do not", async () => {
  const chaos = await startChaosServer({ protocol: "legacy" });
  onTestFinished(() => chaos.close());
  const { client } = start({ one: { url: chaos.url, ...policy } });
  await client.ping("one");
  for (const status of [400, 401, 403, 409, 429]) {
    chaos.set({ status, only: "calls" });
    await expect(client.callTool("one", "echo", { text: "" })).rejects.toMatchObject({ server: "one" });
  }
  expect(statusOf(client, "one").breaker?.failures).toBe(0);
  for (const status of [500, 502]) {
    chaos.set({ status, only: "calls" });
    await expect(client.callTool("one", "echo", { text: "" })).rejects.toMatchObject({ server: "one" });
  }
  expect(stateOf(client)).toBe("open");
});

test("M9: half-open, 50 callers at once: a fresh connection and its ping, then one call, and the rest is refused", async () => {
  const gate = deferred();
  const server = memoryServer({ call: () => gate.promise.then(answer) });
  const { client } = await halfOpen(server);
  const opened = server.contexts.length;
  const outcomes = Array.from({ length: 50 }, () =>
    client.callTool("one", "echo").then(
      () => "done",
      (error: unknown) => String(Reflect.get(Object(error), "code")),
    ),
  );
  await until(() => server.calls.length === 1, "the one call");
  expect(stateOf(client)).toBe("half-open");
  expect(statusOf(client, "one").breaker?.consecutiveSuccesses).toBe(1);
  gate.resolve();
  const all = await Promise.all(outcomes);
  expect(all.filter((outcome) => outcome === "done")).toHaveLength(1);
  expect(all.filter((outcome) => outcome === "ERR_MCP_UNAVAILABLE")).toHaveLength(49);
  expect(server.contexts).toHaveLength(opened + 1);
  expect(server.calls).toHaveLength(1);
  expect(stateOf(client)).toBe("closed");
  await client.callTool("one", "echo");
});

test("M9: a server that answers pings and hangs calls does not close its breaker, not once", async () => {
  const server = memoryServer({ call: hang });
  const { client, events } = start({
    one: { ...server.config, ...policy, breaker: { failureThreshold: 2, openMs: 30 } },
  });
  for (let round = 0; round < 4; round++) {
    await until(() => stateOf(client) !== "open", "the end of the rest");
    while (stateOf(client) !== "open") await rejection(client.callTool("one", "echo", {}, { timeoutMs: 40 }));
  }
  expect(ofType(events, "breaker").map(({ to }) => to)).not.toContain("closed");
});

test("M9: half-open, the ping is of a fresh connection, whatever the old one has become", async () => {
  const server = memoryServer({ call: hang });
  const { client } = start({ one: { ...server.config, ...policy } });
  for (let i = 0; i < 2; i++) await rejection(client.callTool("one", "echo", {}, { timeoutMs: 40 }));
  expect(server.contexts).toHaveLength(1);
  server.call = answer;
  await until(() => stateOf(client) === "half-open", "the end of the rest");
  await client.callTool("one", "echo");
  expect(server.contexts).toHaveLength(2);
  expect(stateOf(client)).toBe("closed");
});

test("M9: a failed ping re-opens; the caller learns why, and its call has not been sent", async () => {
  const server = memoryServer();
  const { client } = await halfOpen(server);
  server.connect = () => Promise.reject(new Error("still down"));
  expect(await rejection(client.callTool("one", "echo"))).toMatchObject({
    code: "ERR_MCP_CONNECT",
    delivery: "not-sent",
  });
  expect(stateOf(client)).toBe("open");
  expect(server.calls).toHaveLength(0);
});

test("M9: half-open, a caller who gives up proves nothing and blocks nobody", async () => {
  const server = memoryServer();
  const { client } = await halfOpen(server);
  const connected = deferred();
  server.connect = () => connected.promise;
  const leaving = new AbortController();
  const left = rejection(client.callTool("one", "echo", {}, { signal: leaving.signal }));
  leaving.abort("enough");
  expect(await left).toBe("enough");
  expect(stateOf(client)).toBe("half-open");
  connected.resolve();
  await client.callTool("one", "echo");
  expect(stateOf(client)).toBe("closed");
});

test("M9: half-open, a hung connect fails the probe at connectTimeoutMs, whatever the caller's deadline is", async () => {
  const server = memoryServer();
  const { client } = await halfOpen(server, { connectTimeoutMs: 300 });
  server.connect = () => new Promise(() => {});
  expect(await rejection(client.callTool("one", "echo", {}, { timeoutMs: 50 }))).toMatchObject({
    code: "ERR_MCP_TIMEOUT",
    delivery: "not-sent",
  });
  expect(stateOf(client)).toBe("half-open");
  await until(() => stateOf(client) === "open", "the end of the probe");
  expect(server.calls).toHaveLength(0);
});

test("M9: half-open, a connection that opens after its caller has left serves the next one, and is the only one", async () => {
  const server = memoryServer();
  const { client } = await halfOpen(server);
  const opened = server.contexts.length;
  const connected = deferred();
  server.connect = () => connected.promise;
  for (let i = 0; i < 3; i++)
    expect(await rejection(client.callTool("one", "echo", {}, { timeoutMs: 30 }))).toMatchObject({
      code: "ERR_MCP_TIMEOUT",
      delivery: "not-sent",
    });
  const waiting = client.callTool("one", "echo");
  connected.resolve();
  await waiting;
  expect(server.contexts).toHaveLength(opened + 1);
  expect(stateOf(client)).toBe("closed");
});

test("M9: half-open, a ping that was answered stands where the call after it was given up", async () => {
  const server = memoryServer({ call: hang });
  let pings = 0;
  const connect = async (context: ConnectContext): Promise<McpSession> => {
    const session = await server.config.connect(context);
    server.connections.at(-1)?.setRequestHandler(PingRequestSchema, () => Object({ count: ++pings }));
    return session;
  };
  const { client } = await halfOpen(server, { connect });
  const leaving = new AbortController();
  const left = rejection(client.callTool("one", "echo", {}, { signal: leaving.signal }));
  await until(() => server.calls.length === 1, "the call after the ping");
  leaving.abort("enough");
  expect(await left).toBe("enough");
  expect(stateOf(client)).toBe("half-open");
  server.call = answer;
  await client.callTool("one", "echo");
  expect(pings).toBe(1);
  expect(stateOf(client)).toBe("closed");
});

test("M9: any answer to the ping proves life, a JSON-RPC error too", async () => {
  const server = memoryServer();
  let pings = 0;
  const connect = async (context: ConnectContext): Promise<McpSession> => {
    const session = await server.config.connect(context);
    server.connections.at(-1)?.setRequestHandler(PingRequestSchema, () => {
      pings += 1;
      throw new Error("I know no ping");
    });
    return session;
  };
  const { client } = await halfOpen(server, { connect });
  await client.callTool("one", "echo");
  expect(pings).toBe(1);
  expect(stateOf(client)).toBe("closed");
});

test("M9: breaker: false leaves a server without one, and nothing is refused", async () => {
  const server = memoryServer({ connect: () => Promise.reject(new Error("down")) });
  const { client } = start({ one: { ...server.config, retry: false, breaker: false } });
  for (let i = 0; i < 20; i++)
    expect(await rejection(client.callTool("one", "echo"))).toMatchObject({ code: "ERR_MCP_CONNECT" });
  expect(server.contexts).toHaveLength(20);
  expect(statusOf(client, "one")).toMatchObject({ breaker: undefined, health: "unavailable", nextRetryAt: undefined });
});

test("M9: ping() asks whatever the breaker says, and tells it nothing", async () => {
  const server = memoryServer({ connect: () => Promise.reject(new Error("down")) });
  const { client } = start({ one: { ...server.config, ...policy } });
  for (let i = 0; i < 2; i++) await rejection(client.callTool("one", "echo"));
  server.connect = () => {};
  expect(await client.ping("one")).toBeGreaterThanOrEqual(0);
  expect(stateOf(client)).toBe("open");
});
