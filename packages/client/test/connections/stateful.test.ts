import { startChaosServer } from "@minion/chaos";
import { PingRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect, onTestFinished, test } from "vitest";
import { deferred, memoryServer, ofType, rejection, start, statusOf, tool, until } from "../support.js";

const ended = { list: () => ({ tools: [] }) };

test("M12: a stateful server has one connection, whatever the load, and every call gets through", async () => {
  const gate = deferred();
  const server = memoryServer({ call: () => gate.promise.then(() => ({ content: [] })) });
  const { client } = start({ one: { ...server.config, stateful: true, maxCallsPerConnection: 4 } });
  const calls = Array.from({ length: 40 }, () => client.callTool("one", "echo"));
  await until(() => server.calls.length >= 4, "the first calls");
  expect(server.calls.length).toBeLessThanOrEqual(5);
  gate.resolve();
  await Promise.all(calls);
  expect(server.contexts).toHaveLength(1);
});

test("M12: neither idleness, age, uses nor another server's need ends a stateful server's connection", async () => {
  const limits = { maxIdleMs: 1, maxLifetimeMs: 1, maxUses: 1, maintenanceMs: 5 } as const;
  const kept = memoryServer();
  const others = [memoryServer(ended), memoryServer(ended), memoryServer(ended)];
  const { client } = start(
    {
      kept: { ...kept.config, stateful: true, pool: limits },
      ...Object.fromEntries(others.map(({ config }, index) => [`other${index}`, config])),
    },
    { maxTotalConnections: 2 },
  );
  await client.callTool("kept", "echo");
  for (const index of [0, 1, 2, 0, 1, 2]) await client.listTools(`other${index}`, { refresh: true });
  for (let i = 0; i < 5; i++) await client.callTool("kept", "echo");
  expect(kept.contexts).toHaveLength(1);
  expect(others.every(({ contexts }) => contexts.length === 2)).toBe(true);
});

test("M12: a lost connection is told to the next call, once, and the one after has a new connection", async () => {
  const server = memoryServer();
  const { client, events } = start({ one: { ...server.config, stateful: true } });
  await client.callTool("one", "echo");
  await server.drop();
  await until(() => ofType(events, "sessionClosed").length === 1, "the end of the connection");
  expect(await rejection(client.callTool("one", "echo"))).toMatchObject({
    code: "ERR_MCP_SESSION_LOST",
    server: "one",
    delivery: "not-sent",
  });
  expect(server.contexts).toHaveLength(1);
  await client.callTool("one", "echo");
  expect(server.contexts).toHaveLength(2);
  expect(server.calls).toHaveLength(2);
});

test("M12: whoever was calling when the connection was lost has been told; the next call goes to a new one", async () => {
  const server = memoryServer({ call: () => new Promise(() => {}) });
  const { client } = start({ one: { ...server.config, stateful: true } });
  const lost = Array.from({ length: 3 }, () => rejection(client.callTool("one", "echo", {}, { idempotent: true })));
  await until(() => server.calls.length === 3, "the calls");
  await server.drop();
  for (const error of await Promise.all(lost))
    expect(error).toMatchObject({ code: "ERR_MCP_SESSION_LOST", delivery: "sent" });
  server.call = () => ({ content: [] });
  await client.callTool("one", "echo");
  expect(server.contexts).toHaveLength(2);
});

test("M12: a forgotten HTTP session of a stateful server is a lost session, not a silent new one", async () => {
  const chaos = await startChaosServer({ protocol: "legacy" });
  onTestFinished(() => chaos.close());
  const { client } = start({ one: { url: chaos.url, stateful: true } });
  await client.callTool("one", "counter");
  chaos.forgetSessions();
  expect(await rejection(client.callTool("one", "counter"))).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
  const { structuredContent, content } = await client.callTool("one", "counter");
  expect(JSON.stringify(structuredContent ?? content)).toContain("1");
});

test("M12: a breaker that tries again keeps the state that is still there", async () => {
  const server = memoryServer();
  const policy = {
    stateful: true,
    retry: false,
    callTimeoutMs: 100,
    breaker: { failureThreshold: 2, openMs: 50 },
  } as const;
  const { client } = start({ one: { ...server.config, ...policy } });
  await client.callTool("one", "echo", {}, { timeoutMs: 10_000 });
  server.call = () => new Promise(() => {});
  for (let i = 0; i < 2; i++)
    expect(await rejection(client.callTool("one", "echo"))).toMatchObject({ code: "ERR_MCP_TIMEOUT" });
  server.call = () => ({ content: [] });
  await until(() => statusOf(client, "one").breaker?.state === "half-open", "the end of the rest");
  await client.callTool("one", "echo", {}, { timeoutMs: 10_000 });
  expect(server.contexts).toHaveLength(1);
  expect(statusOf(client, "one").breaker?.state).toBe("closed");
});

test("M12: each principal has a stateful connection of its own", async () => {
  const server = memoryServer();
  const { client } = start({ one: { ...server.config, stateful: true } });
  for (const principal of ["ann", "bob", undefined, "ann"]) await client.callTool("one", "echo", {}, { principal });
  expect(server.contexts.map(({ principal }) => principal)).toEqual(["ann", "bob", undefined]);
});

test("M12: stateful together with replicas is refused", () => {
  const { config } = memoryServer();
  expect(() => start({ one: { ...config, stateful: true, replicas: [config] } })).toThrow(
    expect.objectContaining({ code: "ERR_MCP_CONFIG", server: "one", key: "replicas" }),
  );
});

