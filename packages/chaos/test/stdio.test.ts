import { expect, test } from "vitest";
import { entriesOf, RawServer, until } from "./support.js";

test("M7: noise on stdout comes at the start and before each message", async () => {
  await using server = await new RawServer({ faults: { noise: 3 } }).initialize();
  server.send({ id: 1, method: "ping" });
  await server.answer(1);
  expect(server.lines.map((line) => line.startsWith("{"))).toEqual([
    false,
    false,
    false,
    false,
    false,
    false,
    true,
    false,
    false,
    false,
    true,
  ]);
});

test("M7: a flood of stderr is as large as asked, at the start and before each answer to a call", async () => {
  await using server = await new RawServer({ faults: { stderrFlood: 100_000 } }).initialize();
  server.call(1, "echo", { text: "x" });
  await server.answer(1);
  await until("all of it is read", () => server.stderr.length >= 200_000);
  expect(server.stderr).toHaveLength(200_000);
  server.call(2, "stderr", { text: "token=abc", bytes: 10 });
  await until("the text is read", () => server.stderr.includes("token=abc\n"));
});

test("M7: messages are cut into pieces of any size, also inside a character", async () => {
  await using server = await new RawServer({ faults: { chunkBytes: 1 } }).initialize();
  const before = server.chunks;
  let calls = 0;
  // A reader that is slow finds pieces joined again by the pipe: whole answers would never come in more pieces than answers.
  while (calls < 200 && server.chunks - before <= calls + 5) {
    calls += 1;
    server.call(calls, "echo", { text: "zwölf Boxkämpfer 🥊" });
    expect(await server.answer(calls)).toMatchObject({ result: { content: [{ text: "zwölf Boxkämpfer 🥊" }] } });
  }
  expect(server.chunks - before).toBeGreaterThan(calls + 5);
});

test("M7: a result can be as large as asked", async () => {
  await using server = await new RawServer().initialize();
  server.call(1, "big", { bytes: 20_000_000 });
  await server.answer(1);
  expect(server.lines.at(-1)?.length).toBeGreaterThan(20_000_000);
});

test("M1: calls hang while pings are answered", async () => {
  await using server = await new RawServer({ faults: { hangCalls: true } }).initialize();
  server.call(1, "sideEffect", { key: "never" });
  server.send({ id: 2, method: "ping" });
  expect(await server.answer(2)).toMatchObject({ result: {} });
  server.send({ method: "notifications/cancelled", params: { requestId: 1 } });
  await until("the cancellation is journalled", () => entriesOf(server.journal(), "cancelled").length === 1);
  expect(server.messages().some((message) => message.id === 1)).toBe(false);
  expect(entriesOf(server.journal(), "sideEffect")).toEqual([]);
});

test("M1: everything hangs, and is journalled as read", async () => {
  await using server = await new RawServer().initialize();
  server.call(1, "chaos", { set: { hangEverything: true } });
  server.send({ id: 2, method: "ping" });
  server.call(3, "echo", { text: "x" });
  await until("both are read", () => entriesOf(server.journal(), "request").length === 3);
  server.child.stdin?.end();
  await server.ended();
  expect(server.messages().filter((message) => message.id !== "init")).toEqual([]);
});

test("M1: initialize is never answered", async () => {
  await using server = new RawServer({ faults: { hangInitialize: true } });
  server.send({ id: 0, method: "initialize", params: {} });
  server.send({ id: 1, method: "ping" });
  await server.answer(1);
  expect(entriesOf(server.journal(), "initialize")).toHaveLength(1);
  expect(server.messages()).toHaveLength(1);
});

test("M1: a slow start reads nothing before its time", async () => {
  await using server = new RawServer({ faults: { startDelayMs: 600 } });
  await server.initialize();
  const [spawned] = entriesOf(server.journal(), "spawn");
  const [initialize] = entriesOf(server.journal(), "initialize");
  expect((initialize?.at ?? 0) - (spawned?.at ?? 0)).toBeGreaterThanOrEqual(590);
});

test("M1: a frozen server answers when it thaws", async () => {
  await using server = await new RawServer().initialize();
  const start = performance.now();
  server.call(1, "freeze", { ms: 300 });
  await until("it is frozen", () => entriesOf(server.journal(), "request").length === 1);
  server.send({ id: 2, method: "ping" });
  await server.answer(2);
  expect(performance.now() - start).toBeGreaterThanOrEqual(300);
  expect(await server.answer(1)).toMatchObject({ result: { content: [{ text: "froze 300 ms" }] } });
});

test("M9: a stdio server is controlled over HTTP too, at the address in its journal", async () => {
  await using server = await new RawServer({ controlPort: 0 }).initialize();
  const { url } = await until("the endpoint is open", () => entriesOf(server.journal(), "control")[0]);
  const reply = await fetch(url, { method: "POST", body: JSON.stringify({ set: { hangCalls: true } }) });
  expect(await reply.json()).toMatchObject({ faults: { hangCalls: true }, pid: server.pid });
  server.call(1, "echo", { text: "x" });
  server.send({ id: 2, method: "ping" });
  await server.answer(2);
  expect(server.messages().some((message) => message.id === 1)).toBe(false);
  const refused = await fetch(url, { method: "POST", body: JSON.stringify({ action: "forgetSessions" }) });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toEqual({ error: "minion-chaos: forgetSessions needs HTTP" });
  await fetch(url, { method: "POST", body: JSON.stringify({ action: "exit", code: 9 }) }).catch(() => {});
  expect((await server.ended()).code).toBe(9);
});
