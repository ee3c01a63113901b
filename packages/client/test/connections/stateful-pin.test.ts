import { Pool, type PoolOptions } from "@minion/pool";
import { expect, test } from "vitest";
import type { McpSession, SessionPool } from "../../src/index.js";
import { deferred, type MemoryServer, memoryServer, ofType, rejection, start, statusOf, until } from "../support.js";

/** A client of a stateful server whose first own hold on a connection arrives, or fails, only when the test says so. */
function withLateHold(server: MemoryServer, { isFutile = false } = {}) {
  const arrive = deferred();
  let holds = 0;
  const pool = (options: PoolOptions<McpSession>): SessionPool => {
    const inner = new Pool(options);
    return {
      acquire: async (key, how) => {
        if (how?.priority !== Number.MAX_SAFE_INTEGER) return inner.acquire(key, how);
        holds += 1;
        const isFirst = holds === 1;
        if (isFirst && isFutile) await arrive.promise;
        // Deaf to the signal, as any pool is in the instant in which it hands over.
        const lease = await inner.acquire(key, { ...how, signal: undefined });
        if (isFirst) await arrive.promise;
        return lease;
      },
      clear: (key, how) => inner.clear(key, how),
      stats: inner.stats.bind(inner),
      close: (how) => inner.close(how),
    };
  };
  const { client, events } = start({ one: { ...server.config, stateful: true } }, { pool });
  return { client, events, arrive: arrive.resolve, fail: arrive.reject, holds: () => holds };
}

test("M12: a hold that arrives when the client is already closing is given back", async () => {
  const server = memoryServer();
  const { client, arrive } = withLateHold(server);
  await client.callTool("one", "echo");
  const closing = client.close({ graceMs: 60_000 });
  arrive();
  await closing;
  expect(server.connections).toHaveLength(0);
});

test("M12: a hold that arrives when its connection is already lost is given up, and the next one is held", async () => {
  const server = memoryServer();
  const { client, events, arrive, holds } = withLateHold(server);
  await client.callTool("one", "echo");
  await server.drop();
  await until(() => ofType(events, "sessionClosed").length === 1, "the end of the connection");
  arrive();
  expect(await rejection(client.callTool("one", "echo"))).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
  await until(() => statusOf(client, "one").pool.leases === 0, "the end of the hold");
  await client.callTool("one", "echo");
  await until(() => holds() === 2, "the hold of the new connection");
  await until(() => statusOf(client, "one").pool.leases === 1, "nothing but the hold");
  expect(server.contexts).toHaveLength(2);
});

test("M12: a connection that could not be held is held from the next call on", async () => {
  const { client, fail, holds } = withLateHold(memoryServer(), { isFutile: true });
  await client.callTool("one", "echo");
  fail(new Error("no room"));
  await client.callTool("one", "echo");
  await until(() => holds() === 2, "another hold");
});

test("M12: a hold that fails when the next connection is held takes nothing from that", async () => {
  const server = memoryServer({ call: () => new Promise(() => {}) });
  const { client, fail, holds } = withLateHold(server, { isFutile: true });
  const lost = rejection(client.callTool("one", "echo"));
  await until(() => server.calls.length === 1, "the call");
  await server.drop();
  expect(await lost).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
  server.call = () => ({ content: [] });
  await client.callTool("one", "echo");
  fail(new Error("no room"));
  for (let i = 0; i < 3; i++) await client.callTool("one", "echo");
  expect(holds()).toBe(2);
  await until(() => statusOf(client, "one").pool.leases === 1, "nothing but the hold");
});

test("M12: a connection that is lost before it could be held leaves no hold behind", async () => {
  const gate = deferred();
  const server = memoryServer({ call: () => gate.promise.then(() => ({ content: [] })) });
  const { client } = start({ one: { ...server.config, stateful: true, maxCallsPerConnection: 1 } });
  // Each has a place; the hold gets none.
  const calls = Array.from({ length: 2 }, () => rejection(client.callTool("one", "echo")));
  await until(() => server.calls.length >= 1, "the calls");
  await server.drop();
  for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
  gate.resolve();
  await until(() => statusOf(client, "one").pool.total === 0, "the end of it");
  expect(server.contexts).toHaveLength(1);
  await client.callTool("one", "echo");
  await until(() => statusOf(client, "one").pool.leases === 1, "nothing but the hold of the new one");
  expect(server.contexts).toHaveLength(2);
});