test("M12: session() is a connection of one's own that ends with it", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  await client.callTool("one", "echo");
  const session = await client.session("one", { principal: "ann" });
  await session.callTool("echo", { a: 1 });
  expect((await session.listTools()).map(({ name }) => name)).toEqual(["echo"]);
  await client.callTool("one", "echo", {}, { principal: "ann" });
  expect(server.contexts.map(({ principal }) => principal)).toEqual([undefined, "ann", "ann"]);
  expect(session.signal.aborted).toBe(false);
  await session[Symbol.asyncDispose]();
  await session[Symbol.asyncDispose]();
  expect(server.connections).toHaveLength(2);
  expect(await rejection(session.callTool("echo"))).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
  expect(await rejection(session.listTools())).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
});

test("M12: a session that is lost says so, by its signal and by every call, and repeats nothing", async () => {
  const server = memoryServer({ call: () => new Promise(() => {}) });
  const { client } = start({ one: server.config });
  const session = await client.session("one");
  onTestFinished(() => session[Symbol.asyncDispose]());
  const lost = rejection(session.callTool("echo", {}, { idempotent: true }));
  await until(() => server.calls.length === 1, "the call");
  await server.drop();
  expect(await lost).toMatchObject({ code: "ERR_MCP_SESSION_LOST", delivery: "sent" });
  expect(session.signal.aborted).toBe(true);
  expect(await rejection(session.callTool("echo"))).toMatchObject({
    code: "ERR_MCP_SESSION_LOST",
    delivery: "not-sent",
  });
  expect(server.calls).toHaveLength(1);
});

test("M12: a session is opened at the first replica that can be reached", async () => {
  const down = memoryServer({ connect: () => Promise.reject(new Error("down")) });
  const up = memoryServer();
  const { client } = start({ one: { ...down.config, replicas: [up.config] } });
  const session = await client.session("one");
  await session.callTool("echo");
  await session[Symbol.asyncDispose]();
  expect(up.calls).toHaveLength(1);
  expect(await client.connect()).toMatchObject({ connected: ["one"], failures: [] });
});

test("M12, M9: a connection that no longer answers a ping is given up, and its loss told", async () => {
  const server = memoryServer();
  const breaker = { failureThreshold: 1, openMs: 20 };
  const policy = { stateful: true, retry: false, breaker, connectTimeoutMs: 200 } as const;
  const { client } = start({ one: { ...server.config, ...policy } });
  await client.callTool("one", "echo");
  // From here on the server hears nothing.
  const [connection] = server.connections;
  if (connection?.transport !== undefined) connection.transport.onmessage = () => {};
  const impatient = { timeoutMs: 50 } as const;
  expect(await rejection(client.callTool("one", "echo", {}, impatient))).toMatchObject({ code: "ERR_MCP_TIMEOUT" });
  await until(() => statusOf(client, "one").breaker?.state === "half-open", "the end of the rest");
  expect(await rejection(client.callTool("one", "echo", {}, impatient))).toMatchObject({ code: "ERR_MCP_TIMEOUT" });
  await until(() => !statusOf(client, "one").connected, "the end of the connection");
  expect(await rejection(client.callTool("one", "echo"))).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
  await client.callTool("one", "echo");
  expect(server.contexts).toHaveLength(2);
});

test("M12, M2: who gives up while a breaker's ping is awaited costs nobody the state", async () => {
  const server = memoryServer();
  const breaker = { failureThreshold: 1, openMs: 20 };
  const { client } = start({ one: { ...server.config, stateful: true, retry: false, breaker } });
  await client.callTool("one", "echo");
  server.call = () => new Promise(() => {});
  expect(await rejection(client.callTool("one", "echo", {}, { timeoutMs: 50 }))).toMatchObject({
    code: "ERR_MCP_TIMEOUT",
  });
  await until(() => statusOf(client, "one").breaker?.state === "half-open", "the end of the rest");
  const pinged = deferred();
  const pong = deferred();
  server.connections[0]?.setRequestHandler(PingRequestSchema, async () => {
    pinged.resolve();
    await pong.promise;
    return {};
  });
  const leaving = new AbortController();
  const left = rejection(client.callTool("one", "echo", {}, { signal: leaving.signal }));
  await pinged.promise;
  leaving.abort("enough");
  expect(await left).toBe("enough");
  pong.resolve();
  server.call = () => ({ content: [] });
  await client.callTool("one", "echo");
  expect(server.contexts).toHaveLength(1);
});

test("M12: a session sees all pages, without what is malformed", async () => {
  const server = memoryServer({
    list: (params) =>
      params?.cursor === undefined
        ? { tools: [tool("a"), { name: "bad" }], nextCursor: "2" }
        : { tools: [tool(`after ${params.cursor}`)] },
  });
  const { client } = start({ one: server.config });
  const session = await client.session("one");
  onTestFinished(() => session[Symbol.asyncDispose]());
  expect((await session.listTools()).map(({ name }) => name)).toEqual(["a", "after 2"]);
  expect(server.lists.map((params) => params?.cursor)).toEqual([undefined, "2"]);
});

test("M12: losses are told to each principal, once, however many there are", async () => {
  const server = memoryServer();
  const { client } = start({ one: { ...server.config, stateful: true } });
  const principals = Array.from({ length: 200 }, (_, index) => `p${index}`);
  for (const principal of principals) await client.callTool("one", "echo", {}, { principal });
  await server.drop();
  await until(() => !statusOf(client, "one").connected, "the end of all connections");
  for (const principal of principals) {
    const error = await rejection(client.callTool("one", "echo", {}, { principal }));
    expect(error).toMatchObject({ code: "ERR_MCP_SESSION_LOST", delivery: "not-sent" });
    await client.callTool("one", "echo", {}, { principal });
  }
  expect(server.contexts).toHaveLength(400);
});
