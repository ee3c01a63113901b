import { expect, test } from "vitest";
import { ConfigError, MinionClient } from "../src/index.js";
import { memoryServer, ofType, rejection, start, statusOf, until } from "./support.js";
import { chaosHttp, chaosStdio, count, quick, textOf } from "./support-client.js";

const slowTest = 60_000;

test("M12: a stateful server has one connection for all calls, whatever maxConnections says", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url, stateful: true, maxConnections: 5 } });
  const counts = [];
  for (let call = 0; call < 4; call += 1) counts.push(textOf(await client.callTool("one", "counter")));
  await Promise.all(Array.from({ length: 40 }, () => client.callTool("one", "echo", { text: "x" })));
  expect(new Set(counts).size).toBe(4);
  expect(count(chaos.journal(), "initialize")).toBe(1);
});

test("M12: a forgotten session rejects the next call once, the one after opens a new one", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url, stateful: true, retry: quick } });
  const first = textOf(await client.callTool("one", "counter"));
  await client.callTool("one", "counter");
  chaos.forgetSessions();
  const error = await rejection(client.callTool("one", "sideEffect", { key: "k" }));
  expect(error).toMatchObject({ code: "ERR_MCP_SESSION_LOST", server: "one", delivery: "not-sent" });
  expect(textOf(await client.callTool("one", "counter"))).toBe(first);
  expect(count(chaos.journal(), "initialize")).toBe(2);
  expect(count(chaos.journal(), "sideEffect")).toBe(0);
});

test("M12: a process that crashes in a call rejects that call, and the next one gets a new process", {
  timeout: slowTest,
}, async () => {
  const { config, journal } = await chaosStdio();
  const { client } = start({ one: { ...config, stateful: true, retry: quick } });
  await client.callTool("one", "counter");
  const error = await rejection(client.callTool("one", "crash", { when: "after", key: "k" }));
  expect(error).toMatchObject({ code: "ERR_MCP_SESSION_LOST", delivery: "sent" });
  expect(textOf(await client.callTool("one", "echo", { text: "new" }))).toBe("new");
  expect(count(journal(), "spawn")).toBe(2);
  expect(count(journal(), "sideEffect")).toBe(1);
});

test("M12: a session that ends while nobody calls is told to the next caller, once", {
  timeout: slowTest,
}, async () => {
  const { config, journal } = await chaosStdio();
  const { client, events } = start({ one: { ...config, stateful: true } });
  await client.callTool("one", "counter");
  process.kill(Number(journal().find(({ event }) => event === "spawn")?.pid), "SIGKILL");
  await until(() => ofType(events, "sessionClosed").length === 1, "its death is noticed");
  expect(await rejection(client.callTool("one", "counter"))).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
  expect(textOf(await client.callTool("one", "echo", { text: "new" }))).toBe("new");
});

test("M12: a connection that ends in memory is lost in the same way", async () => {
  const server = memoryServer();
  const { client, events } = start({ one: { ...server.config, stateful: true } });
  await client.callTool("one", "echo");
  await server.drop();
  await until(() => ofType(events, "sessionClosed").length === 1, "its end is noticed");
  expect(await rejection(client.callTool("one", "echo"))).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
  await client.callTool("one", "echo");
  expect(server.contexts).toHaveLength(2);
});

test("M12: a stateful connection knows no idle time, and is never given up for another server", async () => {
  const stateful = memoryServer();
  const other = memoryServer();
  const { client, events } = start(
    {
      kept: {
        ...stateful.config,
        stateful: true,
        pool: { maxIdleMs: 20, maintenanceMs: 10, maxUses: 1, maxLifetimeMs: 20 },
      },
      a: other.config,
      b: other.config,
    },
    { maxTotalConnections: 2 },
  );
  await client.callTool("kept", "echo");
  for (let round = 0; round < 5; round += 1) {
    await client.callTool("a", "echo");
    await client.callTool("b", "echo");
  }
  await until(() => ofType(events, "sessionClosed").length >= 8, "a and b make room for each other");
  expect(ofType(events, "sessionClosed").filter(({ server }) => server === "kept")).toEqual([]);
  await client.callTool("kept", "echo");
  expect(stateful.contexts).toHaveLength(1);
  expect(statusOf(client, "kept").connected).toBe(true);
});

test("M12: a stateful server with replicas is refused, before anything is made", () => {
  const { config } = memoryServer();
  const servers = { one: { ...config, stateful: true, replicas: [config] } };
  expect(() => new MinionClient({ servers })).toThrow(ConfigError);
  expect(() => new MinionClient({ servers })).toThrow(/replicas/);
});

test("M12: session() is a connection of one's own that ends with it", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url } });
  const shared = textOf(await client.callTool("one", "counter"));
  const session = await client.session("one");
  const other = await client.session("one");
  expect(textOf(await session.callTool("counter"))).toBe(shared);
  expect(textOf(await other.callTool("counter"))).toBe(shared);
  expect(textOf(await session.callTool("counter"))).not.toBe(shared);
  expect(count(chaos.journal(), "initialize")).toBe(3);
  await session[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await until(() => count(chaos.journal(), "sessionClosed") === 2, "both have ended");
  expect(await rejection(session.callTool("counter"))).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
});

test("M12: a lost session() rejects with SessionLostError and repeats nothing", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url } });
  await using session = await client.session("one");
  await session.callTool("counter");
  chaos.forgetSessions();
  const options = { idempotent: true };
  expect(await rejection(session.callTool("counter", {}, options))).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
  await until(() => session.signal.aborted, "its holder is told");
  expect(await rejection(session.callTool("counter", {}, options))).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
  expect(count(chaos.journal(), "initialize")).toBe(1);
});

test("M12: connections are never shared across principals", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url } });
  const counter = async (principal?: string): Promise<string> =>
    textOf(await client.callTool("one", "counter", {}, principal === undefined ? {} : { principal }));
  const first = await counter("ada");
  expect(await counter("bob")).toBe(first);
  expect(await counter()).toBe(first);
  expect(await counter("ada")).not.toBe(first);
  expect(count(chaos.journal(), "initialize")).toBe(3);
});
