import { expect, test } from "vitest";
import { deferred, memoryServer, rejection, start, statusOf, until } from "./support.js";

test("M12: a burst that takes every place of a stateful server's one connection gets through", async () => {
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

test("M12, M9: a breaker that tries again keeps the state that is still there", async () => {
  const server = memoryServer();
  const breaker = { failureThreshold: 2, openMs: 50 };
  const { client } = start({ one: { ...server.config, stateful: true, retry: false, breaker } });
  await client.callTool("one", "echo");
  server.call = () => new Promise(() => {});
  for (let i = 0; i < 2; i++) {
    const call = client.callTool("one", "echo", {}, { timeoutMs: 50 });
    expect(await rejection(call)).toMatchObject({ code: "ERR_MCP_TIMEOUT" });
  }
  server.call = () => ({ content: [] });
  await until(() => statusOf(client, "one").breaker?.state === "half-open", "the end of the rest");
  await client.callTool("one", "echo");
  expect(server.contexts).toHaveLength(1);
  expect(statusOf(client, "one").breaker?.state).toBe("closed");
});

test("M12, M9: a connection that no longer answers a ping is given up, and its loss told", async () => {
  const server = memoryServer();
  const breaker = { failureThreshold: 1, openMs: 20 };
  const { client } = start({ one: { ...server.config, stateful: true, retry: false, breaker } });
  await client.callTool("one", "echo");
  // From here on the server hears nothing.
  const [connection] = server.connections;
  if (connection?.transport !== undefined) connection.transport.onmessage = () => {};
  const impatient = { timeoutMs: 50 } as const;
  expect(await rejection(client.callTool("one", "echo", {}, impatient))).toMatchObject({ code: "ERR_MCP_TIMEOUT" });
  await until(() => statusOf(client, "one").breaker?.state === "half-open", "the end of the rest");
  expect(await rejection(client.callTool("one", "echo", {}, impatient))).toMatchObject({ code: "ERR_MCP_TIMEOUT" });
  await until(() => statusOf(client, "one").breaker?.state === "half-open", "the end of the second rest");
  expect(await rejection(client.callTool("one", "echo"))).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
  await client.callTool("one", "echo");
  expect(server.contexts).toHaveLength(2);
});
