import { expect, test } from "vitest";
import { type ClientEvent, OverloadedError } from "../../src/index.js";
import { startRawServer } from "../session/raw-server.js";
import { deferred, memoryServer, ofType, rejection, start, until } from "../support.js";
import { quick } from "../support-client.js";

/** What the last call that ended was told to have taken. */
function last(events: readonly ClientEvent[]): number | undefined {
  const event = ofType(events, "callFinished").at(-1);
  if (event === undefined) throw new Error("no call has ended");
  return event.durationMs;
}

/** Lets that much time pass. */
async function pass(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await until(() => performance.now() >= end, "time passes");
}

test("M23: the time in the local queue is not the server's latency", async () => {
  const gate = deferred<object>();
  const server = memoryServer({ call: () => gate.promise });
  const { client, events } = start({ one: { ...server.config, maxConnections: 1, maxCallsPerConnection: 1 } });
  const first = client.callTool("one", "echo");
  await until(() => server.calls.length === 1, "the first call arrives");
  const begin = performance.now();
  const second = client.callTool("one", "echo");
  await pass(200);
  server.call = () => ({ content: [] });
  gate.resolve({ content: [] });
  await first;
  expect(last(events)).toBeGreaterThanOrEqual(199);
  await second;
  expect(last(events)).toBeLessThanOrEqual(performance.now() - begin - 199);
});

test("M23: what opening the first connection takes is the server's latency, for all who wait for it", async () => {
  const gate = deferred();
  const server = memoryServer({ connect: () => gate.promise });
  const { client, events } = start({ one: server.config });
  const calls = Array.from({ length: 3 }, () => client.callTool("one", "echo"));
  await until(() => server.contexts.length > 0, "a connection is being opened");
  await pass(200);
  gate.resolve();
  await Promise.all(calls);
  const ended = ofType(events, "callFinished");
  expect(ended).toHaveLength(3);
  for (const { durationMs } of ended) expect(durationMs).toBeGreaterThanOrEqual(199);
});

test("M23: a connection that cannot be opened has a latency too", async () => {
  const gate = deferred();
  const server = memoryServer({ connect: () => gate.promise });
  const { client, events } = start({ one: { ...server.config, retry: false } });
  const call = rejection(client.callTool("one", "echo"));
  await until(() => server.contexts.length > 0, "a connection is being opened");
  await pass(200);
  gate.reject(new Error("no"));
  expect(await call).toMatchObject({ code: "ERR_MCP_CONNECT" });
  expect(last(events)).toBeGreaterThanOrEqual(199);
});

test("M23: pauses between the attempts are nobody's latency", async () => {
  let refused = 0;
  const raw = await startRawServer({
    post: ({ response, message }) => {
      if (message.method !== "tools/call" || refused > 0) return false;
      refused += 1;
      response.writeHead(429, { "retry-after": "1" }).end();
      return true;
    },
  });
  const { client, events } = start({ one: { url: raw.url, retry: quick } });
  await client.ping("one");
  const begin = performance.now();
  await client.callTool("one", "echo");
  expect(last(events)).toBeGreaterThan(0);
  expect(last(events)).toBeLessThanOrEqual(performance.now() - begin - 999);
});

test("M23: a call that the breaker refuses has no latency, nor has one that never left the queue", async () => {
  const server = memoryServer({ call: () => new Promise(() => {}) });
  const { client, events } = start({
    one: {
      ...server.config,
      ...{ maxConnections: 1, maxCallsPerConnection: 1, retry: false, pool: { maxWaitersPerKey: 1 } },
      breaker: { failureThreshold: 1, openMs: 60_000 },
    },
  });
  const caller = new AbortController();
  const held = rejection(client.callTool("one", "echo", {}, { signal: caller.signal }));
  await until(() => server.calls.length === 1, "the first call arrives");
  const queued = rejection(client.callTool("one", "echo", {}, { timeoutMs: 50 }));
  expect(await rejection(client.callTool("one", "echo"))).toBeInstanceOf(OverloadedError);
  expect(last(events)).toBeUndefined();
  expect(await queued).toMatchObject({ code: "ERR_MCP_TIMEOUT", delivery: "not-sent" });
  expect(last(events)).toBeUndefined();
  caller.abort();
  await held;
  expect(last(events)).toBeGreaterThan(0);
  expect(await rejection(client.callTool("one", "echo", {}, { timeoutMs: 50 }))).toMatchObject({ delivery: "sent" });
  expect(last(events)).toBeGreaterThanOrEqual(40);
  expect(await rejection(client.callTool("one", "echo"))).toMatchObject({ code: "ERR_MCP_UNAVAILABLE" });
  expect(last(events)).toBeUndefined();
});

test("M23: a list has the latency of all its pages, one over a connection of one's own too", async () => {
  const server = memoryServer({
    list: async (params) => {
      await pass(50);
      return params?.cursor === undefined ? { tools: [], nextCursor: "next" } : { tools: [] };
    },
  });
  const { client, events } = start({ one: server.config });
  await client.listTools("one");
  expect(last(events)).toBeGreaterThanOrEqual(99);
  await using session = await client.session("one");
  await session.listTools();
  expect(last(events)).toBeGreaterThanOrEqual(99);
});
